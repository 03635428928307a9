"""What a device says of itself, held against the network that it says it carries: `LinkError` where that cannot be."""

from spikeloom.errors import LinkError
from spikeloom.network import READOUTS, Network
from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.protocol import Identity


def check_network(line: str, identity: Identity, network: Network) -> None:
    """The device on `line` must be one of `network`."""
    if identity.digest.hex() != network.digest[:16]:
        raise LinkError(f"the device on {line} must carry the network {network.digest[:16]}, "
                        f"not {identity.digest.hex()}")
    wanted = {"inputs": network.input.size, "value_bits": network.input.bits,
              "value_signed": int(network.input.signed), "frame_words": words.per_frame(network),
              "timesteps": network.timesteps, "outputs": network.outputs, "readout": READOUTS.index(network.readout)}
    for name, value in wanted.items():
        if (said := getattr(identity, name)) != value:
            raise LinkError(f"the device on {line} must have {name} {value} as its network has, not {said}")


def check_room(line: str, identity: Identity, row_words: int) -> int:
    """Rows of `row_words` words that fit a LOAD request."""
    if identity.load_words < row_words:
        raise LinkError(f"the device on {line} must take rows of {row_words} words, not at most {identity.load_words}")
    return identity.load_words // row_words


def check_label(line: str, identity: Identity, label: int) -> int:
    """The class that an inference came to."""
    if label >= identity.outputs:
        raise LinkError(f"the device on {line} must answer with a class below {identity.outputs}, not {label}")
    return label
