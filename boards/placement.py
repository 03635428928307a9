"""Where a memory's bits end up: from the bits of its words to the bits of block RAMs, as Yosys lays them out.

The layout is found by asking Yosys: the memory is mapped many times over, each time with one bit of every position's
number as its contents, and the block RAMs are read.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spikeloom import tools
from spikeloom.errors import ToolError

CELLS = {"ice40": {"SB_RAM40_4K"}, "ecp5": {"DP16KD"}}
_INIT = re.compile(r"INIT_([0-9A-F]+)|INITVAL_([0-9A-F]+)")


def cell_bits(cell: dict) -> str:
    """The initial contents of a block RAM in a netlist, lowest first: INIT_0, INIT_1, .. or INITVAL_00, .."""
    rows = {}
    for name, value in cell["parameters"].items():
        if match := _INIT.fullmatch(name):
            rows[int(match[1] or match[2], 16)] = _binary(value)[::-1]
    return "".join(rows[k] for k in sorted(rows))


def _binary(value: str) -> str:
    if not value.startswith("0x"):
        return value
    return f"{int(value, 16):0{4 * (len(value) - 2)}b}"


def block_rams(netlist: dict, family: str, memory: str, module: str = "top") -> dict[str, dict]:
    """The block RAMs of a memory in a flat netlist, by their name's end: "row.column"."""
    found = {}
    for name, cell in netlist["modules"][module]["cells"].items():
        if cell["type"] in CELLS[family] and re.fullmatch(re.escape(memory) + r"\.\d+\.\d+", name):
            found[name[len(memory) + 1:]] = cell
    return found


def layouts(coarse: dict, memories: Sequence[str], family: str, folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """For each memory and each of its block RAMs ("row.column"), the memory bit at each of the block RAM's bits.

    -1 where the block RAM holds nothing of it.

    Parameters
    ----------
    coarse : netlist before memories are mapped, with the `$mem_v2` cells of `memories`.
    folder : for files; they begin with "layout".
    """
    cells = coarse["modules"]["top"]["cells"]
    missing = [memory for memory in memories if memory not in cells]
    if missing:
        raise ToolError(f"yosys must keep the memory {missing[0]}")
    copies = {memory: _number(cells[memory], "SIZE") * _number(cells[memory], "WIDTH") for memory in memories}
    (folder / "layout.il").write_text(_copies(cells, copies))
    script = f"read_rtlil layout.il; synth_{family} -top top -run map_ram:map_ffram; write_json layout.json"
    tools.run(tools.find("yosys"), ["-q", "-p", script], folder=folder, log="layout.log")
    netlist = json.loads((folder / "layout.json").read_text())
    found = {}
    for k, (memory, count) in enumerate(copies.items()):
        rounds = [block_rams(netlist, family, "memory", f"copy{k}_{bit}") for bit in range((count + 1).bit_length())]
        found[memory] = {place: _decode([copy[place] for copy in rounds], count) for place in rounds[0]}
        if set(np.concatenate([[-1], *found[memory].values()]).tolist()) - {-1} != set(range(count)):
            raise ToolError(f"yosys must keep all {count} bits of the memory {memory} in block RAM")
    return found


def _decode(copies: list[dict], count: int) -> np.ndarray:
    total = 0
    for bit, cell in enumerate(copies):
        total += (np.frombuffer(cell_bits(cell).encode(), np.uint8) == ord("1")).astype(np.int64) << bit
    if total.max() > count:
        raise ToolError(f"yosys must keep block RAM contents in place, not put bit {total.max() - 1} of {count} there")
    return total - 1


def _number(cell: dict, parameter: str) -> int:
    return int(cell["parameters"][parameter], 2)


def _copies(cells: dict, counts: dict[str, int]) -> str:
    """Copies of the memories, a module each: in copy `b`, position p holds bit b of p + 1."""
    lines = []
    for k, (memory, count) in enumerate(counts.items()):
        cell = cells[memory]
        numbers = np.arange(1, count + 1)
        bits = {b for port in cell["connections"].values() for b in port if isinstance(b, int)}
        outputs = {b for b in cell["connections"]["RD_DATA"] if isinstance(b, int)}
        ports = [f"  wire {'output' if b in outputs else 'input'} {p} \\w{b}" for p, b in enumerate(sorted(bits), 1)]
        for bit in range((count + 1).bit_length()):
            init = "".join(np.where(numbers >> bit & 1, "1", "0")[::-1])
            lines += [f"module \\copy{k}_{bit}", *ports, *_attributes(cell), "  cell $mem_v2 \\memory"]
            for name, value in cell["parameters"].items():
                lines.append(f"    parameter \\{name} {_constant(name, init if name == 'INIT' else value)}")
            for port, connected in cell["connections"].items():
                joined = " ".join(f"\\w{b}" if isinstance(b, int) else f"1'{b}" for b in reversed(connected))
                lines.append(f"    connect \\{port} {{ {joined} }}")
            lines += ["  end", "end"]
    return "\n".join([*lines, ""])


def _attributes(cell: dict) -> list[str]:
    styles = {name: value for name, value in cell["attributes"].items() if name.endswith("_style")}
    return [f'  attribute \\{name} "{value.strip()}"' for name, value in styles.items()]


def _constant(name: str, value: str) -> str:
    if name == "MEMID":
        return '"\\\\memory"'
    return f"{len(value)}'{value}"
