"""What a build came to: resources and clock, read from what nextpnr and Yosys wrote, and why one did not fit."""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from spikeloom.boards.board import Board
from spikeloom.errors import FitError

# Our name for a resource, and the vendor cell that nextpnr counts.
_CELLS = {
    "ice40": {"lut": "ICESTORM_LC", "ram": "ICESTORM_RAM", "spram": "ICESTORM_SPRAM", "dsp": "ICESTORM_DSP",
              "pll": "ICESTORM_PLL", "io": "SB_IO"},
    "ecp5": {"lut": "TRELLIS_COMB", "ff": "TRELLIS_FF", "ram": "DP16KD", "lutram": "TRELLIS_RAMW",
             "dsp": "MULT18X18D", "pll": "EHXPLLL", "io": "TRELLIS_IO"},
}
_NOUNS = {"lut": "logic cells", "ff": "flip-flops", "ram": "block RAMs", "spram": "SPRAMs", "lutram": "LUT RAMs",
          "dsp": "DSP blocks", "pll": "PLLs", "io": "pins"}


@dataclass(frozen=True, kw_only=True)
class Use:
    """How many of a resource a design uses, and how many the part has."""

    used: int
    available: int


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """One finished build.

    `resources` holds lut (on iCE40 logic cells: a LUT and a flip-flop; on ECP5 LUTs, carries and LUT RAM included),
    ff, ram (block RAMs) and the rarer spram, lutram, dsp, pll, io. `clock_hz` is what the design runs at, `fmax_mhz`
    what it could run at; `seconds` is by stage.
    """

    board: str
    device: str
    seed: int
    clock_hz: int
    fmax_mhz: float
    resources: dict[str, Use]
    bitstream: Path
    seconds: dict[str, float]
    versions: dict[str, str]

    def to_json(self) -> dict:
        """The report as JSON types."""
        return asdict(self) | {"bitstream": str(self.bitstream)}


def read_resources(board: Board, report: dict, netlist: Path) -> dict[str, Use]:
    """Resources from nextpnr's report; the flip-flops of an iCE40, which it does not count, from Yosys' netlist."""
    found = {}
    for name, cell in _CELLS[board.family].items():
        if cell in report["utilization"]:
            use = report["utilization"][cell]
            found[name] = Use(used=use["used"], available=use["available"])
    if "ff" not in found:
        modules = json.loads(netlist.read_text())["modules"].values()
        cells = [cell["type"] for module in modules for cell in module["cells"].values()]
        flip_flops = sum(cell.startswith("SB_DFF") for cell in cells)
        found["ff"] = Use(used=flip_flops, available=found["lut"].available)
    return found


def read_fmax_mhz(board: Board, report: dict) -> float:
    """What the slowest clock reaches, in MHz. Raises `FitError` if a clock is faster than its logic."""
    clocks = report["fmax"].values()
    if not clocks:
        raise FitError(f"design must have a clock on {board.title}, nextpnr found none")
    worst = min(clocks, key=lambda clock: clock["achieved"] / clock["constraint"])
    if worst["achieved"] < worst["constraint"]:
        raise FitError(
            f"clock must be at most {worst['achieved']:.1f} MHz on {board.title}, not {worst['constraint']:.1f} MHz"
        )
    return worst["achieved"]


def overflow(board: Board, log: str) -> FitError | None:
    """Why the design in nextpnr's log does not fit, if that is what the log says."""
    table = {}
    for cell, used, available in re.findall(r"^Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%", log, re.M):
        table[cell] = Use(used=int(used), available=int(available))
    named = [(_NOUNS[name], table[cell]) for name, cell in _CELLS[board.family].items() if cell in table]
    over = [f"{use.used} {noun} where there are {use.available}" for noun, use in named if use.used > use.available]
    if over:
        return FitError(f"design must fit {board.title}, not need {' and '.join(over)}")
    if named and re.search(r"^ERROR: .*(legal placement|unable to place|failed to route)", log, re.M | re.I):
        noun, use = max(named, key=lambda item: item[1].used / max(item[1].available, 1))
        return FitError(
            f"design must leave {board.title} room to place and route, "
            f"which {use.used} of {use.available} {noun} do not"
        )
    return None
