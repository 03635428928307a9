"""The manual's page of components: what each is, and the ports that it has in a small design."""

import dataclasses
import inspect
from collections.abc import Iterator

import numpy as np
from amaranth.hdl import Fragment, Shape
from amaranth.lib import data, stream, wiring
from docstrings import markdown

from spikeloom import Conv, Decay, Dense, Input, Layer, Lif, MaxPool, Network, Residual, SumPool, codebooks, encoders
from spikeloom.rtl_gen import planner, words
from spikeloom.rtl_gen.aer import AerEvents, AerInput
from spikeloom.rtl_gen.axi import AxiCore
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.link.extras import Extras
from spikeloom.rtl_gen.linked import LinkedTop
from spikeloom.rtl_gen.linked_spi import LinkedSpiTop
from spikeloom.rtl_gen.parallel.core import VectorCore
from spikeloom.rtl_gen.soc.top import Soc
from spikeloom.rtl_gen.standalone import Samples, StandaloneTop

MOST_FIELDS = 8
ENCODERS = {"rate": {"seed": 1}, "threshold": {"level": 4}, "delta": {"level": 2}}


def components() -> Iterator[str]:
    """Markdown of every component that a few small designs consist of, with the ports it has there."""
    yield ("# Components\n\nEvery component of the hardware, with the ports of one instance: widths depend on the "
           "network. A stream is `valid`, `ready` and `payload`, with [these rules](../core.md#stream-rules).\n")
    found: dict[str, wiring.Component] = {}
    for design in designs():
        for part in _parts(Fragment.get(design, None)):
            found.setdefault(f"{type(part).__module__}.{type(part).__qualname__}", part)
    for name, part in sorted(found.items()):
        yield f"## `{name}`\n\n{markdown(inspect.getdoc(type(part)) or '')}\n"
        yield "| port | direction | bits | what |\n| --- | --- | --- | --- |"
        yield from (f"| `{port}` | {way} | {bits} | {what} |" for port, way, bits, what in ports(part.signature))
        yield ""


def _parts(fragment: Fragment) -> Iterator[wiring.Component]:
    yield from (one for one in fragment.origins or () if isinstance(one, wiring.Component)
                and type(one).__module__.startswith("spikeloom."))
    for inner, _, _ in fragment.subfragments:
        yield from _parts(inner)


def ports(signature: wiring.Signature) -> Iterator[tuple[str, str, object, str]]:
    """Name, direction, bits and meaning of each member."""
    for name, member in signature.members.items():
        way = "in" if member.flow is wiring.In else "out"
        if member.is_port:
            yield name, way, Shape.cast(member.shape).width, _layout(member.shape)
        elif isinstance(member.signature, stream.Signature):
            payload = member.signature.members["payload"].shape
            yield name, way, Shape.cast(payload).width, f"stream {_layout(payload)}".rstrip()
        else:
            inner = ", ".join(f"`{one}` {bits} {turn}" for one, turn, bits, _ in ports(member.signature))
            yield name, way, "", inner


def _layout(shape: object) -> str:
    """The fields of a layout, lowest bits first, with their bits."""
    if isinstance(shape, data.StructLayout):
        fields = [f"`{name}` {field.width}" for name, field in shape]
        return "of " + ", ".join(fields if len(fields) <= MOST_FIELDS else [fields[0], "..", *fields[-2:]])
    return "signed" if Shape.cast(shape).signed else ""


def designs() -> Iterator[wiring.Component]:
    """Small designs that together hold every component."""
    ternary, rng = codebooks.make("ternary"), np.random.default_rng(0)

    def dense(inputs: int, outputs: int, **more) -> Layer:
        weights = rng.integers(-1, 2, (outputs, inputs))
        return Layer(synapses=Dense(weights=weights, codebook=ternary), neurons=Lif(neurons=outputs, threshold=3),
                     **more)

    def of(layers: tuple[Layer, ...], shape: tuple[int, ...], encoder: str | None = "rate", **more) -> Network:
        made = None if encoder is None else encoders.make(encoder, **ENCODERS.get(encoder, {}))
        return Network(input=Input(shape=shape, bits=4 if encoder else 1), encoder=made, layers=layers, readout="count",
                       timesteps=4, **more)

    loop = Dense(weights=rng.integers(-1, 2, (12, 12)), codebook=ternary)
    slow = Lif(neurons=12, threshold=3, synaptic_decay=Decay.shift_leak(2), synaptic_bits=9)
    around = dense(12, 12, residual=Residual(source=0, weight=1))
    plain = of((dense(20, 12), dense(12, 12), around, dense(12, 4)), (20,))
    looped = dataclasses.replace(plain.layers[1], neurons=slow, recurrent=loop, delay=1)
    conv = Conv(weights=rng.integers(-1, 2, (2, 1, 3, 3)), codebook=ternary, input=(1, 8, 8))
    maps = (Layer(synapses=conv, neurons=Lif(neurons=conv.outputs, threshold=2)),
            Layer(synapses=MaxPool(input=conv.output, kernel=2), neurons=None),
            Layer(synapses=SumPool(input=(2, 3, 3), kernel=3), neurons=None), dense(2, 4))
    strategies = {0: {"strategy": "popcount"}, 1: {"strategy": "dense", "lanes": 5}, 2: {"strategy": "sparse"}}
    yield Core(planner.make(plain, family="ice40", layers=strategies))
    yield Core(planner.make(of((dense(20, 12), looped, dense(12, 4)), (20,), "direct"), family="ice40"))
    yield Core(planner.make(of(maps, (1, 8, 8), None), family="ice40", source="events"))
    every = {k: {"strategy": "parallel"} for k in range(2)}
    small = of((dense(20, 12), dense(12, 4)), (20,))
    yield Core(planner.make(small, family="ice40", layers=every))
    loaded = planner.make(small, family="ice40", layers={0: {"strategy": "dense", "weights": "ram"}})
    yield LinkedTop(loaded, 12_000_000, 1_000_000)
    yield AxiCore(planner.make(small, family="ice40"))
    yield AerInput(AerEvents(8, 8, timesteps=4, period=1000))
    every_extra = Extras(probe=True, readback=True, queue=64, guard=True, watchdog=True)
    yield LinkedTop(loaded, 12_000_000, 1_000_000, extras=every_extra)
    sequence = of((dense(20, 12), dense(12, 4)), (20,), None)
    yield LinkedSpiTop(planner.make(sequence, family="ice40"), extras=Extras(stream=4))
    late = dataclasses.replace(sequence, layers=(dataclasses.replace(sequence.layers[0], delay=2), sequence.layers[1]))
    yield VectorCore(late)
    yield VectorCore(dataclasses.replace(of((dense(20, 12), dense(12, 4)), (20,), "threshold"), timesteps=1))
    for encoder, values in (("direct", 20), ("threshold", 20), ("latency", 20), ("delta", 40)):
        yield Core(planner.make(of((dense(values, 12), dense(12, 4)), (20,), encoder), family="ice40",
                                layers={0: {"strategy": "sparse"}}))
    plan = planner.make(small, family="ice40")
    yield Soc(plan, [0] * 16, 12_000_000)
    frames = words.pack(small, np.zeros((2, small.input.size), int))
    yield StandaloneTop(plan, Samples(words=frames, classes=np.zeros(2, int)), leds=3, tick=1000)
