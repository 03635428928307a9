"""RTLIL to a shared library of compiled simulators, one entry point a design, kept under a digest of its making."""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from spikeloom import check, tools

DRIVER = Path(__file__).with_name("volume.h")
EFFORTS = {
    "run": ("-O3",),
    "compile": ("-O0", "-DQUICK_BUILD", "-fno-exceptions", "-fno-rtti", "-fno-asynchronous-unwind-tables"),
}
# NDEBUG: an enabled read beyond the end of a memory, its value unused, is no reason to abort the process.
_FLAGS = ("-std=c++17", "-DNDEBUG", "-shared", "-fPIC", "-w", "-fvisibility=hidden", "-fno-gnu-unique")


@dataclass(frozen=True, kw_only=True)
class Design:
    """A module `core` in RTLIL, with so many trace ports."""

    rtlil: str
    layers: int


def library(designs: Sequence[Design], *, folder: Path, effort: str = "run", waves: bool = False,
            driver: Path = DRIVER) -> Path:
    """The library in which `design{k}_run` drives the k-th design.

    Parameters
    ----------
    folder : where libraries are kept; one that is there already is not built again.
    effort : "run" for a fast simulator, "compile" for a fast build.
    waves : with what a waveform needs; larger and slower.
    driver : the header whose DESIGN(name, traces) makes the entry points.

    Raises `ToolError` if Yosys or the compiler is missing or fails.
    """
    check.choice("effort", effort, tuple(EFFORTS))
    yosys, compiler = tools.find("yosys"), tools.find("c++")
    options = [*_FLAGS, *EFFORTS[effort], *(["-DWAVES"] if waves else [])]
    if sys.platform == "darwin":
        options.remove("-fno-gnu-unique")
    headers = _headers(driver)
    digest = sha256(b"".join(header.read_bytes() for header in headers))
    for text in (yosys.version, compiler.version, *options, *(design.rtlil for design in designs)):
        digest.update(sha256(text.encode()).digest())
    target = Path(folder, f"cxxrtl-{digest.hexdigest()[:24]}.so")
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.stem}-", dir=folder))
        _build(work, headers, designs, yosys, compiler, options, "-g4" if waves else "-g0")
        os.replace(work / "designs.so", target)
        shutil.rmtree(work)
    return target


def _headers(driver: Path) -> list[Path]:
    """`driver`, and the headers beside it that it includes."""
    names = re.findall(r'^#include "(.+)"', driver.read_text(), re.MULTILINE)
    return [driver, *(header for name in names for header in _headers(driver.with_name(name)))]


def _build(work: Path, headers: Sequence[Path], designs: Sequence[Design], yosys: tools.Tool, compiler: tools.Tool,
           options: list[str], debug: str) -> None:
    script, source = [], []
    for k, design in enumerate(designs):
        Path(work, f"{k}.il").write_text(design.rtlil)
        script.append(f"design -reset; read_rtlil {k}.il; flatten; write_cxxrtl -O6 {debug} -namespace "
                      f"design{k} {k}.cc")
        traces = " ".join(f"TRACE({layer})" for layer in range(design.layers))
        source += [f'#include "{k}.cc"', f"DESIGN(design{k}, {traces})"]
    Path(work, "designs.cc").write_text("\n".join([f'#include "{headers[0].name}"', *source, ""]))
    for header in headers:
        shutil.copy(header, work)
    tools.run(yosys, ["-q", "-p", "; ".join(script)], folder=work, log="yosys.log")
    runtime = tools.yosys_share(yosys) / "include" / "backends" / "cxxrtl" / "runtime"
    tools.run(compiler, [*options, f"-I{runtime}", "designs.cc", "-o", "designs.so"], folder=work, log="compiler.log")
