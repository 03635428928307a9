import copy
import dataclasses
import itertools

import numpy as np
import pytest
import torch

from spikeloom import SpikeloomError, codebooks
from spikeloom.train import compress, grid
from spikeloom.train.compress import inq
from spikeloom.train.exactness import compare
from spikeloom.train.export import export
from spikeloom.train.fit import accuracy
from spikeloom.train.grid import Grid
from spikeloom.train.settle import settle
from spikeloom.train.synapses import Synapses

KINDS = ("dense", "convolution", "recurrent")
EIGHT = codebooks.make("integer", bits=8)


def synapses(values, kept=None) -> Synapses:
    made = Synapses(EIGHT, np.shape(values), torch.Generator())
    made.latent = torch.nn.Parameter(torch.tensor(values))
    if kept is not None:
        made.keep(torch.tensor(kept))
    return made


def ternary(step: float) -> Grid:
    return Grid(book=codebooks.make("pow2", exponents=1), step=torch.tensor(step))


def network(model, task):
    """The exported integers, once model and network agree on everything."""
    settled = settle(model, task.preprocess.apply(task.split.calibration.images))
    exported = export(settled)
    frames = task.preprocess.apply(task.split.validation.images)
    assert compare(settled, exported, frames).mismatches == 0
    return exported


def test_largest_go_first_and_stay():
    made = synapses([[0.9, -0.8, 0.1, 0.7], [-0.2, 0.3, 0.6, -0.5]])
    part = inq.Partition(made, ternary(0.5))
    part.take(0.5)
    assert part.frozen.tolist() == [[True, True, False, True], [False, False, True, False]]
    with torch.no_grad():
        made.latent += torch.tensor([[9.0, 9, 0.1, 9], [0.1, -0.2, 9, 0.45]])
    part.put_back()
    assert torch.allclose(made.latent, torch.tensor([[0.5, -0.5, 0.2, 0.5], [-0.1, 0.1, 0.5, -0.05]]))
    part.take(0.75)
    assert part.frozen.tolist() == [[True, True, True, True], [False, True, True, False]] or part.frozen.tolist() == [
        [True, True, True, True], [True, False, True, False]]
    part.take(1)
    assert part.frozen.all() and made.latent.tolist() == [[0.5, -0.5, 0, 0.5], [0, 0, 0.5, 0]]


@pytest.mark.parametrize("portions", [(0.5, 0.75, 0.875, 1), (0.3, 0.5, 0.8, 0.9, 0.95, 1), (0.001, 1)])
@pytest.mark.parametrize("random", [False, True])
def test_portions_are_of_what_pruning_left(portions, random):
    kept = (np.arange(200).reshape(10, 20) % 5 != 0).astype(np.float32)
    made = synapses(np.random.default_rng(0).normal(size=(10, 20)).astype(np.float32), kept)
    part = inq.Partition(made, ternary(0.5))
    assert torch.equal(part.frozen, torch.tensor(kept) == 0)
    generator = torch.Generator().manual_seed(1) if random else None
    for portion in portions:
        before = part.frozen.clone()
        part.take(portion, generator)
        assert int(part.frozen.sum()) == 40 + round(160 * portion)
        assert (part.frozen | ~before).all()


def test_random_portions_are_random_and_follow_from_the_generator():
    values = np.linspace(1, 2, 1000, dtype=np.float32).reshape(10, 100)
    frozen = []
    for seed in (1, 1, 2):
        part = inq.Partition(synapses(values), ternary(1.0))
        part.take(0.3, torch.Generator().manual_seed(seed))
        frozen.append(part.frozen)
    assert torch.equal(frozen[0], frozen[1]) and not torch.equal(frozen[0], frozen[2])
    assert 1.4 < values[frozen[0].numpy()].mean() < 1.6


def test_real_weights_stay_within_reach_of_the_greatest_power():
    made = synapses([[9.0, -9.0, 1.4, 0.1]])
    part = inq.Partition(made, ternary(1.0))
    assert torch.allclose(made.latent, torch.tensor([[1.499, -1.499, 1.4, 0.1]]))
    with torch.no_grad():
        made.latent += 1
    part.put_back()
    assert torch.allclose(made.latent, torch.tensor([[1.499, -0.499, 1.499, 1.1]]))
    made = synapses([[9.0], [9.0]])
    rows = Grid(book=codebooks.make("pow2", exponents=2), step=torch.tensor([1.0, 0.25]))
    inq.Partition(made, rows)
    assert torch.allclose(made.latent, torch.tensor([[2.998], [0.7495]]))


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD([p], lr=0.1, momentum=0.9, weight_decay=0.1),
    "adam": lambda p: torch.optim.Adam([p], lr=0.1, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW([p], lr=0.1, weight_decay=0.5),
}


