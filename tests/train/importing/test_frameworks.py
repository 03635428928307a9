"""Graphs that SpikingJelly, sinabs and Norse exported, against the spikes that they fired themselves.

Made by benchmarks/importing/frameworks.py with SpikingJelly 2.0.0, sinabs 3.1.3 and Norse 1.1.0.
"""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spikeloom.train.importing import Conventions, Quantization, Samples, bring, floating, read

FILES = Path(__file__).parent / "frameworks"
# Norse 1.1.0 writes a time constant times its dt, 1e-3: in NIR's terms a timestep is 1e-6 s.
SPOKEN = {
    "spikingjelly": Conventions(dt=1e-4, fires="at", charge="time"),
    "sinabs": Conventions(dt=1.0, reset="subtract", leak="exact", fires="at"),
    "norse": Conventions(dt=1e-6),
}
WRONG = {"spikingjelly": {"charge": "step"}, "sinabs": {"reset": "zero"}, "norse": {"charge": "time"}}


@pytest.fixture(params=SPOKEN)
def exported(request, tmp_path):
    """Conventions, graph, frames, and the spikes of each layer."""
    path = tmp_path / "net.nir"
    path.write_bytes(gzip.decompress((FILES / f"{request.param}.nir.gz").read_bytes()))
    graph = read(path)
    with np.load(FILES / f"{request.param}.npz") as found:
        frames, spikes = found["frames"], [found[name] != 0 for name in found.files if name != "frames"]
    return request.param, graph, frames.reshape(*frames.shape[:2], *graph.only("Input")["shape"]), spikes


def differ(graph, conventions, frames, spikes) -> list[int]:
    found = floating.simulate(graph, conventions, frames, trace=True).spikes
    return [int((ours != theirs).sum()) for ours, theirs in zip(found.values(), spikes, strict=True)]


def test_every_spike_is_theirs(exported):
    name, graph, frames, spikes = exported
    assert all(0.01 < one.mean() < 0.5 for one in spikes)
    assert not any(differ(graph, SPOKEN[name], frames, spikes))
    assert sum(differ(graph, replace(SPOKEN[name], **WRONG[name]), frames, spikes)) > 20


def test_integers_come_close(exported):
    name, graph, frames, _ = exported
    close = bring(graph, SPOKEN[name], samples=Samples(frames=frames),
                  options=Quantization(weights="integer:8")).closeness
    assert all(layer.overlap > 0.8 for layer in close.layers)
