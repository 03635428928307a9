"""Amaranth component to RTLIL and to readable Verilog, through whichever Yosys is found."""

import subprocess
import tempfile
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import Elaboratable

from spikeloom import tools
from spikeloom.errors import ToolError

# Processes become multiplexers, so the Verilog has only `assign` and clocked `always`: combinational `always @*` blocks
# whose inputs never change stay X for ever in Icarus 11.
SCRIPT = "read_rtlil {name}.il; proc; memory_collect; opt_clean; write_verilog -noattr {name}.v"


def to_rtlil(component: Elaboratable, name: str) -> str:
    """The RTLIL text of `component` as module `name`."""
    return rtlil.convert(component, name=name, emit_src=False)


def to_verilog(component: Elaboratable, name: str) -> str:
    """The Verilog text of `component` as module `name`. Raises `ToolError` if Yosys is missing or fails."""
    return rtlil_to_verilog(to_rtlil(component, name), name)


def rtlil_to_verilog(text: str, name: str) -> str:
    """The Verilog text of RTLIL."""
    with tempfile.TemporaryDirectory(prefix="spikeloom-", dir=".") as folder:
        Path(folder, f"{name}.il").write_text(text)
        yosys(SCRIPT.format(name=name), folder)
        return Path(folder, f"{name}.v").read_text()


def yosys(script: str, folder: str | Path) -> None:
    """Run a Yosys script in `folder`; file names in it must be relative. Raises `ToolError` with the end of the log."""
    command = [*tools.find("yosys").command, "-q", "-p", script]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        tail = "\n".join((result.stdout + result.stderr).strip().splitlines()[-5:])
        raise ToolError(f"yosys must succeed, but ended with {result.returncode}: {tail}")
