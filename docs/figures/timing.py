"""Timing diagrams of the streams, of signals that were sampled at every clock edge of a simulation."""

from collections.abc import Callable

import numpy as np
from amaranth.lib import wiring
from amaranth.sim import Simulator
from drawing import drawing

from spikeloom import Dense, Input, Layer, Lif, Network, codebooks, encoders
from spikeloom.page.markup import tag
from spikeloom.page.svg import box, line, rule, words
from spikeloom.rtl_gen import planner
from spikeloom.rtl_gen import words as packing
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.source import Source

CLOCK, ROW, LEFT = 28, 30, 96
Signals = dict[str, tuple[Callable, str]]


def small(timesteps: int) -> Network:
    """Eight inputs, three outputs, constant pixels."""
    weights = np.random.default_rng(3).integers(-1, 2, (3, 8))
    layer = Layer(synapses=Dense(weights=weights, codebook=codebooks.make("ternary")),
                  neurons=Lif(neurons=3, threshold=None, membrane_bits=10))
    return Network(input=Input(shape=(8,), bits=4), encoder=encoders.make("direct"), layers=(layer,),
                   readout="membrane-last", timesteps=timesteps)


def stream() -> str:
    """A frame into a core, and its scores out, with a consumer that is not always ready."""
    core = Core(planner.make(small(2), family="ice40", layers={0: {"strategy": "dense", "lanes": 3}}))
    frame = np.array([[3, 0, 1, 2, 0, 5, 0, 4]])
    signals = {"i.valid": (core.i.valid, ""), "i.ready": (core.i.ready, ""), "i.payload": (core.i.payload, "i.valid"),
               "o.valid": (core.o.valid, ""), "o.ready": (core.o.ready, ""),
               "o.p.score": (core.o.p.score, "o.valid"), "o.p.best": (core.o.p.best, "o.valid"),
               "o.p.last": (core.o.p.last, "o.valid")}
    rows = sample(core, packing.pack(small(2), frame)[0].tolist(), signals, stalls=range(19, 22), clocks=25)
    return diagram("A frame of two words into a core, three scores out", rows, signals, (("i", 0), ("o", 3)))


def events() -> str:
    """Words into the source, events and marks out."""
    network = small(1)
    source = Source(network, passes=1)
    signals = {"i.valid": (source.i.valid, ""), "i.ready": (source.i.ready, ""),
               "i.payload": (source.i.payload, "i.valid"), "o.valid": (source.o.valid, ""),
               "o.ready": (source.o.ready, ""), "o.p.index": (source.o.p.index, "o.valid"),
               "o.p.value": (source.o.p.value, "o.valid"), "o.p.mark": (source.o.p.mark, "o.valid"),
               "o.p.last": (source.o.p.last, "o.valid")}
    frame = np.array([[3, 0, 1, 2, 0, 5, 0, 4]])
    rows = sample(source, packing.pack(network, frame)[0].tolist(), signals, stalls=range(4, 6), clocks=12)
    return diagram("Eight pixels become events, then a mark", rows, signals,
                   (("i", 0), ("o", 3)))


def sample(design: wiring.Component, frame: list[int], signals: Signals, *, stalls: range, clocks: int) -> list[dict]:
    """The values of `signals` at each clock edge while `frame` goes into `i` and `o` stalls in the clocks `stalls`."""
    found: list[dict] = []

    async def bench(ctx):
        waiting = list(frame)
        for clock in range(clocks):
            ctx.set(design.i.valid, bool(waiting))
            ctx.set(design.i.payload, waiting[0] if waiting else 0)
            ctx.set(design.o.ready, clock not in stalls)
            await ctx.delay(4e-7)
            found.append({name: int(ctx.get(signal)) for name, (signal, _) in signals.items()})
            if waiting and found[-1]["i.ready"]:
                waiting.pop(0)
            await ctx.tick()

    simulator = Simulator(design)
    simulator.add_clock(1e-6, phase=5e-7)
    simulator.add_testbench(bench)
    simulator.run()
    return found


def diagram(title: str, rows: list[dict], signals: Signals, streams: tuple[tuple[str, int], ...]) -> str:
    """Levels of single bits, boxes of values while their `valid` is 1; transfers are shaded."""
    width, height = LEFT + CLOCK * len(rows) + 20, 40 + ROW * len(signals) + 24
    ends = [start for _, start in streams[1:]] + [len(signals)]
    parts = [words(10, 18, title, class_="title")]
    for (name, start), end in zip(streams, ends, strict=True):
        parts += [box(LEFT + CLOCK * t, 34 + ROW * start, CLOCK, ROW * (end - start) - 6, "moved")
                  for t, row in enumerate(rows) if row[f"{name}.valid"] and row[f"{name}.ready"]]
    parts += [rule(LEFT + CLOCK * t, 34, LEFT + CLOCK * t, height - 24, "clock") for t in range(len(rows) + 1)]
    for number, (name, (_, valid)) in enumerate(signals.items()):
        top = 40 + ROW * number
        parts += [words(10, top + 13, name), *(_values(rows, name, valid, top) if valid else _levels(rows, name, top))]
    parts += [words(LEFT + CLOCK * (t + 0.5), height - 8, t, anchor="middle", class_="small")
              for t in range(0, len(rows), 2)]
    return drawing(title, width, height, *parts)


def _levels(rows: list[dict], name: str, top: float) -> list:
    points = []
    for t, row in enumerate(rows):
        y = top + (1 if row[name] else 17)
        points += [(LEFT + CLOCK * t, y), (LEFT + CLOCK * (t + 1), y)]
    return [line(points, "wave")]


def _values(rows: list[dict], name: str, valid: str, top: float) -> list:
    parts, begin = [], 0
    for t in range(1, len(rows) + 1):
        now = rows[begin][name] if rows[begin][valid] else None
        taken = rows[t - 1][valid] and rows[t - 1][valid.replace("valid", "ready")]
        if t < len(rows) and not taken and now == (rows[t][name] if rows[t][valid] else None):
            continue
        if now is not None:
            left, wide = LEFT + CLOCK * begin, CLOCK * (t - begin)
            text = f"{now:x}" if name.endswith("payload") else now
            parts += [tag("rect", x=left + 1, y=top, width=wide - 2, height=18, rx=4, class_="value"),
                      words(left + wide / 2, top + 13, text, anchor="middle", class_="small")]
        begin = t
    return parts
