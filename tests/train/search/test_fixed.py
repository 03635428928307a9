"""Candidates' integer models: against arithmetic by hand, and exactly the exported networks."""

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch

from spikeloom import Decay, codebooks
from spikeloom.errors import SpikeloomError
from spikeloom.train.exactness import compare
from spikeloom.train.export import export
from spikeloom.train.layer import EPSILON
from spikeloom.train.quantize import quantize
from spikeloom.train.search import fixed
from spikeloom.train.search.space import Candidate, Widths

KINDS = ("dense", "shared", "conv", "recurrent")


@pytest.fixture(scope="module", name="frames")
def frames_fixture(workplace):
    place = workplace()
    return place.preprocess.apply(place.calibration.images)


@pytest.fixture(name="make")
def make_fixture(trained, frames):
    """`make(kind or model, *widths, ...)`: integer model and network."""
    def make(model, *widths: Widths, rounding: str = "nearest", span: str = "mse", seed: int = 5):
        model = trained(model) if isinstance(model, str) else model
        widths = widths * 2 if len(widths) == 1 else widths
        candidate = Candidate(layers=widths, rounding=rounding)
        prepared = fixed.prepare(model, candidate, fixed.peaks(model, frames), span)
        made = fixed.finish(prepared, candidate, torch.Generator().manual_seed(seed))
        return made, export(made)
    return make


