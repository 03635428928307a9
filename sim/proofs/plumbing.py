"""Every component of a network's core that carries events neither drops, invents, doubles nor reorders any.

Each is proven where it stands, at its own size: memories may be as deep as they like, because only the word at one
arbitrary address is modelled. A component that takes a timestep (Delay, Serializer, ..) also keeps each event on its
side of the marks.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from spikeloom.rtl_gen.delay import Delay
from spikeloom.rtl_gen.deserializer import Deserializer
from spikeloom.rtl_gen.fork import Fork
from spikeloom.rtl_gen.packer import Packer
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.queue import Queue
from spikeloom.rtl_gen.relay import Relay
from spikeloom.rtl_gen.repeater import Repeater
from spikeloom.rtl_gen.serializer import Serializer
from spikeloom.rtl_gen.skid import Skid
from spikeloom.rtl_gen.skip import Skip
from spikeloom.rtl_gen.source import EventRepeater
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.carried import QueueCarries, RelayCarries, SkidCarries
from spikeloom.sim.proofs.groups import DeserializerGathers, PackerPacks, SkipGathers
from spikeloom.sim.proofs.harness import Harness
from spikeloom.sim.proofs.parts import Part, parts
from spikeloom.sim.proofs.repeated import EventsRepeat, ForkGives, RepeaterRepeats
from spikeloom.sim.proofs.timesteps import DelayDelays, SerializerSends


@dataclass(frozen=True, kw_only=True)
class _Way:
    """How components of one class are proven: the harness, what it claims, and what says how large one is."""

    harness: type[Harness]
    claim: str
    size: str


_WAYS = {
    Skid: _Way(harness=SkidCarries, claim="first in, first out", size="{places} places"),
    Queue: _Way(harness=QueueCarries, claim="first in, first out", size="{depth} words"),
    Relay: _Way(harness=RelayCarries, claim="each sum passed on once, in order", size="{size} outputs, {lanes} lanes"),
    Fork: _Way(harness=ForkGives, claim="each transfer to each consumer once", size="{consumers} consumers"),
    Repeater: _Way(harness=RepeaterRepeats, claim="each packet the same each time",
                   size="{depth} transfers, {times} times"),
    EventRepeater: _Way(harness=EventsRepeat, claim="each timestep the same each time",
                        size="{neurons} neurons, {times} times"),
    Delay: _Way(harness=DelayDelays, claim="each timestep as much later", size="{empty} empty and {passed} passed"),
    Serializer: _Way(harness=SerializerSends, claim="each lane's event once, in its timestep",
                     size="{neurons} neurons, {lanes} lanes, {ahead} ahead"),
    Deserializer: _Way(harness=DeserializerGathers, claim="each event in its group, lane and timestep",
                       size="{groups} groups, {lanes} lanes"),
    Skip: _Way(harness=SkipGathers, claim="each event, weighted, in its group, lane and timestep",
               size="{neurons} neurons, {lanes} lanes"),
    Packer: _Way(harness=PackerPacks, claim="each item in its place and timestep",
                 size="{lanes} lanes, short of {short}; up to 65,000 items"),
}


def proofs(plan: Plan) -> Iterator[Proof]:
    """One for each of these components of the core."""
    for part in parts(plan):
        way = _WAYS.get(type(part.component))
        if way and getattr(part.component, "times", 2) > 1 and type(part.parent) is not EventRepeater:
            yield proof(part, way)


def proof(part: Part, way: _Way) -> Proof:
    """What is proven of `part`."""
    dut = part.component
    return Proof(claim=way.claim, component=part.name, size=way.size.format(**vars(dut)), layers=part.layers,
                 key=part.key, make=lambda: way.harness(dut), depth=2)
