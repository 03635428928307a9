"""A graph that Spikeloom wrote: the same network again, of the graph's values and the settings in its metadata."""

import json

import numpy as np

from spikeloom import codebooks, encoders
from spikeloom.decay import Decay
from spikeloom.errors import SpikeloomError
from spikeloom.layer import Layer, Residual
from spikeloom.network import Input, Network
from spikeloom.neurons.lif import Lif
from spikeloom.synapses.conv import Conv
from spikeloom.synapses.dense import Dense
from spikeloom.synapses.sum_pool import SumPool
from spikeloom.train.importing import linear
from spikeloom.train.importing.graph import Graph, Node


def restore(graph: Graph) -> Network | None:
    """The network, or None for a graph without Spikeloom's settings; one that was changed raises `SpikeloomError`."""
    text = graph.metadata.get("spikeloom")
    if text is None:
        return None
    try:
        found = json.loads(str(text))
        network = _network(graph, found)
        digest = found["digest"]
    except SpikeloomError as error:
        raise SpikeloomError(f"settings in the graph's metadata must fit the graph, but {error}") from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise SpikeloomError(f"settings in the graph's metadata must be Spikeloom's, but {error!r:.200}") from None
    if network.digest != digest:
        raise SpikeloomError(f"graph must be as it was written, of digest {str(digest)[:64]}, not {network.digest}")
    return network


def _network(graph: Graph, found: dict) -> Network:
    shapes = linear.shapes(graph)
    encoder = found["encoder"]
    return Network(
        input=Input(**{**found["input"], "shape": tuple(found["input"]["shape"])}),
        encoder=None if encoder is None else encoders.make(**encoder), timesteps=found["timesteps"],
        readout=found["readout"], labels=tuple(found["labels"]),
        layers=tuple(_layer(graph, shapes, k, settings) for k, settings in enumerate(found["layers"])))


def _layer(graph: Graph, shapes: dict[str, linear.Shape], k: int, settings: dict) -> Layer:
    node = graph[f"w{k}"]
    seen = shapes[graph.before(node.name)[0]]
    if settings["neurons"] is None:
        pool = SumPool(input=seen, kernel=node.integers("kernel_size", 2, 1), stride=node.integers("stride", 2, 1))
        return Layer(synapses=pool, neurons=None, delay=settings["delay"])
    book = codebooks.make(**settings["synapses"])
    if node.kind in linear.CONVOLUTIONS:
        count = linear.CONVOLUTIONS[node.kind]
        groups, = node.integers("groups", 1, 1)
        synapses = Conv(weights=_whole(node, "weight"), codebook=book, input=seen, groups=groups,
                        stride=node.integers("stride", count, 1), padding=node.integers("padding", count, 0))
    else:
        synapses = Dense(weights=_whole(node, "weight"), codebook=book)
    bias = _whole(node, "bias")
    neurons = dict(settings["neurons"])
    for name in ("decay", "synaptic_decay"):
        neurons[name] = None if neurons[name] is None else Decay(**neurons[name])
    fires = graph[f"n{k}"].fires
    lower = 0.5 if neurons["reset"] == "zero" else 0.0
    threshold = _whole(graph[f"n{k}"], "v_threshold", lower).reshape(-1) if fires else None
    own, residual = settings.get("recurrent"), settings.get("residual")
    return Layer(
        synapses=synapses, delay=settings["delay"],
        neurons=Lif(neurons=synapses.outputs, threshold=threshold, **neurons,
                    bias=np.repeat(bias, synapses.outputs // len(bias))),
        recurrent=None if own is None else Dense(weights=_whole(graph[f"r{k}"], "weight"),
                                                 codebook=codebooks.make(**own)),
        residual=None if residual is None else Residual(**residual))


def _whole(node: Node, name: str, more: float = 0.0) -> np.ndarray:
    values = np.rint(node[name] + more)
    if (values != node[name] + more).any() or (np.abs(values) > 1 << 40).any():
        raise SpikeloomError(f"{node} {name} must be whole numbers")
    return values.astype(np.int64)
