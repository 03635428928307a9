"""Workplaces and what is measured in them."""

import copy
import dataclasses

import pytest

from spikeloom.errors import SpikeloomError
from spikeloom.train.export import export
from spikeloom.train.fit import Schedule, accuracy
from spikeloom.train.layer import Gate
from spikeloom.train.search import memory
from spikeloom.train.search.evaluate import DRAWS, Open, evaluate, opened, real_accuracy, retraining
from spikeloom.train.search.space import Space

SPACE = Space(layers=2)


def test_the_accuracy_is_that_of_the_exported_model_on_the_validation_images(workplace):
    place, candidate = workplace(), SPACE.candidate(weights=4, membrane=12)
    result = evaluate(place.pack("ptq"), candidate)
    model, = Open(place).make(candidate)
    held = place.validation
    assert result.accuracies == (accuracy(model, held.images, held.labels, place.preprocess),)
    assert result.hardware is None
    assert real_accuracy(place.pack("ptq")) == accuracy(place.model, held.images, held.labels, place.preprocess)
    assert real_accuracy(place.pack("ptq")) > 0.7


def test_stochastic_rounding_is_drawn_three_times(workplace):
    result = evaluate(workplace().pack("ptq"), SPACE.candidate("stochastic", weights=2, membrane=12))
    assert len(result.accuracies) == DRAWS == 3
    assert len(set(result.accuracies)) > 1
    assert result.accuracy == sum(result.accuracies) / 3
    assert result.accuracies[result.best] == max(result.accuracies)


def test_the_same_is_the_same_and_the_seed_matters(workplace):
    candidate = SPACE.candidate("stochastic", "itq", weights=2, membrane=12)
    one, again, other = (evaluate(workplace(seed=seed).pack("itq"), candidate).accuracies for seed in (1, 1, 2))
    assert one == again != other


def test_training_on_helps_where_rounding_hurts(workplace):
    place = workplace("conv", span="max")
    rounded = evaluate(place.pack("ptq"), SPACE.candidate(weights=2, membrane=12))
    trained = evaluate(place.pack("itq"), SPACE.candidate(weights=2, membrane=12, scheme="itq"))
    assert trained.accuracy > rounded.accuracy + 0.05
    model, = Open(place).make(SPACE.candidate(weights=2, membrane=12, scheme="itq"))
    network = export(model)
    assert [layer.synapses.codebook.bits for layer in network.layers] == [2, 2]
    assert [layer.neurons.membrane_bits for layer in network.layers] == [12, 12]


def test_training_rounds_as_the_candidate_does(workplace, monkeypatch):
    import spikeloom.train.search.evaluate as module
    seen = []
    monkeypatch.setattr(module, "fit", lambda model, *args, **options: seen.extend(
        (type(one).__name__, one.rounding, one.book.bits, options["seed"]) for one in model.all_synapses()))
    Open(workplace("recurrent", seed=4)).make(SPACE.candidate("truncate", "itq", weights=3, membrane=12))
    assert seen == [("Rounded", "truncate", 3, 4)] * 3


def test_training_needs_images(workplace):
    place = workplace()
    with pytest.raises(SpikeloomError, match="^workplace must have training images and a schedule for itq$"):
        evaluate(place.pack("ptq"), SPACE.candidate(scheme="itq"))
    assert len(place.pack("ptq")) < len(place.pack("itq"))


def test_the_digest_is_of_all_that_matters(workplace, trained, parts):
    place, gated = workplace(), copy.deepcopy(trained("dense"))
    gated.layers[0].gate = Gate()
    others = [workplace("conv"), workplace(seed=1), workplace(span="max"), workplace(board="icebreaker"),
              workplace(validation=parts.calibration), workplace(model=gated),
              workplace(preprocess=dataclasses.replace(place.preprocess, bits=3))]
    for scheme in ("ptq", "itq"):
        assert place.digest(scheme) == workplace().digest(scheme)
        assert len({place.digest(scheme), *(other.digest(scheme) for other in others)}) == 1 + len(others)
    for other in (workplace(schedule=Schedule(epochs=5)), workplace(train=None), workplace(train=parts.calibration)):
        assert other.digest("itq") != place.digest("itq")
        assert other.digest("ptq") == place.digest("ptq")


def test_hardware_is_of_the_best_network(workplace):
    place, candidate = workplace(board="icebreaker"), SPACE.candidate(weights=3, membrane=9)
    result = evaluate(place.pack("ptq"), candidate)
    model, = Open(place).make(candidate)
    frames = place.preprocess.apply(place.validation.images)
    assert result.hardware == memory.on_board(export(model), "icebreaker", frames)


def test_a_workplace_is_opened_once(workplace):
    packed = workplace().pack("ptq")
    assert opened(packed) is opened(bytes(packed))


def test_many_images_are_encoded_again_and_again(workplace, monkeypatch):
    import spikeloom.train.search.evaluate as module
    candidate = SPACE.candidate(weights=3, membrane=10)
    here = Open(workplace())
    kept = here.accuracy(here.make(candidate)[0])
    monkeypatch.setattr(module, "MOST_ENCODED", 0)
    again = Open(workplace())
    assert again.encoded is None is not here.encoded
    assert again.accuracy(again.make(candidate)[0]) == kept


def test_retraining_is_slower_and_ends_frozen():
    schedule = retraining(Schedule(epochs=30, rate=0.02, float_epochs=4), 3)
    assert (schedule.epochs, schedule.rate, schedule.float_epochs, schedule.frozen_epochs) == (3, 0.005, 0, 1)


def test_complaints(workplace):
    model = Open(workplace()).make(SPACE.candidate())[0]
    with pytest.raises(SpikeloomError, match="^model must be one over the reals, not of integers$"):
        workplace(model=model)
    with pytest.raises(SpikeloomError, match="^span must be one of max, mse, not 'all'$"):
        workplace(span="all")
