"""What the host driver needs of a line: bytes there and back."""

import time
from abc import ABC, abstractmethod

from spikeloom.errors import LinkError


class LineLost(LinkError):
    """The line itself is gone: unplugged, not silent. It may come back; see `Transport.reopen`."""


class Transport(ABC):
    """A line to one device. `name` is what errors call it."""

    name: str
    byte_seconds: float = 1e-3
    """What a byte may take on the line."""

    def now(self) -> float:
        """Seconds of the line's own clock, from any moment on: a simulated line's may stand, or crawl."""
        return time.monotonic()

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Send all of `data`; returns when the line has it. Raises `LineLost` if the line is gone."""

    @abstractmethod
    def read(self, timeout: float) -> bytes:
        """At least one byte, as many as have arrived; none if `timeout` seconds pass in silence. Raises `LineLost`
        if the line is gone."""

    @abstractmethod
    def close(self) -> None:
        """Give the line back. It may be called twice."""

    def reopen(self, timeout: float) -> None:
        """Wait up to `timeout` seconds for a line that is gone, and open it again, as it was opened first. Raises
        `LineLost` if it stays away, `LinkError` if it is of a kind that never comes back."""
        raise LinkError(f"{self.name} must stay connected: it cannot be opened again")
