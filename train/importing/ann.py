"""Networks without spikes, converted: each ReLU becomes integrate-and-fire neurons whose rates say what it would.

With the input x the same in each of T timesteps, a neuron of threshold s that takes s off V with each spike fires

    n = clip(floor(T (w x + b) / s), 0, T)      times, if what arrives is steady, so that s n / T is near ReLU(w x + b)

(Rueckauer et al. 2017, 10.3389/fnins.2017.00682, reset by subtraction). s is a layer's greatest activation on
calibration images but for a few (their percentile): above s neurons saturate, and a greater s makes coarser rates. Half
a threshold on top, spread over the timesteps as a bias of s / (2 T), makes the floor a rounding (Deng and Gu 2021,
arXiv 2103.00476). The last layer adds up what arrives: its membranes are T times the network's own output.
"""

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from torch import nn

from spikeloom import check, encoders
from spikeloom.errors import SpikeloomError
from spikeloom.network import Network
from spikeloom.sim.reference import simulate
from spikeloom.train.importing import floating
from spikeloom.train.importing.bring import Import, bring
from spikeloom.train.importing.chain import KNOWN, Chain, flat, kind
from spikeloom.train.importing.conventions import Conventions
from spikeloom.train.importing.graph import Graph
from spikeloom.train.importing.quantize import Quantization
from spikeloom.train.importing.samples import Samples

CONVENTIONS = Conventions(dt=1e-3, reset="subtract", fires="at")


@dataclass(frozen=True, kw_only=True)
class Balance:
    """Threshold balancing.

    Parameters
    ----------
    timesteps : of an inference.
    scale : what the network was trained to see of a pixel of 1, such as 1 / 255.
    percentile : of a layer's activations on the calibration images, which becomes its threshold.
    shift : spread half a threshold over the timesteps.
    """

    timesteps: int
    scale: float = 1.0
    percentile: float = 99.9
    shift: bool = True

    def __post_init__(self):
        check.integer("timesteps", self.timesteps, 1, 4096)
        if not isinstance(self.scale, int | float) or not 0 < self.scale < float("inf"):
            raise SpikeloomError(f"scale must be a number more than 0, not {self.scale!r}")
        if not isinstance(self.percentile, int | float) or not 50 <= self.percentile <= 100:
            raise SpikeloomError(f"percentile must be from 50 to 100, not {self.percentile!r}")


@dataclass(frozen=True, kw_only=True)
class RateLayer:
    """A ReLU as neurons, on the calibration images.

    Parameters
    ----------
    name : of the module.
    threshold : in the network's own units.
    clipped : share of activations above it.
    rate : spikes of a neuron and timestep, in the integer network.
    error_graph, error_network : sum |threshold * rate - activation| / sum activation, over the reals and in integers.
    """

    name: str
    threshold: float
    clipped: float
    rate: float
    error_graph: float
    error_network: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Conversion:
    """A network that was converted.

    Parameters
    ----------
    network : takes an image an inference, and sees it in each timestep.
    made : the import: assumptions, and how close the integers are to the spiking graph.
    layers : of each ReLU.
    agree : share of the images to which the integers give the class that the network without spikes gives.
    accuracy_ann : of the network without spikes; None without labels. Of the others: `made.closeness`.
    """

    network: Network
    made: Import
    layers: tuple[RateLayer, ...]
    agree: float
    accuracy_ann: float | None = None


def convert(module: object, images: np.ndarray, labels: np.ndarray | None = None, *, calibration: np.ndarray,
            balance: Balance, options: Quantization | None = None,
            progress: Callable[[int, int], None] | None = None) -> Conversion:
    """Convert an `nn.Sequential` (or a list of modules in order) of weights, ReLU, average pools and batch norms.

    Parameters
    ----------
    images, labels : to compare on: unsigned integers (images, *input shape), and their classes.
    calibration : other images, for thresholds and widths.
    progress : called with (images compared, all of them).
    """
    for name, values in (("images", images), ("calibration", calibration)):
        if values.dtype.kind not in "iu" or values.ndim < 2 or not values.size:
            raise SpikeloomError(f"{name} must be integers (images, *input shape), not {values.dtype} {values.shape}")
    parts = flat(module)
    graph, thresholds = balanced(parts, calibration, balance)
    made = bring(graph, CONVENTIONS, options=options, progress=progress, samples=Samples(
        frames=_steady(images, balance), labels=labels, calibration=_steady(calibration, balance)))
    conversion = {**asdict(balance), "thresholds": thresholds}
    network = replace(made.network, encoder=encoders.make("direct"), provenance={
        **made.network.provenance, "method": "conversion", "format": "torch", "conversion": conversion})
    answers = outputs(parts, images * balance.scale).argmax(axis=1)
    return Conversion(
        network=network, made=made, layers=_layers(parts, graph, network, made.names, thresholds, calibration, balance),
        agree=float((simulate(network, images, device="cpu").classes == answers).mean()),
        accuracy_ann=None if labels is None else float((answers == labels).mean()))


