"""A flat netlist of a part's cells, in the form of Yosys' JSON, made ready to be simulated at its pins.

Pads become wires, and so do PLLs: the simulated clock is the one that the PLL would make.
"""

import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from spikeloom import tools
from spikeloom.boards.board import Board
from spikeloom.boards.placement import cell_bits
from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen import verilog
from spikeloom.sim.taps import Tap

_PAD = re.compile(r'^(?:set_io (\S+) (\S+)|LOCATE COMP "([^"]+)" SITE "([^"]+)";)$', re.M)
_OUTPUT_MODES, _INPUT_MODES = ("0110", "1010"), ("01",)     # of an SB_IO without flip-flops
# What an iCE40 does with an input that nothing drives.
_OPEN = {"E": "1", "CLOCK_ENABLE": "1", "RCLKE": "1", "WCLKE": "1"}
_INPUTS = {
    "SB_LUT4": ("I0", "I1", "I2", "I3"), "SB_CARRY": ("I0", "I1", "CI"),
    "SB_RAM40_4K": ("RCLKE", "RE", "WCLKE", "WE", "MASK"),
}
_MODELS = {"ice40": ("ice40/cells_sim.v",), "ecp5": ("lattice/common_sim.vh", "lattice/ccu2c_sim.vh")}
_DEFINES = {"ice40": "`define NO_ICE40_DEFAULT_ASSIGNMENTS\n", "ecp5": "`define NO_INCLUDES\n"}
_OWN = {"ice40": "", "ecp5": "ecp5_cells.v"}
# Delays say nothing here; the models of routed LUTs and of pads are of no use: wires and our own stand for them.
_NOT_TAKEN = re.compile(r"\bspecify\b.*?\bendspecify\b|^module TRELLIS_(?:COMB|IO)\b.*?^endmodule$", re.M | re.S)


def pads(constraints: str) -> dict[str, str]:
    """The pin of each port, in the constraints of a build (`top.pcf`, `top.lpf`)."""
    return {match[1] or match[3]: match[2] or match[4] for match in _PAD.finditer(constraints)}


def names(board: Board, constraints: str) -> dict[str, str]:
    """New names for the ports of a design: `clock`, `rx` and `tx` for those of the host link."""
    wanted = {board.clock.split()[0]: "clock", board.rx: "rx", board.tx: "tx"}
    return {port: wanted.get(pin, f"pin{pin}") for port, pin in pads(constraints).items()}


def synthesised(folder: Path, board: Board) -> dict:
    """The netlist that Yosys made in the build in `folder`, as a module for `to_verilog`.

    Raises `SpikeloomError` for a build whose memories' contents come later.
    """
    if (folder / "swap.npz").exists():
        raise SpikeloomError(f"{folder} must be a build whose netlist holds the memories' contents, not a swappable "
                             "one: only level 3 can tell what is in it")
    module = json.loads((folder / "top.json").read_text())["modules"]["top"]
    constraints = folder / ("top.pcf" if board.family == "ice40" else "top.lpf")
    return wired(module, names(board, constraints.read_text()))


def wired(module: dict, ports: dict[str, str]) -> dict:
    """The module with wires for pads and PLLs, its ports renamed. Raises `SpikeloomError` for pads that do more."""
    cells, driven = {}, set()
    for name, cell in module["cells"].items():
        if cell["type"] == "$scopeinfo":
            continue
        wires = list(_wires(cell))
        for k, (source, target) in enumerate(wires):
            cells[f"{name}.wire{k}"] = _buffer(source, target)
            driven.add(target)
        if not wires:
            cells[name] = _closed(cell)
    renamed = {}
    for name, port in module["ports"].items():
        direction = "output" if driven & set(port["bits"]) else "input"
        renamed[ports.get(name, name)] = {"direction": direction, "bits": port["bits"]}
    return {"attributes": {}, "ports": renamed, "cells": cells, "netnames": {}}


def to_verilog(module: dict, taps: Sequence[Tap] = ()) -> str:
    """The module in Verilog, through Yosys, and a module `core` round it whose pins a simulator shows and which writes
    down what the taps hold (`taps.read`)."""
    tapped = {**module, "ports": module["ports"] | {name: {"direction": "output", "bits": list(bits)}
                                                    for tap in taps for name, bits in _tapped(tap).items()}}
    with tempfile.TemporaryDirectory(prefix="spikeloom-", dir=".") as folder:
        Path(folder, "gates.json").write_text(json.dumps({"modules": {"gates": tapped}}))
        verilog.yosys("read_json gates.json; write_verilog -noattr gates.v", folder)
        text = Path(folder, "gates.v").read_text()
    pins = ", ".join(f"{port['direction']} {name} /*verilator public_flat_rw*/"
                     for name, port in module["ports"].items())
    joined = ", ".join(f".{name}({name})" for name in tapped["ports"])
    seen = "".join(f"  wire [{len(bits) - 1}:0] {name};\n" for tap in taps for name, bits in _tapped(tap).items())
    written = "".join(_written(tap) for tap in taps)
    tap = Path(__file__).with_name("tap.v").read_text() if taps else ""
    return f"{text}{tap}module core({pins});\n{seen}  gates gates({joined});\n{written}endmodule\n"


