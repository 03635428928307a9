"""Neuron models, found by their module name: each module has one frozen dataclass, `NEURONS`."""

from spikeloom import plugins

kind = plugins.kind


def names() -> list[str]:
    """All models."""
    return plugins.names(__name__)


def load(name: object):
    """The dataclass of the model `name`."""
    return plugins.load(__name__, name, "neurons").NEURONS
