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
    guard : the weights that are loaded are held against their checksum again and again, and nothing runs with others.
    watchdog : a core that is at work for longer than it can be is reset, as it is before each inference; no state of
        the link is without a way out.
    """

    probe: bool = False
    readback: bool = False
    stream: int = 0
    queue: int = 0
    guard: bool = False
    watchdog: bool = False

    def __post_init__(self):
        check.integer("stream", self.stream, 0, 4096)
        if self.queue:
            check.integer("queue", self.queue, 16, 1 << 15)


PLAIN = Extras()
