"""The Plan: how hardware computes a network: strategy, lanes and memories of each layer.

Widths follow from the weights. `spikeloom.rtl_gen.planner` chooses one.
"""

from dataclasses import dataclass

from spikeloom import check, encoders, synapses
from spikeloom.errors import SpikeloomError
from spikeloom.network import Network
from spikeloom.rtl_gen import presynaptic, strategies, words
from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules
from spikeloom.rtl_gen.parallel import adder, chain

SOURCES = ("words", "events")
WEIGHTS = ("rom", "ram", "spram")
STRATEGIES_OF = {"dense": ("dense", "sparse", "popcount", "parallel"), "conv": ("conv",), "sum_pool": ("pool",),
                 "max_pool": ("pool",)}
"""Strategies that can build each kind of synapses."""
MULTIPLES = ("dense", "sparse", "popcount")
"""Strategies whose lanes are a multiple of the update lanes."""


def obstacle(network: Network, layer: int, strategy: str) -> str | None:
    """Why a strategy cannot build layer number `layer`, or None."""
    kind = synapses.kind(network.layers[layer].synapses)
    if strategy not in STRATEGIES_OF[kind]:
        return f"its synapses are {kind}, which {', '.join(STRATEGIES_OF[kind])} can build"
    if strategy == "parallel":
        graded = layer > 0 and presynaptic.value(network, layer) is not None
        return "it sees a pool's graded values" if graded else chain.obstacle(network, layer)
    if strategy == "popcount" and presynaptic.value(network, layer) is not None:
        return "it sees graded values"
    return None


@dataclass(frozen=True, kw_only=True)
class LayerPlan:
    """How one layer is built.

    Parameters
    ----------
    strategy : "parallel", or a module of `spikeloom.rtl_gen.strategies`.
    lanes : neurons integrated in one clock; with "dense", whose weights fill one memory word, a multiple of
        `update_lanes`.
    update_lanes : neurons updated in one clock, a power of two.
    width : inputs taken in one clock, with "popcount"; terms added in one clock, with "parallel", where the first layer
        of a chain says it for all.
    weights : what holds the weights, with "dense": "rom", or to be loaded at run time "ram" or "spram".
    """

    strategy: str = "dense"
    lanes: int = 1
    update_lanes: int = 1
    width: int | None = None
    weights: str = "rom"

    def __post_init__(self):
        check.choice("strategy", self.strategy, ("parallel", *strategies.names()))
        check.choice("weights", self.weights, WEIGHTS)
        if self.weights != "rom" and self.strategy != "dense":
            raise SpikeloomError(f"weights must be 'rom' with strategy {self.strategy}, not {self.weights!r}")
        if self.strategy == "parallel" and self.width is not None:
            check.integer("width", self.width, 2, 1 << 16)
        elif self.width is not None and self.strategy != "popcount":
            raise SpikeloomError(f"width must be None with strategy {self.strategy}, not {self.width!r}")

    @property
    def options(self) -> dict[str, object]:
        """What the strategy's integrator takes beside the lanes."""
        width = {} if self.width is None else {"width": self.width}
        return width if self.weights == "rom" else {**width, "weights": self.weights}

    def passes(self, neurons: int) -> int:
        """How often each timestep must be presented to a layer of so many neurons."""
        return -(-neurons // self.lanes) if self.strategy == "dense" else 1


def check_layer(network: Network, k: int, how: LayerPlan) -> None:
    """Raise `SpikeloomError` unless layer number `k` can be built so."""
    built = network.layers[k]
    reason = obstacle(network, k, how.strategy)
    if reason:
        raise SpikeloomError(f"layer {k} strategy must not be {how.strategy}: {reason}")
    if how.strategy == "parallel":
        return
    update = check.integer(f"layer {k} update lanes", how.update_lanes, 1, 64)
    if update & (update - 1):
        raise SpikeloomError(f"layer {k} update lanes must be a power of two, not {update}")
    if how.strategy == "dense":
        check.integer(f"layer {k} lanes", how.lanes, update, built.size + update - 1)
    if how.strategy in MULTIPLES and how.lanes % update:
        raise SpikeloomError(f"layer {k} lanes must be a multiple of {update} update lanes, not {how.lanes}")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A network and how each of its layers is built.

    Parameters
    ----------
    network : what is computed.
    layers : one LayerPlan a layer.
    source : "words" (frames, or pages of a sequence, as 16-bit words) or "events" (only without an encoder).
    memories : which memories are built of logic.
    """

    network: Network
    layers: tuple[LayerPlan, ...]
    source: str = "words"
    memories: MemoryRules = NO_RULES

    def __post_init__(self):
        check.choice("source", self.source, SOURCES)
        if self.source == "events" and self.network.encoder is not None:
            raise SpikeloomError("source must be 'words' for a network with an encoder, not 'events'")
        if len(self.layers) != len(self.network.layers):
            raise SpikeloomError(f"plan must have {len(self.network.layers)} layers, not {len(self.layers)}")
        for k, layer in enumerate(self.layers):
            check_layer(self.network, k, layer)
        last = self.layers[-1]
        if last.strategy != "parallel" and last.update_lanes != 1:
            raise SpikeloomError(f"the last layer's update lanes must be 1, not {last.update_lanes}")

    def passes(self, layer: int) -> int:
        """How often layer number `layer` wants each timestep presented."""
        return self.layers[layer].passes(self.network.layers[layer].size)

    @property
    def stages(self) -> list[tuple[int, int]]:
        """First and last layer of what is built as one: chains of parallel layers, and single layers.

        Only the last layer of a chain can be the source of a residual.
        """
        sources = {layer.residual.source for layer in self.network.layers if layer.residual}
        found: list[tuple[int, int]] = []
        for k, how in enumerate(self.layers):
            goes_on = found and how.strategy == "parallel" == self.layers[k - 1].strategy and k - 1 not in sources
            if goes_on:
                found[-1] = found[-1][0], k
            else:
                found.append((k, k))
        return found

    def fan(self, first: int) -> int:
        """Terms that the chain of parallel layers from layer number `first` on adds in a clock."""
        return self.layers[first].width or adder.FAN

    @property
    def vectors(self) -> bool:
        """True if frames go into a register of the first chain instead of becoming events."""
        kind = "direct" if self.network.encoder is None else encoders.kind(self.network.encoder)
        return self.source == "words" and self.layers[0].strategy == "parallel" and kind in ("direct", "threshold")

    def trace_lanes(self, layer: int) -> int:
        """Neurons in a group of the trace port of layer number `layer`."""
        how = self.layers[layer]
        return self.network.layers[layer].size if how.strategy == "parallel" else how.update_lanes

    def hold(self, layer: int) -> int:
        """Timesteps for which layer number `layer` holds its currents: all, if its input is constant."""
        return presynaptic.hold(self.network, layer)

    @property
    def words(self) -> int:
        """16-bit words of one inference's frame."""
        return words.per_frame(self.network)

    @property
    def score_bits(self) -> int:
        """Width of a score."""
        from spikeloom.rtl_gen.readout import result_layout
        return result_layout(self.network)["score"].width
