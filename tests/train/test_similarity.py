import copy

import numpy as np
import pytest
import torch

from spikeloom import Decay, Input, Lif, SpikeloomError, codebooks, encoders
from spikeloom.train import pipeline, similarity
from spikeloom.train.convolution import Convolution
from spikeloom.train.layer import Gate, LayerConfig
from spikeloom.train.model import MlpConfig, SpikingMlp
from spikeloom.train.settle import settle

BOOK = codebooks.make("integer", bits=8)
SHIFT = Decay.shift_leak(2)


def model(kind: str = "dense", reset: str = "subtract", decay: Decay = SHIFT, timesteps: int = 4,
          thresholds: str = "neuron") -> SpikingMlp:
    convolution = Convolution(input=(1, 6, 6), channels=5, kernel=3, stride=2) if kind == "convolution" else None
    hidden = LayerConfig(codebook=BOOK, convolution=convolution, recurrent=BOOK if kind == "recurrent" else None,
                         thresholds=thresholds, neurons=Lif(
                             neurons=convolution.outputs if convolution else 24, threshold=1, decay=decay, reset=reset,
                             membrane_bits=20))
    last = LayerConfig(codebook=BOOK, neurons=Lif(neurons=3, threshold=None, membrane_bits=20))
    config = MlpConfig(input=Input(shape=(6, 6), bits=4), encoder=encoders.make("rate", seed=2), layers=(hidden, last),
                       readout="membrane-last", timesteps=timesteps)
    made = pipeline.untrained(config, 1).eval()
    with torch.no_grad():       # so that currents are about as large as thresholds
        sums = torch.randn(2000, hidden.rows, generator=torch.Generator().manual_seed(0))
        size = 2e3 if convolution else 1.5e4
        made.layers[0].variance.copy_(size * (1 + 0.1 * sums[0].abs()))
        made.layers[0].gain[-1] = -1.2
        made.layers[0].shift.copy_(0.3 * sums[1])
        if kind == "recurrent":
            made.layers[0].recurrent.latent.mul_(0.3)
    return made


def frames(count: int = 300, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 16, (count, 6, 6))


def noisy(one: SpikingMlp, share: float = 0.003) -> SpikingMlp:
    changed, generator = copy.deepcopy(one), torch.Generator().manual_seed(3)
    with torch.no_grad():
        for synapses in changed.layers[0].all_synapses():
            latent = synapses.latent
            latent.add_(share * latent.std() * torch.randn(latent.shape, generator=generator))
    return changed


def test_epsilon_density_and_bound_are_those_of_the_formulas():
    one, shown = model(), frames(50)
    changed = noisy(one)
    with torch.no_grad():
        changed.layers[0].gain[2] *= 1.01       # another threshold
        changed.layers[0].shift[3] += 0.02
    found, = similarity.predict(one, changed, shown)
    with torch.no_grad():
        x = one.encode(shown).double().numpy()
        own, its = ([value.double().numpy() for value in m.layers[0].integers()[:3]] for m in (one, changed))
    kept = sum(0.75**n for n in range(4))
    for i in range(24):
        potentials, v = [], 0
        for frame in x:
            v = 0.0
            for t in range(4):
                u = 0.75 * v + own[0][i] @ frame[t] + own[1][i]
                potentials.append(u / own[2][i])
                v = u - own[2][i] * (u >= own[2][i])
        epsilon = sum(x[:, :, j].mean() * abs(its[0][i, j] / its[2][i] - own[0][i, j] / own[2][i]) for j in range(36))
        epsilon += abs(its[1][i] / its[2][i] - own[1][i] / own[2][i])
        assert float(found.epsilon[i]) == pytest.approx(epsilon, rel=1e-3)
        reach = max(epsilon * kept, 0.1)
        counts, _ = np.histogram(potentials, bins=8, range=(1 - reach, 1 + reach))
        density = counts.max() / len(potentials) / (2 * reach / 8)
        assert float(found.density[i]) == pytest.approx(density, rel=1e-3)
        assert float(found.bound[i]) == pytest.approx(min(1, 2 * 4 * density * epsilon * kept), rel=1e-3)
        steps = np.abs(np.reshape(potentials, (50, 4)) - 1) <= epsilon * np.array([1, 1.75, 2.3125, 2.734375])
        assert float(found.band[i]) == pytest.approx(min(1, steps.sum() / 50), rel=1e-3)
        change = its[0][i] / its[2][i] - own[0][i] / own[2][i]
        mean = change @ x.mean(axis=(0, 1)) + its[1][i] / its[2][i] - own[1][i] / own[2][i]
        steady, loose = change**2 @ x.mean(axis=1).var(axis=0), change**2 @ x.var(axis=1).mean(axis=0)
        sums, squares = np.cumsum(0.75**np.arange(4)), np.cumsum(0.75**(2 * np.arange(4)))
        moved = np.sqrt((mean * sums)**2 + steady * sums**2 + loose * squares).sum()
        near = (np.abs(np.array(potentials) - 1) <= 0.1).mean() / 0.2
        assert float(found.expected[i]) == pytest.approx(min(1, near * moved), rel=1e-3)
    assert found.layer == pytest.approx(float(found.bound.sum())) and 0 < found.layer < 24


def test_measured_is_the_share_of_inferences_whose_trains_differ():
    one, shown = model(), frames(40)
    changed = noisy(one, 0.1)
    with torch.no_grad():
        spikes, others = (m(shown).spikes[0] for m in (one, changed))
    found, = similarity.measure(one, changed, shown)
    for i in range(24):
        differ = sum(any(spikes[n, t, i] != others[n, t, i] for t in range(4)) for n in range(40))
        assert float(found[i]) == differ / 40
    assert float(found.max()) > 0


