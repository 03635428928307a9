# amaranth: UnusedElaboratable=no
import numpy as np
import pytest
from amaranth.hdl import Assert, Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from spikeloom.rtl_gen import spike_vector
from spikeloom.rtl_gen.memories import BY_FAMILY
from spikeloom.rtl_gen.spike_vector import SpikeVector

from .streams import STALLS, Bench
from .test_accumulators import Aborted
from .test_collision_proofs import proven


def spikes(steps: list[list[int]]) -> list[dict]:
    """Events of timesteps, the last of them the inference's last."""
    return [event for t, indices in enumerate(steps)
            for event in [*({"index": n} for n in indices), {"mark": 1, "last": t == len(steps) - 1}]]


def words(steps: list[list[int]], inputs: int, width: int, passes: int) -> list[tuple[int, int, int, int]]:
    """Transfers as they must come: bits, end, final, last."""
    count = -(-inputs // width)
    return [(sum(1 << n % width for n in indices if n // width == w), w == count - 1, p == passes - 1,
             t == len(steps) - 1)
            for t, indices in enumerate(steps) for p in range(passes) for w in range(count)]


def run(dut: SpikeVector, steps: list[list[int]], **stalls) -> Bench:
    wanted = words(steps, dut.inputs, dut.width, dut.passes)
    bench = Bench(dut, **stalls)
    got = bench.run(spikes(steps), expect=len(wanted))
    assert [(t.bits, t.end, t.final, t.last) for t in got] == wanted
    return bench


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("passes", [1, 3])
@pytest.mark.parametrize(("inputs", "width"), [(1, 2), (2, 2), (7, 4), (16, 8), (40, 8)])
def test_every_spike_of_a_timestep_in_any_order(inputs, width, passes, stalls):
    rng = np.random.default_rng(inputs)
    steps = [rng.permutation(inputs)[:rng.integers(inputs + 1)].tolist() for _ in range(6)]
    steps[1], steps[2], steps[4] = list(range(inputs)), [], list(range(inputs))[::-1]
    run(SpikeVector(inputs, width=width, passes=passes, memories=BY_FAMILY["ice40"]), steps, seed=passes, **stalls)


@pytest.mark.parametrize("passes", [1, 2, 5])
@pytest.mark.parametrize(("inputs", "width"), [(16, 16), (40, 8), (64, 4)])
def test_a_timestep_takes_its_events_or_its_words(inputs, width, passes):
    rng = np.random.default_rng(7)
    counts = [inputs, inputs, 0, 0, 3, 1, inputs, 0, inputs]
    steps = [rng.permutation(inputs)[:count].tolist() for count in counts]
    dut = SpikeVector(inputs, width=width, passes=passes)
    bench = run(dut, steps)
    marks = [clock for clock, event in zip(bench.i.clocks, spikes(steps), strict=True) if "mark" in event]
    taken = [b - a for a, b in zip(marks, marks[1:], strict=False)]
    assert taken == [max(count + 1, passes * dut.words + 1) for count in counts[1:]]
    assert bench.o.clocks[0] == marks[0] + 2
    assert bench.i.clocks[0] == dut.words + 1


@pytest.mark.parametrize("passes", [1, 3])
@pytest.mark.parametrize(("inputs", "width"), [(7, 2), (16, 4)])
def test_a_reset_forgets_what_was_collected(inputs, width, passes):
    dut = SpikeVector(inputs, width=width, passes=passes)
    steps = [[0], [], list(range(inputs)), []]
    lost, wanted = [{"index": n} for n in reversed(range(inputs))], words(steps, inputs, width, passes)
    got = Bench(Aborted(dut, inputs), pauses={inputs: 2}).run([*lost, *spikes(steps)], expect=len(wanted))
    assert [(t.bits, t.end, t.final, t.last) for t in got] == wanted


def test_forgotten_spikes_are_caught(monkeypatch):
    steps = [[0, 4, 1, 2], []]
    run(SpikeVector(8, width=4, passes=1), steps)
    monkeypatch.setattr(spike_vector, "Mux", lambda one, a, b: b if isinstance(b, int) else Mux(one, a, b))
    with pytest.raises(AssertionError):
        run(SpikeVector(8, width=4, passes=1), steps)


class Watched(wiring.Component):
    """A SpikeVector whose banks must never be read and written at one address at once, whatever comes."""

    def __init__(self, dut: SpikeVector):
        self.dut = dut
        super().__init__({"valid": In(1), "index": In(dut.i.p.index.shape()), "mark": In(1), "ready": In(1)})

    def elaborate(self, platform):
        inner = self.dut.elaborate(platform)
        for bank in ("bank0", "bank1"):
            (read,), (write,) = (getattr(inner.submodules[bank], f"{kind}_ports") for kind in ("read", "write"))
            inner.d.comb += Assert(~(read.en & write.en & (read.addr == write.addr)))
        m = Module()
        m.submodules.dut = inner
        m.d.comb += [
            self.dut.i.valid.eq(self.valid),
            self.dut.i.p.index.eq(self.index),
            self.dut.i.p.mark.eq(self.mark),
            self.dut.o.ready.eq(self.ready),
        ]
        return m


@pytest.mark.parametrize("passes", [1, 3])
@pytest.mark.parametrize("inputs", [2, 3, 6])
def test_no_bank_is_read_where_it_is_written(inputs, passes):
    assert proven(Watched(SpikeVector(inputs, width=2, passes=passes)))


def test_a_vector_that_reads_what_it_has_is_refuted():
    class Forgetful(SpikeVector):
        """Reads a word for every spike."""

        def elaborate(self, platform):
            m = super().elaborate(platform)
            (read,) = m.submodules.bank0.read_ports
            m.d.comb += read.en.eq(1)
            return m

    assert not proven(Watched(Forgetful(6, width=2, passes=1)))
