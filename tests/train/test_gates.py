import copy
import dataclasses

import pytest
import torch

from spikeloom import Decay, Lif, SpikeloomError, codebooks
from spikeloom.train import gates
from spikeloom.train.convolution import Convolution
from spikeloom.train.layer import Gate, LayerConfig, SpikingLayer

TIMESTEPS = 3
SHAPES = {"dense": None, "convolution": Convolution(input=(2, 5, 5), channels=4, kernel=3)}
CASES = [(shape, thresholds) for shape in SHAPES for thresholds in ("neuron", "layer")]


class Unfolded(Gate):
    """The channel gate as it stands before the neurons, of the currents that it sees: nothing is folded."""

    def __init__(self, rows: int):
        super().__init__()
        self.rows, self.alpha = rows, torch.nn.Parameter(torch.ones(()))

    def forward(self, current: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
        maps = current.reshape(*current.shape[:2], self.rows, -1)
        normed = maps / threshold.reshape(-1, 1) if len(threshold) == 1 else maps / threshold.view(self.rows, -1)
        mean = normed.mean(dim=(0, 1, 3)) if len(threshold) > 1 else normed.mean()[None]
        return (maps * (self.alpha * torch.sigmoid(mean)).view(-1, 1)).reshape(current.shape)


def layer(shape: str = "dense", thresholds: str = "neuron", gate: Gate | None = None) -> SpikingLayer:
    """Over the reals, in double precision, with gains of both signs and shifts of any size."""
    geometry = SHAPES[shape]
    neurons = Lif(neurons=4 if geometry is None else geometry.outputs, threshold=1, membrane_bits=20, reset="subtract",
                  decay=Decay.shift_leak(1))
    config = LayerConfig(codebook=codebooks.make("binary"), neurons=neurons, thresholds=thresholds,
                         convolution=geometry)
    made = SpikingLayer(config, 50, torch.Generator().manual_seed(0)).double()
    made.quantized = False
    with torch.no_grad():
        made.gain.copy_(torch.tensor([0.8, -1.5, 1.2, 2.0])[:len(made.gain)])
        made.shift.copy_(torch.tensor([0.3, 1.0, -0.6, 0.1]))
    made.gate = gate
    return made


def spikes() -> torch.Tensor:
    return (torch.rand(8, TIMESTEPS, 50, generator=torch.Generator().manual_seed(1)) < 0.4).double()


def gradients(made: SpikingLayer, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Of a loss that weighs every spike and membrane differently."""
    fired, v = made(x, TIMESTEPS)
    weights = torch.randn(fired.shape, generator=torch.Generator().manual_seed(2), dtype=fired.dtype)
    made.zero_grad()
    (fired * weights).sum().backward()
    return {"spikes": fired.detach(), "membranes": v.detach()} | {
        name: p.grad.clone() for name, p in made.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(("shape", "thresholds"), CASES)
def test_a_folded_channel_gate_is_the_unfolded_one(shape, thresholds):
    """In spikes and in the gradients of weights and gains. Those of shift and alpha go by the threshold, where the
    surrogate gradient is that of `u - threshold`, not of `u / threshold`, and so are alike only.
    """
    folded, plain = layer(shape, thresholds, gates.Channel()), layer(shape, thresholds, Unfolded(4))
    for made in (folded, plain):
        with torch.no_grad():
            made.gate.alpha.fill_(1.3)
    here, there = gradients(folded, spikes()), gradients(plain, spikes())
    assert 0.02 < here["spikes"].mean() < 0.9
    assert torch.equal(here["spikes"], there["spikes"])
    for name in ("synapses.latent", "gain"):
        assert here[name].abs().max() > 1e-3
        assert torch.allclose(here[name], there[name], rtol=1e-7, atol=1e-9), name
    for name in ("shift", "gate.alpha"):
        assert torch.cosine_similarity(here[name].flatten(), there[name].flatten(), dim=0) > 0.9

    ungated = gradients(layer(shape, thresholds), spikes())
    assert not torch.equal(ungated["spikes"], here["spikes"])


@pytest.mark.parametrize(("shape", "thresholds"), CASES)
def test_evaluation_divides_thresholds_by_the_gate(shape, thresholds):
    made = layer(shape, thresholds, gates.Channel())
    without = layer(shape, thresholds)
    with torch.no_grad():
        made.gate.alpha.fill_(0.7)
        _, bias, threshold, _ = made.eval().integers()
        _, bias_before, before, _ = without.eval().integers()
        shift = made.shift.mean() if thresholds == "layer" else made.shift.repeat_interleave(made.places)
    assert torch.equal(bias, bias_before)
    assert torch.allclose(threshold, before / (0.7 * (1 / (1 + torch.exp(-shift)))))
    assert threshold.shape == before.shape


def test_an_alpha_below_zero_leaves_thresholds_positive():
    made = layer(gate=gates.Channel())
    with torch.no_grad():
        made.gate.alpha.fill_(-2.0)
        assert (made.eval().integers().threshold > 0).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_constant_gate_halves_the_current(shape):
    with torch.no_grad():
        gated, twice = layer(shape, gate=gates.Constant()), layer(shape)
        assert torch.allclose(gated.eval().integers().threshold, 2 * twice.eval().integers().threshold)


def test_gradient_of_a_sample_gate_is_the_formula():
    """`g * delta + 1/n * alpha * sig' * sum(X * delta)`, METHODS' reading, for every sample, timestep and channel."""
    gate = gates.Sample(3, 2).double()
    with torch.no_grad():
        gate.alpha.copy_(torch.tensor([1.4, 0.6]))
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(5, 2, 3 * 7, generator=generator, dtype=torch.float64, requires_grad=True)
    delta = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    out = gate(x, torch.ones(21, dtype=torch.float64))
    (out * delta).sum().backward()
    alpha_gradient = torch.zeros(2, dtype=torch.float64)
    for b in range(5):
        for t in range(2):
            for c in range(3):
                part = slice(7 * c, 7 * c + 7)
                values, change = x.detach()[b, t, part], delta[b, t, part]
                sigmoid = 1 / (1 + torch.exp(-values.mean()))
                alpha = (1.4, 0.6)[t]
                expected = alpha * sigmoid * change
                expected = expected + alpha * sigmoid * (1 - sigmoid) / 7 * (values * change).sum()
                assert torch.allclose(x.grad[b, t, part], expected, atol=1e-12)
                assert torch.allclose(out[b, t, part], alpha * sigmoid * values, atol=1e-12)
                alpha_gradient[t] += sigmoid * (values * change).sum()
    assert torch.allclose(gate.alpha.grad, alpha_gradient, atol=1e-12)


def test_a_sample_gate_measures_currents_in_thresholds_and_repeats_a_constant_one():
    gate = gates.Sample(1, 2)
    with torch.no_grad():
        gate.alpha.copy_(torch.tensor([1.0, 0.5]))
        out = gate(torch.tensor([[[8.0, 4.0]]]), torch.tensor([4.0, 4.0]))
        one = torch.sigmoid(torch.tensor(1.5))
        assert torch.allclose(out, torch.stack([one, one / 2])[None, :, None] * torch.tensor([8.0, 4.0]))
        dense = gates.Sample(2, 1)(torch.tensor([[[8.0, 2.0]]]), torch.tensor([4.0, 2.0]))
        assert torch.allclose(dense, one * torch.tensor([8.0, 2.0]))


@pytest.mark.parametrize(("shape", "thresholds"), CASES)
def test_a_backward_gate_shrinks_gradients_and_nothing_else(shape, thresholds):
    gated, plain = layer(shape, thresholds, gates.Backward(4)), layer(shape, thresholds)
    here, there = gradients(gated, spikes()), gradients(plain, spikes())
    assert torch.equal(here["spikes"], there["spikes"]) and torch.equal(here["membranes"], there["membranes"])
    shift = plain.shift.detach()
    factor = 1 / (1 + torch.exp(-(shift.mean() if thresholds == "layer" else shift)))
    for name in ("synapses.latent", "shift", "gain"):
        rows = factor if factor.ndim == 0 else factor.view(-1, *[1] * (there[name].ndim - 1))
        assert torch.allclose(here[name], rows * there[name], rtol=1e-6, atol=1e-9), name


def test_only_the_sample_gate_does_not_fold():
    config = layer().config
    made = {kind: gates.make(kind, config, TIMESTEPS) for kind in gates.KINDS}
    assert {kind for kind, gate in made.items() if gate is not None and not gate.folds} == {"sample"}
    assert made["channel"].alpha.requires_grad and not made["shift"].alpha.requires_grad
    assert made["off"] is None and made["sample"].alpha.shape == (TIMESTEPS,)
    with pytest.raises(SpikeloomError) as error:
        gates.make("none", config, TIMESTEPS)
    assert str(error.value) == "gate must be one of channel, shift, sample, backward, constant, off, not 'none'"


def test_a_gate_outlives_another_lsb():
    """Recoding scales thresholds; the gate's factor stays."""
    made = layer(gate=gates.Channel())
    with torch.no_grad():
        made(spikes(), TIMESTEPS)
        finer = copy.deepcopy(made).eval()
        finer.recode(dataclasses.replace(made.synapses.book, fraction=3), 1.0, membrane_bits=20)
        assert torch.allclose(finer.integers().threshold, 8 * made.eval().integers().threshold)
