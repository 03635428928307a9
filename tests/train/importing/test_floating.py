import numpy as np
import pytest

from spikeloom.errors import SpikeloomError
from spikeloom.train.importing import Conventions, floating, read

TIMES = [460, 510, 710, 760]


def naive(conventions: Conventions, x: list[float], *, tau: float, r: float, v_leak: float, threshold: float,
          v_reset: float) -> tuple[list[int], list[float]]:
    """One LIF neuron with an unweighted input, one line an equation."""
    v, late, fired, seen = 0.0, 0.0, [], []
    for value in x:
        v = v + conventions.dt / tau * (v_leak - v + r * value) - late
        late = 0.0
        fires = v >= threshold if conventions.fires == "at" else v > threshold
        if fires and conventions.reset == "zero":
            v = v_reset
        elif fires and conventions.reset == "subtract":
            v -= threshold
        elif fires:
            late = threshold
        fired.append(int(fires))
        seen.append(v)
    return fired, seen


@pytest.mark.parametrize("reset", ["zero", "subtract", "subtract-late"])
@pytest.mark.parametrize("fires", ["above", "at"])
def test_lif(chain, lif, reset, fires):
    conventions = Conventions(dt=0.5, reset=reset, fires=fires)
    values = {"tau": 2.0, "r": 2.0, "v_leak": 0.125, "v_threshold": 0.5, "v_reset": 0.25 if reset == "zero" else 0.0}
    graph = chain(("Input", {"shape": [1]}), lif(1, **values), ("Output", {"shape": [1]}))
    x = np.random.default_rng(3).integers(0, 2, (1, 60, 1))
    found = floating.simulate(graph, conventions, x, trace=True)
    threshold = values.pop("v_threshold")
    fired, seen = naive(conventions, x[0, :, 0].tolist(), threshold=threshold, **values)
    assert found.spikes["n1"][0, :, 0].astype(int).tolist() == fired and 10 < sum(fired) < 50
    np.testing.assert_allclose(found.membranes["n1"][0, :, 0], seen)
    assert found.output[0, :, 0].tolist() == fired
    assert found.peaks["n1"][0] == pytest.approx(max(map(abs, seen)))
    assert found.means["n0"][0] == pytest.approx(x.mean()) and found.means["n1"][0] == pytest.approx(np.mean(fired))


def test_at_the_threshold(chain):
    graph = chain(("Input", {"shape": [1]}), ("IF", {"r": [0.5], "v_threshold": [1.0]}), ("Output", {"shape": [1]}))
    x = np.ones((1, 6, 1), int)
    for fires, expected in (("at", [0, 1, 0, 1, 0, 1]), ("above", [0, 0, 1, 0, 0, 1])):
        found = floating.simulate(graph, Conventions(fires=fires), x)
        assert found.output[0, :, 0].tolist() == expected


def test_current_based_neurons_and_recurrence(chain):
    values = {"tau_syn": [2.0], "tau_mem": [4.0], "r": [4.0], "v_leak": [0.0], "v_threshold": [1.0], "w_in": [2.0]}
    graph = chain(("Input", {"shape": [1]}), ("CubaLIF", values), ("Output", {"shape": [1]}))
    rec = chain(("Input", {"shape": [1]}), ("CubaLIF", values), ("Affine", {"weight": [[-3.0]], "bias": [0.1]}),
                ("Output", {"shape": [1]}), more_edges=[("n2", "n1")])
    x = np.array([1, 1, 0, 1, 0, 0, 1, 1, 1, 0])
    for one, weight, bias in ((graph, 0.0, 0.0), (rec, -3.0, 0.1)):
        j = v = s = 0.0
        fired, currents = [], []
        for value in x:
            j = 0.5 * j + 0.5 * 2 * (value + weight * s + bias)
            v = 0.75 * v + 0.25 * 4 * j
            s = float(v > 1)
            v = 0.0 if s else v
            fired.append(s)
            currents.append(abs(j))
        found = floating.simulate(one, Conventions(dt=1.0), x[None, :, None], trace=True)
        assert found.spikes["n1"][0, :, 0].tolist() == fired and 0 < sum(fired) < 10
        assert found.peaks["n1/J"][0] == pytest.approx(max(currents))


def test_delays(chain):
    graph = chain(("Input", {"shape": [2]}), ("Delay", {"delay": [0.0, 2e-4]}), ("Output", {"shape": [2]}))
    x = np.arange(1, 11).reshape(1, 5, 2)
    assert floating.simulate(graph, Conventions(), x).output[0].tolist() == [[1, 0], [3, 0], [5, 2], [7, 4], [9, 6]]
    with pytest.raises(SpikeloomError) as caught:
        floating.simulate(chain(("Input", {"shape": [1]}), ("Delay", {"delay": [1.0]}), ("Output", {"shape": [1]})),
                          Conventions(), np.ones((1, 1, 1)))
    assert str(caught.value) == "Delay 'n1' delay must be 0 to 255 timesteps of 0.0001 s, not 1 s"
    with pytest.raises(SpikeloomError, match=r"frames must have shape \(samples, timesteps, 2\), not \(1, 5, 3\)"):
        floating.simulate(graph, Conventions(), np.ones((1, 5, 3)))


def test_sums_and_readouts(chain):
    graph = chain(("Input", {"shape": [1]}), ("Linear", {"weight": [[2.0]]}),
                  ("LI", {"tau": [2.0], "r": [1.0], "v_leak": [0.0]}), ("Output", {"shape": [1]}),
                  more_edges=[("n0", "n2")])
    found = floating.simulate(graph, Conventions(dt=1.0), np.array([[[1], [0]]]))
    assert found.output[0, :, 0].tolist() == [1.5, 0.75] and not found.spikes


@pytest.mark.parametrize("leak", ["euler", "exact"])
def test_the_published_neuron_fires_when_others_say(published, leak):
    graph = read(next(published.glob("*__lif__*.nir")))
    for other in ("norse", "nengo", "snntorch", "exact"):
        table = np.loadtxt(published / "reference" / f"lif_{other}.csv", delimiter=",")
        assert np.flatnonzero(table[:, 2]).tolist() == TIMES
        found = floating.simulate(graph, Conventions(leak=leak), table[None, :, :1], trace=True)
        if leak == "euler":
            assert np.flatnonzero(found.spikes["1"]).tolist() == TIMES
    if leak == "euler":
        norse = np.loadtxt(published / "reference" / "lif_norse.csv", delimiter=",")
        np.testing.assert_allclose(found.membranes["1"][0, :, 0].max(), norse[:, 1].max(), atol=1e-6)
