"""The initial contents of a design's memories, in its RTLIL: which may change without another design, and which are."""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

_MODULE = re.compile(r"^module \\(\S+)\n.*?^end$", re.M | re.S)
_MEMORY = re.compile(r"((?:^  attribute .*\n)*)^  memory width (\d+) size (\d+) \\(\S+)$", re.M)
_INIT = re.compile(r'(^  cell \$meminit_v2 \S+\n    parameter \\MEMID "\\\\(\S+)"\n(?:    parameter .*\n)*'
                   r"    connect \\ADDR \{  \}\n    connect \\DATA )(\d+)'([01]+)$", re.M)
_ATTRIBUTE = re.compile(r"^ *attribute .*\n", re.M)
_INIT_CELL = re.compile(r'^  cell \$meminit_v2 \S+\n    parameter \\MEMID "\\\\(\S+)"\n(?:    .*\n)*?  end\n', re.M)
_WRITTEN = re.compile(r'^  cell \$memwr_v2 \S+\n    parameter \\MEMID "\\\\(\S+)"$', re.M)


@dataclass(frozen=True, kw_only=True)
class Contents:
    """A memory's initial contents: `bits` holds bit 0 of word 0 first, `width` bits a word, as "0" and "1"."""

    width: int
    bits: str

    @property
    def depth(self) -> int:
        return len(self.bits) // self.width


def in_block_ram(rtlil: str) -> str:
    """The design with every memory that `read` finds asking for block RAM."""
    def in_module(module: re.Match) -> str:
        names = _swappable(module[0])
        def memory(match: re.Match) -> str:
            asked = "_style " in match[1] or match[4] not in names
            return match[0] if asked else f'  attribute \\rom_style "block"\n{match[0]}'
        return _MEMORY.sub(memory, module[0])
    return _MODULE.sub(in_module, rtlil)


def read(rtlil: str) -> dict[str, Contents]:
    """The memories whose contents are kept apart from the design, by the path of their instance below the top.

    They are those never written and not built of logic, and those that say so with the attribute `swappable`.
    """
    found = {}
    for module in _MODULE.finditer(rtlil):
        for name, width in _swappable(module[0]).items():
            data = next(init[4] for init in _INIT.finditer(module[0]) if init[2] == name)
            found[_path(module[1], name)] = Contents(width=width, bits=data[::-1])
    return found


def write(rtlil: str, contents: Mapping[str, Contents]) -> str:
    """The design with other `contents` in the memories named."""
    def in_module(module: re.Match) -> str:
        def data(init: re.Match) -> str:
            new = contents.get(_path(module[1], init[2]))
            return init[0] if new is None else f"{init[1]}{len(new.bits)}'{new.bits[::-1]}"
        return _INIT.sub(data, module[0])
    return _MODULE.sub(in_module, rtlil)


def without_contents(rtlil: str) -> str:
    """The design without the zeros that Amaranth gives memories of `ram_style` "huge": SPRAMs have no contents."""
    def in_module(module: re.Match) -> str:
        huge = {memory[4] for memory in _MEMORY.finditer(module[0]) if '\\ram_style "huge"' in memory[1]}
        return _INIT_CELL.sub(lambda cell: "" if cell[1] in huge else cell[0], module[0])
    return _MODULE.sub(in_module, rtlil)


def markers(contents: Mapping[str, Contents]) -> dict[str, Contents]:
    """Random contents of the same shapes, always the same for the same shapes. Every bit of a word changes with the
    address: nothing can be left out of the memory, whatever its contents will be."""
    found = {}
    for path, real in contents.items():
        rng = random.Random(path)
        words = [rng.getrandbits(real.width) for _ in range(real.depth)]
        if real.depth > 1:
            words[1] = words[0] ^ (1 << real.width) - 1
        bits = "".join(f"{word:0{real.width}b}"[::-1] for word in words)
        found[path] = Contents(width=real.width, bits=bits)
    return found


def differences(old: str, new: str) -> list[str]:
    """What differs between two designs: a line for each component, as "the biases of layer 1 neurons are in logic"."""
    before, after = ({m[1]: m[0] for m in _MODULE.finditer(text)} for text in (old, new))
    found = []
    for name in [*before, *(name for name in after if name not in before)]:
        if before.get(name) == after.get(name):
            continue
        if name not in before or name not in after:
            found.append(f"{_spoken(name)} is only in the {'old' if name in before else 'new'} design")
            continue
        olds, news = ({init[2]: init[4] for init in _INIT.finditer(text[name])} for text in (before, after))
        fixed = [memory for memory in olds if memory in news and olds[memory] != news[memory]]
        bare = [_ATTRIBUTE.sub("", _INIT.sub(r"\1", text[name])).splitlines() for text in (before, after)]
        if bare[0] == bare[1]:
            found.append(f"the {' and '.join(fixed)} of {_spoken(name)} are in logic")
            continue
        lines = zip(*(text + [""] * (max(map(len, bare)) - len(text)) for text in bare), strict=True)
        here, there = next(((a.strip(), b.strip()) for a, b in lines if a != b), ("attributes", "others"))
        found.append(f"{_spoken(name)} has {there!r} instead of {here!r}")
    return found


def _swappable(module: str) -> dict[str, int]:
    """Widths of a module's swappable memories."""
    written, given = set(_WRITTEN.findall(module)), {init[2] for init in _INIT.finditer(module)}
    found = {}
    for memory in _MEMORY.finditer(module):
        attributes, name = memory[1], memory[4]
        rom = name not in written and '\\rom_style "logic"' not in attributes
        if name in given and (rom or "\\swappable 1\n" in attributes):
            found[name] = int(memory[2])
    return found


def _path(module: str, memory: str) -> str:
    return f"{module}.{memory}".removeprefix("top.")


def _spoken(module: str) -> str:
    words = module.split(".")
    parts = [word for word in words if word not in ("top", "design", "linked", "core")] or words[-1:]
    return re.sub(r"\blayer(\d)", r"layer \1", " ".join(parts))
