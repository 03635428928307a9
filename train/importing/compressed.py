"""An import whose weights become small by the methods of `spikeloom.train.compress`, on samples of the person's own.

The graph becomes a model that can be trained (`trainable`), of which it is first seen that it fires the graph's spikes;
the methods work on it one after the other; then everything else becomes integers, and the network is compared with the
model, which has to agree with it everywhere, and with the graph.

Methods that begin with new weights take nothing of the graph but its layers, neurons and leaks.
"""

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch

from spikeloom.errors import SpikeloomError
from spikeloom.train import compress, exactness, pipeline
from spikeloom.train.compress import Progress, Task
from spikeloom.train.exactness import Comparison
from spikeloom.train.export import export
from spikeloom.train.fit import Schedule, classify
from spikeloom.train.importing import floating
from spikeloom.train.importing.bring import Import, spoken
from spikeloom.train.importing.closeness import LayerCloseness, compare
from spikeloom.train.importing.conventions import Conventions
from spikeloom.train.importing.graph import Graph
from spikeloom.train.importing.lower import lower
from spikeloom.train.importing.quantize import Quantization
from spikeloom.train.importing.samples import Material
from spikeloom.train.importing.trainable import closeness, contractual, scale_loss, trainable
from spikeloom.train.model import SpikingMlp
from spikeloom.train.pipeline import Stage
from spikeloom.train.settle import settle

SHOWN, NEAR = 4, 0.99
SCHEDULE = Schedule(epochs=10, batch=32)


@dataclass(frozen=True, kw_only=True)
class AsTheyAre:
    """In the place of a preprocess: frames stay as they are."""

    def apply(self, frames: np.ndarray) -> np.ndarray:
        return frames


@dataclass(frozen=True, kw_only=True, eq=False)
class Compression(Import):
    """An import by methods.

    Parameters
    ----------
    model : in integers.
    stages : the road, as in `spikeloom.train.pipeline`; validation is on samples that the methods do not train on.
    begin : the model over the reals against the graph, on the first samples.
    level0 : model against network, on the samples that were kept back.
    """

    model: SpikingMlp
    stages: tuple[Stage, ...]
    begin: tuple[LayerCloseness, ...]
    level0: Comparison


def bring_compressed(graph: Graph, conventions: Conventions, methods: Sequence[object], material: Material, *,
                     options: Quantization | None = None, schedule: Schedule = SCHEDULE, seed: int = 0,
                     progress: Progress = lambda done, total, text: None) -> Compression:
    """Import `graph`, its weights compressed by `methods`, made by `spikeloom.train.compress`.

    Parameters
    ----------
    material : without labels, samples have the classes that the graph gives them.
    options : the codebook of weights that are still real after the methods, the precision, the leaks, the readout.
    schedule : of methods that train; they say themselves which share of its rate they take.

    It works with one thread, so that a seed means the same everywhere.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _bring(graph, conventions, methods, material, options or Quantization(), schedule, seed, progress)
    finally:
        torch.set_num_threads(threads)


def _bring(graph: Graph, conventions: Conventions, methods: Sequence[object], material: Material,
           options: Quantization, schedule: Schedule, seed: int, progress: Progress) -> Compression:
    pipeline.check_order(methods)
    real, kept, began = lower(graph, conventions), material.kept, time.monotonic()
    names = tuple(layer.name for layer in real.layers)
    exact = trainable(real, conventions, timesteps=kept.frames.shape[1], options=options, bits=material.bits)
    begin = _begin(exact, graph, conventions, names, material.frames[:SHOWN])
    model = exact.float()
    labels = classify(model, material.frames, AsTheyAre()) if material.labels is None else material.labels
    task = _task(material, labels, model.config.layers[-1].neurons.neurons, schedule, seed, progress)
    scale_loss(model, task.split.calibration.images, task.split.calibration.labels)
    stages = [pipeline.stage("float", model, task, time.monotonic() - began)]
    if methods and methods[0].start == "initial":
        model = pipeline.untrained(dataclasses.replace(model.config, layers=tuple(
            dataclasses.replace(layer, norm=True) for layer in model.config.layers)), seed)
    model, since = pipeline.walk(model, methods, task, stages, by_row=True).double(), time.monotonic()
    contractual(model, conventions, options.leak)
    model = settle(model, task.split.calibration.images, precision=options.precision, leaks=True)
    stages.append(pipeline.stage("integer", model, task, time.monotonic() - since))
    network = export(model)
    level0 = exactness.compare(model, network, kept.frames)
    if level0.mismatches:
        raise SpikeloomError(f"model and network must agree everywhere, not differ at {level0.first}")
    places = tuple(name for layer in real.layers for name in (*[None] * len(layer.pools), layer.name))
    found = compare(graph, conventions, network, places, kept.frames, kept.labels,
                    progress=lambda done, total: progress(done, total, "compare"))
    assumptions = (*spoken(conventions, real, options, material.bits), *real.assumptions, material.note,
                   *_said(methods, material))
    provenance = {
        "method": f"import, then {' then '.join(map(compress.write, methods)) or 'rounding'}", "format": "NIR",
        "conventions": asdict(conventions), "quantization": asdict(options), "assumptions": list(assumptions),
        "closeness": asdict(found), "stages": [asdict(one) for one in stages],
        "schedule": asdict(schedule), "seed": seed,
        "split": {name: len(getattr(task.split, name)) for name in ("train", "calibration", "validation")},
        **({} if kept.labels is None else {"test_images": len(kept.frames), "accuracy": {
            "float": found.accuracy_graph, "integer": found.accuracy_network}})}
    return Compression(network=dataclasses.replace(network, provenance=provenance), names=places, model=model,
                       assumptions=assumptions, closeness=found, stages=tuple(stages), begin=begin, level0=level0)


def _begin(model: SpikingMlp, graph: Graph, conventions: Conventions, names: tuple[str, ...],
           frames: np.ndarray) -> tuple[LayerCloseness, ...]:
    """Refuses a model that does not fire the graph's spikes."""
    found = closeness(model, floating.simulate(graph, conventions, frames, trace=True).spikes, names, frames)
    for layer in found:
        if layer.overlap < NEAR:
            raise SpikeloomError(f"model must fire the spikes of the graph, not {layer.overlap:.1%} of those of "
                                 f"{layer.name!r}")
    return found


def _task(material: Material, labels: np.ndarray, outputs: int, schedule: Schedule, seed: int,
          progress: Progress) -> Task:
    worst = labels[(labels < 0) | (labels >= outputs)]
    if len(worst):
        raise SpikeloomError(f"labels must be from 0 to {outputs - 1}, as the graph has {outputs} outputs, "
                             f"not {int(worst[0])}")
    split = material.split(labels.astype(np.int64))
    batch = min(schedule.batch, len(split.train))
    return Task(split=split, preprocess=AsTheyAre(), schedule=dataclasses.replace(schedule, batch=batch), seed=seed,
                progress=progress)


def _said(methods: Sequence[object], material: Material) -> list[str]:
    found = [] if material.labels is not None else ["samples have the classes that the graph gives them"]
    if methods and methods[0].start == "initial":
        found.append(f"{compress.write(methods[0])} trains new weights: of the graph its layers, neurons and leaks "
                     "are left")
    return found
