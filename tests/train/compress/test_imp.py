import copy
import dataclasses

import numpy as np
import pytest
import torch

from spikeloom import Input, Lif, SpikeloomError, codebooks
from spikeloom.train import compress, earlytime, pipeline, settle
from spikeloom.train.compress import imp
from spikeloom.train.exactness import compare
from spikeloom.train.export import export
from spikeloom.train.fit import fit
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig

KINDS = ("dense", "convolution", "recurrent")


@pytest.fixture
def fresh(trained):
    def make(kind: str = "dense"):
        return pipeline.untrained(trained[kind].config, 5)
    return make


@pytest.fixture
def runs(monkeypatch) -> list[tuple[str, int, int]]:
    """Name, epochs and timesteps of every training."""
    seen = []

    def counted(model, *arguments, **options):
        history = fit(model, *arguments, **options)
        seen.append((options["phase"], len(history), model.config.timesteps))
        return history
    monkeypatch.setattr(imp, "fit", counted)
    return seen


def fitted(model, task, epochs: int, stop: int | None = None):
    part = task.split.train
    fit(model, part.images, part.labels, task.preprocess, pipeline.shortened(task.schedule, epochs), seed=task.seed,
        stop=lambda epoch: epoch.number == stop)
    return model


def test_weights_are_ranked_over_all_layers_as_kaiming_would_have_sized_them():
    def layer(book: object, neurons: int, threshold: int | None) -> LayerConfig:
        return LayerConfig(codebook=book, neurons=Lif(neurons=neurons, threshold=threshold, membrane_bits=20))
    config = MlpConfig(input=Input(shape=(4,)), readout="membrane-last", timesteps=2, layers=(
        layer(codebooks.make("ternary"), 2, 1), layer(codebooks.make("integer", bits=3), 1, None)))
    model = pipeline.untrained(config, 0)
    with torch.no_grad():       # spreads 0.6 and 4/3; 4 and 2 inputs: 0.1, 1, 0.72, 0, 2, 0.25, 0.75, 0.05; 0.85, 0.74
        model.layers[0].synapses.latent.copy_(torch.tensor([[0.12, -1.2, 0.87, 0.0], [2.4, -0.3, 0.9, 0.06]]))
        model.layers[1].synapses.latent.copy_(torch.tensor([[-1.6, 1.4]]))
    one, two = imp.largest(model, 4)
    assert one.tolist() == [[0, 1, 0, 0], [1, 0, 1, 0]] and two.tolist() == [[1, 0]]
    one, two = imp.largest(model, 5)
    assert one.tolist() == [[0, 1, 0, 0], [1, 0, 1, 0]] and two.tolist() == [[1, 1]]
    one, two = imp.largest(model, 2)        # the largest of each layer
    assert one.tolist() == [[0, 0, 0, 0], [1, 0, 0, 0]] and two.tolist() == [[1, 0]]
    assert imp.distance(imp.largest(model, 4), imp.largest(model, 2)) == 2 / 10
    model.layers[1].synapses.step.fill_(20.0)       # 0.042 and 0.037 now
    model.layers[0].synapses.step = torch.tensor([1.0, 40.0])
    one, two = imp.largest(model, 4)
    assert one.tolist() == [[1, 1, 1, 0], [0, 0, 0, 0]] and two.tolist() == [[1, 0]]


@pytest.mark.parametrize("kind", KINDS)
def test_rounds_prune_what_training_left_small_and_rewind(kind, fresh, short_task, runs):
    method = imp.Imp(rounds=2, share=0.4, rewind=1, epochs=1)
    before = fresh(kind)
    found = method.find(before, short_task)
    state = fitted(fresh(kind), short_task, 2, stop=1).state_dict()
    assert all(torch.equal(found.state[name], value) for name, value in state.items())
    dense = fitted(fresh(kind), short_task, 2)
    total = sum(synapses.latent.numel() for synapses in dense.all_synapses())
    for number, masks in enumerate(found.masks, 1):
        expected = imp.largest(dense, round(total * 0.6**number))
        assert all(torch.equal(a, b) for a, b in zip(masks, expected, strict=True))
        assert sum(int(mask.sum()) for mask in masks) == round(total * 0.6**number)
        dense.load_state_dict(state, strict=False)
        for synapses, mask in zip(dense.all_synapses(), masks, strict=True):
            synapses.keep(mask)
        fitted(dense, short_task, 1)
    assert runs == [("search", 2, 3), ("round 1 of 2", 1, 3)]
    assert found.timestep_epochs == 9 and found.timesteps == 3 and found.divergences == ()
    assert all(bool((b <= a).all()) for a, b in zip(found.masks[0], found.masks[1], strict=True))

    made = method.train(before, found, 1, short_task)
    by_hand = fresh(kind)
    by_hand.load_state_dict(state, strict=False)
    for synapses, mask in zip(by_hand.all_synapses(), found.masks[0], strict=True):
        synapses.keep(mask)
    fitted(by_hand, short_task, short_task.schedule.epochs)
    for one, two, mask in zip(made.all_synapses(), by_hand.all_synapses(), found.masks[0], strict=True):
        assert torch.equal(one.latent, two.latent) and torch.equal(one.kept, mask)
        assert torch.equal(one.latent == 0, mask == 0)


