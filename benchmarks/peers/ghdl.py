"""GHDL: VHDL simulated, and turned into Verilog for Yosys."""

import os
import shutil
from pathlib import Path

import verilog_repairs
from stages import command

from spikeloom.errors import ToolError

_STANDARD = "--std=08"


def find() -> str:
    """The command, `$GHDL` or on the path. Raises `ToolError` that says what to install."""
    found = shutil.which(os.environ.get("GHDL", "ghdl"))
    if found is None:
        raise ToolError("ghdl was not found: install the package ghdl, or set GHDL to its command")
    return found


def simulate(sources: list[Path], top: str, folder: Path, **generics: int) -> None:
    """Run the test bench `top` of `sources` inside `folder` until it stops."""
    ghdl = _analyse(sources, top, folder)
    command([ghdl, "-r", _STANDARD, top, *(f"-g{name}={value}" for name, value in generics.items()),
             "--ieee-asserts=disable"], folder, log="simulation.err")


def to_verilog(sources: list[Path], top: str, folder: Path) -> tuple[str, list[str]]:
    """Verilog of `top` for Yosys, and what had to be repaired in it."""
    ghdl = _analyse(sources, top, folder)
    texts = [command([ghdl, "--synth", _STANDARD, f"--out={language}", top], folder, log=f"{language}.err")
             for language in ("verilog", "vhdl")]
    return verilog_repairs.repair(*texts)


def _analyse(sources: list[Path], top: str, folder: Path) -> str:
    ghdl = find()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "work-obj08.cf").unlink(missing_ok=True)
    command([ghdl, "-i", _STANDARD, *sources], folder, log="import.err")
    command([ghdl, "-m", _STANDARD, top], folder, log="analysis.err")
    return ghdl
