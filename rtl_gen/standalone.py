"""A network that needs no host: samples in block RAM, their classes on LEDs, round and round."""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import Out

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.network import Network
from spikeloom.rtl_gen import memories, words
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.lights import MOST_CLOCKS, MOST_LEDS, Lights
from spikeloom.rtl_gen.plan import Plan

LONGEST = 1 << 24    # words of a memory


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """What a `StandaloneTop` shows in turn.

    Parameters
    ----------
    words : (samples, words.per_frame(network)), 16 bits each, as `words.pack` makes them.
    classes : (samples,), what `network` answers.
    """

    words: np.ndarray
    classes: np.ndarray

    def __post_init__(self):
        check.vector("classes", self.classes, len(self.words), 0, (1 << words.BITS) - 1)
        if not 0 < self.words.size < LONGEST:
            raise SpikeloomError(f"samples must have from 1 to {LONGEST - 1} words, not {self.words.size}")

    @property
    def contents(self) -> list[int]:
        """The memory: the words of each sample, and behind them its class."""
        return np.hstack([self.words, self.classes[:, None]]).astype(int).reshape(-1).tolist()


def rams(network: Network, samples: int, family: str) -> int:
    """Block RAMs of so many samples."""
    return memories.blocks(family, samples * (words.per_frame(network) + 1), words.BITS)


def room(network: Network, ram: int, family: str) -> int:
    """How many samples fit that many block RAMs."""
    bits = ram * max(depth * width for depth, width in memories.RAM_SHAPES[family])
    most = min(bits // words.BITS, LONGEST - 1) // (words.per_frame(network) + 1)
    return next((count for count in range(most, 0, -1) if rams(network, count, family) <= ram), 0)


class StandaloneTop(wiring.Component):
    """Feeds the core with one sample after another, compares its class with the sample's, and shows it; then the next.

    A fault stays until reset: the core's class was another, or it did not come in as long as `Lights` wait for it.

    Parameters
    ----------
    plan : with source "words", and no weights to be loaded.
    samples : at least one.
    leds : LEDs of the board, see `Lights`.
    tick : clocks, see `Lights`.

    Members
    -------
    leds : Out(leds), 1 lights
    done : Out(1), for the last clock in which a sample's class is shown
    """

    def __init__(self, plan: Plan, samples: Samples, *, leds: int, tick: int):
        self.plan, self.samples = plan, samples
        if plan.source != "words":
            raise SpikeloomError(f"plan source must be 'words' without a host, not {plan.source!r}")
        for k, layer in enumerate(plan.layers):
            if layer.weights != "rom":
                raise SpikeloomError(f"layer {k} weights must be 'rom' without a host, not {layer.weights!r}")
        if samples.words.shape[1:] != (plan.words,):
            raise SpikeloomError(f"samples must have {plan.words} words each, not {samples.words.shape[1:]}")
        check.bounded("classes", samples.classes, 0, plan.network.outputs - 1)
        self.tick = check.integer("tick", tick, 1, MOST_CLOCKS)
        super().__init__({"leds": Out(check.integer("leds", leds, 1, MOST_LEDS)), "done": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = Core(self.plan)
        lights = Lights(classes=self.plan.network.outputs, leds=len(self.leds), tick=self.tick)
        m.submodules.lights = lights
        contents = self.samples.contents
        m.submodules.samples = samples = memory.Memory(
            shape=words.BITS, depth=len(contents), init=contents, attrs={"rom_style": "block"})
        read = samples.read_port()

        address = Signal(range(len(contents)))
        word = Signal(range(self.plan.words + 1))
        label = Signal(lights.label.shape())
        fault = Signal()
        m.d.comb += [
            read.addr.eq(address), core.i.payload.eq(read.data),
            lights.label.eq(label), lights.fault.eq(fault), self.leds.eq(lights.leds),
            self.done.eq(lights.done),
        ]
        with m.If(lights.late):
            m.d.sync += fault.eq(1)

        # Behind a sample's words the memory gives its class, until the next sample begins.
        with m.FSM():
            with m.State("fetch"):
                m.next = "send"
                with m.If(word == self.plan.words):
                    m.next = "wait"
            with m.State("send"):
                m.d.comb += core.i.valid.eq(1)
                with m.If(core.i.ready):
                    m.d.sync += [address.eq(address + 1), word.eq(word + 1)]
                    m.next = "fetch"
            with m.State("wait"):
                m.d.comb += core.o.ready.eq(1)
                with m.If(core.o.valid & core.o.p.last):
                    m.d.sync += label.eq(core.o.p.best)
                    m.next = "judge"
            with m.State("judge"):
                m.d.comb += lights.start.eq(1)
                with m.If(label != read.data):
                    m.d.sync += fault.eq(1)
                m.next = "show"
            with m.State("show"):
                with m.If(lights.done):
                    m.d.sync += [word.eq(0), address.eq(Mux(address == len(contents) - 1, 0, address + 1))]
                    m.next = "fetch"
        return m
