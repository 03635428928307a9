import dataclasses

import numpy as np
import pytest
import torch

from spikeloom import SpikeloomError, codebooks
from spikeloom.train import compress, pipeline, settle
from spikeloom.train.compress import ticket
from spikeloom.train.exactness import compare
from spikeloom.train.export import export
from spikeloom.train.fit import accuracy
from spikeloom.train.synapses import Synapses

KINDS = ("dense", "convolution", "recurrent")


@pytest.fixture
def fresh(trained):
    def make(kind: str = "dense"):
        return pipeline.untrained(trained[kind].config, 5)
    return make


def seen(model, task) -> float:
    return accuracy(model, task.split.validation.images, task.split.validation.labels, task.preprocess)


def test_a_popup_keeps_the_signs_of_the_largest_scores():
    popup = ticket.Popup(torch.tensor([[2.0, -2, 2], [-2, -2, 2]]), 0.5)
    score = torch.tensor([[0.1, -0.9, 0.3], [0.2, 0.5, -0.4]], requires_grad=True)
    weights = popup(score)
    assert weights.tolist() == [[0, -2, 0], [0, -2, 2]]
    (weights * torch.tensor([[1.0, 2, 3], [4, 5, 6]])).sum().backward()
    assert score.grad.tolist() == [[2, 4, 6], [-8, -10, -12]]       # gradient times sign times the score's own sign


@pytest.mark.parametrize(("density", "kept"), [(0.25, 2), (0.3, 2), (0.5, 4), (0.01, 1), (1, 8)])
def test_density_is_a_share_of_all(density, kept):
    popup = ticket.Popup(torch.ones(2, 2, 2, 1), density)
    assert int(popup(torch.arange(8.0).view(2, 2, 2, 1) - 3.3).sum()) == kept


def test_drawn_synapses_have_one_size_and_fair_signs():
    synapses = Synapses(codebooks.make("integer", bits=8), (40, 100), torch.Generator().manual_seed(0))
    synapses.recode(codebooks.make("ternary"), 7.0)
    ticket.draw(synapses, 1.0, torch.Generator().manual_seed(1))
    assert set(synapses.latent.unique().tolist()) == {-7.0, 7.0}
    assert abs(float(synapses.latent.detach().mean())) < 0.5
    score = ticket.scores(synapses)
    assert 0.09 < float(score.detach().abs().max()) <= 0.1 and 0.055 < float(score.detach().std()) < 0.061
    assert float((score.detach() * synapses.latent.detach()).mean().abs()) < 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_a_ticket_is_exported_as_signs_that_were_drawn(kind, fresh, digits_task):
    made = compress.make("ticket", density=0.4).compress(fresh(kind), digits_task)
    generator, kept = torch.Generator().manual_seed(digits_task.seed), []
    for synapses in made.model.all_synapses():
        signs = torch.randint(0, 2, synapses.latent.shape, generator=generator) * 2.0 - 1
        torch.rand(synapses.latent.shape, generator=generator)
        codes = synapses.latent.detach() / synapses.step
        assert torch.equal(codes, signs * synapses.kept)
        assert int(synapses.kept.sum()) == round(0.4 * codes.numel()) and synapses.thinned
        kept.append(round(round(0.4 * codes.numel()) / codes.numel(), 6))
    assert made.facts == {"sign_seed": 3, "layers": [0, 1], "kept": kept}
    masks = {"layers.0.synapses.kept", "layers.1.synapses.kept"}
    assert made.model.state_dict().keys() ^ fresh(kind).state_dict().keys() == masks | (
        {"layers.0.recurrent.kept"} if kind == "recurrent" else set())
    integer = settle.settle(made.model, digits_task.preprocess.apply(digits_task.split.calibration.images))
    network = export(integer)
    assert compare(integer, network, digits_task.preprocess.apply(digits_task.split.validation.images)).mismatches == 0
    for layer in network.layers:
        assert layer.synapses.codebook.bits == 2
        codes = np.asarray(layer.synapses.weights) / 2.0**layer.synapses.codebook.fraction
        assert set(np.unique(codes)) == {-1, 0, 1}
    assert abs(seen(integer, digits_task) - seen(made.model, digits_task)) < 0.03


