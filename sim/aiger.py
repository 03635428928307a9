"""Binary AIGER files (Biere, "The AIGER And-Inverter Graph Format", 2007): inputs tied to constants."""

from itertools import takewhile
from pathlib import Path

from spikeloom.errors import SpikeloomError


class Aiger:
    """A file `aig M I L O A` with the names of its inputs."""

    def __init__(self, path: Path):
        raw = path.read_bytes()
        header, rest = raw.split(b"\n", 1)
        words = header.split()
        if words[0] != b"aig" or len(words) != 6:
            raise SpikeloomError(f"AIGER file must begin with 'aig M I L O A', not {header[:40]!r}")
        self.header, (_, self.inputs, latches, outputs, gates) = header, map(int, words[1:])
        *lines, rest = rest.split(b"\n", latches + outputs)
        self._latches, self._outputs = ([line.split() for line in part] for part in (lines[:latches], lines[latches:]))
        self._gates, at = [], 0
        for k in range(gates):
            left = 2 * (self.inputs + latches + k + 1)
            deltas = []
            for _ in range(2):
                delta = shift = 0
                while True:
                    byte = rest[at]
                    at += 1
                    delta |= (byte & 127) << shift
                    shift += 7
                    if byte < 128:
                        break
                deltas.append(delta)
            self._gates.append((left, left - deltas[0], left - deltas[0] - deltas[1]))
        lines = takewhile(lambda line: line[:1] in (b"i", b"l", b"o"), rest[at:].split(b"\n"))
        symbols = [line.split(b" ", 1) for line in lines]
        self.names = {name.decode(): int(where[1:]) for where, name in symbols if where[:1] == b"i"}

    @property
    def constants(self) -> list[int | None]:
        """Of each output the constant that it is, None if it is not."""
        return [int(line[0]) if line[0] in (b"0", b"1") else None for line in self._outputs]

    def write(self, path: Path, tied: dict[str, int]) -> None:
        """The same with the inputs named in `tied` at 0 or 1 wherever they are used."""
        known = {2 * (self.names[name] + 1): value for name, value in tied.items()}

        def literal(one: int) -> int:
            return known[one & ~1] ^ one & 1 if one & ~1 in known else one

        lines = [b" ".join([b"%d" % literal(int(line[0])), *line[1:]]) for line in self._latches + self._outputs]
        data = bytearray(b"\n".join([self.header, *lines, b""]))
        for left, *right in self._gates:
            low, high = sorted(map(literal, right))
            for delta in (left - high, high - low):
                while delta > 127:
                    data.append(delta & 127 | 128)
                    delta >>= 7
                data.append(delta)
        path.write_bytes(data)