@pytest.mark.parametrize("optimizer", [
    lambda parameters: torch.optim.SGD(parameters, 0.1, momentum=0.9, weight_decay=1e-2),
    lambda parameters: torch.optim.AdamW(parameters, 0.1, weight_decay=1e-2)])
def test_no_optimizer_moves_a_pruned_weight(optimizer, fresh, short_task):
    model = compress.make("imp", rounds=1, share=0.7, epochs=1).compress(fresh(), short_task).model
    before, part = copy.deepcopy(model), short_task.split.train
    fit(model, part.images, part.labels, short_task.preprocess, pipeline.shortened(short_task.schedule, 2),
        optimizer=lambda model, rate: optimizer(model.parameters()))
    for one, two in zip(model.all_synapses(), before.all_synapses(), strict=True):
        assert not torch.equal(one.latent, two.latent)
        assert int(torch.count_nonzero(one.latent[one.kept == 0])) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_ticket_is_exported(kind, fresh, short_task):
    made = compress.make("imp", rounds=2, epochs=1, timesteps=2).compress(fresh(kind), short_task)
    model, total = made.model, 0
    for layer in model.layers:
        for synapses in layer.all_synapses():
            step = float(synapses.latent.detach().abs().max()) / 127
            synapses.latent.data.div_(step).round_().mul_(step)
            synapses.keep((synapses.latent.detach() != 0).float())
    for layer in model.layers:
        if layer.recurrent is not None:
            layer.recurrent.latent.data.zero_()
        step = float(layer.synapses.latent.detach().abs().max()) / 127
        book = codebooks.make("integer", bits=8)
        layer.recode(book, step, membrane_bits=20, recurrent=None if layer.recurrent is None else book)
        if layer.recurrent is not None:
            layer.recurrent.keep(torch.zeros_like(layer.recurrent.latent))
    calibration = short_task.preprocess.apply(short_task.split.calibration.images)
    integer = settle.settle(model, calibration)
    network = export(integer)
    assert compare(integer, network, calibration).mismatches == 0
    zero = [np.asarray(layer.synapses.weights) == 0 for layer in network.layers]
    for layer, empty in zip(model.layers, zero, strict=True):
        assert np.array_equal(empty, (layer.synapses.kept == 0).numpy())
        total += empty.sum()
    assert total > 0.4 * sum(empty.size for empty in zero)
    assert made.facts["timestep_epochs"] == {"search": 2 * 3, "total": 2 * 3 + 3 * 5}


def test_early_time_searches_with_fewer_timesteps_and_counts_what_it_took(fresh, short_task, runs, monkeypatch):
    asked = []
    monkeypatch.setattr(imp.earlytime, "divergences",
                        lambda model, images, preprocess: asked.append((len(images), model.config.timesteps)) or [3.0])
    monkeypatch.setattr(imp.earlytime, "choose", lambda found, timesteps: 2 if (found, timesteps) == ([3.0], 3) else 9)
    made = compress.make("imp", rounds=2, epochs=1, timesteps="early").compress(fresh(), short_task)
    assert runs == [("early time", 2, 3), ("search", 2, 2), ("round 1 of 2", 1, 2), ("ticket", 5, 3)]
    assert made.facts == {"kept": made.facts["kept"], "timesteps": 2, "divergences": [3.0],
                          "timestep_epochs": {"search": 2 * 3 + 3 * 2, "total": 12 + 15}}
    assert made.model.config.timesteps == 3 and asked == [(128, 3)]
    assert sum(share * size for share, size in zip(made.facts["kept"], (1280, 200), strict=True)
               ) == pytest.approx(round(1480 * 0.75**2), abs=0.01)


