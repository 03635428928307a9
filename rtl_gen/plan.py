"""The Plan: how hardware computes a network. Lanes and memories of each layer; widths follow from the weights."""

import itertools
from dataclasses import dataclass

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.network import Network
from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.estimate import estimate
from spikeloom.rtl_gen.memories import BY_FAMILY, NO_RULES, MemoryRules

FAMILIES = ("ice40", "ecp5")
SOURCES = ("words", "events")
UPDATE_CHOICES, LANE_CHOICES = (1, 2, 4, 8), (8, 16, 24, 32, 48, 64, 80, 96, 128, 192, 256)
LARGEST_FILL = 0.85     # share of a part's logic cells that the planner fills


@dataclass(frozen=True, kw_only=True)
class LayerPlan:
    """How one layer is built.

    Parameters
    ----------
    strategy : "parallel", or a module of `spikeloom.rtl_gen.strategies`.
    lanes : neurons integrated in one clock; with "dense", whose weights fill one memory word, a multiple of
        `update_lanes`.
    update_lanes : neurons updated in one clock, a power of two.
    width : inputs taken in one clock, with "popcount".
    weights : what holds the weights, with "dense": "rom", or to be loaded at run time "ram" or "spram".
    """

    strategy: str = "dense"
    lanes: int
    update_lanes: int
    width: int | None = None
    weights: str = "rom"

    @property
    def options(self) -> dict[str, object]:
        """What the strategy's integrator takes beside the lanes."""
        return {"width": self.width} if self.strategy == "popcount" else {}


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
            neurons = self.network.layers[k].size
            update = check.integer(f"layer {k} update lanes", layer.update_lanes, 1, 64)
            if update & (update - 1):
                raise SpikeloomError(f"layer {k} update lanes must be a power of two, not {update}")
            check.integer(f"layer {k} lanes", layer.lanes, update, neurons + update - 1)
            if layer.lanes % update:
                raise SpikeloomError(f"layer {k} lanes must be a multiple of {update} update lanes, not {layer.lanes}")
        if self.layers[-1].update_lanes != 1:
            raise SpikeloomError(f"the last layer's update lanes must be 1, not {self.layers[-1].update_lanes}")

    def passes(self, layer: int) -> int:
        """How often layer number `layer` wants each timestep presented."""
        if self.layers[layer].strategy != "dense":
            return 1
        return -(-self.network.layers[layer].size // self.layers[layer].lanes)

    def trace_lanes(self, layer: int) -> int:
        """Neurons in a group of the trace port of layer number `layer`."""
        how = self.layers[layer]
        return self.network.layers[layer].size if how.strategy == "parallel" else how.update_lanes

    def hold(self, layer: int) -> int:
        """Timesteps for which layer number `layer` holds its currents: all, if its input is constant."""
        encoder = self.network.encoder
        return self.network.timesteps if layer == 0 and encoder is not None and encoder.constant else 1

    @property
    def words(self) -> int:
        """16-bit words of one inference's frame."""
        return words.per_frame(self.network)

    @property
    def score_bits(self) -> int:
        """Width of a score."""
        from spikeloom.rtl_gen.readout import result_layout
        return result_layout(self.network)["score"].width


def make(network: Network, *, family: str | None = None, lanes: tuple[int, ...] | None = None,
         update_lanes: tuple[int, ...] | None = None, source: str = "words", cells: int | None = None,
         ram: int | None = None) -> Plan:
    """A plan for `network`: the given lanes, or the fastest by estimate that fits.

    Parameters
    ----------
    family : "ice40" or "ecp5": which memories are built of logic, and how RAM is counted; None: no part in mind.
    lanes, update_lanes : one number a layer, instead of the planner's choice.
    cells, ram : logic cells and block RAMs of the part; None: as many as needed. If nothing fits, the smallest plan.

    Raises `SpikeloomError` where the given numbers break a rule.
    """
    if family is not None:
        check.choice("family", family, FAMILIES)
    for name, given in (("lanes", lanes), ("update lanes", update_lanes)):
        if given is not None and len(given) != len(network.layers):
            raise SpikeloomError(f"{name} must be {len(network.layers)} numbers, not {len(given)}")
    rules, best = BY_FAMILY[family], None
    for update, most in itertools.product(UPDATE_CHOICES, LANE_CHOICES):
        layers = tuple(_layer(network, k, most, update, lanes, update_lanes) for k in range(len(network.layers)))
        plan = Plan(network=network, layers=layers, source=source, memories=rules)
        cost = estimate(plan, family or "ice40")
        over = max(cost.cells / (LARGEST_FILL * cells) if cells else 0, cost.ram / ram if ram else 0)
        rank = (max(over, 1), cost.cycles, cost.cells)
        if best is None or rank < best[0]:
            best = rank, plan
    return best[1]


def _layer(network: Network, k: int, most: int, update: int, lanes: tuple[int, ...] | None,
           update_lanes: tuple[int, ...] | None) -> LayerPlan:
    """The layer with the given lanes, or with passes of equal width of at most `most` lanes."""
    neurons = network.layers[k].size
    update = 1 if k == len(network.layers) - 1 else min(update, 1 << (neurons - 1).bit_length())
    if update_lanes is not None:
        update = check.integer(f"layer {k} update lanes", update_lanes[k], 1, 64)
    if lanes is not None:
        return LayerPlan(lanes=lanes[k], update_lanes=update)
    width = -(-neurons // -(-neurons // most))
    return LayerPlan(lanes=-(-width // update) * update, update_lanes=update)
