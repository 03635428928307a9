"""C sources to the contents of the system's RAM: `zig cc` for RV32I, and what the ELF file says."""

import os
import struct
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from spikeloom import aside, tools
from spikeloom.errors import FileError, SpikeloomError, ToolError
from spikeloom.network import Network
from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.soc.registers import c_header

SOURCES = Path(__file__).with_name("c")
APPLICATION = SOURCES / "classify.c"
LARGEST = 1 << 18   # bytes of RAM
FLAGS = ("--target=riscv32-freestanding-none", "-mcpu=generic_rv32", "-Os", "-std=c99", "-ffreestanding",
         "-fno-builtin", "-nostdlib", "-ffunction-sections", "-fdata-sections", "-fno-sanitize=all", "-Wall", "-Wextra",
         "-Wpedantic", "-Werror", "-Wl,--gc-sections")
_LOAD = 1


@dataclass(frozen=True, kw_only=True)
class Program:
    """Compiled: `memory` is all of RAM in 32-bit words; `text` (with constants), `data`, `bss` and `stack` in bytes."""

    memory: tuple[int, ...]
    text: int
    data: int
    bss: int
    stack: int


def samples_header(network: Network, frames: np.ndarray) -> str:
    """`samples.h`: SAMPLES and `samples`, the frames in words; see `rtl_gen.words.pack`."""
    packed = words.pack(network, frames)
    lines = ["/* Samples for the network, in the words of its frames. Made by spikeloom: do not edit. */",
             "#ifndef SAMPLES_H", "#define SAMPLES_H", "#include <stdint.h>", "",
             f"#define SAMPLES {len(packed)}", "",
             f"static const uint16_t samples[SAMPLES][{packed.shape[1]}] = {{"]
    for row in packed.tolist():
        numbers = [f"0x{word:04x}" for word in row]
        lines += ["    {", *(f"        {', '.join(numbers[k:k + 12])}," for k in range(0, len(numbers), 12)), "    },"]
    return "\n".join([*lines, "};", "", "#endif", ""])


def compile_program(network: Network, frames: np.ndarray, *, application: Path = APPLICATION,
                    folder: Path | None = None) -> Program:
    """The program for a system with `network`.

    Parameters
    ----------
    frames : the samples to build in, `(samples, *network.frame_shape)`, one at least.
    application : a C file with `main`; it may include soc.h, registers.h and samples.h.
    folder : where program.elf, program.log, registers.h and samples.h are left; None: nowhere.

    Raises `ToolError` if the compiler is missing or fails, `FileError` if the application cannot be read.
    """
    if not len(frames):
        raise SpikeloomError("samples must be 1 at least, not 0")
    compiler, application = find_compiler(), Path(application).resolve()
    if not application.is_file():
        raise FileError(f"{application} must be a C file, but is none")
    with tempfile.TemporaryDirectory(prefix="spikeloom-") as scratch:
        out = Path(scratch) if folder is None else Path(folder)
        out.mkdir(parents=True, exist_ok=True)
        aside.text(out / "registers.h", c_header(network))
        aside.text(out / "samples.h", samples_header(network, frames))
        # zig's cache takes a header for unchanged that is another one at the same relative path of another folder.
        inputs = [SOURCES / "start.S", SOURCES / "soc.c", application]
        command = [*FLAGS, f"-I{out.resolve()}", f"-I{SOURCES}", "-T", str(SOURCES / "link.ld"), *map(str, inputs)]
        try:
            tools.run(compiler, [*command, "-o", "program.elf.part"], folder=out, log="program.log")
        except ToolError:
            said = (out / "program.log").read_text().strip().splitlines()
            reason = next((line for line in said if "error:" in line), " ".join(said[-1:]))
            raise ToolError(f"program must compile, but {reason}") from None
        os.replace(out / "program.elf.part", out / "program.elf")
        return read_elf((out / "program.elf").read_bytes())


def find_compiler() -> tools.Tool:
    """`zig cc` of the ziglang package. Raises `ToolError` if it is missing."""
    if find_spec("ziglang") is None:
        raise ToolError("ziglang was not found: pip install 'spikeloom[soc]'")
    return tools.Tool(name="zig cc", command=(sys.executable, "-m", "ziglang", "cc"), version=version("ziglang"),
                      origin="wheel")


def read_elf(data: bytes) -> Program:
    """The program in a 32-bit little-endian ELF file, linked to run where it is loaded, from address 0."""
    if data[:6] != b"\x7fELF\x01\x01":
        raise FileError("program must be a 32-bit little-endian ELF file")
    programs, sections = struct.unpack_from("<2I", data, 28)
    _, count, _, section_count, names_at = struct.unpack_from("<5H", data, 42)
    parts = [struct.unpack_from("<6I", data, programs + 32 * k) for k in range(count)]
    loaded = [part[1:] for part in parts if part[0] == _LOAD]
    size = max(address + memory for _, _, address, _, memory in loaded)
    if size > LARGEST:
        raise SpikeloomError(f"program must need at most {LARGEST} bytes of RAM, not {size}")
    content = bytearray(-(-size // 4) * 4)
    for offset, _, address, length, _ in loaded:
        content[address:address + length] = data[offset:offset + length]
    headers = [struct.unpack_from("<6I", data, sections + 40 * k) for k in range(section_count)]
    names = headers[names_at][4]
    sizes = {data[names + name:].partition(b"\0")[0].decode(): length for name, _, _, _, _, length in headers}
    memory = struct.unpack(f"<{len(content) // 4}I", bytes(content))
    return Program(memory=memory, **{part: sizes.get(f".{part}", 0) for part in ("text", "data", "bss", "stack")})
