import dataclasses
import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from spikeloom import encoders
from spikeloom.errors import FileError, SpikeloomError
from spikeloom.sim.random_maps import random_conv_network
from spikeloom.sim.random_networks import random_frames, random_network
from spikeloom.sim.reference import simulate
from spikeloom.train.exporting import frozen, write_module


def loaded(path):
    spec = importlib.util.spec_from_file_location("frozen_network", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load()


def known(network) -> bool:
    return network.encoder is None or encoders.kind(network.encoder) in ("direct", "threshold")


@pytest.mark.parametrize("draw", [random_network, random_conv_network])
def test_it_answers_as_the_reference(tmp_path, draw):
    """Networks of everything that the contract admits: each class and each score."""
    seen = 0
    for seed in range(30):
        network = draw(seed)
        if not known(network):
            continue
        frames = random_frames(network, seed, 6)
        expected = simulate(network, frames)
        classes, scores = loaded(write_module(network, tmp_path / "x.py"))(torch.from_numpy(frames))
        np.testing.assert_array_equal(scores.numpy(), expected.scores, err_msg=f"seed {seed}")
        np.testing.assert_array_equal(classes.numpy(), expected.classes, err_msg=f"seed {seed}")
        seen += 1
    assert seen > 8


def test_a_threshold_above_every_membrane(tmp_path):
    network = next(n for n in map(random_network, range(50)) if known(n) and n.layers[-1].neurons.fires)
    neurons = dataclasses.replace(network.layers[-1].neurons, threshold=1 << 31, membrane_bits=32)
    network = dataclasses.replace(network, layers=(*network.layers[:-1], dataclasses.replace(
        network.layers[-1], neurons=neurons)))
    assert (loaded(write_module(network, tmp_path / "x.py")).layers[-1].threshold == 1 << 31).all()


def test_a_wrong_threshold_is_seen(tmp_path):
    network = next(n for n in map(random_network, range(50)) if known(n) and n.readout == "count"
                   and simulate(n, random_frames(n, 0, 9)).scores.any())
    model = loaded(write_module(network, tmp_path / "x.py"))
    model.layers[-1].threshold += 1 << 30
    assert not model(torch.from_numpy(random_frames(network, 0, 9)))[1].any()


def test_it_needs_nothing_but_torch(tmp_path):
    """In another process, in which Spikeloom and numpy cannot be imported."""
    network = next(n for n in map(random_network, range(50)) if n.encoder is None)
    write_module(network, tmp_path / "net.py")
    frames = random_frames(network, 1, 3)
    program = ("import sys; sys.modules['spikeloom'] = None\n"
               "import torch, net\n"
               f"model = net.load(); print(model(torch.tensor({frames.tolist()}))[1].tolist())")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True,
                          env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.stdout.strip() == str(simulate(network, frames).scores.tolist())
    text = (tmp_path / "net.py").read_text()
    imports = [line for line in text.splitlines() if line.startswith(("import", "from"))]
    assert imports == ["import base64", "import io", "import json", "import zipfile", "import torch",
                       "from torch import nn", "from torch.nn import functional"]
    assert write_module(network, tmp_path / "again.py").read_text() == text


def test_what_it_does_not_take(tmp_path):
    network = next(n for n in map(random_network, range(50)) if n.encoder is None)
    model = loaded(write_module(network, tmp_path / "x.py"))
    with pytest.raises(ValueError, match=r"frames must be integers \(batch, "):
        model(torch.zeros(1, *network.frame_shape))
    with pytest.raises(ValueError, match=r"frames must be integers \(batch, "):
        model(torch.zeros(1, 2, dtype=torch.int64))
    rate = dataclasses.replace(next(n for n in map(random_network, range(99)) if n.encoder is not None and
                                    encoders.kind(n.encoder) == "rate"))
    with pytest.raises(SpikeloomError) as caught:
        write_module(rate, tmp_path / "x.py")
    assert str(caught.value) == "encoder must be direct, threshold or none to be frozen, not rate"
    with pytest.raises(FileError, match="must be writable, but .* is a file and no folder$"):
        write_module(network, tmp_path / "x.py" / "x.py")


@pytest.mark.parametrize("rounding", ["floor", "ceil", "nearest", "zero"])
def test_leaks(rounding):
    from spikeloom.decay import Decay
    values = torch.arange(-50, 51)
    for num, shift in ((1, 0), (3, 2), (5, 3), (0, 0), (7, 3)):
        expected = Decay(num=num, shift=shift, rounding=rounding).apply(values)
        assert torch.equal(frozen.decay(values, num, shift, rounding), expected)
