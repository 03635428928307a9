import dataclasses
import json
import math

import pytest
import torch

from spikeloom import SpikeloomError, codebooks
from spikeloom.train import binary, recipe
from spikeloom.train.model import SpikingMlp
from spikeloom.train.settle import check_codes
from spikeloom.train.synapses import Synapses

BOOK = codebooks.make("pow2", exponents=3)


def test_signs_have_the_gradient_of_a_scaled_sign():
    made = binary.Signs(codebooks.make("binary", fraction=2), (2, 3), torch.Generator())
    with torch.no_grad():
        made.latent.copy_(torch.tensor([[0.5, -1.5, 1.0], [0.0, -0.2, 0.1]]))
    for quantized in (False, True):
        made.latent.grad = None
        weights = made(quantized)
        assert weights.tolist() == [[4, -4, 4], [4, -4, 4]]
        (weights / 4 * torch.tensor([[1.0, 1.0, 3.0], [1.0, 2.0, -1.0]])).sum().backward()
        gammas = (0.5 + 1.5 + 1.0) / 3, (0.0 + 0.2 + 0.1) / 3
        expected = torch.tensor([[1 / gammas[0], 0, 3 / gammas[0]], [1 / gammas[1], 2 / gammas[1], -1 / gammas[1]]])
        assert torch.allclose(made.latent.grad, expected)


def test_coded_weights_are_in_their_codebook_over_the_reals_too():
    made = binary.Coded(codebooks.make("integer", bits=3), (1, 4), torch.Generator())
    with torch.no_grad():
        made.latent.copy_(torch.tensor([[0.4, -1.6, 9.0, 2.5]]))
    assert made(False).tolist() == made(True).tolist() == [[0, -2, 3, 2]]


@pytest.mark.parametrize(("layers", "inside"), [("inner", (1, 2)), ("hidden", (0, 1, 2))])
def test_prepared_layers_are_binary_and_the_others_integers(layers, inside, four_layers):
    made, before = four_layers(recurrent=BOOK), four_layers(recurrent=BOOK)
    logits = made.layers[3].synapses(False).detach() / made.layers[3].unit
    watched = binary.prepare(made, layers, 6, binary.Signs)
    assert watched == [s for k in inside for s in made.layers[k].all_synapses()]
    assert binary.chosen(made, layers) == [made.layers[k] for k in inside]
    for k, layer in enumerate(made.layers):
        book = codebooks.make("binary") if k in inside else codebooks.make("integer", bits=6)
        assert layer.config.codebook == book
        for synapses, old in zip(layer.all_synapses(), before.layers[k].all_synapses(), strict=True):
            assert synapses.book == book and synapses.latent.requires_grad
            assert type(synapses) is (binary.Signs if k in inside else binary.Coded)
            assert torch.equal(synapses.latent.sign(), old.latent.sign())
            if k in inside:
                spread = float(synapses.latent.detach().square().mean().sqrt())
                assert spread == pytest.approx(synapses.latent[0].numel() ** -0.5, rel=1e-5)
    assert made.layers[1].config.recurrent == codebooks.make("binary")
    after = made.layers[3].synapses(False).detach() / made.layers[3].unit
    step = float(1 / made.layers[3].unit)
    inner = logits.abs() < 31 * step
    assert (after - logits)[inner].abs().max() <= step / 2 * 1.001 and inner.float().mean() > 0.99


def test_finishing_keeps_the_function_and_leaves_plain_synapses(four_layers, frames):
    made = four_layers(recurrent=BOOK)
    watched = binary.prepare(made, "inner", 4, binary.Signs)
    binary.estimate(made, frames)
    with torch.no_grad():
        before = made(frames)
        signs = [s.latent >= 0 for s in watched]
        binary.finish(made)
        after = made(frames)
    for a, b in zip(before.membranes, after.membranes, strict=True):
        assert torch.equal(a, b)
    for k, layer in enumerate(made.layers):
        for synapses in layer.all_synapses():
            assert type(synapses) is Synapses
            check_codes(synapses, f"layer {k}")
    left = [s for k in (1, 2) for s in made.layers[k].all_synapses()]
    for synapses, sign in zip(left, signs, strict=True):
        assert torch.equal(synapses(True), torch.where(sign, 1.0, -1.0) * synapses(True).abs())
        assert synapses.book.bits == 1


