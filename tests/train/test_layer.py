import pytest
import torch

from spikeloom import Decay, Lif, SpikeloomError, codebooks
from spikeloom.train.convolution import Convolution
from spikeloom.train.layer import EPSILON, LayerConfig, SpikingLayer
from spikeloom.train.quantize import spread


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


CONVOLUTION = Convolution(input=(2, 4, 4), channels=3, kernel=2, stride=2)
SHAPES = {"dense": {}, "convolution": {"convolution": CONVOLUTION}, "recurrent": {"recurrent": "integer"},
          "recurrent, other LSB": {"recurrent": "fine"}, "one threshold": {"thresholds": "layer"}, "readout": {}}
BOOKS = {"integer": codebooks.make("integer", bits=5), "fine": codebooks.make("integer", bits=6, fraction=2)}


def learned(shape: str, seed: int = 0) -> tuple[SpikingLayer, torch.Tensor]:
    """A layer as training over the reals would leave it, some gains negative, and an input."""
    fields = {name: BOOKS[value] if name == "recurrent" else value for name, value in SHAPES[shape].items()}
    size = CONVOLUTION.outputs if shape == "convolution" else 9
    fires = {"threshold": None} if shape == "readout" else {"threshold": 1, "reset": "subtract"}
    neurons = Lif(neurons=size, membrane_bits=20, decay=Decay.shift_leak(2), **fires)
    config = LayerConfig(codebook=codebooks.make("integer", bits=5, fraction=1), neurons=neurons, **fields)
    generator = torch.Generator().manual_seed(seed)
    made, x = SpikingLayer(config, 32, generator), torch.randint(0, 4, (16, 6, 32), generator=generator).float()
    made.quantized = False
    with torch.no_grad():
        if shape != "readout":
            made.gain.mul_(torch.randn(made.gain.shape, generator=generator)).add_(0.2)
        made.shift.add_(0.2 * torch.randn(made.shift.shape, generator=generator))
        for _ in range(150):
            made.train()(x, 6)
    return made.eval(), x


@pytest.mark.parametrize(("shape", "by_row"), [
    *((shape, False) for shape in SHAPES),
    *((shape, True) for shape in SHAPES if shape not in ("one threshold", "readout")),
])
def test_recoding_keeps_the_function_over_the_reals(shape, by_row):
    made, x = learned(shape)
    step = torch.linspace(0.3, 2.2, made.config.rows) if by_row else 0.37
    with torch.no_grad():
        before, membranes, threshold = *made(x, 6), made.integers().threshold
        lsb = made.synapses.lsb
        made.recode(codebooks.make("pow2", exponents=3, fraction=2), step, membrane_bits=18,
                    recurrent=codebooks.make("integer", bits=8, fraction=1) if made.recurrent is not None else None)
        after, rescaled = made(x, 6)
    ratio = (lsb / made.synapses.lsb).expand(made.config.rows).repeat_interleave(made.places)
    assert shape == "readout" or 0.05 < before.mean() < 0.95
    assert torch.equal(before, after)
    assert torch.allclose(rescaled, membranes * ratio, rtol=1e-5, atol=1e-4 * float(membranes.std()))
    if threshold is not None:
        assert torch.allclose(made.integers().threshold, threshold * ratio[:len(threshold)], rtol=1e-5)
    assert made.config.neurons.membrane_bits == 18
    assert made.config.codebook == made.synapses.book == codebooks.make("pow2", exponents=3, fraction=2)
    if made.recurrent is not None:
        assert made.config.recurrent == made.recurrent.book == codebooks.make("integer", bits=8, fraction=1)
        assert torch.allclose(made.recurrent.lsb, made.synapses.lsb)


@pytest.mark.parametrize("shape", ["recurrent", "recurrent, other LSB"])
def test_recurrent_weights_are_in_the_lsb_of_the_others(shape):
    made, _ = learned(shape)
    assert made.recurrent.lsb == made.synapses.lsb == 0.5
    book = made.recurrent.book
    steps = made.recurrent(False).detach().std() / 2.0**book.fraction
    assert steps.item() == pytest.approx(spread(book), rel=0.3)


def test_quantizing_a_pruned_layer_rescales_its_recurrent_weights_too():
    made, _ = learned("recurrent")
    book = made.synapses.book
    made.synapses.density, made.synapses.kept = 0.5, torch.ones_like(made.synapses.latent)
    made.synapses.thin(0.5, final=True)
    before = made.recurrent(False) / made.synapses(False).abs().max()
    made.quantize()
    assert made.synapses.step != 1 and made.recurrent.lsb == made.synapses.lsb
    assert made.synapses.lsb == made.synapses.step / 2**book.fraction
    assert torch.allclose(made.recurrent(False) / made.synapses(False).abs().max(), before)