@pytest.mark.parametrize("kind", ["dense", "convolution", "recurrent"])
@pytest.mark.parametrize("reset", ["subtract", "subtract-late", "zero"])
def test_the_bound_holds_and_a_thousandth_of_it_does_not(kind, reset):
    one = model(kind, reset)
    changed = noisy(one)
    found, = similarity.predict(one, changed, frames())
    measured, = similarity.measure(one, changed, frames(1000, seed=1))
    assert float((measured <= found.bound).double().mean()) >= 0.99
    assert float((measured <= found.band).double().mean()) >= 0.9
    assert float(found.bound.mean()) < 0.5 and float(measured.mean()) > 0
    assert float((measured <= found.bound / 1000).double().mean()) < 0.9
    assert 0.3 < float(found.expected.sum() / measured.sum()) < 4


@pytest.mark.parametrize("kind", ["dense", "convolution", "recurrent"])
@pytest.mark.parametrize("reset", ["subtract", "subtract-late", "zero"])
def test_a_spike_is_where_the_potential_reaches_the_threshold(kind, reset):
    one = copy.deepcopy(model(kind, reset))
    layer = one.layers[0]
    layer.gate = similarity._Recorder(None)
    with torch.no_grad():
        output = one(frames())
        u = similarity._potentials(layer, output.spikes[0], output.membranes[0])
        assert float(((u >= layer.integers().threshold) == output.spikes[0].bool()).double().mean()) > 0.9999
    assert 0.02 < float(output.spikes[0].mean()) < 0.9


def test_nothing_changed_is_nothing_predicted():
    one = model()
    found, = similarity.predict(one, copy.deepcopy(one), frames())
    assert float(found.epsilon.max()) == float(found.bound.max()) == float(found.expected.max()) == 0
    assert float(similarity.measure(one, copy.deepcopy(one), frames())[0].max()) == 0
    assert one.layers[0].gate is None


def test_another_lsb_changes_nothing_and_integers_little():
    one = model(thresholds="layer")
    finer = copy.deepcopy(one)
    finer.layers[0].recode(codebooks.make("integer", bits=8, fraction=3), 1.0, membrane_bits=20)
    found, = similarity.predict(one, finer, frames())
    assert float(found.epsilon.max()) < 1e-5
    rounded = copy.deepcopy(one)
    for layer in rounded.layers:
        layer.synapses.latent.data.round_().clamp_(-127, 127)
    integer = settle(rounded, frames(), precision=10)
    found, = similarity.predict(rounded, integer, frames())
    assert float(found.epsilon.max()) < 0.01
    measured, = similarity.measure(rounded, integer, frames(1000, seed=1))
    assert float((measured <= found.bound).double().mean()) >= 0.99


def test_rounded_leaks_are_a_change_of_an_lsb():
    for decay, losses in ((SHIFT, 2), (Decay(), 0)):
        one = model(decay=decay)
        one.quantized = True
        found, = similarity.predict(one, copy.deepcopy(one), frames(20))
        with torch.no_grad():
            assert torch.allclose(found.epsilon, losses / one.layers[0].integers().threshold)


def test_recurrent_changes_come_by_the_spikes_of_the_layer():
    one = model("recurrent")
    changed = copy.deepcopy(one)
    with torch.no_grad():
        changed.layers[0].recurrent.latent[4, 7] += 20
        found, = similarity.predict(one, changed, frames())
        rate = one(frames()).spikes[0].mean(dim=(0, 1))[7]
        lsb = changed.layers[0].recurrent.lsb * changed.layers[0].integers().threshold[4]
    assert rate > 0 and float(found.epsilon[4]) == pytest.approx(float(20 / lsb * rate), rel=1e-3)
    assert int(torch.count_nonzero(found.epsilon)) == 1


def test_without_leak_changes_add_up_over_time():
    one = model(decay=Decay(), timesteps=3)
    changed = noisy(one)
    found, = similarity.predict(one, changed, frames())
    wide = found.epsilon * 3 > 0.1
    expected = (2 * 3 * found.density * found.epsilon * 3).clamp(max=1)
    assert torch.allclose(found.bound, expected, rtol=1e-4) and not bool(wide.all())


def test_a_gate_is_part_of_the_neuron():
    class Half(Gate):
        def fold(self, scale, shift):
            return 2 * scale

        def forward(self, current, threshold):
            return current + threshold / 4
    one = model()
    changed = noisy(one)
    for each in (one, changed):
        each.layers[0].gate = Half()
    plain, = similarity.predict(model(), noisy(model()), frames())
    found, = similarity.predict(one, changed, frames())
    assert torch.allclose(found.epsilon, plain.epsilon / 2, rtol=1e-3)
    assert not torch.allclose(found.density, plain.density)
    measured, = similarity.measure(one, changed, frames(1000, seed=1))
    assert float((measured <= found.bound).double().mean()) >= 0.99


@pytest.mark.parametrize("other", [{"decay": Decay.shift_leak(3)}, {"reset": "zero"}, {"kind": "convolution"}])
def test_models_must_have_the_same_dynamics(other):
    with pytest.raises(SpikeloomError, match="^layers of the two models must have the same neurons, decay and reset$"):
        similarity.predict(model(), model(**other), frames(3))
    with pytest.raises(SpikeloomError, match="^layers of the two models must have"):
        similarity.measure(model(), model(**other), frames(3))