def test_estimated_statistics_are_those_of_the_frames(four_layers, frames):
    made = four_layers()
    binary.estimate(made, frames)
    assert not made.training
    made.train()
    with torch.no_grad():
        output = made(frames)
    made.eval()
    binary.estimate(made, frames)
    for layer, x in zip(made.layers[:3], output.inputs, strict=False):
        with torch.no_grad():
            sums = layer._sums(x, layer.synapses(False))
        rows = sums.reshape(*sums.shape[:2], layer.config.rows, -1)
        assert torch.allclose(layer.mean, rows.mean(dim=(0, 1, 3)), atol=1e-3 * float(rows.abs().max()))
        assert torch.allclose(layer.variance, rows.var(dim=(0, 1, 3), correction=0), rtol=1e-3)


def test_gradient_descent_moves_every_codebook_alike(four_layers):
    made = four_layers()
    watched = binary.prepare(made, "inner", 8, binary.Signs)
    groups = binary.sgd(0.9)(made, 0.1).param_groups
    expected = {id(layer.synapses.latent): 0.1 * float((layer.synapses.latent ** 2).mean().detach())
                * layer.synapses.latent[0].numel() for layer in made.layers}
    for group in groups[:-1]:
        assert group["lr"] == pytest.approx(expected[id(group["params"][0])], rel=1e-5)
    assert [groups[k]["lr"] for k in (1, 2)] == pytest.approx([0.1, 0.1], rel=1e-5)
    rest = {id(p) for p in groups[-1]["params"]}
    assert rest == {id(p) for layer in made.layers for n, p in layer.named_parameters() if "latent" not in n}
    assert groups[-1]["lr"] == 0.1
    assert {(g["momentum"], g["weight_decay"]) for g in groups} == {(0.9, 0)}

    without = {id(p) for g in binary.sgd(0.0, without=watched)(made, 0.1).param_groups for p in g["params"]}
    assert without == rest | {id(made.layers[k].synapses.latent) for k in (0, 3)}


def test_a_training_run_is_watched(four_layers, few_digits):
    made, given, seen = four_layers(), few_digits(), []
    watched = binary.prepare(made, "inner", 8, binary.Signs)
    begun = [s.latent.detach() >= 0 for s in watched]
    lines = []
    told = dataclasses.replace(given, progress=lambda *line: lines.append(line))
    history = binary.train(made, told, epochs=3, rate=0.1, optimizer=binary.sgd(0.9), watched=watched,
                           after_step=lambda: seen.append([s.latent.detach() >= 0 for s in watched]))
    assert len(seen) == 3 * 15
    assert [line[:2] for line in lines] == [(1, 3), (2, 3), (3, 3)]
    assert lines[-1][2].endswith(f", validation {history.validation[-1]:.2%}")
    size = sum(s.latent.numel() for s in watched)

    def share(one, other) -> float:
        return sum(int((a != b).sum()) for a, b in zip(one, other, strict=True)) / size
    ends = [begun, seen[14], seen[29], seen[44]]
    assert history.flips == pytest.approx([share(a, b) for a, b in zip(ends, ends[1:], strict=False)])
    steps = [share(a, b) for a, b in zip([begun, *seen], seen, strict=False)]
    assert history.step_flips == pytest.approx([sum(steps[k:k + 15]) / 15 for k in (0, 15, 30)])
    assert history.flips[0] > 0 and history.validation[-1] > 0.5
    assert float(made.log_scale.detach()) == pytest.approx(-math.log(8))
    facts = json.loads(json.dumps(history.facts()))
    assert facts["flips"]["first"] == facts["flips"]["epochs"][0] == round(history.flips[0], 5)
    assert facts["flips"]["last"] == round(history.flips[2], 5)
    assert facts["flips"]["mean"] == pytest.approx(sum(history.flips) / 3, abs=1e-5)
    assert facts["flips"]["step"] == pytest.approx(sum(history.step_flips) / 3, abs=1e-5)
    assert facts["validation"] == [round(v, 5) for v in history.validation]


def test_a_run_without_signs_to_watch_has_no_flips(four_layers, few_digits, frames):
    made = four_layers()
    history = binary.train(made, few_digits(), epochs=None, rate=0.1, optimizer=binary.sgd(0.9))
    assert (len(history.validation), history.flips, history.step_flips) == (2, (), ())
    rates = binary.rates(made, few_digits())
    with torch.no_grad():
        spikes = made.eval()(frames).spikes
    assert rates == [round(float(s.mean()), 5) for s in spikes[:3]]


def test_refusals(four_layers):
    with pytest.raises(SpikeloomError) as error:
        binary.chosen(SpikingMlp(recipe("digits").model), "inner")
    assert str(error.value) == "network must have more layers for its inner ones to become binary, not 2"
    made = four_layers()
    made.layers[1].synapses.keep(torch.ones_like(made.layers[1].synapses.latent))
    with pytest.raises(SpikeloomError) as error:
        binary.prepare(made, "inner", 8, binary.Signs)
    assert str(error.value) == "weights must not be pruned before they become binary, which cannot be 0"
