import copy
import dataclasses

import pytest
import torch

from spikeloom import Decay, SpikeloomError, codebooks
from spikeloom.train import grid, pipeline
from spikeloom.train.exactness import compare
from spikeloom.train.export import export
from spikeloom.train.settle import FEW, WIDE, check_codes, recode, settle

EIGHT, POWERS = codebooks.make("integer", bits=8), codebooks.make("pow2", exponents=5)


@pytest.fixture(scope="module")
def real(four_layers, few_digits):
    """Convolution, a recurrent layer, one threshold for a layer, readout, trained over the reals."""
    return pipeline.train_float(four_layers(recurrent=EIGHT), few_digits(epochs=5, rate=3e-2))


@pytest.fixture(scope="module")
def coded(real):
    """`coded(book, by_row)`: the same, its weights rounded to a codebook."""
    def make(book: object, by_row: bool = False):
        model = copy.deepcopy(real)
        for layer in model.layers:
            grid.snap(layer, grid.choose(layer, book, by_row=by_row))
        return model
    return make


@pytest.mark.parametrize(("book", "by_row"), [(EIGHT, False), (EIGHT, True), (POWERS, True),
                                              (codebooks.make("ternary"), False)])
def test_a_settled_model_is_its_network(coded, few_digits, frames, book, by_row):
    model = coded(book, by_row)
    settled = settle(model, frames)
    network = export(settled)
    task = few_digits()
    seen = task.preprocess.apply(task.split.validation.images)
    assert compare(settled, network, seen).mismatches == 0
    for layer, before in zip(network.layers, model.layers, strict=True):
        made = layer.synapses.codebook
        assert dataclasses.replace(made, fraction=0) == book
        codes = before.synapses(False).detach().abs() / 2.0**before.synapses.book.fraction
        assert (abs(layer.synapses.weights) >> made.fraction).tolist() == codes.round().int().tolist()
    with torch.no_grad():
        one, other = model(seen), settled(seen)
    alike = [(a == b).float().mean() for a, b in zip(one.spikes, other.spikes, strict=True)][:-1]
    assert min(alike) > 0.97 and (one.classes == other.classes).float().mean() > 0.9
    assert all(0.02 < spikes.mean() < 0.98 for spikes in other.spikes[:-1])


def test_more_precision_is_closer_to_the_reals(coded, frames):
    model = coded(EIGHT)
    with torch.no_grad():
        wanted = torch.cat([s.flatten() for s in model(frames).spikes])
        apart = [float((torch.cat([s.flatten() for s in settle(model, frames, precision=bits)(frames).spikes])
                        != wanted).float().mean()) for bits in (2, 9)]
    assert apart[1] < apart[0] / 2


def test_leaks_ask_for_finer_thresholds(coded, frames):
    """One that leaves 31/32 rounds by half an LSB, which is 16 LSB until it is forgotten: 4 bits."""
    model = coded(POWERS)
    for shift, more in ((1, 0), (5, 4)):
        for layer in model.layers:
            layer.config = dataclasses.replace(layer.config, neurons=dataclasses.replace(
                layer.config.neurons, decay=Decay.shift_leak(shift)))
        fractions = [[layer.synapses.book.fraction for layer in settle(model, frames, precision=5, leaks=leaks).layers]
                     for leaks in (False, True)]
        assert [b - a for a, b in zip(*fractions, strict=True)] == [more] * len(model.layers)


def test_thresholds_are_as_precise_as_asked(coded, frames):
    for precision in (6, 9):
        for layer in settle(coded(POWERS), frames, precision=precision).layers[:-1]:
            threshold, fraction = layer.integers().threshold.detach(), layer.synapses.book.fraction
            assert float(torch.quantile(threshold, FEW)) >= 2.0**precision or fraction == codebooks.MAX_FRACTION


def test_membranes_saturate_nowhere_and_are_no_wider_than_that(coded, frames):
    model = settle(coded(EIGHT), frames)
    wide = copy.deepcopy(model)
    for layer in wide.layers:
        assert layer.config.neurons.membrane_bits < WIDE
        recode(layer, 0, WIDE)
    with torch.no_grad():
        one, other = model(frames), wide(frames)
    for a, b in zip(one.membranes, other.membranes, strict=True):
        assert torch.equal(a, b)
    for layer in model.layers:
        recode(layer, 0, layer.config.neurons.membrane_bits - 2)
    with torch.no_grad():
        assert any(not torch.equal(a, b) for a, b in zip(model(frames).membranes, one.membranes, strict=True))


def test_a_membrane_holds_what_a_reset_takes_off(coded, frames):
    """A neuron that fires all the time: its membrane after reset stays low, before reset it is thrice the threshold."""
    model = coded(EIGHT)
    layer = model.layers[2]
    with torch.no_grad():
        layer.synapses.latent.zero_()
        layer.shift.fill_(1.9)
        layer.mean.zero_()
    settled = settle(model, frames[:4])
    with torch.no_grad():
        threshold, bias = settled.layers[2].integers().threshold, settled.layers[2].integers().bias
    assert settled.layers[2].config.neurons.v_max >= 1.25 * float((bias + (bias - threshold) / 2).max())
    assert export(settled).layers[2].neurons.bias.min() > int(threshold)


def test_the_model_given_is_left_alone(coded, frames):
    model = coded(EIGHT)
    before, configs = copy.deepcopy(model.state_dict()), [layer.config for layer in model.layers]
    settle(model, frames)
    assert not model.quantized and [layer.config for layer in model.layers] == configs
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_recoding_finer_and_back(coded, frames):
    model = coded(EIGHT)
    with torch.no_grad():
        before = model(frames).spikes
        for layer in model.layers:
            recode(layer, 2, WIDE)
            assert layer.synapses.book.fraction == layer.config.codebook.fraction >= 2
        after = model(frames).spikes
    assert all(map(torch.equal, before, after))
    for layer in model.layers:
        recode(layer, -2, 12)
        assert layer.config.neurons.membrane_bits == 12


def test_real_weights_are_refused(real, coded, frames):
    with pytest.raises(SpikeloomError, match=r"weights of layer 0 must lie in their codebook, not 0\.\d+ steps "):
        settle(real, frames)
    model = coded(EIGHT)
    with torch.no_grad():
        model.layers[1].recurrent.latent[3, 4] += 0.3 * float(model.layers[1].recurrent.step)
    with pytest.raises(SpikeloomError) as error:
        settle(model, frames)
    assert str(error.value) == "weights of layer 1 must lie in their codebook, not 0.3 steps beside it"
    check_codes(coded(POWERS).layers[3].synapses, "the last")


@pytest.mark.parametrize("precision", [0, 13, 2.0])
def test_precision_is_refused(coded, frames, precision):
    with pytest.raises(SpikeloomError) as error:
        settle(coded(EIGHT), frames, precision=precision)
    assert str(error.value) == f"precision must be an integer from 1 to 12, not {precision}"
