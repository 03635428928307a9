"""Mutants of a Core's RTL, many in one design: an input `mutant` says at run time which of them it is, 0 for none.

Yosys' `mutate` lists what can be done to the netlist of word-level cells: to each bit of each port of each cell five
things (see `MODES`). A mutant is one of them, drawn uniformly. The netlist is flat and cleaned as synthesis would clean
it (constants folded, operands narrowed), so that bits which never reach hardware are not mutated; clocks and the unused
resets of memories are left alone.
"""

import random
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from spikeloom import check
from spikeloom.rtl_gen import verilog
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.plan import Plan

MODES = {"inv": "inverted", "const0": "stuck at 0", "const1": "stuck at 1", "cnot0": "inverted while another is 0",
         "cnot1": "inverted while another is 1"}
SELECT_BITS = 16
_UNTOUCHED = {"CLK", "RD_CLK", "WR_CLK", "ARST", "RD_ARST", "RD_SRST"}
# Flip-flops that all start at 0 need no initial values, which `mutate` would leave on the wrong wires.
_PREPARE = ("read_rtlil core.il; proc; flatten; opt_clean; memory_collect; opt; wreduce; zinit -all; opt_clean; "
            "setattr -unset init w:*; mutate -list 0 -o all.txt; write_rtlil clean.il")
_CELL = re.compile(r"^  cell \S+ (\S+)\n(.*?)^  end$", re.MULTILINE | re.DOTALL)
_CONNECT = re.compile(r"^    connect \\(\w+) (.*)$", re.MULTILINE)
_PATH = re.compile(r"\\\w+(?:\.\\?\w+)*(?=\.)")
_RESULTS = {"Y", "Q", "RD_DATA"}
_OPTION = re.compile(r"-(\w+) (\S+)")


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change of the netlist.

    Parameters
    ----------
    number : what the input `mutant` must be.
    mode : one of `MODES`.
    cell, port, bit : where; `cell` as Yosys calls it.
    other : the bit of the same port that decides, with "cnot0" and "cnot1".
    component : where in the Core the cell is, "layer0.neurons"; "" if no name says it.
    """

    number: int
    mode: str
    cell: str
    port: str
    bit: int
    other: int | None = None
    component: str = ""

    def __post_init__(self):
        check.integer("mutant", self.number, 1, (1 << SELECT_BITS) - 1)
        check.choice("mode", self.mode, tuple(MODES))

    def __str__(self) -> str:
        other = "" if self.other is None else f" ({self.other})"
        return f"{self.mode} {self.cell}.{self.port}[{self.bit}]{other}"

    @property
    def command(self) -> str:
        """That adds it to the module `core`, in Yosys' words."""
        other = "" if self.other is None else f" -ctrlbit {self.other}"
        return (f"mutate -ctrl mutant {SELECT_BITS} {self.number} -mode {self.mode} -module core -cell {self.cell} "
                f"-port {self.port} -portbit {self.bit}{other}")


@dataclass(frozen=True, kw_only=True)
class Mutated:
    """A design with its mutants.

    Parameters
    ----------
    plan : what the design is the Core of.
    mutants : those that were drawn, `number` 1 and up.
    possible : how many there are to draw from.
    clean : RTLIL of the netlist before mutation, module `core`.
    rtlil : the same with all mutants and the input `mutant`.
    """

    plan: Plan
    mutants: tuple[Mutant, ...]
    possible: int
    clean: str
    rtlil: str


def draw(plan: Plan, count: int, *, seed: int = 0, rtlil: str | None = None) -> Mutated:
    """`count` mutants of the Core of `plan`, or all if there are fewer; `rtlil` replaces its RTL."""
    check.integer("mutants", count, 1, (1 << SELECT_BITS) - 1)
    with tempfile.TemporaryDirectory(prefix="spikeloom-", dir=".") as folder:
        Path(folder, "core.il").write_text(rtlil or verilog.to_rtlil(Core(plan), "core"))
        verilog.yosys(_PREPARE, folder)
        places = [dict(_OPTION.findall(line)) for line in Path(folder, "all.txt").read_text().splitlines()]
        places = [place for place in places if place["port"] not in _UNTOUCHED]
        chosen = random.Random(seed).sample(places, min(count, len(places)))
        clean = Path(folder, "clean.il").read_text()
        where = components(clean)
        mutants = tuple(_mutant(k, place, where) for k, place in enumerate(chosen, 1))
        Path(folder, "apply.ys").write_text("\n".join([*(one.command for one in mutants), ""]))
        verilog.yosys("read_rtlil clean.il; script apply.ys; opt_clean; write_rtlil mutated.il", folder)
        return Mutated(plan=plan, mutants=mutants, possible=len(places), clean=clean,
                       rtlil=Path(folder, "mutated.il").read_text())


def components(rtlil: str) -> dict[str, str]:
    """By name, the component that a cell of flat RTLIL is in: its name says so, or that of a wire of its."""
    found = {}
    for name, body in _CELL.findall(rtlil):
        wires = sorted(_CONNECT.findall(body), key=lambda one: one[0] not in _RESULTS)
        for text in (name, *(wire for _, wire in wires)):
            if path := _PATH.search(text):
                found[name.removeprefix("\\")] = path[0].replace("\\", "")
                break
    return found


def _mutant(number: int, place: dict[str, str], where: dict[str, str]) -> Mutant:
    other = int(place["ctrlbit"]) if "ctrlbit" in place else None
    return Mutant(number=number, mode=place["mode"], cell=place["cell"], port=place["port"],
                  bit=int(place["portbit"]), other=other, component=where.get(place["cell"], ""))
