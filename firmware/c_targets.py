"""Small processors for which the C driver is compiled, with the compiler of the `ziglang` package."""

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from spikeloom.errors import ToolError

FREESTANDING = ("-std=c99", "-ffreestanding", "-ffunction-sections", "-fdata-sections", "-fno-unwind-tables",
                "-fno-asynchronous-unwind-tables")


@dataclass(frozen=True, kw_only=True)
class Target:
    """A processor: what zig calls it, and what the clang within does, for its analyzer."""

    name: str
    zig: tuple[str, ...]
    clang: tuple[str, ...]


TARGETS = (
    Target(name="Cortex-M0+", zig=("-target", "thumb-freestanding-eabi", "-mcpu=cortex_m0plus"),
           clang=("--target=thumbv6m-none-eabi", "-mcpu=cortex-m0plus")),
    Target(name="Cortex-M4", zig=("-target", "thumb-freestanding-eabi", "-mcpu=cortex_m4"),
           clang=("--target=thumbv7em-none-eabi", "-mcpu=cortex-m4")),
    Target(name="RV32I", zig=("-target", "riscv32-freestanding-none", "-mcpu=generic_rv32"),
           clang=("--target=riscv32-unknown-none-elf", "-march=rv32i")),
)
SIXTEEN_BITS = Target(name="MSP430", zig=("-target", "msp430-freestanding-none"), clang=("--target=msp430",))


def zig(tool: str = "cc") -> tuple[str, ...]:
    """The command for one of zig's tools: "cc", "clang", "ld.lld". Raises `ToolError` if there is none."""
    _folder()
    return (sys.executable, "-m", "ziglang", tool)


def compile_command(target: Target) -> tuple[str, ...]:
    """The C compiler for `target`, with what freestanding code needs.

    Name sources and include folders by absolute paths: zig's cache takes a header for unchanged that is another one at
    the same relative path of another folder.
    """
    return (*zig(), *target.zig, *FREESTANDING)


def analyze_command(target: Target) -> tuple[str, ...]:
    """Clang's static analyzer for `target`; what it finds is an error."""
    return (*zig("clang"), *target.clang, "--analyze", *FREESTANDING, "-nostdlibinc",
            "-isystem", str(_folder() / "lib" / "include"), "-Xclang", "-analyzer-output=text",
            "-Xclang", "-analyzer-werror",
            "-Xclang", "-analyzer-checker=core,deadcode,nullability,optin.core,optin.portability,security,unix")


def _folder() -> Path:
    spec = find_spec("ziglang")
    if spec is None:
        raise ToolError("zig was not found (ziglang is not installed): pip install 'spikeloom[firmware]'")
    return Path(spec.origin).parent
