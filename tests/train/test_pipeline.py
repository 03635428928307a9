import copy
import dataclasses
import functools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch

from spikeloom import SpikeloomError, codebooks
from spikeloom.train import compress, datasets, pipeline, recipe
from spikeloom.train.compress import Compressed
from spikeloom.train.exactness import compare
from spikeloom.train.settle import WIDE

DIGITS, PARTS = recipe("digits"), {"train": 320, "validation": 100, "calibration": 60}


@dataclass(frozen=True, kw_only=True)
class Halve:
    """A method: the smaller half of each layer's weights is pruned; it notes what it was given."""

    start: ClassVar[str] = "trained"
    seen: ClassVar[list] = []
    share: float = 0.5

    def compress(self, model, task) -> Compressed:
        self.seen.append((model, copy.deepcopy(model.state_dict()), task))
        made = copy.deepcopy(model)
        for synapses in made.all_synapses():
            size = synapses.latent.detach().abs()
            synapses.keep((size >= size.flatten().quantile(self.share)).float())
        return Compressed(model=made, facts={"share": self.share})


@dataclass(frozen=True, kw_only=True)
class Fresh(Halve):
    """One that begins with new weights."""

    start: ClassVar[str] = "initial"


def run(*methods, **options) -> pipeline.PipelineResult:
    return pipeline.run(DIGITS, methods, **{**PARTS, "epochs": 2, **options})


@functools.cache
def pruned_then_rounded() -> pipeline.PipelineResult:
    Halve.seen.clear()
    return run(Halve(), compress.make("pow2", bits=4), seed=5)


def test_one_stage_after_the_other():
    result = pruned_then_rounded()
    assert [stage.name for stage in result.stages] == ["float", "test_pipeline", "pow2", "integer"]
    weights = 64 * 64 + 64 * 10
    assert [stage.weights for stage in result.stages] == [weights] * 4
    assert [stage.bits for stage in result.stages] == [32 * weights, 32 * weights, 4 * weights, 4 * weights]
    assert result.stages[0].nonzero == weights and result.stages[1].nonzero == weights / 2
    assert result.stages[3].nonzero == result.stages[2].nonzero <= weights / 2
    assert result.stages[1].facts == {"share": 0.5} and result.stages[3].facts == {}
    assert all(len(stage.rates) == 1 and 0 < stage.rates[0] < 1 for stage in result.stages)
    for layer in result.network.layers:
        assert codebooks.kind(layer.synapses.codebook) == "pow2" and layer.synapses.codebook.bits == 4
        assert np.count_nonzero(layer.synapses.weights) <= layer.synapses.weights.size / 2


def test_accuracies_are_of_the_test_set_and_the_network_is_the_model():
    result, data = pruned_then_rounded(), datasets.load("digits")
    assert result.level0.mismatches == 0 and result.level0.samples == 360
    frames = DIGITS.preprocess.apply(data.test_images)
    with torch.no_grad():
        classes = result.model(frames).classes.numpy()
    assert result.accuracy_integer == np.mean(classes == data.test_labels) > 0.25
    assert compare(result.model, result.network, frames[:20]).mismatches == 0
    with torch.no_grad():
        before = Halve.seen[0][0](frames).classes.numpy()
    assert result.accuracy_float == np.mean(before == data.test_labels)


def test_what_a_method_is_given():
    pruned_then_rounded()
    model, state, task = Halve.seen[0]
    assert not model.quantized and all(synapses.kept is None for synapses in model.all_synapses())
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items()), "it was left alone"
    assert [len(part) for part in (task.split.train, task.split.calibration, task.split.validation)] == [320, 60, 100]
    assert task.seed == 5 and task.schedule.epochs == 2 and task.preprocess == DIGITS.preprocess
    data = datasets.load("digits")
    assert np.array_equal(task.split.validation.images, data.train_images[-100:])


def test_provenance_says_how_it_was_made():
    result = pruned_then_rounded()
    made = result.network.provenance
    assert (made["recipe"], made["dataset"], made["seed"], made["test_images"]) == ("digits", "digits", 5, 360)
    assert made["method"] == "test_pipeline then pow2"
    assert made["split"] == {"train": 320, "calibration": 60, "validation": 100}
    assert made["accuracy"] == {"float": result.accuracy_float, "integer": result.accuracy_integer}
    assert [stage["name"] for stage in made["stages"]] == [stage.name for stage in result.stages]
    assert made["schedule"]["epochs"] == 2 and result.network.labels == tuple("0123456789")


def test_methods_never_see_test_images():
    data = datasets.load("digits")
    other = dataclasses.replace(data, test_images=255 - data.test_images)
    method = compress.make("pow2", bits=3)
    one, two, third = (run(method, epochs=1, dataset=some, seed=seed) for some, seed in
                       ((data, 0), (other, 0), (data, 1)))
    assert one.network.digest == two.network.digest != third.network.digest
    assert one.accuracy_integer != two.accuracy_integer
    assert [s.validation for s in one.stages] == [s.validation for s in two.stages]