def test_the_early_time_is_that_of_a_model_trained_for_two_epochs(fresh, short_task):
    found = imp.Imp(rounds=1, epochs=1, timesteps="early").find(fresh(), short_task)
    probe = fitted(fresh(), short_task, 2)
    expected = earlytime.divergences(probe, short_task.split.train.images, short_task.preprocess)
    assert found.divergences == tuple(expected) and found.timesteps == earlytime.choose(expected, 3)


def test_an_early_bird_flies_when_its_mask_is_steady(fresh, short_task, runs, monkeypatch):
    task = dataclasses.replace(short_task, schedule=dataclasses.replace(short_task.schedule, epochs=8))
    method = imp.Imp(rounds=4, search="early-bird", rewind=0)
    for limit, last in ((1.1, 5), (0, 8)):
        monkeypatch.setattr(imp, "STEADY", limit)
        found = method.find(fresh(), task)
        expected = imp.largest(fitted(fresh(), task, 8, stop=last), method.left(fresh(), 4))
        assert all(torch.equal(a, b) for a, b in zip(found.masks[0], expected, strict=True))
        assert runs.pop() == ("search", last, 3) and found.timestep_epochs == 3 * last
        assert all(torch.equal(found.state[name], value) for name, value in fresh().state_dict().items())
    far = iter([0.0, 0.0, 0.0, 0.1] + [0.0] * 12)
    monkeypatch.setattr(imp, "distance", lambda one, other: next(far))
    monkeypatch.setattr(imp, "STEADY", 0.02)
    method.find(fresh(), task)
    assert runs.pop() == ("search", 6, 3)       # the farthest of the four before decides
    with pytest.raises(SpikeloomError, match="^rewind must be at most the schedule's 8 epochs, not 9$"):
        imp.Imp(search="early-bird", rewind=9).find(fresh(), task)


def test_random_masks_are_drawn(fresh, short_task, runs):
    method = imp.Imp(rounds=4, search="random", rewind=1, epochs=3)
    found = method.find(fresh(), short_task)
    assert runs == [("search", 1, 3)] and found.timestep_epochs == 3
    assert all(torch.equal(found.state[name], value)
               for name, value in fitted(fresh(), short_task, 4, stop=1).state_dict().items())
    assert sum(int(mask.sum()) for mask in found.masks[0]) == method.left(fresh(), 4) == round(1480 * 0.75**4)
    shares = [float(mask.mean()) for mask in found.masks[0]]
    assert shares == pytest.approx([0.316, 0.316], abs=0.08)
    other = method.find(fresh(), dataclasses.replace(short_task, seed=8))
    assert imp.distance(found.masks[0], other.masks[0]) > 0.3
    still = imp.Imp(rounds=4, search="random", rewind=0).find(fresh(), short_task)
    assert torch.equal(still.masks[0][0], found.masks[0][0]) and still.timestep_epochs == 0
    assert torch.equal(still.state["layers.0.synapses.latent"], fresh().layers[0].synapses.latent)


def test_the_model_given_stays_and_a_seed_is_a_ticket(fresh, short_task):
    before, method = fresh(), compress.make("imp", rounds=1, epochs=1, timesteps=2)
    one, two = (method.compress(before, short_task).model for _ in range(2))
    same = zip(before.state_dict().values(), fresh().state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in same) and before.config.timesteps == 3
    assert torch.equal(one.layers[0].synapses.latent, two.layers[0].synapses.latent)


@pytest.mark.parametrize(("parameters", "message"), [
    ({"rounds": 0}, "rounds must be an integer from 1 to 100, not 0"),
    ({"share": 1}, "share must be a number between 0 and 1, not 1"),
    ({"share": True}, "share must be a number between 0 and 1, not True"),
    ({"rewind": -1}, "rewind must be an integer from 0 to 10000, not -1"),
    ({"epochs": 0}, "epochs must be an integer from 1 to 10000, not 0"),
    ({"search": "late-bird"}, "search must be one of imp, early-bird, random, not 'late-bird'"),
    ({"timesteps": "late"}, "timesteps must be all, early or a number, not 'late'"),
    ({"timesteps": 0}, "timesteps must be an integer from 1 to 4096, not 0"),
])
def test_parameters_are_checked(parameters, message):
    with pytest.raises(SpikeloomError, match=f"^{message}$"):
        compress.make("imp", **parameters)


def test_a_search_takes_no_more_timesteps_than_the_model(fresh, short_task):
    with pytest.raises(SpikeloomError, match="^timesteps must be at most the model's 3, not 4$"):
        compress.make("imp", timesteps=4).find(fresh(), short_task)
