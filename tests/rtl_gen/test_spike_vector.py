# amaranth: UnusedElaboratable=no
import numpy as np
import pytest
from amaranth.hdl import Mux

from spikeloom.rtl_gen import spike_vector
from spikeloom.rtl_gen.memories import BY_FAMILY
from spikeloom.rtl_gen.spike_vector import SpikeVector

from .streams import STALLS, Bench


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


def test_forgotten_spikes_are_caught(monkeypatch):
    steps = [[0, 4, 1, 2], []]
    run(SpikeVector(8, width=4, passes=1), steps)
    monkeypatch.setattr(spike_vector, "Mux", lambda one, a, b: b if isinstance(b, int) else Mux(one, a, b))
    with pytest.raises(AssertionError):
        run(SpikeVector(8, width=4, passes=1), steps)