def test_choosing_is_what_learns(fresh, digits_task):
    chosen, still = (seen(compress.make("ticket", rate=rate).compress(fresh(), digits_task).model, digits_task)
                     for rate in (0.1, 1e-9))
    assert chosen > max(still, 0.8)


def test_only_scores_learn_without_affine(fresh, short_task):
    before = fresh()
    made = compress.make("ticket", affine=False).compress(before, short_task).model
    hidden, readout = made.layers
    assert torch.equal(hidden.gain, before.layers[0].gain) and torch.equal(hidden.shift, before.layers[0].shift)
    assert torch.equal(readout.shift, before.layers[1].shift)
    assert hidden.gain.requires_grad and hidden.shift.requires_grad
    other = compress.make("ticket").compress(before, short_task).model.layers
    assert not torch.equal(other[0].gain, before.layers[0].gain) and not torch.equal(other[1].shift, readout.shift)


def test_a_bias_that_never_learns_goes_on_so(trained, short_task):
    config = trained["dense"].config
    hidden, readout = config.layers
    config = dataclasses.replace(config, layers=(dataclasses.replace(hidden, biases="none"), readout))
    made = compress.make("ticket", affine=False).compress(pipeline.untrained(config, 0), short_task).model
    assert not made.layers[0].shift.requires_grad and made.layers[1].shift.requires_grad


def test_other_layers_are_trained_over_the_reals(fresh, short_task):
    before = fresh()
    made = compress.make("ticket", layers=0).compress(before, short_task)
    hidden, readout = (layer.synapses for layer in made.model.layers)
    assert made.facts["layers"] == [0] and len(made.facts["kept"]) == 1
    assert pipeline.coded(hidden) and not pipeline.coded(readout) and readout.kept is None
    assert not torch.equal(readout.latent, before.layers[1].synapses.latent)
    assert compress.parse("ticket:layers=0/1").chosen(3) == (0, 1) and compress.make("ticket").chosen(2) == (0, 1)


def test_the_model_given_stays_and_a_seed_is_a_ticket(fresh, short_task):
    before = fresh()
    method = compress.make("ticket")
    one, two = (method.compress(before, short_task).model for _ in range(2))
    other = method.compress(before, dataclasses.replace(short_task, seed=9)).model
    same = zip(before.state_dict().values(), fresh().state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in same)
    assert torch.equal(one.layers[0].synapses.latent, two.layers[0].synapses.latent)
    assert not torch.equal(one.layers[0].synapses.latent, other.layers[0].synapses.latent)


def test_progress_is_told(fresh, short_task):
    told = []
    compress.make("ticket").compress(fresh(), dataclasses.replace(short_task, progress=lambda *call: told.append(call)))
    assert [call[:2] for call in told] == [(n, 5) for n in range(1, 6)] and told[0][2].startswith("ticket, loss ")


@pytest.mark.parametrize(("parameters", "message"), [
    ({"density": 0}, "density must be a number above 0 and at most 1, not 0"),
    ({"density": 1.5}, "density must be a number above 0 and at most 1, not 1.5"),
    ({"density": True}, "density must be a number above 0 and at most 1, not True"),
    ({"rate": -1}, "rate must be a number above 0 and at most 10, not -1"),
    ({"layers": "first"}, "layers must be all or numbers from 0, not 'first'"),
    ({"layers": (0, -1)}, r"layers must be all or numbers from 0, not \(0, -1\)"),
    ({"layers": ()}, r"layers must be all or numbers from 0, not \(\)"),
    ({"affine": 1}, "affine must be true or false, not 1"),
])
def test_parameters_are_checked(parameters, message):
    with pytest.raises(SpikeloomError, match=f"^{message}$"):
        compress.make("ticket", **parameters)


def test_layers_must_be_there(fresh, short_task):
    with pytest.raises(SpikeloomError, match="^layers must be below the model's 2, not 2$"):
        compress.make("ticket", layers=(0, 2)).compress(fresh(), short_task)