def _tapped(tap: Tap) -> dict[str, tuple]:
    """The ports that show a tap."""
    return {f"loads{tap.layer}": (tap.loads,), f"valid{tap.layer}": (tap.valid,),
            f"held{tap.layer}": tap.held}


def _written(tap: Tap) -> str:
    loads = f"{'~' * tap.inverted}loads{tap.layer}"
    return (f"  tap #(.WIDTH({len(tap.held)}), .FILE(\"{tap.file}\")) tap{tap.layer}("
            f".clock(clock), .loads({loads}), .valid(valid{tap.layer}), .held(held{tap.layer}));\n")


def models(family: str) -> str:
    """Verilog models of a family's cells: those that Yosys ships, and our own of those that it does not."""
    share = tools.yosys_share(tools.find("yosys"))
    text = "".join((share / name).read_text() for name in _MODELS[family])
    own = Path(__file__).with_name(_OWN[family]).read_text() if _OWN[family] else ""
    return _DEFINES[family] + _NOT_TAKEN.sub("", text) + own


def _wires(cell: dict) -> Iterator[tuple[object, int]]:
    """What a pad or PLL joins, as (source, target); nothing for other cells."""
    kind, joined = cell["type"], {port: bits[0] for port, bits in cell["connections"].items() if bits}
    if kind in ("SB_IO", "SB_GB_IO"):
        mode = cell["parameters"]["PIN_TYPE"]
        inputs = [joined[port] for port in ("D_IN_0", "GLOBAL_BUFFER_OUTPUT") if port in joined]
        outputs = mode[:4] != "0000"
        plain = joined.get("OUTPUT_ENABLE", "1") == "1" and not {"D_IN_1", "D_OUT_1"} & set(joined)
        if not plain or (inputs and mode[4:] not in _INPUT_MODES) or (outputs and mode[:4] not in _OUTPUT_MODES):
            raise SpikeloomError(f"pad must be a plain input or output, not an SB_IO with PIN_TYPE {mode}")
        yield from ((joined["PACKAGE_PIN"], target) for target in inputs)
        if outputs:
            yield joined["D_OUT_0"], joined["PACKAGE_PIN"]
    elif kind in ("SB_PLL40_CORE", "SB_PLL40_PAD"):
        source = joined["PACKAGEPIN" if kind == "SB_PLL40_PAD" else "REFERENCECLK"]
        yield from ((source, joined[port]) for port in ("PLLOUTCORE", "PLLOUTGLOBAL") if port in joined)
        if "LOCK" in joined:
            yield "1", joined["LOCK"]
    elif kind == "TRELLIS_IO":
        direction = cell["parameters"].get("DIR", "INPUT")
        if direction not in ("INPUT", "OUTPUT") or joined.get("T", "0") != "0":
            raise SpikeloomError(f"pad must be a plain input or output, not a TRELLIS_IO with DIR {direction}")
        yield (joined["B"], joined["O"]) if direction == "INPUT" else (joined["I"], joined["B"])
    elif kind == "EHXPLLL":
        yield joined["CLKI"], joined["CLKOP"]
        if "LOCK" in joined:
            yield "1", joined["LOCK"]


def _buffer(source: object, target: int) -> dict:
    return {"type": "$_BUF_", "parameters": {}, "attributes": {}, "port_directions": {"A": "input", "Y": "output"},
            "connections": {"A": [source], "Y": [target]}}


def _closed(cell: dict) -> dict:
    """The cell with no input left open; the contents of an ECP5's block RAM in one piece."""
    if cell["type"] == "DP16KD":
        kept = ("DATA_WIDTH_A", "DATA_WIDTH_B", "WRITEMODE_A", "WRITEMODE_B", "CLKAMUX", "CLKBMUX")
        parameters = {name: cell["parameters"][name] for name in kept if name in cell["parameters"]}
        return {**cell, "attributes": {}, "parameters": parameters | {"INIT": cell_bits(cell)[::-1]}}
    open_inputs = ("E",) if cell["type"].startswith("SB_DFF") and "E" in cell["type"][6:] else ()
    connections = dict(cell["connections"])
    for port in _INPUTS.get(cell["type"], open_inputs):
        if not connections.get(port):
            connections[port] = [_OPEN.get(port, "0")] * (16 if port == "MASK" else 1)
    return {**cell, "attributes": {}, "connections": connections}