def trained_frozen(name: str, put_back: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Frozen weights before and after ten steps, and how far the others went; momentum is there from before."""
    made = synapses(np.random.default_rng(0).normal(size=(8, 9)).astype(np.float32),
                    np.float32(np.arange(72).reshape(8, 9) % 4 != 0))
    part, optimizer = inq.Partition(made, ternary(0.5)), OPTIMIZERS[name](made.latent)

    def step():
        optimizer.zero_grad()
        (made(False) * torch.linspace(-2, 2, 72).view(8, 9)).sum().backward()
        optimizer.step()
        if put_back:
            part.put_back()
    step()
    part.take(0.5)
    before = made.latent.detach().clone()
    for _ in range(10):
        step()
    after = made.latent.detach()
    return before[part.frozen], after[part.frozen], (after - before)[~part.frozen].abs()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_frozen_weights_are_the_same_to_the_last_bit_under_any_optimizer(name):
    before, after, moved = trained_frozen(name, put_back=True)
    assert before.numpy().tobytes() == after.numpy().tobytes()
    assert (moved > 0).all()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_and_would_drift_if_they_were_not_put_back(name):
    before, after, _ = trained_frozen(name, put_back=False)
    assert not torch.equal(before, after)


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_ends_in_a_codebook_chosen_at_the_start(trained, short_task, kind):
    model, method = trained[kind], compress.make("inq", bits=3, portions=(0.5, 1))
    before = copy.deepcopy(model.state_dict())
    made = method.compress(model, short_task)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.layers[0].config.codebook == EIGHT
    book = codebooks.make("pow2", exponents=2)
    steps = [chosen.step for layer in model.layers for chosen in grid.choose(layer, book)]
    assert [s.step for s in made.model.all_synapses()] == steps
    assert made.facts["powers"] == [[int(torch.log2(s)), int(torch.log2(s)) + 1] for s in steps]
    for s, step, share in zip(made.model.all_synapses(), steps, made.facts["zeros"], strict=True):
        assert set((s.latent / step).unique().tolist()) <= {-2, -1, 0, 1, 2}
        assert share == pytest.approx(float((s.latent == 0).float().mean()), abs=1e-6)
    for layer in network(made.model, short_task).layers:
        for synapses_ in filter(None, (layer.synapses, layer.recurrent)):
            assert codebooks.kind(synapses_.codebook) == "pow2" and synapses_.codebook.exponents == 2


@pytest.mark.parametrize("partition", ["magnitude", "random"])
def test_what_was_frozen_stays_through_all_later_trainings(trained, short_task, monkeypatch, partition):
    seen = []

    def watched(model, *arguments, after_step, **more):
        def then():
            after_step()
            seen.append([s.latent.detach().clone() for s in model.all_synapses()])
        return real(model, *arguments, after_step=then, **more)
    real = inq.retrain
    monkeypatch.setattr(inq, "retrain", watched)
    portions = (0.25, 0.5, 0.75, 1)
    made = compress.make("inq", bits=2, portions=portions, partition=partition).compress(
        trained["recurrent"], short_task).model
    first = [s.latent.detach().abs().flatten() for s in trained["recurrent"].all_synapses()]
    for k, size in enumerate(first):
        largest = size.topk(round(0.25 * len(size))).indices
        kept = (seen[0][k] == made.all_synapses()[k].latent).flatten()[largest].float().mean()
        assert kept == 1 if partition == "magnitude" else kept < 0.9
    steps = len(seen) // len(portions)
    assert len(seen) == steps * len(portions) and steps == 128 // 16
    for number, portion in enumerate(portions):
        some = seen[number * steps:]
        for k, final in enumerate(made.all_synapses()):
            same = torch.stack([step[k] == final.latent for step in some]).all(0)
            assert int(same.sum()) >= round(portion * final.latent.numel())
            if portion < 1:
                assert float(same.double().mean()) < portion + 0.2


def test_pruned_weights_stay_pruned_and_those_that_become_zero_join_them(trained, pruned, short_task):
    model = pruned(trained["convolution"])
    for s in model.all_synapses():
        with torch.no_grad():
            small = s.latent.abs() <= s.latent.abs()[s.latent != 0].quantile(0.3)
            s.latent[small] *= 0.01
    made = compress.make("inq", bits=3, portions=(0.5, 1)).compress(model, short_task)
    for before, after in zip(model.all_synapses(), made.model.all_synapses(), strict=True):
        assert not after.latent[before.kept == 0].any()
        assert torch.equal(after.kept, (after.latent != 0).float()) and after.kept.sum() < before.kept.sum()
    nonzero = [int(np.count_nonzero(layer.synapses.weights)) for layer in network(made.model, short_task).layers]
    assert nonzero == [int(s.kept.sum()) for s in made.model.all_synapses()]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_have_steps_of_their_own_where_they_may(trained, short_task, kind):
    made = compress.make("inq", bits=2, portions=(0.5, 1), steps="row").compress(trained[kind], short_task).model
    assert all(one.step.shape == (len(one.latent),) for one in made.layers[0].all_synapses())
    assert made.layers[1].synapses.step.shape == ()
    network(made, short_task)


def test_the_same_seed_gives_the_same_weights_and_a_random_partition_follows_it(trained, short_task):
    other = dataclasses.replace(short_task, seed=4)
    results = [compress.parse("inq:bits=2,portions=0.5/1,partition=random").compress(trained["dense"], task).model
               for task in (short_task, short_task, other)]
    latents = [torch.cat([s.latent.flatten() for s in model.all_synapses()]) for model in results]
    assert torch.equal(latents[0], latents[1]) and not torch.equal(latents[0], latents[2])


def test_what_a_random_partition_draws_follows_from_the_tasks_seed(trained, short_task, monkeypatch):
    seeds = []

    def take(self, portion, generator=None):
        seeds.append(generator and generator.initial_seed())
        real(self, portion, generator)
    real = inq.Partition.take
    monkeypatch.setattr(inq.Partition, "take", take)
    for partition in ("random", "magnitude"):
        compress.make("inq", portions=(1,), partition=partition, settle_epochs=0).compress(trained["dense"], short_task)
    assert seeds == [3, 3, None, None]


def test_the_papers_rule_chooses_other_powers(trained, short_task):
    book = codebooks.make("pow2", exponents=1)
    found = []
    for rule in ("mse", "max"):
        made = compress.make("inq", bits=2, rule=rule, portions=(1,), settle_epochs=0).compress(
            trained["dense"], short_task)
        steps = [grid.choose(layer, book, rule=rule)[0].step for layer in trained["dense"].layers]
        assert [synapses.step for synapses in made.model.all_synapses()] == steps
        found.append(steps)
    assert found[0] != found[1]


def test_settling_moves_thresholds_and_no_weight(trained, short_task):
    parameters = {"bits": 4, "portions": (1,)}
    still = compress.make("inq", **parameters, settle_epochs=0).compress(trained["dense"], short_task)
    moved = compress.make("inq", **parameters, settle_epochs=1).compress(trained["dense"], short_task)
    once = compress.make("pow2", bits=4).compress(trained["dense"], short_task)
    for a, b, c in zip(*(m.model.all_synapses() for m in (still, moved, once)), strict=True):
        assert torch.equal(a.latent, b.latent) and torch.equal(a.latent, c.latent)
    assert torch.equal(still.model.layers[0].shift, once.model.layers[0].shift)
    assert not torch.equal(still.model.layers[0].shift, moved.model.layers[0].shift)


def test_retraining_makes_up_for_two_bits(trained, digits_task):
    """What INQ is for: rounding at once loses much more."""
    held = digits_task.split.validation
    reached = [accuracy(compress.parse(text).compress(trained["dense"], digits_task).model, held.images, held.labels,
                        digits_task.preprocess)
               for text in ("pow2:bits=2", "inq:bits=2,portions=0.5/0.8/0.95/1,rate=0.3")]
    assert reached[1] >= reached[0] + 0.03


def test_portions_by_default_are_the_papers():
    assert sorted(inq.PORTIONS) == [2, 3, 4, 5]
    for portions in inq.PORTIONS.values():
        inq.check_portions(portions)
    assert [len(inq.PORTIONS[bits]) for bits in (5, 4, 3, 2)] == [4, 6, 8, 10]


@pytest.mark.parametrize(("parameters", "message"), [
    ({"bits": 6}, "bits must be an integer from 2 to 5, not 6"),
    ({"portions": (0.5,)}, "portions must be a tuple of numbers above 0 that rise to 1, not (0.5,)"),
    ({"portions": (0, 1)}, "portions must be a tuple of numbers above 0 that rise to 1, not (0, 1)"),
    ({"portions": (0.5, 0.5, 1)}, "portions must be a tuple of numbers above 0 that rise to 1, not (0.5, 0.5, 1)"),
    ({"portions": (0.5, True)}, "portions must be a tuple of numbers above 0 that rise to 1, not (0.5, True)"),
    ({"portions": 1}, "portions must be a tuple of numbers above 0 that rise to 1, not 1"),
    ({"portions": ()}, "portions must be a tuple of numbers above 0 that rise to 1, not ()"),
    ({"partition": "largest"}, "partition must be one of magnitude, random, not 'largest'"),
    ({"rule": "paper"}, "rule must be one of mse, max, not 'paper'"),
    ({"steps": "rows"}, "steps must be one of layer, row, not 'rows' (did you mean 'row'?)"),
    ({"epochs": 0}, "epochs must be an integer from 1 to 10000, not 0"),
    ({"rate": 0}, "rate must be a number above 0 and at most 1, not 0"),
    ({"rate": True}, "rate must be a number above 0 and at most 1, not True"),
    ({"settle_epochs": -1}, "settle_epochs must be an integer from 0 to 10000, not -1"),
])
def test_refusals(parameters, message):
    with pytest.raises(SpikeloomError) as caught:
        compress.make("inq", **parameters)
    assert str(caught.value) == message


def test_written_and_read():
    for text in ("inq", "inq:bits=2,portions=0.5/0.75/1,partition=random,rule=max", "inq:steps=row,settle_epochs=0"):
        assert compress.write(compress.parse(text)) == text
    made = [compress.parse(t) for t in ("inq:bits=5", "inq:bits=4")]
    assert made[1] == compress.parse("inq") and all(a != b for a, b in itertools.pairwise(made))
