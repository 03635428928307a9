"""Lines for `sim.abuse`: watched, slow, broken off, and noisy with a judge beside it."""

import random
from typing import Protocol, runtime_checkable

from spikeloom.errors import LinkError
from spikeloom.firmware.framing import Unframer
from spikeloom.firmware.noise import Noise, NoisyLine
from spikeloom.firmware.transport import Transport
from spikeloom.sim.pins import PinsLine, Top

BAUD_ERROR = 0.02
_BABBLE = 1 << 16       # bytes of replies after which a device has lost itself


class Watched(Transport):
    """`line`, the number of bytes that went over it, and of the requests among them.

    Parameters
    ----------
    lengths : of a request's body by its command byte; see `bad_frames.lengths`.

    Members
    -------
    bytes : there and back.
    requests : good frames to the device that are requests.
    unframer : knows where in a frame the line to the device is.
    """

    def __init__(self, line: Transport, lengths: dict[int, int]):
        self.name, self.line, self._lengths = line.name, line, lengths
        self.bytes = self.requests = 0
        self.unframer = Unframer()

    def now(self) -> float:
        return self.line.now()

    def write(self, data: bytes) -> None:
        self.bytes += len(data)
        self.requests += sum(self._lengths.get(body[0]) == len(body) for body in self.unframer.feed(data))
        self.line.write(data)

    def read(self, timeout: float) -> bytes:
        received = self.line.read(timeout)
        self.bytes += len(received)
        return received

    def drain(self, timeout: float) -> bytes | None:
        """All that comes until `timeout` seconds of silence; None if there is no end to it."""
        found = bytearray()
        while received := self.read(timeout):
            found += received
            if len(found) > _BABBLE:
                return None
        return bytes(found)

    def close(self) -> None:
        pass    # the device stays under power: what comes after looks at it


@runtime_checkable
class Variable(Protocol):
    """A line with a clock of the host's own."""

    def pause(self, seconds: float) -> None:
        """What was written goes out; then the host does nothing for a while."""

    def vary(self, rng: random.Random) -> None:
        """Another rate, within what the device must take."""

    def restore(self) -> None:
        """As it was."""


@runtime_checkable
class Breakable(Protocol):
    """A line that can lose its place within a byte."""

    def disturb(self, rng: random.Random) -> None:
        """Lose it, now and then, until `restore`."""

    def restore(self) -> None:
        """As it was."""


class UartLine(PinsLine):
    """A serial line whose host may have a clock that is up to 2 % off, and may pause."""

    def __init__(self, top: Top):
        super().__init__(top)
        self._received = b""

    def read(self, timeout: float) -> bytes:
        received, self._received = self._received, b""
        return received or super().read(timeout)

    def pause(self, seconds: float) -> None:
        end = self.cycles + round(seconds * self.pins.top.clock_hz)
        waiting, quiet = True, False
        while waiting or (self.cycles < end and not quiet):
            sent, self._sent = self._sent, b""
            found = self.pins.exchange(sent, max(1, end - self.cycles), baud=self.baud)
            self.cycles += found.cycles
            self._received += found.received
            waiting, quiet = bool(found.waiting), found.quiet

    def vary(self, rng: random.Random) -> None:
        self.baud = self.pins.top.baud * (1 + rng.uniform(-BAUD_ERROR, BAUD_ERROR))

    def restore(self) -> None:
        self.baud = None


class Slow(Transport):
    """`line`, of a host that pauses for up to `pause` seconds before some of the bytes it writes."""

    def __init__(self, line: "Watched", *, pause: float, rng: random.Random):
        self.name, self.line, self._pause, self._random = line.name, line, pause, rng

    def now(self) -> float:
        return self.line.now()

    def write(self, data: bytes) -> None:
        share = self._random.choice((0.05, 0.3, 1.0))
        for byte in data:
            if self._random.random() < share:
                self.line.line.pause(self._pause * self._random.random())
            self.line.write(bytes([byte]))

    def read(self, timeout: float) -> bytes:
        return self.line.read(timeout)

    def close(self) -> None:
        self.line.close()


class Died(LinkError):
    """The host is gone."""


class Mortal(Transport):
    """`line`, until `left` bytes have been written or read by a host that dies then, in the middle of it."""

    def __init__(self, line: Transport, left: int):
        self.name, self.line, self._left = line.name, line, left

    def now(self) -> float:
        return self.line.now()

    def write(self, data: bytes) -> None:
        self.line.write(data[:self._left])
        self._live(len(data))

    def read(self, timeout: float) -> bytes:
        received = self.line.read(timeout)
        self._live(len(received))
        return received

    def _live(self, count: int) -> None:
        self._left -= count
        if self._left <= 0:
            self._left = 0
            raise Died(f"{self.name} has lost its host")

    def close(self) -> None:
        self.line.close()


class JudgedLine(NoisyLine):
    """A noisy line that knows what was sent.

    `passed` counts frames that came out of the noise whole and are none of those that went in: damage that a CRC-16
    cannot see, and that no device and no host can answer for.
    """

    def __init__(self, line: Transport, *, out: Noise, back: Noise):
        super().__init__(line, out=out, back=back)
        self.passed = 0
        self._sent, self._said = _Judge(), _Judge()

    def write(self, data: bytes) -> None:
        damaged = self.out.damage(data)
        self.passed += self._sent.passed(data, damaged)
        self.line.write(damaged)

    def read(self, timeout: float) -> bytes:
        while received := self.line.read(timeout):
            damaged = self.back.damage(received)
            self.passed += self._said.passed(received, damaged)
            if damaged:
                return damaged
        return b""


class _Judge:
    """Counts frames of one direction that noise has made."""

    def __init__(self):
        self._before, self._after = Unframer(), Unframer()
        self._known: set[bytes] = set()

    def passed(self, data: bytes, damaged: bytes) -> int:
        self._known.update(self._before.feed(data))
        return sum(body not in self._known for body in self._after.feed(damaged))