def test_a_float_model_is_trained_once(tmp_path, monkeypatch):
    file, method = tmp_path / "digits.npz", compress.make("pow2", bits=4)
    one = run(method, epochs=1, saved=file)
    monkeypatch.setattr(pipeline, "train_float", lambda *given: pytest.fail("trained again"))
    two = run(method, epochs=1, saved=file)
    assert one.network.digest == two.network.digest and one.accuracy_float == two.accuracy_float
    for options, what in (({"seed": 7}, "seed"), ({"epochs": 2}, "schedule"), ({"train": 300}, "images")):
        with pytest.raises(SpikeloomError) as error:
            run(method, **{"epochs": 1, **options}, saved=file)
        assert str(error.value) == f"{file} must be trained with the same {what}: remove it to train again"


def test_what_is_still_real_is_rounded_to_the_recipes_codebooks():
    result = run(Halve(share=0.8), epochs=1)
    assert [stage.name for stage in result.stages] == ["float", "test_pipeline:share=0.8", "rounding", "integer"]
    assert result.network.provenance["method"] == "test_pipeline:share=0.8 then rounding"
    kinds = [codebooks.kind(layer.synapses.codebook) for layer in result.network.layers]
    assert kinds == [codebooks.kind(layer.codebook) for layer in DIGITS.model.layers] == ["binary", "pow2"]


def test_new_weights_for_a_method_that_trains_by_itself():
    Halve.seen.clear()
    result = run(Fresh(), compress.make("pow2"))
    assert result.accuracy_float is None and result.stages[0].name == "test_pipeline"
    model, state, _ = Halve.seen[0]
    new = pipeline.untrained(DIGITS.model, DIGITS.seed).state_dict()
    assert all(torch.equal(value, new[name]) for name, value in state.items())


def test_a_recurrent_network_goes_the_same_road():
    result = pipeline.run(recipe("digits-recurrent"), [compress.make("pow2", bits=4)], **PARTS, epochs=2)
    recurrent = result.network.layers[0].recurrent
    assert codebooks.kind(recurrent.codebook) == "pow2" and np.count_nonzero(recurrent.weights) > 1000
    assert result.level0.mismatches == 0 and result.stages[0].weights == 64 * 8 + 64 * 64 + 10 * 64


def test_untrained_has_nothing_pruned_and_room_for_every_membrane():
    config = recipe("mnist-sparse-icebreaker").model
    model = pipeline.untrained(config, 3)
    assert not model.quantized and any(layer.density < 1 for layer in config.layers)
    for layer, given in zip(model.layers, config.layers, strict=True):
        assert layer.synapses.kept is None and layer.config.neurons.membrane_bits == WIDE
        assert (layer.config.codebook, layer.config.neurons.neurons) == (given.codebook, given.neurons.neurons)


def test_a_network_that_is_not_the_model_is_an_error(monkeypatch):
    def faulty(model, **options):
        network = export(model, **options)
        hidden = network.layers[0]
        bias = hidden.neurons.bias + (np.arange(hidden.neurons.neurons) == 2)
        layer = dataclasses.replace(hidden, neurons=dataclasses.replace(hidden.neurons, bias=bias))
        return dataclasses.replace(network, layers=(layer, *network.layers[1:]))
    export = pipeline.export
    monkeypatch.setattr(pipeline, "export", faulty)
    with pytest.raises(SpikeloomError, match="model and network must agree everywhere, not differ at timestep 0, "
                                             "layer 0, neuron 2 of sample 0: membrane is "):
        run(compress.make("pow2"), epochs=1)


def test_threads_are_given_back():
    torch.set_num_threads(2)
    try:
        with pytest.raises(SpikeloomError, match="validation must be"):
            run(validation=0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize(("methods", "options", "message"), [
    ((Halve(), Fresh()), {}, "test_pipeline must be the first method: it trains from new weights"),
    ((), {"validation": 0}, "validation must be an integer from 1 to 1435, not 0"),
    ((), {"calibration": 0}, "calibration must be an integer from 1 to 1336, not 0"),
    ((), {"train": 5000}, "training images must be 1 to 1277, what validation and calibration leave, not 5000"),
    ((), {"epochs": 0}, "epochs must be an integer from 1 to 100000, not 0"),
    ((), {"seed": -1}, "seed must be an integer from 0 to 2147483647, not -1"),
    ((), {"precision": 13}, "precision must be an integer from 1 to 12, not 13"),
])
def test_refusals_come_before_training(monkeypatch, methods, options, message):
    monkeypatch.setattr(pipeline, "train_float", lambda *given: pytest.fail("trained"))
    with pytest.raises(SpikeloomError) as error:
        run(*methods, **options)
    assert str(error.value) == message
