# amaranth: UnusedElaboratable=no
"""What carries events is proven to, and each proof is refuted of a component with a fault."""

import pytest
from amaranth.hdl import Cat, signed, unsigned

from spikeloom.network import Residual
from spikeloom.rtl_gen import planner
from spikeloom.rtl_gen.delay import Delay
from spikeloom.rtl_gen.deserializer import Deserializer
from spikeloom.rtl_gen.events import event_layout
from spikeloom.rtl_gen.fork import Fork
from spikeloom.rtl_gen.packer import Packer
from spikeloom.rtl_gen.queue import Queue
from spikeloom.rtl_gen.relay import Relay
from spikeloom.rtl_gen.repeater import Repeater
from spikeloom.rtl_gen.serializer import Serializer
from spikeloom.rtl_gen.skid import Skid
from spikeloom.rtl_gen.skip import Skip
from spikeloom.rtl_gen.source import EventRepeater
from spikeloom.sim.proofs import plumbing
from spikeloom.sim.proofs.carried import QueueCarries, RelayCarries, SkidCarries
from spikeloom.sim.proofs.groups import DeserializerGathers, PackerPacks, SkipGathers
from spikeloom.sim.proofs.prover import prove
from spikeloom.sim.proofs.repeated import EventsRepeat, ForkGives, RepeaterRepeats
from spikeloom.sim.proofs.timesteps import DelayDelays, SerializerSends
from tests.rtl_gen.small import network

EVENT, RESIDUAL = event_layout(3), Residual(source=0, weight=-2)


@pytest.mark.parametrize(("harness", "dut"), [
    (SkidCarries, lambda: Skid(EVENT, places=3)),
    (QueueCarries, lambda: Queue(EVENT, capacity=1000)),
    (RelayCarries, lambda: Relay(5, lanes=2, sums=signed(3), values=(-4, 3))),
    (ForkGives, lambda: Fork(EVENT, consumers=3)),
    (RepeaterRepeats, lambda: Repeater(3, depth=300, times=5, last_once=True)),
    (EventsRepeat, lambda: EventRepeater(20, event_layout(20, signed(2)), times=3)),
    (DelayDelays, lambda: Delay(neurons=3, delay=4, timesteps=3, eager=True)),
    (SerializerSends, lambda: Serializer(neurons=9, lanes=2, value=signed(2), ahead=1)),
    (DeserializerGathers, lambda: Deserializer(neurons=10, lanes=4, value=unsigned(2))),
    (SkipGathers, lambda: Skip(RESIDUAL, neurons=5, value=None, values=(0, 1), lanes=2)),
    (PackerPacks, lambda: Packer(unsigned(2), lanes=4, short=3)),
])
def test_it_is_proven(harness, dut):
    verdict = prove(harness(dut()), depth=1)
    assert (verdict.result, verdict.trace) == ("proven", "")


def faulty(dut, change):
    """`dut`, but that `change(m, dut)` adds to its module."""
    whole = dut.elaborate

    def elaborate(platform):
        m = whole(platform)
        change(m, dut)
        return m

    dut.elaborate = elaborate
    return dut


def always_ready(m, dut):
    m.d.comb += dut.i.ready.eq(1)


def reads(address):
    def change(m, dut):
        (read,), (write,) = m.submodules.store.read_ports, m.submodules.store.write_ports
        m.d.comb += read.addr.eq(write.addr - 1 if address == "newest" else address)
    return change


def reads_when_empty(m, dut):
    (read,) = m.submodules.store.read_ports
    m.d.comb += read.en.eq(~dut.o.valid | dut.o.ready)


def first_is_enough(m, dut):
    m.d.comb += dut.i.ready.eq(Cat(o.ready for o in dut.o).any())


def end_as_it_comes(m, dut):
    m.d.comb += dut.o.p.end.eq(dut.i.p.end)


def index_off(m, dut):
    m.d.comb += dut.o.p.index.eq(0)


def lane_is_lost(m, dut):
    m.d.comb += dut.o.p.item[1].eq(0)


def first_lane_is_lost(m, dut):
    with m.If(~dut.o.valid | dut.o.ready):
        m.d.sync += dut.o.p.item[0].eq(0)


def no_wait_for_the_rest(m, dut):
    m.d.comb += dut.i.ready.eq(~dut.o.valid | dut.o.ready)


def keeps_every_lane(m, dut):
    with m.If(dut.i.ready & dut.i.valid):
        m.d.sync += dut.o.p.spikes.eq(~0)


@pytest.mark.parametrize(("harness", "dut", "change", "broken"), [
    (SkidCarries, lambda: Skid(EVENT, places=2), always_ready, "no more inside than there is room for"),
    (QueueCarries, lambda: Queue(EVENT, capacity=4), reads("newest"), "it leaves as it should"),
    (QueueCarries, lambda: Queue(EVENT, capacity=3), reads_when_empty, "it leaves as it should"),
    (RelayCarries, lambda: Relay(3, lanes=2, sums=signed(2), values=(-2, 1)), keeps_every_lane, "it leaves as it"),
    (ForkGives, lambda: Fork(EVENT, consumers=2), first_is_enough, "has taken what leaves i"),
    (RepeaterRepeats, lambda: Repeater(2, depth=2, times=2), reads(0), "the memory shows it"),
    (RepeaterRepeats, lambda: Repeater(2, depth=2, times=2), end_as_it_comes, "end comes with the last transfer"),
    (DelayDelays, lambda: Delay(neurons=2, delay=1, timesteps=2), always_ready, "nothing is taken before the empty"),
    (SerializerSends, lambda: Serializer(neurons=4, lanes=2), always_ready, "what is inside"),
    (SerializerSends, lambda: Serializer(neurons=4, lanes=2), index_off, "the lane's index"),
    (DeserializerGathers, lambda: Deserializer(neurons=4, lanes=2), always_ready, "a timestep that has come in"),
    (DeserializerGathers, lambda: Deserializer(neurons=4, lanes=2), first_lane_is_lost, "what the neuron sent"),
    (SkipGathers, lambda: Skip(RESIDUAL, neurons=3, value=None, values=(0, 1), lanes=2), lane_is_lost, "weighted"),
    (PackerPacks, lambda: Packer(unsigned(1), lanes=2, short=1), no_wait_for_the_rest, "no further timestep until"),
])
def test_a_fault_is_refuted(harness, dut, change, broken):
    verdict = prove(harness(faulty(dut(), change)), depth=1, bound=8)
    assert (verdict.result, broken in verdict.trace.splitlines()[0]) == ("refuted", True), verdict.trace.splitlines()[0]


def test_each_part_of_a_core_is_proven_once():
    plan = planner.make(network((20, 9, 4), delay=1, timesteps=3), lanes=(4, 4), update_lanes=(2, 1))
    proofs = list(plumbing.proofs(plan))
    named = [(proof.component, proof.size, proof.layers) for proof in proofs]
    assert ("delay.Delay", "1 empty and 2 passed", (0,)) in named
    assert ("serializer.Serializer", "9 neurons, 2 lanes, 0 ahead", (0,)) in named
    assert len({(proof.claim, proof.key) for proof in proofs}) == len(proofs)
