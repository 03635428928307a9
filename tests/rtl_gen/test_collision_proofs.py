# amaranth: UnusedElaboratable=no
"""Proof, by induction over all stalls, that no memory is read and written at one address in one clock.

This is what `collisions.declare_collision_free` declares. The contents of the memories are cut away, so the proofs hold
for whatever they are. What is assumed of a component's input is the order of its groups, and that is proven of the
integrator and the repeater that send them.
"""

import numpy as np
import pytest
from amaranth.hdl import Assert, Assume, Module, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from spikeloom import codebooks
from spikeloom.decay import Decay
from spikeloom.network import READOUTS, Dense
from spikeloom.network import Lif as Neurons
from spikeloom.rtl_gen import stateful
from spikeloom.rtl_gen.events import event_layout
from spikeloom.rtl_gen.population import Population
from spikeloom.rtl_gen.queue import Queue
from spikeloom.rtl_gen.readout import Readout
from spikeloom.rtl_gen.repeater import Repeater
from spikeloom.rtl_gen.strategies.dense import Integrator
from spikeloom.rtl_gen.synaptic import SynapticCurrent
from spikeloom.sim.proofs.prover import prove

from .small import network


class Watched(wiring.Component):
    """A component whose memory `store` must never be read and written at one address at once.

    Only the handshakes are ports, so that what does not steer the memory falls away.
    """

    def __init__(self, dut, store, groups=None):
        self.dut, self.store, self.groups = dut, store, groups
        super().__init__({"valid": In(1), "end": In(1), "last": In(1), "ready": In(1)})

    def elaborate(self, platform):
        inner = self.dut.elaborate(platform)
        (read,), (write,) = (getattr(inner.submodules[self.store], f"{kind}_ports") for kind in ("read", "write"))
        inner.d.comb += Assert(~(read.en & write.en & (read.addr == write.addr)))
        if self.groups is not None:
            inner.d.comb += Assume(self.dut.i.p.end == (read.addr == self.groups - 1))
        m = Module()
        m.submodules.dut = inner
        m.d.comb += [
            self.dut.i.valid.eq(self.valid),
            self.dut.i.p.last.eq(self.last),
            self.dut.o.ready.eq(self.ready),
        ]
        if hasattr(self.dut.i.p, "end"):
            m.d.comb += self.dut.i.p.end.eq(self.end)
        return m


def proven(component: wiring.Component) -> bool:
    """True if proven, False if refuted by a trace from reset."""
    verdict = prove(component, depth=40, bound=1)
    assert verdict.result in ("proven", "refuted"), verdict.reason
    return verdict.result == "proven"


def neurons(groups):
    layer = Neurons(neurons=groups, threshold=3, membrane_bits=3)
    return Watched(Population(layer, lanes=1, currents=(0, 1), sums=unsigned(1)), "state", groups)


@pytest.mark.parametrize("groups", [1, 2, 3, 4, 5, 6, 40])
def test_the_state_memory(groups):
    assert proven(neurons(groups))


@pytest.mark.parametrize("groups", [1, 3, 4, 40])
def test_the_memory_of_synaptic_currents(groups):
    layer = Neurons(neurons=groups, threshold=3, synaptic_decay=Decay(), synaptic_bits=3)
    dut = SynapticCurrent(layer, lanes=1, currents=(0, 1), sums=unsigned(1))
    assert proven(Watched(dut, "state", groups))


@pytest.mark.parametrize("capacity", [3, 5, 17, 300])
def test_the_queue(capacity):
    assert proven(Watched(Queue(event_layout(2), capacity=capacity), "store"))


def test_a_queue_that_writes_when_full_is_refuted():
    class Full(Queue):
        """Writes whatever is offered."""

        def elaborate(self, platform):
            m = super().elaborate(platform)
            (write,) = m.submodules.store.write_ports
            m.d.comb += write.en.eq(self.i.valid)
            return m

    assert not proven(Watched(Full(event_layout(2), capacity=5), "store"))


@pytest.mark.parametrize(("pipeline", "groups"), [(1, 1), (1, 2), (1, 3), (3, 1), (3, 2)])
def test_a_shorter_cool_down_is_refuted(pipeline, groups, monkeypatch):
    monkeypatch.setattr(stateful, "PIPELINE", pipeline)
    assert not proven(neurons(groups))


@pytest.mark.parametrize(("depth", "times"), [(1, 2), (5, 3)])
def test_the_repeater(depth, times):
    assert proven(Watched(Repeater(2, depth=depth, times=times), "store"))


def test_a_repeater_that_reads_ahead_is_refuted():
    class Eager(Repeater):
        """Reads the first item in every clock of the passing round."""

        def elaborate(self, platform):
            m = super().elaborate(platform)
            (read,) = m.submodules.store.read_ports
            m.d.comb += read.en.eq(1)
            return m

    assert not proven(Watched(Eager(2, depth=3, times=2), "store"))


@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_the_scores(outputs):
    for kind in set(READOUTS) - {"membrane-last"}:
        assert proven(Watched(Readout(network((2, outputs), readout=kind)), "scores", outputs))


class Ordered(wiring.Component):
    """An integrator, and a repeater behind it: every group of a timestep must leave once, with `end` at the last."""

    def __init__(self, outputs, lanes, groups_of, times):
        ones = Dense(weights=np.ones((outputs, 2), np.int64), codebook=codebooks.make("binary"))
        self.integrator = Integrator(ones, lanes=lanes, groups_of=groups_of, value=None, sums=(-2, 2))
        self.groups, self.times = -(-outputs // groups_of), times
        super().__init__({"valid": In(1), "mark": In(1), "ready": In(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.integrator = integrator = self.integrator
        m.submodules.currents = currents = Repeater(1, depth=self.groups, times=self.times, last_once=True)
        o, number = currents.o, Signal(range(max(self.groups, 2)))
        m.d.comb += [
            integrator.i.valid.eq(self.valid),
            integrator.i.p.mark.eq(self.mark),
            currents.i.valid.eq(integrator.o.valid),
            currents.i.p.end.eq(integrator.o.p.end),
            integrator.o.ready.eq(currents.i.ready),
            o.ready.eq(self.ready),
            Assert(~(o.valid & (o.p.end != (number == self.groups - 1)))),
        ]
        with m.If(o.valid & self.ready):
            m.d.sync += number.eq(number + 1)
            with m.If(o.p.end):
                m.d.sync += number.eq(0)
        return m


SHAPES = [(1, 1, 1, 1), (2, 2, 1, 1), (3, 2, 1, 1), (4, 2, 2, 1), (5, 2, 1, 1), (6, 4, 2, 1), (2, 2, 1, 2)]


@pytest.mark.parametrize("shape", SHAPES)
def test_groups_leave_in_order(shape):
    assert proven(Ordered(*shape))


@pytest.mark.parametrize("shape", SHAPES[2:])
def test_a_pass_too_many_is_refuted(shape):
    component = Ordered(*shape)
    component.integrator.passes += 1
    assert not proven(component)
