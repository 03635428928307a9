"""A small processor in an emulator, whose UART leads to gateware in a simulator."""

import re
from pathlib import Path

import numpy as np
from unicorn import UC_ARCH_ARM, UC_ARCH_RISCV, UC_MODE_MCLASS, UC_MODE_RISCV32, UC_MODE_THUMB, Uc
from unicorn.arm_const import (
    UC_ARM_REG_LR,
    UC_ARM_REG_R0,
    UC_ARM_REG_R1,
    UC_ARM_REG_R2,
    UC_ARM_REG_SP,
    UC_CPU_ARM_CORTEX_M0,
    UC_CPU_ARM_CORTEX_M4,
)
from unicorn.riscv_const import UC_RISCV_REG_A0, UC_RISCV_REG_A1, UC_RISCV_REG_A2, UC_RISCV_REG_RA, UC_RISCV_REG_SP

from spikeloom.firmware import c_network
from spikeloom.firmware.c_targets import Target, compile_command, zig
from spikeloom.firmware.simulated import SimulatedLine

from .c_driver import run

MEMORY, BASE, STACK, BACK = 1 << 20, 0x10000, 0x80000, 0xf0000     # bytes of RAM, and addresses in it
UART, DATA, FLAGS, RX_EMPTY = 0x40034000, 0x00, 0x18, 1 << 4       # UART0 of an RP2040
STRIDE, CLOCK = 64 / 4000, 12_000     # of the simulated line: seconds a poll, and clock cycles a millisecond
FILL = 0xa5
_ARM = (UC_ARM_REG_SP, UC_ARM_REG_LR, (UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_R2))
_RISCV = (UC_RISCV_REG_SP, UC_RISCV_REG_RA, (UC_RISCV_REG_A0, UC_RISCV_REG_A1, UC_RISCV_REG_A2))
CPUS = {"Cortex-M0+": UC_CPU_ARM_CORTEX_M0, "Cortex-M4": UC_CPU_ARM_CORTEX_M4}


def linked(target: Target, plan, program: str, folder: Path) -> Path:
    """`program`, the driver and the network's files, compiled and linked for `target`."""
    files = c_network.files(plan) | {"program.c": program}
    for name, text in files.items():
        (folder / name).write_text(text)
    names = [name for name in files if name.endswith(".c") and name != c_network.EXAMPLE]
    for name in names:
        run(*compile_command(target), "-Os", "-c", folder / name, "-o", f"{name}.o", folder=folder)
    run(*zig("ld.lld"), "--entry=start", f"--image-base={BASE:#x}", *(f"{name}.o" for name in names), "-o",
        "program.elf", folder=folder)
    return folder / "program.elf"


class Processor:
    """`target` with a program, its UART at the address `UART`, and the variable `milliseconds` kept by its clock.

    `elf` is the program, as benchmarks/firmware.py reads it; `data` its bytes.
    """

    def __init__(self, target: Target, elf, data: bytes, line: SimulatedLine):
        arm = target.name in CPUS
        self._uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS) if arm else Uc(UC_ARCH_RISCV, UC_MODE_RISCV32)
        if arm:
            self._uc.ctl_set_cpu_model(CPUS[target.name])
        self._thumb, self._registers = int(arm), _ARM if arm else _RISCV
        self._line, self._received = line, bytearray()
        self._address = {name: value for name, value, *_ in elf.symbols}
        self._uc.mem_map(0, MEMORY)
        for offset, address, size in segments(data):
            self._uc.mem_write(address, data[offset:offset + size])
        self._uc.mem_write(STACK - 4096, bytes([FILL]) * 4096)
        self._uc.mmio_map(UART, 0x1000, self._load, None, self._store, None)

    def call(self, name: str, *arguments: int) -> int:
        """What the function gives back."""
        stack, back, given = self._registers
        self._uc.reg_write(stack, STACK)
        self._uc.reg_write(back, BACK | self._thumb)
        for register, value in zip(given, arguments, strict=False):
            self._uc.reg_write(register, value)
        self._uc.emu_start(self._address[name] | self._thumb, BACK, count=50_000_000)
        return self._uc.reg_read(given[0])

    def write(self, address: int, data: bytes) -> None:
        self._uc.mem_write(address, data)

    def read(self, address: int, size: int) -> bytes:
        return bytes(self._uc.mem_read(address, size))

    @property
    def stack(self) -> int:
        """Bytes of stack that were ever written."""
        left = np.frombuffer(self.read(STACK - 4096, 4096), np.uint8) != FILL
        return 4096 - int(left.argmax()) if left.any() else 0

    def _load(self, _, offset: int, size: int, __) -> int:
        if offset == DATA:
            return self._received.pop(0)
        assert (offset, size) == (FLAGS, 4)
        self._received += self._line.read(STRIDE)
        self.write(self._address["milliseconds"], (self._line.cycles // CLOCK).to_bytes(4, "little"))
        return 0 if self._received else RX_EMPTY

    def _store(self, _, offset: int, size: int, value: int, __) -> None:
        assert (offset, size) == (DATA, 4)
        self._line.write(bytes([value]))


def segments(data: bytes) -> list[tuple[int, int, int]]:
    """Offset, address and size of each part of a 32-bit ELF file that is loaded."""
    def word(at: int, size: int = 4) -> int:
        return int.from_bytes(data[at:at + size], "little")

    headers = [word(0x1c) + 32 * k for k in range(word(0x2c, 2))]
    return [(word(at + 4), word(at + 8), word(at + 16)) for at in headers if word(at) == 1]


def c_blocks(page: str) -> str:
    """The C that a page shows, as one file."""
    return "\n".join(re.findall(r"^```c\n(.*?)^```", page, re.M | re.S))
