"""A bad line, on request: bytes lost, changed, added, repeated, reordered and late, the same ones for the same seed."""

import random
from dataclasses import dataclass, field, fields

from spikeloom.errors import SpikeloomError
from spikeloom.firmware.transport import Transport

Piece = tuple[float, bytes]


@dataclass(kw_only=True)
class Noise:
    """What happens to the bytes of one direction of a line; each rate is the share of the bytes that it befalls.

    Parameters
    ----------
    drop, flip, add, repeat, swap : a byte is lost, has one bit changed, has a random byte before it, comes twice, or
        comes after the next one.
    delay : silence of `pause` seconds comes before a byte.
    seed : the same bytes in the same pieces, the same faults.

    `faults` counts those so far.
    """

    drop: float = 0.0
    flip: float = 0.0
    add: float = 0.0
    repeat: float = 0.0
    swap: float = 0.0
    delay: float = 0.0
    pause: float = 0.001
    seed: int = 0
    faults: int = field(default=0, init=False)

    def __post_init__(self):
        for name in RATES:
            if not 0 <= getattr(self, name) <= 1:
                raise SpikeloomError(f"noise {name} must lie within 0 to 1, not be {getattr(self, name)!r}")
        if not 0 <= self.pause <= 60:
            raise SpikeloomError(f"noise pause must lie within 0 to 60 seconds, not be {self.pause!r}")
        self._random = random.Random(self.seed)

    @classmethod
    def of_all_kinds(cls, rate: float, seed: int = 0) -> "Noise":
        """Every kind of fault, a share `rate` of the bytes among them."""
        return cls(seed=seed, **{name: rate / len(RATES) for name in RATES})

    def pieces(self, data: bytes) -> list[Piece]:
        """What becomes of `data`: (seconds of silence, bytes after it)."""
        found: list[tuple[float, bytearray]] = [(0.0, bytearray())]
        held = b""
        for byte in data:
            sent = bytes([byte])
            if self._hits(self.delay):
                found.append((self.pause, bytearray()))
            if self._hits(self.flip):
                sent = bytes([byte ^ 1 << self._random.randrange(8)])
            if self._hits(self.drop):
                sent = b""
            if self._hits(self.repeat):
                sent += sent
            if self._hits(self.add):
                sent = bytes([self._random.randrange(256)]) + sent
            if not held and self._hits(self.swap):
                held = sent
                continue
            found[-1][1].extend(sent + held)
            held = b""
        found[-1][1].extend(held)
        return [(pause, bytes(part)) for pause, part in found if part]

    def damage(self, data: bytes) -> bytes:
        """`pieces` without the silence."""
        return b"".join(part for _, part in self.pieces(data))

    def _hits(self, rate: float) -> bool:
        hit = rate > 0 and self._random.random() < rate
        self.faults += hit
        return hit


RATES = tuple(f.name for f in fields(Noise) if f.name not in ("pause", "seed", "faults"))


class NoisyLine(Transport):
    """`line` with noise on what it carries: `out` to the device, `back` from it. Silence takes no time here."""

    def __init__(self, line: Transport, *, out: Noise, back: Noise):
        self.name, self.line, self.out, self.back = line.name, line, out, back

    def now(self) -> float:
        return self.line.now()

    def write(self, data: bytes) -> None:
        self.line.write(self.out.damage(data))

    def read(self, timeout: float) -> bytes:
        while received := self.line.read(timeout):
            if damaged := self.back.damage(received):
                return damaged
        return b""

    def close(self) -> None:
        self.line.close()
