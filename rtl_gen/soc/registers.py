"""The registers of the system, as the one table that the hardware, the C header and `docs/soc.md` are made from."""

from collections.abc import Mapping
from dataclasses import dataclass

from spikeloom.network import READOUTS, Network
from spikeloom.rtl_gen import words

MAGIC, VERSION = int.from_bytes(b"SPKL", "little"), 1
START, RESET, BUSY, CAN_SEND, RECEIVED = 1, 2, 1, 1, 2
SCORES_AT = 0x80


@dataclass(frozen=True, kw_only=True)
class Register:
    """32 bits: the byte offset in its block, whether the program writes it ("rw", "ro", "wo"), and what it holds.

    `array`: several follow each other.
    """

    name: str
    offset: int
    access: str
    text: str
    array: bool = False


@dataclass(frozen=True, kw_only=True)
class Block:
    """Registers that begin at an address."""

    name: str
    base: int
    text: str
    registers: tuple[Register, ...] = ()

    def offset(self, name: str) -> int:
        """Of the register called `name`, in bytes."""
        return next(one.offset for one in self.registers if one.name == name)


RAM = Block(name="RAM", base=0x0000_0000, text="program, constants, variables and stack; runs from 0 at reset")
NETWORK = Block(name="NETWORK", base=0x4000_0000, text="the network", registers=(
    Register(name="CONTROL", offset=0x00, access="wo",
             text="bit 0 START: one inference of FRAME, unless BUSY; bit 1 RESET: abort the inference"),
    Register(name="STATUS", offset=0x04, access="ro",
             text="bit 0 BUSY: an inference is under way; any other register but CONTROL waits for its end"),
    Register(name="MAGIC", offset=0x08, access="ro", text='the characters "SPKL", first lowest'),
    Register(name="VERSION", offset=0x0c, access="ro", text="of this table"),
    Register(name="DIGEST", offset=0x10, access="ro", array=True,
             text="8 words: the network's digest, first byte lowest"),
    Register(name="INPUTS", offset=0x30, access="ro", text="values a frame (a timestep's, for a sequence)"),
    Register(name="INPUT_FORMAT", offset=0x34, access="ro", text="bits 7:0 bits a value, bit 8 two's complement"),
    Register(name="FRAME_WORDS", offset=0x38, access="ro", text="16-bit words of a frame"),
    Register(name="TIMESTEPS", offset=0x3c, access="ro", text="timesteps an inference"),
    Register(name="OUTPUTS", offset=0x40, access="ro", text="neurons of the last layer"),
    Register(name="READOUT", offset=0x44, access="ro",
             text=", ".join(f"{k} {name}" for k, name in enumerate(READOUTS))),
    Register(name="CLASS", offset=0x48, access="ro", text="the last inference's class"),
    Register(name="CYCLES", offset=0x4c, access="ro",
             text="clocks of the last inference, from the first word the network took to its last score"),
    Register(name="SCORES", offset=SCORES_AT, access="ro", array=True,
             text="OUTPUTS words: the last inference's scores, two's complement"),
))
SERIAL = Block(name="SERIAL", base=0x8000_0000, text="the serial line", registers=(
    Register(name="SEND", offset=0x00, access="wo", text="bits 7:0: a byte to send; waits for the byte before"),
    Register(name="STATUS", offset=0x04, access="ro",
             text="bit 0 CAN_SEND: SEND would not wait; bit 1 RECEIVED: a byte is in RECEIVE"),
    Register(name="RECEIVE", offset=0x08, access="ro",
             text="the last byte received; reading clears RECEIVED. A byte that nobody reads is lost to the next"),
))
BLOCKS = (RAM, NETWORK, SERIAL)
BITS = {"NETWORK_START": START, "NETWORK_RESET": RESET, "NETWORK_BUSY": BUSY, "SERIAL_CAN_SEND": CAN_SEND,
        "SERIAL_RECEIVED": RECEIVED}


def frame_offset(outputs: int) -> int:
    """Byte offset of FRAME in the block NETWORK, behind the scores."""
    return SCORES_AT + 4 * outputs


def constants(network: Network) -> dict[str, int]:
    """What the registers that never change hold, by name; DIGEST as DIGEST0 .. DIGEST7."""
    digest = bytes.fromhex(network.digest)
    return {
        "MAGIC": MAGIC, "VERSION": VERSION,
        **{f"DIGEST{k}": int.from_bytes(digest[4 * k:4 * k + 4], "little") for k in range(8)},
        "INPUTS": network.input.size, "INPUT_FORMAT": network.input.bits | network.input.signed << 8,
        "FRAME_WORDS": words.per_frame(network), "TIMESTEPS": network.timesteps, "OUTPUTS": network.outputs,
        "READOUT": READOUTS.index(network.readout),
    }


def c_header(network: Network) -> str:
    """`registers.h`: every register as an lvalue, every bit, and what the network's registers hold, as NETWORK_IS_.."""
    lines = ["/* The registers of a system made for one network. Made by spikeloom: do not edit. */",
             "#ifndef REGISTERS_H", "#define REGISTERS_H", "#include <stdint.h>", ""]
    for block in BLOCKS:
        for register in block.registers:
            address = f"0x{block.base + register.offset:08x}u"
            lines.append(_lvalue(f"{block.name}_{register.name}", register.access, address, register.array))
    lines.append(_lvalue("NETWORK_FRAME", "rw", f"0x{NETWORK.base + frame_offset(network.outputs):08x}u", True))
    lines += ["", *(f"#define {name} {value}u" for name, value in BITS.items()), ""]
    lines += [f"#define NETWORK_IS_{name} 0x{value:x}u" for name, value in constants(network).items()]
    return "\n".join([*lines, "", "#endif", ""])


def _lvalue(name: str, access: str, address: str, array: bool) -> str:
    kind = "volatile const uint32_t" if access == "ro" else "volatile uint32_t"
    return f"#define {name} ({'' if array else '*'}({kind} *){address})"


def markdown() -> str:
    """The tables of `docs/soc.md`."""
    lines = ["| block | from | |", "| --- | --- | --- |"]
    lines += [f"| {block.name} | 0x{block.base:08x} | {block.text} |" for block in BLOCKS]
    for block in BLOCKS[1:]:
        lines += ["", f"| {block.name} | offset | access | |", "| --- | --- | --- | --- |"]
        lines += [f"| {one.name} | 0x{one.offset:02x} | {one.access} | {one.text} |" for one in block.registers]
        if block is NETWORK:
            lines.append(f"| FRAME | 0x{SCORES_AT:02x} + 4 OUTPUTS | rw | FRAME_WORDS words: the input, a 16-bit word "
                         "of it in each |")
    return "\n".join(lines) + "\n"


def header_words(network: Network) -> Mapping[int, int]:
    """`constants` by their word's index in the block NETWORK."""
    digest = NETWORK.offset("DIGEST")
    offsets = {one.name: one.offset for one in NETWORK.registers} | {f"DIGEST{k}": digest + 4 * k for k in range(8)}
    return {offsets[name] >> 2: value for name, value in constants(network).items()}