def by_hand(layer, weights: int, span_bits: int, fraction: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, thresholds and biases in LSB of a dense layer that fires, in float64."""
    latent, gain, mean, variance, shift = (value.detach().double().numpy() for value in (
        layer.synapses.latent, layer.gain, layer.mean, layer.variance, layer.shift))
    sign = np.where(gain < 0, -1, 1)
    step, half = 2.0 ** (span_bits + 1 - weights), 2 ** (weights - 1) - 1
    codes = np.clip(np.floor(sign[:, None] * latent / step + 0.5), -half, half)
    scale = np.sqrt(variance + EPSILON) / (abs(gain) + EPSILON)
    lsb = step / 2**fraction
    return codes * 2**fraction, np.ceil(scale / lsb), np.floor((shift * scale - sign * mean) / lsb + 0.5)


def test_a_dense_layer_by_hand(make, trained):
    model, network = make("dense", Widths(weights=5, membrane=16), span="max")
    layer, made = trained("dense").layers[0], network.layers[0]
    span = math.ceil(math.log2(float(layer.synapses.latent.detach().abs().max())))
    fraction = made.synapses.codebook.fraction
    weights, threshold, bias = by_hand(layer, 5, span, fraction)
    assert (layer.gain < 0).any()
    assert made.synapses.codebook == codebooks.make("integer", bits=5, fraction=fraction)
    assert np.array_equal(made.synapses.weights, weights)
    assert np.array_equal(made.neurons.threshold, threshold)
    assert np.array_equal(made.neurons.bias, bias)
    assert made.neurons.membrane_bits == 16


def test_peaks_are_of_membranes_and_of_thresholds_that_were_reached(trained, frames):
    model = copy.deepcopy(trained("dense"))
    layer = model.layers[0]
    neurons = dataclasses.replace(layer.config.neurons, reset="zero")
    layer.config = dataclasses.replace(layer.config, neurons=neurons)
    with torch.no_grad():
        layer.shift[:8] += 20
        output, threshold = model(frames), layer.integers().threshold
    v, fired = output.membranes[0].abs().amax(dim=(0, 1)), output.spikes[0].amax(dim=(0, 1)) > 0
    expected = [max(float(v[n]), float(threshold[n])) if fired[n] else float(v[n]) for n in range(16)]
    assert fixed.peaks(model, frames)[0].tolist() == expected
    assert (fired & (threshold > v)).any()
    maps = fixed.peaks(trained("conv"), frames)[0]
    with torch.no_grad():
        assert maps.max() >= trained("conv")(frames).membranes[0].abs().max()
    assert len(maps) == 3


def test_the_membrane_is_as_fine_as_its_width_allows(make, trained, frames):
    peak = float(fixed.peaks(trained("dense"), frames)[0].max())
    found = {}
    for bits in (6, 8, 10, 12, 16):
        _, network = make("dense", Widths(weights=5, membrane=bits), span="max")
        found[bits] = network.layers[0].synapses.codebook.fraction
    span = math.ceil(math.log2(float(trained("dense").layers[0].synapses.latent.detach().abs().max())))
    step = 2.0 ** (span + 1 - 5)
    needed = next(n for n in range(2, 30) if 2 ** (n - 1) >= 1.25 * peak / step + 1)
    assert found == {bits: max(0, bits - needed) for bits in found}
    assert found[16] > 0 == found[6]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rounding", ["truncate", "nearest", "stochastic"])
def test_model_and_network_agree_everywhere(make, frames, kind, rounding):
    for widths in (Widths(weights=4, membrane=12), Widths(weights=2, membrane=6, threshold=3, bias=3, leak=2)):
        model, network = make(kind, widths, rounding=rounding)
        assert compare(model, network, frames).mismatches == 0
        for layer in network.layers:
            assert layer.synapses.codebook.bits == widths.weights
            assert layer.neurons.membrane_bits == widths.membrane
            if layer.recurrent is not None:
                assert layer.recurrent.codebook.bits == widths.weights


def test_a_broken_network_would_be_seen(make, frames):
    model, network = make("dense", Widths(weights=4, membrane=12))
    first = network.layers[0]
    off = dataclasses.replace(first, neurons=dataclasses.replace(first.neurons, threshold=first.neurons.threshold + 1))
    assert compare(model, dataclasses.replace(network, layers=(off, network.layers[1])), frames).mismatches > 0


@pytest.mark.parametrize("kind", KINDS)
def test_wide_enough_it_computes_what_the_real_one_does(make, trained, workplace, kind):
    place = workplace(kind)
    frames = place.preprocess.apply(place.validation.images)
    model, _ = make(kind, Widths(weights=12, membrane=20), span="max")
    with torch.no_grad():
        mine, real = model(frames), trained(kind).eval()(frames)
    assert float((mine.classes == real.classes).double().mean()) > 0.98
    assert float((mine.spikes[0] == real.spikes[0]).double().mean()) > 0.995


def test_thresholds_and_biases_on_grids_of_their_own(make):
    _, fine = make("dense", Widths(weights=4, membrane=14))
    _, coarse = make("dense", Widths(weights=4, membrane=14, threshold=4, bias=3))
    fine, coarse = fine.layers[0].neurons, coarse.layers[0].neurons

    def unit(peak: int, most: int) -> int:
        return 2 ** max(0, math.ceil(math.log2(peak / most)))
    step = unit(fine.threshold.max(), 15)
    assert step > 1
    assert not (coarse.threshold % step).any()
    assert coarse.threshold.max() <= 15 * step
    assert coarse.threshold.min() >= step
    assert abs(coarse.threshold - fine.threshold)[fine.threshold > step].max() <= step / 2 + 1
    step = unit(abs(fine.bias).max(), 3)
    assert step > 1
    assert not (coarse.bias % step).any()
    assert abs(coarse.bias).max() <= 3 * step
    assert abs(coarse.bias - fine.bias).max() <= step / 2 + 1


def test_a_bias_is_never_wider_than_the_membrane(make):
    _, network = make("dense", Widths(weights=5, membrane=6))
    bias = network.layers[0].neurons.bias
    _, wide = make("dense", Widths(weights=5, membrane=6, bias=12))
    assert abs(wide.layers[0].neurons.bias).max() > 31
    assert any(not (bias % unit).any() and abs(bias).max() <= 31 * unit for unit in (2, 4, 8, 16, 32, 64))


def test_truncation_goes_down_in_biases_too(make):
    _, nearest = make("dense", Widths(weights=5, membrane=14))
    _, down = make("dense", Widths(weights=5, membrane=14), rounding="truncate")
    apart = nearest.layers[0].neurons.bias - down.layers[0].neurons.bias
    assert set(apart.tolist()) == {0, 1}
    assert np.array_equal(nearest.layers[0].neurons.threshold, down.layers[0].neurons.threshold)


def test_stochastic_rounding_follows_the_seed(make):
    one, again, other = (make("dense", Widths(weights=3, membrane=12), rounding="stochastic", seed=seed)[1].digest
                         for seed in (1, 1, 2))
    assert one == again != other


@pytest.mark.parametrize(("decay", "bits", "expected"), [
    (Decay.shift_leak(3), None, Decay.shift_leak(3)),
    (Decay.shift_leak(3), 3, Decay.shift_leak(3)),
    (Decay.shift_leak(3), 2, Decay(num=4, shift=2, rounding="ceil")),           # 3.5 / 4: a tie goes up
    (Decay(num=11, shift=4), 2, Decay(num=3, shift=2)),                         # 2.75 / 4
    (Decay(num=9, shift=4), 2, Decay(num=2, shift=2)),                          # 2.25 / 4
    (Decay(num=9, shift=4), 8, Decay(num=9, shift=4)),
])
def test_leaks(decay, bits, expected):
    assert fixed.leak(decay, bits) == expected


def test_the_leak_reaches_the_network(make):
    assert make("dense", Widths(weights=4, membrane=12, leak=1))[1].layers[0].neurons.decay.shift == 1


def test_pruned_weights_stay_pruned_and_new_zeros_leave_the_mask(make, trained, frames):
    pruned = copy.deepcopy(trained("dense"))
    kept = (pruned.layers[0].synapses.latent.abs() > pruned.layers[0].synapses.latent.abs().median())
    pruned.layers[0].synapses.keep(kept)
    model, network = make(pruned, Widths(weights=3, membrane=12), span="max")
    weights = network.layers[0].synapses.weights
    assert not weights[~kept.numpy()].any()
    assert np.count_nonzero(weights) < int(kept.sum())
    assert compare(model, network, frames).mismatches == 0


def test_codes_that_weights_have_are_kept(make, trained, frames):
    coded, book = copy.deepcopy(trained("dense")), codebooks.make("pow2", exponents=4, fraction=2)
    for layer in coded.layers:
        step = 2.0 ** (math.floor(math.log2(float(layer.synapses.latent.detach().abs().max()))) - 3)
        with torch.no_grad():
            layer.synapses.latent.copy_(quantize(layer.synapses.latent / step, book) / 4 * step)
        layer.recode(book, step, membrane_bits=20)
    model, network = make(coded, Widths(membrane=12))
    for before, after in zip(coded.layers, network.layers, strict=True):
        assert type(after.synapses.codebook) is type(book)
        unit = 2**after.synapses.codebook.fraction
        sign = torch.where(before.gain < 0, -1, 1)[:, None] if before.config.neurons.fires else 1
        steps = (before.synapses.latent / before.synapses.step * sign).detach().numpy()
        assert np.array_equal(after.synapses.weights // unit, steps)
    assert compare(model, network, frames).mismatches == 0


def test_the_model_that_is_given_stays(make, trained):
    before = copy.deepcopy(trained("recurrent").state_dict())
    make("recurrent", Widths(weights=2, membrane=8, leak=1))
    assert all(torch.equal(before[name], value) for name, value in trained("recurrent").state_dict().items())
    assert not trained("recurrent").quantized


def test_recurrent_and_forward_weights_share_the_lsb(make, trained, frames):
    model = copy.deepcopy(trained("recurrent"))
    with torch.no_grad():
        model.layers[0].recurrent.latent.mul_(2.0**-20)
    made, network = make(model, Widths(weights=4, membrane=16))
    layer = network.layers[0]
    assert layer.synapses.codebook.fraction - layer.recurrent.codebook.fraction == 12
    assert compare(made, network, frames).mismatches == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rounding", ["truncate", "nearest", "stochastic"])
def test_training_sees_rounded_weights_and_a_straight_gradient(trained, frames, kind, rounding):
    candidate = Candidate(layers=(Widths(weights=3, membrane=12),) * 2, rounding=rounding, scheme="itq")
    model = fixed.prepare(trained(kind), candidate, fixed.peaks(trained(kind), frames), "mse")
    fixed.train_in(model, candidate, torch.Generator().manual_seed(0))
    for synapses in model.all_synapses():
        weights = synapses(True)
        steps = weights / 2.0**synapses.book.fraction
        assert set(steps.detach().unique().tolist()) <= {-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0}
        exact = (synapses.latent / synapses.step).detach().clamp(-3, 3)
        apart = (steps.detach() - exact).abs().max()
        assert apart <= (0.5 if rounding == "nearest" else 1)
        weights.sum().backward()
        inside = (synapses.latent / synapses.step).abs() < 3
        assert torch.allclose(synapses.latent.grad[inside], 2.0**synapses.book.fraction / synapses.step)
    model.zero_grad()
    model.train()(frames[:40]).logits.sum().backward()
    assert float(model.layers[0].synapses.latent.grad.abs().sum()) > 0
    latent = model.layers[0].synapses.latent
    fixed.train_out(model)
    assert model.layers[0].synapses.latent is latent
    assert not any(isinstance(synapses, fixed.Rounded) for synapses in model.all_synapses())


def test_pruned_weights_are_not_trained(trained, frames):
    model = copy.deepcopy(trained("dense"))
    model.layers[0].synapses.keep((model.layers[0].synapses.latent > 0).float())
    candidate = Candidate(layers=(Widths(weights=3, membrane=12),) * 2, rounding="truncate", scheme="itq")
    model = fixed.prepare(model, candidate, fixed.peaks(model, frames), "mse")
    fixed.train_in(model, candidate, torch.Generator())
    synapses = model.layers[0].synapses
    weights = synapses(True)
    weights.sum().backward()
    assert not weights[synapses.kept == 0].any()
    assert not synapses.latent.grad[synapses.kept == 0].any()


def test_neurons_that_reset_elsewhere_are_refused(make, trained):
    model = copy.deepcopy(trained("dense"))
    config = model.layers[0].config
    model.layers[0].config = dataclasses.replace(config, neurons=dataclasses.replace(config.neurons, floor=-5))
    with pytest.raises(SpikeloomError, match="^neurons must have v_reset 0 and no floor to be given another LSB$"):
        make(model, Widths(weights=4, membrane=12))
