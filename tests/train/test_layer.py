import pytest
import torch

from spikeloom import Decay, Lif, SpikeloomError, codebooks
from spikeloom.train.layer import EPSILON, LayerConfig, SpikingLayer


def layer(book: str = "binary", inputs: int = 12, seed: int = 0, config: dict | None = None, **fields) -> SpikingLayer:
    neurons = Lif(**{"neurons": 5, "threshold": 1, "membrane_bits": 12, "reset": "subtract", **fields})
    made = LayerConfig(codebook=codebooks.make(book), neurons=neurons, **(config or {}))
    return SpikingLayer(made, inputs, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("thresholds", ["neuron", "layer"])
def test_folding_says_what_batch_norm_says(thresholds):
    """A neuron fires at t when t * (gain / sd * (I - mean) + shift) reaches 1, negative gains included.

    Exactly so over the reals; rounded, threshold and bias are within one unit of that.
    """
    module = layer(config={"thresholds": thresholds})
    with torch.no_grad():
        module.gain.copy_(torch.tensor([-1.0, 2.0, 0.5, -0.7, 3.0])[:len(module.gain)])
        module.mean.copy_(torch.tensor([3.0, -4.0, 10.0, 0.0, 7.5]))
        module.variance.copy_(torch.tensor([9.0, 100.0, 25.0, 49.0, 64.0]))
        module.shift.copy_(torch.tensor([0.3, -0.3, 1.0, 0.0, 0.1]))
        module.eval()
        weights, bias, threshold, _ = module.integers()
        module.quantized = False
        _, real_bias, real_threshold, _ = module.integers()
        plain = torch.where(module.synapses.latent >= 0, 1.0, -1.0)
        x = torch.randint(0, 16, (50, 12), generator=torch.Generator().manual_seed(1)).float()
        variance = module.variance.mean() if thresholds == "layer" else module.variance
        gain = module.gain.sign() * (module.gain.abs() + EPSILON)
        normed = gain / (variance + EPSILON).sqrt() * (x @ plain.T - module.mean) + module.shift
        assert torch.allclose((x @ weights.T + real_bias) / real_threshold, normed, atol=1e-4)
    assert torch.equal(threshold, real_threshold.ceil())
    assert torch.equal(bias, real_bias.round())
    assert torch.equal(weights, plain * module.gain.sign().expand(5)[:, None])


def test_threshold_stays_legal():
    module = layer(membrane_bits=4)
    with torch.no_grad():
        module.variance.copy_(torch.tensor([1e-9, 1.0, 1e2, 1e4, 1e9]))
    assert module.eval().integers().threshold.tolist() == [1, 1, 8, 8, 8]


def test_statistics_move_in_training_only_and_stop_when_frozen():
    module = layer()
    x = torch.ones(20, 1, 12) * torch.arange(20)[:, None, None]

    def moved() -> bool:
        before = module.mean.clone()
        module(x, 2)
        return not torch.equal(before, module.mean)

    assert moved()
    module.frozen = True
    assert not moved()
    module.frozen = False
    module.eval()
    assert not moved()


def test_no_bias():
    module = layer(config={"biases": "none"})
    assert not module.shift.requires_grad
    assert module.eval().integers().bias.tolist() == [0] * 5


def test_readout_layer_only_integrates():
    module = layer("ternary", threshold=None, reset="zero")
    spikes, v = module(torch.ones(2, 3, 12), 3)
    assert not spikes.any() and module.integers().threshold is None
    assert torch.equal(v[:, 2], 3 * v[:, 0])


@pytest.mark.parametrize(("fields", "inputs", "reached"), [
    ({"membrane_bits": 24}, (0, 1), 2 * (1 << 23)),
    ({"membrane_bits": 12}, (0, (1 << 21)), 12 * (1 << 21)),
    ({"membrane_bits": 14, "decay": Decay(num=2047, shift=11)}, (0, 1), 8192 * 2047 + 2048),
])
def test_refuses_sums_that_floats_could_round(fields, inputs, reached):
    module = layer(**fields).eval()
    with torch.no_grad():
        module.shift.zero_()
    if reached < 1 << 24:
        module.check_exact(inputs, 4)
        return
    with pytest.raises(SpikeloomError, match=r"sums of a layer must stay below 16777216 to be exact in torch.float32, "
                                             r"not reach \d+: narrow the membrane or train in torch.float64"):
        module.check_exact(inputs, 4)
    module.double().check_exact(inputs, 4)


def test_the_bound_is_needed():
    """Beyond it float32 does lose integers, so the refusal is not for nothing."""
    module, total = layer(inputs=11, threshold=None, reset="zero", membrane_bits=30), 11 * ((1 << 21) + 1)
    x = torch.full((1, 1, 11), (1 << 21) + 1)
    with torch.no_grad():
        module.synapses.latent.fill_(1)
        assert module(x.float(), 1)[1][0, 0, 0].item() != total
        assert module.double()(x.double(), 1)[1][0, 0, 0].item() == total


@pytest.mark.parametrize(("make", "message"), [
    (lambda: layer(config={"thresholds": "some"}), "thresholds must be one of neuron, layer, not 'some'"),
    (lambda: layer(config={"biases": 1}), "biases must be one of neuron, none, not 1"),
    (lambda: layer(config={"delay": -1}), "delay must be an integer from 0 to 255, not -1"),
    (lambda: LayerConfig(codebook=codebooks.make("binary"), neurons=3), "neurons must be a Lif, not 3"),
])
def test_refusals(make, message):
    with pytest.raises(SpikeloomError) as error:
        make()
    assert str(error.value) == message
