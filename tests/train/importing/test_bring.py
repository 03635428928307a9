import numpy as np
import pytest

from spikeloom import load, save
from spikeloom.errors import SpikeloomError
from spikeloom.train.importing import Conventions, Quantization, Samples, bring, read
from spikeloom.train.importing.bring import random


def test_what_was_assumed(chain, lif, tmp_path):
    graph = chain(("Input", {"shape": [2]}), lif(2), ("SumPool2d", {"kernel_size": 1, "stride": 1, "padding": 0}),
                  ("Output", {"shape": [2]}))
    with pytest.raises(SpikeloomError, match=r"SumPool2d 'n2' must get \(channels, height, width\), not \(2,\)"):
        bring(graph, Conventions(), timesteps=3)
    graph = chain(("Input", {"shape": [2]}), lif(2, v_leak=0.01), ("IF", {"r": 1.0, "v_threshold": 1.0}),
                  ("Output", {"shape": [2]}))
    made = bring(graph, Conventions(), timesteps=20)
    assert made.assumptions == (
        "a timestep is 0.0001 s", "1 - dt / tau is left after a timestep (forward Euler)",
        "a spike sets V to v_reset in its own timestep", "a neuron fires above its threshold", "the input is spikes",
        "the readout is count", "neurons without a leak add R * I a timestep",
        "LIF 'n1' begins at 0, not at its v_leak",
        "widths and closeness are from random spikes: no samples were given")
    said = bring(graph, Conventions(leak="exact", reset="subtract", fires="at", charge="time"),
                 samples=Samples(frames=np.full((1, 9, 2), 3))).assumptions
    assert said[1:5] == ("exp(-dt / tau) is left after a timestep (exact for an input that holds still)",
                         "a spike takes the threshold off V in its own timestep", "a neuron fires at its threshold",
                         "the input is unsigned 2-bit values")
    assert made.network.provenance["assumptions"] == list(made.assumptions)
    assert load(save(made.network, tmp_path / "x.qsnn")) == made.network


def test_the_same_twice(chain, lif):
    graph = chain(("Input", {"shape": [2]}), lif(2), ("Output", {"shape": [2]}))
    first, second = (bring(graph, Conventions(), timesteps=9).network for _ in range(2))
    assert first == second and first.timesteps == 9


def test_random_spikes():
    frames = random((2, 3), 50, 0)
    assert frames.shape == (4, 50, 2, 3) and set(np.unique(frames)) == {0, 1}
    assert np.diff(frames.mean((1, 2, 3))).min() > 0
    with pytest.raises(SpikeloomError, match="timesteps must be given without samples"):
        random((2,), None, 0)
    with pytest.raises(SpikeloomError, match="timesteps must be an integer from 1 to 4096, not 0"):
        random((2,), 0, 0)


@pytest.mark.parametrize("weights", ["integer:8", "integer:4", "pow2:4", "ternary", "binary"])
def test_the_published_neuron(published, weights):
    """As integers it fires when all other tools say, whatever its one weight becomes."""
    from spikeloom.sim.reference import simulate
    graph = read(next(published.glob("*__lif__*.nir")))
    frames = np.loadtxt(published / "reference" / "lif_norse.csv", delimiter=",")[None, :, :1].astype(int)
    made = bring(graph, Conventions(), samples=Samples(frames=frames), options=Quantization(weights=weights))
    spikes = simulate(made.network, frames, trace=True).spikes[0]
    assert np.flatnonzero(spikes).tolist() == [460, 510, 710, 760] and made.closeness.layers[0].overlap == 1


def test_the_published_recurrent_network(published):
    """Two frameworks share 90 % of their spikes in their own traces of it; 12-bit weights share more with the graph."""
    norse, snntorch = (np.load(published / "reference" / f"{name}_activity_noDelay_bias_zero.npy") > 0
                       for name in ("norse", "snntorch"))
    theirs = 2 * (norse & snntorch).sum() / (norse.sum() + snntorch.sum())
    assert 0.90 < theirs < 0.91
    graph = read(next(published.glob("*braille*.nir")))
    rng = np.random.default_rng(0)
    frames = (rng.random((6, 256, 12)) < 0.01).astype(int)
    overlaps = []
    for weights in ("integer:12", "integer:4"):
        made = bring(graph, Conventions(), samples=Samples(frames=frames), options=Quantization(weights=weights))
        layer = made.network.layers[0]
        assert layer.neurons.current_based and layer.recurrent.weights.shape == (38, 38)
        assert layer.neurons.synaptic_decay.num / 2**layer.neurons.synaptic_decay.shift == pytest.approx(0.55, abs=1e-3)
        overlaps.append(made.closeness.layers[0].overlap)
    assert overlaps[0] > theirs > overlaps[1]
