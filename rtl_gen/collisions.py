"""Reads of a memory in the clock that writes the same address: declared free for synthesis, made to hurt in simulation.

Amaranth promises the old data for such a read. No block RAM of these parts gives that, so Yosys would add bypass logic:
71 LUTs and 135 flip-flops for 32 words of 64 bits. `declare_collision_free` takes the promise back, and
`poison_collisions` makes any simulator return the old data with every written bit inverted, so that a design which
needs the promise is caught wherever it is compared with the reference. A memory that does rely on the old data says so
with `Memory(..., attrs={"read_old": 1})`, which both leave alone.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

_KEEPS_OLD = re.compile(r"^  attribute \\read_old 1\n(?:  attribute .*\n)*  memory .* (\\\S+)$", re.M)
_MODULE = re.compile(r"^module .*?^end$", re.M | re.S)
_READ_PORT = re.compile(r"^  cell \$memrd_v2 .*?^  end$", re.M | re.S)
_WRITE_PORT = re.compile(r"^  cell \$memwr_v2 .*?^  end$", re.M | re.S)


def declare_collision_free(rtlil: str) -> str:
    """RTLIL text in which every clocked read port may return anything (x) for an address being written.

    One bit per write port of the memory, whatever their number; ports that are transparent for a write port stay so.
    """
    return _rewrite(rtlil, _declare)


def poison_collisions(rtlil: str) -> str:
    """RTLIL text in which a clocked read of an address being written returns the written bits of the old data inverted.

    For simulation. The same ports as in `declare_collision_free`; without a collision nothing changes.
    """
    return _rewrite(rtlil, _poison)


@dataclass(frozen=True, kw_only=True)
class _Writer:
    """A write port of a memory: its address and its enables, one a bit."""

    memory: str
    port: int
    address: str
    address_bits: int
    enable: str


def _rewrite(rtlil: str, change: Callable[[str, list[_Writer]], str]) -> str:
    """Apply `change(read port, the writers it may collide with)` where there are any."""

    def in_module(module: re.Match) -> str:
        kept = {name.replace("\\", "\\\\") for name in _KEEPS_OLD.findall(module[0])}
        writers = [_writer(cell) for cell in _WRITE_PORT.findall(module[0])]

        def in_port(port: re.Match) -> str:
            cell, memory = port[0], _memory(port[0])
            opaque = [w for w in writers if w.memory == memory and _bits(cell, "TRANSPARENCY_MASK")[-1 - w.port] == "0"]
            if memory in kept or not opaque or "\\CLK_ENABLE 0\n" in cell:
                return cell
            return change(cell, opaque)

        return _READ_PORT.sub(in_port, module[0])

    return _MODULE.sub(in_module, rtlil)


def _declare(cell: str, writers: list[_Writer]) -> str:
    mask = list(_bits(cell, "COLLISION_X_MASK"))
    for writer in writers:
        mask[-1 - writer.port] = "1"
    return re.sub(r"(COLLISION_X_MASK \d+')[01]*", rf"\g<1>{''.join(mask)}", cell)


def _poison(cell: str, writers: list[_Writer]) -> str:
    unique = re.match(r"  cell \S+ (\S+)", cell)[1].strip("$\\")
    width, data = int(_parameter(cell, "WIDTH")), _connected(cell, "DATA")
    names = [f"$poison${unique}${kind}" for kind in ("raw", "now", "then")]
    raw, now, then = names
    lines = [f"  wire width {width} {name}" for name in names]
    lines.append(cell.replace(f"connect \\DATA {data}\n", f"connect \\DATA {raw}\n"))
    sources = []
    for k, writer in enumerate(writers):
        same, hit = f"$poison${unique}$same{k}", f"$poison${unique}$hit{k}"
        lines += [f"  wire {same}", f"  wire width {width} {hit}"]
        lines.append(_binary("eq", same, (_connected(cell, "ADDR"), int(_parameter(cell, "ABITS"))),
                             (writer.address, writer.address_bits), 1))
        lines.append(_binary("and", hit, (writer.enable, width), (_repeated(same, width), width), width))
        sources.append(hit)
    total = sources[0]
    for k, hit in enumerate(sources[1:]):
        either = f"$poison${unique}$any{k}"
        lines += [f"  wire width {width} {either}", _binary("or", either, (total, width), (hit, width), width)]
        total = either
    lines.append(f"  connect {now} {total}")
    polarity = _parameter(cell, "CLK_POLARITY")
    lines.append(_cell("dffe", then, {"WIDTH": width, "CLK_POLARITY": polarity, "EN_POLARITY": 1},
                       {"D": now, "Q": then, "CLK": _connected(cell, "CLK"), "EN": _connected(cell, "EN")}))
    lines.append(_binary("xor", data, (raw, width), (then, width), width, name=f"{then}$xor"))
    return "\n".join(lines)


def _writer(cell: str) -> _Writer:
    return _Writer(memory=_memory(cell), port=int(_parameter(cell, "PORTID")), address=_connected(cell, "ADDR"),
                   address_bits=int(_parameter(cell, "ABITS")), enable=_connected(cell, "EN"))


def _binary(kind: str, result: str, a: tuple[str, int], b: tuple[str, int], width: int, name: str = "") -> str:
    parameters = {"A_SIGNED": 0, "A_WIDTH": a[1], "B_SIGNED": 0, "B_WIDTH": b[1], "Y_WIDTH": width}
    return _cell(kind, name or result, parameters, {"A": a[0], "B": b[0], "Y": result})


def _cell(kind: str, name: str, parameters: dict[str, object], connections: dict[str, str]) -> str:
    lines = [f"  cell ${kind} {name}$cell"]
    lines += [f"    parameter \\{key} {value}" for key, value in parameters.items()]
    lines += [f"    connect \\{key} {value}" for key, value in connections.items()]
    return "\n".join([*lines, "  end"])


def _repeated(signal: str, width: int) -> str:
    return f"{{ {' '.join([signal] * width)} }}"


def _memory(cell: str) -> str:
    return re.search(r'MEMID "(.*)"', cell)[1]


def _bits(cell: str, parameter: str) -> str:
    return re.search(rf"\\{parameter} \d+'([01]*)", cell)[1]


def _parameter(cell: str, name: str) -> str:
    return re.search(rf"parameter \\{name} (\S+)", cell)[1]


def _connected(cell: str, port: str) -> str:
    return re.search(rf"connect \\{port} (.*)", cell)[1]
