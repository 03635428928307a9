"""The routed netlist of an ECP5, as nextpnr writes it, with the block RAM contents of the finished bitstream.

Each half of a slice becomes what it is set to: a LUT, half a carry, a bit of LUT memory, a wide multiplexer. An input
that is left open is 1 in this fabric, or what its own multiplexer says.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spikeloom.boards import routed
from spikeloom.boards.board import Board
from spikeloom.boards.unpack import unpacked
from spikeloom.errors import FileError, SpikeloomError
from spikeloom.sim.netlist import names, wired

_WID = re.compile(r"^\.tile(?:_group)? MIB_R(\d+)C(\d+):|^word: (EBR\d)\.WID ([01]+)$", re.M)
_OPEN = {"FCI": "0", "F1": "0", "FXA": "0", "FXB": "0", "WD": "0", "WRE": "0", "WCK": "0", "LSR": "0", "DI": "0"}
_WRITTEN = {"WDO0": "C1", "WDO1": "A1", "WDO2": "D1", "WDO3": "B1", "WADO0": "D0", "WADO1": "B0", "WADO2": "C0",
            "WADO3": "A0"}       # a TRELLIS_RAMW takes what is written through the inputs of the LUTs beside it
_FF = ("CEMUX", "CLKMUX", "GSR", "LSRMUX", "LSRMODE", "REGSET", "SRMODE")


def routed_netlist(folder: Path, board: Board) -> dict:
    """The netlist of the build in `folder`, as a module for `netlist.to_verilog`.

    Raises `FileError` if the build left no routed netlist, `SpikeloomError` for settings that no design of ours has.
    """
    module = read(folder)
    numbers = wids((folder / "top.config").read_text())
    contents = routed.contents(unpacked(folder / "top.bit", "ecp5"), "ecp5")
    cells = {}
    for name, cell in module["cells"].items():
        if cell["type"] == "DP16KD":
            bel = cell["attributes"]["NEXTPNR_BEL"]
            cell = _with_contents(cell, contents.get(str(numbers.get(bel)), np.zeros(2048 * 9, np.uint8)))
        for k, part in enumerate(_parts(cell)):
            cells[f"{name}.{k}" if k else name] = part
    return wired({**module, "cells": cells}, names(board, (folder / "top.lpf").read_text()))


def read(folder: Path) -> dict:
    """The module that nextpnr wrote after routing in `folder`. Raises `FileError` if it did not."""
    path = folder / "routed.json"
    if not path.is_file():
        raise FileError(f"{folder} must hold routed.json: build again")
    return next(iter(json.loads(path.read_text())["modules"].values()))


def wids(config: str) -> dict[str, int]:
    """The number by which a configuration calls the contents of each block RAM, by nextpnr's name of the place."""
    found, where = {}, ""
    for match in _WID.finditer(config):
        if match[3]:
            found[f"{where}/{match[3]}"] = int(match[4][::-1], 2)
        else:
            where = f"X{match[2]}/Y{match[1]}"
    return found


def _with_contents(cell: dict, bits: np.ndarray) -> dict:
    """The block RAM with 2048 x 9 bits of a configuration as its contents."""
    rows = bits.reshape(64, 16, 18)
    padded = np.concatenate([rows, np.zeros((64, 16, 2), np.uint8)], axis=2).reshape(64, 320)
    initial = {f"INITVAL_{k:02X}": "".join(map(str, row[::-1])) for k, row in enumerate(padded)}
    return {**cell, "parameters": {**cell["parameters"], **initial}}


def _parts(cell: dict) -> Iterator[dict]:
    """The cells that one of nextpnr's stands for."""
    kind, set_to, joined = cell["type"], cell["parameters"], cell["connections"]
    if kind == "TRELLIS_COMB":
        yield from _slice_half(set_to, joined)
    elif kind == "TRELLIS_FF":
        data = _bit(joined, "M") if set_to.get("SD", "1 ").strip() == "0" else _bit(joined, "DI")
        ports = {"CLK": _bit(joined, "CLK"), "CE": _bit(joined, "CE"), "LSR": _bit(joined, "LSR"), "DI": data,
                 "M": _bit(joined, "M")}
        yield _made("TRELLIS_FF", {name: set_to[name] for name in _FF if name in set_to}, ports, {"Q": joined["Q"]})
    elif kind == "TRELLIS_RAMW":
        for output, given in _WRITTEN.items():
            if joined.get(output):
                yield _made("$_BUF_", {}, {"A": _bit(joined, given)}, {"Y": joined[output]})
    elif kind == "DCCA":
        if joined.get("CE"):
            raise SpikeloomError("clock must run always, but a DCCA has an enable")
        yield _made("$_BUF_", {}, {"A": _bit(joined, "CLKI")}, {"Y": joined["CLKO"]})
    elif kind == "TRELLIS_IO":
        yield {**cell, "connections": {port: bits for port, bits in joined.items() if port != "T"}}
    elif kind == "DP16KD":
        yield _block_ram(cell)
    elif kind == "EHXPLLL":
        yield cell
    else:
        raise SpikeloomError(f"routed design must be of known cells, not {kind}")


