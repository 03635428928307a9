"""The Plan: how hardware computes a network. Lanes and memories of each layer; widths follow from the weights."""

from dataclasses import dataclass

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.network import Network
from spikeloom.rtl_gen import words

FAMILIES = ("ice40", "ecp5")
SOURCES = ("words", "events")


@dataclass(frozen=True, kw_only=True)
class LayerPlan:
    """How one dense layer is built.

    Parameters
    ----------
    lanes : neurons whose weights fill one memory word and are integrated in one clock; a multiple of `update_lanes`.
    update_lanes : neurons updated in one clock, a power of two.
    """

    lanes: int
    update_lanes: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A network and how each of its layers is built.

    Parameters
    ----------
    network : what is computed.
    layers : one LayerPlan a layer.
    source : "words" (frames, or pages of a sequence, as 16-bit words) or "events" (only without an encoder).
    """

    network: Network
    layers: tuple[LayerPlan, ...]
    source: str = "words"

    def __post_init__(self):
        check.choice("source", self.source, SOURCES)
        if self.source == "events" and self.network.encoder is not None:
            raise SpikeloomError("source must be 'words' for a network with an encoder, not 'events'")
        if len(self.layers) != len(self.network.layers):
            raise SpikeloomError(f"plan must have {len(self.network.layers)} layers, not {len(self.layers)}")
        for k, layer in enumerate(self.layers):
            neurons = self.network.layers[k].neurons.neurons
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
        return -(-self.network.layers[layer].neurons.neurons // self.layers[layer].lanes)

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
         update_lanes: tuple[int, ...] | None = None, source: str = "words") -> Plan:
    """A plan for `network`: the given lanes, or those that suit `family`.

    Raises `SpikeloomError` where the given numbers break a rule.
    """
    if family is not None:
        check.choice("family", family, FAMILIES)
    most_lanes, most_update = {"ice40": (64, 2), "ecp5": (128, 4), None: (64, 2)}[family]
    layers = []
    for k, layer in enumerate(network.layers):
        neurons, last = layer.neurons.neurons, k == len(network.layers) - 1
        update = 1 if last else min(most_update, 1 << (neurons - 1).bit_length())
        if update_lanes is not None:
            update = update_lanes[k]
        passes = -(-neurons // most_lanes)
        width = -(-neurons // passes)
        width = -(-width // update) * update if update else width
        layers.append(LayerPlan(lanes=lanes[k] if lanes is not None else width, update_lanes=update))
    return Plan(network=network, layers=tuple(layers), source=source)
