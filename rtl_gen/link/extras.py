"""What a linked core has beyond the plain link; each costs cells and is off by default."""

from dataclasses import dataclass

from spikeloom import check


@dataclass(frozen=True, kw_only=True)
class Extras:
    """Extras of the host link, for `linked.LinkedCore` and its tops. IDENTIFY says which a device has.

    Parameters
    ----------
    probe : the host can read membranes of layers that keep them in a memory: all but parallel ones.
    readback : the host can read weights back that it has loaded.
    stream : timesteps of a STREAM request, 1 to the network's timesteps, or 0 for no STREAM; the input must be a
        sequence, and no layer have a delay.
    queue : bytes of further requests that are kept while one is under way, 16 to 32768, or 0 for none.
    """

    probe: bool = False
    readback: bool = False
    stream: int = 0
    queue: int = 0

    def __post_init__(self):
        check.integer("stream", self.stream, 0, 4096)
        if self.queue:
            check.integer("queue", self.queue, 16, 1 << 15)


PLAIN = Extras()