def _slice_half(set_to: dict, joined: dict) -> Iterator[dict]:
    init, mode = {"INIT": set_to["INITVAL"]}, set_to.get("MODE", "LOGIC")
    inputs = {port: _bit(joined, port) for port in "ABCD"}
    if mode == "LOGIC":
        if joined.get("F") or joined.get("OFX"):
            yield _made("LUT4", init, inputs, {"Z": _output(joined)})
    elif mode == "CCU2":
        carry = init | {"INJECT1": set_to["CCU2_INJECT1"]}
        outputs = {port: joined[port] for port in ("F", "FCO") if joined.get(port)}
        yield _made("ECP5_CARRY", carry, inputs | {"FCI": _bit(joined, "FCI")}, outputs)
    elif mode == "DPRAM":
        ports = {port: _bit(joined, port) for port in ("WD", "WAD0", "WAD1", "WAD2", "WAD3", "WRE", "WCK")}
        if set_to.get("WREMUX", "WRE") not in ("WRE", "INV") or set_to.get("WCKMUX", "WCK") != "WCK":
            raise SpikeloomError(f"LUT memory must be written when it is told to, not by {set_to['WREMUX']}")
        yield _made("ECP5_DPRAM", init, inputs | ports, {"F": joined["F"]})
    elif mode != "RAMW_BLOCK":
        raise SpikeloomError(f"slice must be of a known mode, not {mode}")
    if joined.get("OFX"):
        select = _bit(joined, "M")
        if joined.get("FXA") or joined.get("FXB"):
            yield _made("L6MUX21", {}, {"D0": _bit(joined, "FXA"), "D1": _bit(joined, "FXB"), "SD": select},
                        {"Z": joined["OFX"]})
        else:
            yield _made("PFUMX", {}, {"ALUT": _bit(joined, "F1"), "BLUT": _output(joined)[0], "C0": select},
                        {"Z": joined["OFX"]})


def _output(joined: dict) -> list:
    """The net of a LUT's output; of one that only its own multiplexer sees, a net of its own."""
    return joined.get("F") or [joined["OFX"][0] + (1 << 28)]


def _bit(joined: dict, port: str) -> int | str:
    bits = joined.get(port)
    return bits[0] if bits else _OPEN.get(port, "1")


def _block_ram(cell: dict) -> dict:
    set_to, joined = dict(cell["parameters"]), {}
    for port, direction in cell["port_directions"].items():
        bits = cell["connections"].get(port)
        chosen = set_to.get(f"{port}MUX", port).strip()
        if direction == "output" or (bits and chosen == port):
            joined[port] = bits
        elif bits and port.startswith("CLK"):
            joined[port] = bits     # the model knows of inverted clocks
        elif bits:
            raise SpikeloomError(f"block RAM must have its {port} as it is, not {chosen}")
        else:
            joined[port] = ["0" if chosen in ("0", "INV") else "1"]
    for port in ("CLKA", "CLKB"):
        if not cell["connections"].get(port):
            joined[port], set_to[f"{port}MUX"] = ["0"], port
    return {**cell, "parameters": set_to, "connections": {port: bits for port, bits in joined.items() if bits}}


def _made(kind: str, parameters: dict, inputs: dict[str, int | str], outputs: dict[str, list]) -> dict:
    directions = dict.fromkeys(inputs, "input") | dict.fromkeys(outputs, "output")
    connections = {port: [bit] for port, bit in inputs.items()} | outputs
    return {"type": kind, "parameters": parameters, "attributes": {}, "port_directions": directions,
            "connections": connections}
