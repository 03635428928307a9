"""What a layer sees: the shape of graded values, and for how long they stay the same."""

from amaranth.hdl import Shape

from spikeloom.network import Network
from spikeloom.rtl_gen.encoders import first_value
from spikeloom.rtl_gen.events import range_shape


def value(network: Network, layer: int) -> Shape | None:
    """Shape of the graded values that layer number `layer` sees, None for spikes."""
    if layer == 0:
        return first_value(network)
    seen = network.presynaptic_range(layer)
    return None if seen == (0, 1) else range_shape(*seen)


def hold(network: Network, layer: int) -> int:
    """Timesteps for which layer number `layer` holds its synapses' sums: all, if its input is constant."""
    encoder = network.encoder
    return network.timesteps if layer == 0 and encoder is not None and encoder.constant else 1