def balanced(parts: list[tuple[str, nn.Module]], calibration: np.ndarray,
             balance: Balance) -> tuple[Graph, dict[str, float]]:
    """The spiking graph, and the threshold of each ReLU."""
    chain, thresholds, values = Chain(calibration.shape[1:]), {}, calibration * balance.scale
    chain.add("input.scale", "Scale", scale=np.array(balance.scale))
    for name, one in parts:
        known = chain.memoryless(name, one)
        if not known and type(one) is not nn.ReLU:
            raise SpikeloomError(f"module {name!r} must be one of {KNOWN} or ReLU, not {kind(one)}")
        values = outputs([(name, one)], values)
        if known:
            continue
        threshold = float(np.percentile(values, balance.percentile))
        if threshold <= 0:
            raise SpikeloomError(f"ReLU {name!r} must be active in more than {100 - balance.percentile:g} % of what "
                                 "it gets on the calibration images: no threshold fits it")
        if balance.shift:
            chain.charge(f"ReLU {name!r}", threshold / (2 * balance.timesteps))
        chain.add(name, "IF", r=np.ones(chain.shape), v_threshold=np.full(chain.shape, threshold))
        chain.add(f"{name}.scale", "Scale", scale=np.array(threshold))
        thresholds[name] = threshold
    if not thresholds or parts[-1][0] in thresholds:
        raise SpikeloomError("module must hold a ReLU and end in weights, not in "
                             f"{kind(parts[-1][1]) if parts else 'nothing'}")
    chain.add("sum", "I", r=np.ones(chain.shape))
    return chain.graph(), thresholds


def outputs(parts: list[tuple[str, nn.Module]], values: np.ndarray) -> np.ndarray:
    """What modules make of `values`, in float64, as at inference; they stay as they are."""
    with torch.inference_mode():
        x = torch.tensor(values, dtype=torch.float64)
        for _, one in parts:
            x = copy.deepcopy(one).double().eval()(x)
        return x.numpy()


def _steady(images: np.ndarray, balance: Balance) -> np.ndarray:
    """Each image in every timestep."""
    return np.broadcast_to(images[:, None], (len(images), balance.timesteps, *images.shape[1:]))


def _layers(parts: list[tuple[str, nn.Module]], graph: Graph, network: Network, names: tuple[str | None, ...],
            thresholds: dict[str, float], images: np.ndarray, balance: Balance) -> tuple[RateLayer, ...]:
    """Rates against activations, ten images at a time."""
    totals = {name: np.zeros(5) for name in thresholds}
    for start in range(0, len(images), 10):
        some = images[start:start + 10]
        real = floating.simulate(graph, CONVENTIONS, _steady(some, balance), trace=True, dtype=torch.float32).spikes
        whole = simulate(network, some, trace=True, device="cpu").spikes
        values = some * balance.scale
        for part in parts:
            values = outputs([part], values)
            if (name := part[0]) in thresholds:
                wanted, most = values.reshape(len(some), -1), thresholds[name]
                rates = [fired.mean(axis=1) for fired in (real[name], whole[names.index(name)])]
                totals[name] += ((wanted > most).mean() * len(some), rates[1].mean() * len(some), wanted.sum(),
                                 *(np.abs(most * rate - wanted).sum() for rate in rates))
    return tuple(RateLayer(name=name, threshold=thresholds[name], clipped=float(clipped / len(images)),
                           rate=float(rate / len(images)), error_graph=float(one / size),
                           error_network=float(two / size))
                 for name, (clipped, rate, size, one, two) in totals.items())
