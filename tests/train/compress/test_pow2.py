import copy

import pytest
import torch

from spikeloom import SpikeloomError, codebooks
from spikeloom.train import compress, pow2
from spikeloom.train.exactness import compare
from spikeloom.train.export import export
from spikeloom.train.settle import settle

KINDS = ("dense", "convolution", "recurrent")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("bits", "rule"), [(2, "mse"), (4, "mse"), (2, "max")])
def test_weights_are_rounded_and_nothing_else_is_done(trained, digits_task, kind, bits, rule):
    model, exponents = trained[kind], pow2.exponents(bits)
    before = copy.deepcopy(model.state_dict())
    made = compress.make("pow2", bits=bits, rule=rule).compress(model, digits_task)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    for old, new, zeros in zip(model.all_synapses(), made.model.all_synapses(), made.facts["zeros"], strict=True):
        expected = pow2.nearest(old.latent, pow2.choose(old.latent, exponents, rule), exponents)
        assert torch.equal(new.latent, expected)
        assert zeros == pytest.approx(float((expected == 0).float().mean()), abs=1e-6)
        assert new.book == codebooks.make("pow2", exponents=exponents, fraction=new.book.fraction)
    for name in ("gain", "shift"):
        assert torch.equal(getattr(model.layers[0], name), getattr(made.model.layers[0], name))
    settled = settle(made.model, digits_task.preprocess.apply(digits_task.split.calibration.images))
    network = export(settled)
    assert compare(settled, network, digits_task.preprocess.apply(digits_task.split.validation.images)).mismatches == 0
    assert all(layer.synapses.codebook.exponents == exponents for layer in network.layers)


def test_a_step_for_each_row(trained, digits_task):
    made = compress.make("pow2", steps="row").compress(trained["convolution"], digits_task).model
    steps = pow2.choose(trained["convolution"].layers[0].synapses.latent, 4, by_row=True)
    assert torch.equal(made.layers[0].synapses.step, steps) and made.layers[1].synapses.step.ndim == 0


def test_pruned_weights_stay_zero(trained, pruned, digits_task):
    model = pruned(trained["dense"])
    made = compress.make("pow2", bits=2).compress(model, digits_task).model
    for old, new in zip(model.all_synapses(), made.all_synapses(), strict=True):
        assert not new.latent[old.kept == 0].any() and torch.equal(new.kept, (new.latent != 0).float())


@pytest.mark.parametrize(("parameters", "message"), [
    ({"bits": 1}, "bits must be an integer from 2 to 5, not 1"),
    ({"rule": "min"}, "rule must be one of mse, max, not 'min'"),
    ({"steps": "all"}, "steps must be one of layer, row, not 'all'"),
])
def test_refusals(parameters, message):
    with pytest.raises(SpikeloomError) as caught:
        compress.make("pow2", **parameters)
    assert str(caught.value) == message
