import dataclasses

import numpy as np
import pytest
import torch

from spikeloom import Input, Lif, codebooks, encoders
from spikeloom.train import retrain as module
from spikeloom.train.compress import Task
from spikeloom.train.fit import Schedule
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig, SpikingMlp
from spikeloom.train.preprocess import Preprocess
from spikeloom.train.retrain import adam, retrain, size
from spikeloom.train.split import Part, Split


def model() -> SpikingMlp:
    eight = codebooks.make("integer", bits=8)
    made = SpikingMlp(MlpConfig(
        input=Input(shape=(4, 4), bits=4), encoder=encoders.make("direct"), readout="membrane-last", timesteps=2,
        layers=(LayerConfig(codebook=eight, neurons=Lif(neurons=6, threshold=1, membrane_bits=20)),
                LayerConfig(codebook=eight, neurons=Lif(neurons=3, threshold=None, membrane_bits=20)))))
    made.quantized = False
    return made


def task(**fields) -> Task:
    draw = np.random.default_rng(0)
    part = Part(images=draw.integers(0, 256, (40, 4, 4), dtype=np.uint8), labels=draw.integers(0, 3, 40))
    return Task(**{"split": Split(train=part, calibration=part, validation=part), "preprocess": Preprocess(bits=4),
                   "schedule": Schedule(epochs=9, batch=20, rate=0.02, float_epochs=3), **fields})


def test_weights_move_at_the_rate_of_their_size():
    made = model()
    made.layers[0].synapses.recode(codebooks.make("pow2", exponents=2), 16.0)
    kept = torch.zeros_like(made.layers[1].synapses.latent)
    kept[0, :4] = 1
    made.layers[1].synapses.keep(kept)
    latents = [synapses.latent for synapses in made.all_synapses()]
    groups = adam(made, 0.01).param_groups
    assert [group["lr"] for group in groups] == pytest.approx([
        0.01 * float(latents[0].detach().square().mean()) ** 0.5,
        0.01 * float(latents[1].detach()[0, :4].square().mean()) ** 0.5, 0.01])
    assert groups[0]["params"][0] is latents[0] and groups[1]["params"][0] is latents[1]
    assert len(groups[2]["params"]) == len(list(made.parameters())) - 2


def test_size_of_nothing_is_one():
    assert size(torch.zeros(3, 3), None) == size(torch.zeros(3, 3), torch.zeros(3, 3)) == 1
    assert size(torch.tensor([3.0, 4.0, 0, 0]), None) == 2.5


def test_schedule_is_the_tasks_but_for_length_and_rate(monkeypatch):
    seen = []

    def fit(*arguments, **more):
        seen.append((arguments, more))
        return real(*arguments, **more)
    real = module.fit
    monkeypatch.setattr(module, "fit", fit)
    steps, told, given = [], [], task(progress=lambda *line: None)
    given = dataclasses.replace(given, progress=lambda *line: told.append(line))
    last = retrain(model(), given, 2, rate=0.5, after_step=lambda: steps.append(1), name="again")
    schedule = seen[0][0][4]
    assert schedule == Schedule(epochs=2, batch=20, rate=0.01, frozen_epochs=0)
    assert len(steps) == 2 * 2 and last.number == 2 and last.phase == "again"
    assert [line[:2] for line in told] == [(1, 2), (2, 2)]
    assert told[1][2] == f"again, loss {last.loss:.3f}, validation {last.validation:.2%}"


def test_images_come_in_another_order_for_another_seed():
    def after(**seeds) -> torch.Tensor:
        made = model()
        retrain(made, task(seed=seeds.get("task", 0)), 1, rate=0.5, after_step=lambda: None, seed=seeds.get("own", 0))
        return made.layers[0].synapses.latent.detach()
    assert torch.equal(after(), after())
    assert not torch.equal(after(), after(own=1)) and not torch.equal(after(), after(task=1))
