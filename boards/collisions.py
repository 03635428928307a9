"""Declare block-RAM reads free of collisions, where the design never reads an address in the clock that writes it.

Amaranth promises the old data for such a read. No block RAM of these parts gives that, so Yosys would add bypass logic:
71 LUTs and 135 flip-flops for 32 words of 64 bits. A memory that does rely on the old data says so with
`Memory(..., attrs={"read_old": 1})` and keeps its bypass.
"""

import re

_KEEPS_OLD = re.compile(r"^  attribute \\read_old 1\n(?:  attribute .*\n)*  memory .* (\\\S+)$", re.M)
_MODULE = re.compile(r"^module .*?^end$", re.M | re.S)
_READ_PORT = re.compile(r"^  cell \$memrd_v2 .*?^  end$", re.M | re.S)


def declare_collision_free(rtlil: str) -> str:
    """RTLIL text in which every clocked read port may return anything (x) for an address being written.

    One bit per write port of the memory, whatever their number; ports that are transparent for a write port stay so.
    """
    return _MODULE.sub(lambda module: _in_module(module[0]), rtlil)


def _in_module(text: str) -> str:
    kept = {name.replace("\\", "\\\\") for name in _KEEPS_OLD.findall(text)}

    def declare(port: re.Match) -> str:
        cell = port[0]
        if re.search(r'MEMID "(.*)"', cell)[1] in kept or "\\CLK_ENABLE 0\n" in cell:
            return cell
        transparent = re.search(r"TRANSPARENCY_MASK \d+'([01]*)", cell)[1]
        free = "".join("0" if bit == "1" else "1" for bit in transparent)
        return re.sub(r"(COLLISION_X_MASK (\d+)')[01]*", lambda old: old[1] + (free if old[2] != "0" else "0"), cell)

    return _READ_PORT.sub(declare, text)