def test_recurrence_is_of_the_timestep_before():
    """Neuron 0 hears the input, and neuron 1 only neuron 0, a timestep later."""
    neurons = Lif(neurons=2, threshold=1, membrane_bits=12, reset="zero", decay=Decay(num=0))
    book = codebooks.make("integer", bits=4)
    made = SpikingLayer(LayerConfig(codebook=book, recurrent=book, neurons=neurons, biases="none"), 1,
                        torch.Generator()).eval()
    with torch.no_grad():
        made.variance.fill_(4.0)
        made.synapses.latent.copy_(torch.tensor([[5.0], [0.0]]))
        made.recurrent.latent.copy_(torch.tensor([[0.0, 0.0], [3.0, 0.0]]))
        spikes, _ = made(torch.tensor([[[1.0], [0], [1], [1], [0]]]), 5)
    assert made.integers().threshold.tolist() == [2, 2]
    assert spikes[0].T.tolist() == [[1, 0, 1, 1, 0], [0, 1, 0, 1, 1]]


@pytest.mark.parametrize("quantized", [False, True])
def test_gradients_reach_recurrent_weights(quantized):
    made, x = learned("recurrent")
    made.quantized = quantized
    spikes, _ = made(x, 6)
    spikes[:, -1].sum().backward()
    assert (made.recurrent.latent.grad != 0).float().mean() > 0.5
    made.zero_grad()
    made(x, 6)[0][:, 0].sum().backward()
    assert made.recurrent.latent.grad is None or not made.recurrent.latent.grad.any()


def test_sums_of_recurrent_weights_count_too():
    made, _ = learned("recurrent")
    with torch.no_grad():
        weights, bias, _, recurrent = made.integers()
        made.check_exact((0, 3), 6)
        most = float((3 * weights.abs().sum(1) + recurrent.abs().sum(1) + bias.abs()).max())
        made.recurrent.latent.mul_(1e6)
    with pytest.raises(SpikeloomError, match="sums of a layer must stay below 16777216 to be exact in torch.float32, "
                                             r"not reach \d+: narrow"):
        made.check_exact((0, 3), 6)
    assert most < 1 << 12


NEITHER = "recurrent codebook must be given for recurrent synapses, and only for them"
ONE = "a step for each row must be in a layer that fires, with thresholds for each neuron"


@pytest.mark.parametrize(("shape", "fields", "message"), [
    ("dense", {"recurrent": BOOKS["fine"]}, NEITHER),
    ("recurrent", {}, NEITHER),
    ("one threshold", {"step": torch.ones(9)}, ONE),
    ("readout", {"step": torch.ones(9)}, ONE),
    ("dense", {"step": torch.ones(4)}, f"step must be positive, one or one for each of 9 rows, not {torch.ones(4)}"),
    ("dense", {"membrane_bits": 1}, "membrane bits must be an integer from 2 to 32, not 1"),
])
def test_refused_recoding_changes_nothing(shape, fields, message):
    made, x = learned(shape)
    config, before = made.config, made(x, 6)[1]
    with pytest.raises(SpikeloomError) as error:
        made.recode(**{"book": BOOKS["integer"], "step": 0.5, "membrane_bits": 18, **fields})
    assert str(error.value) == message
    assert made.config == config and torch.equal(made(x, 6)[1], before)


@pytest.mark.parametrize("fields", [{"reset": "zero", "v_reset": 2}, {"floor": 0}])
def test_no_other_lsb_for_membranes_that_know_theirs(fields):
    with pytest.raises(SpikeloomError) as error:
        layer(**fields).recode(codebooks.make("ternary"), 1.0, membrane_bits=12)
    assert str(error.value) == "neurons must have v_reset 0 and no floor to be given another LSB"


@pytest.mark.parametrize("make", [
    lambda: LayerConfig(codebook=BOOKS["fine"], recurrent=BOOKS["fine"], neurons=Lif(neurons=3, threshold=None)),
    lambda: LayerConfig(codebook=BOOKS["fine"], recurrent=BOOKS["fine"], convolution=CONVOLUTION,
                        neurons=Lif(neurons=12, threshold=1)),
])
def test_recurrence_is_refused_elsewhere(make):
    with pytest.raises(SpikeloomError) as error:
        make()
    assert str(error.value) == "recurrent synapses must be in a layer that fires and has no convolution"
