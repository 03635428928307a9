"""What the host driver needs of a line: bytes there and back."""

from abc import ABC, abstractmethod


class Transport(ABC):
    """A line to one device. `name` is what errors call it."""

    name: str

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Send all of `data`; returns when the line has it. Raises `LinkError` if the line is gone."""

    @abstractmethod
    def read(self, timeout: float) -> bytes:
        """At least one byte, as many as have arrived; none if `timeout` seconds pass in silence. Raises `LinkError`
        if the line is gone."""

    @abstractmethod
    def close(self) -> None:
        """Give the line back. It may be called twice."""
