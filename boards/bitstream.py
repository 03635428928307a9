"""What part a bitstream is for, read from the bitstream.

iCE40: the shape of its configuration memory (Project IceStorm's format page). ECP5: the device code that the part
itself compares (Project Trellis' bitstream), and the package from the comment that ecppack writes.
"""

import re
from pathlib import Path

from spikeloom.boards.board import Board
from spikeloom.errors import FileError, SpikeloomError

_ICE40_PREAMBLE, _ECP5_PREAMBLE = bytes.fromhex("7eaa997e"), bytes.fromhex("ffffbdb3")
# Columns and rows of a bank: the dies, and the parts that are cut from them.
_ICE40_BANKS = {(332, 144): "iCE40HX1K", (872, 272): "iCE40HX8K", (692, 336): "iCE40UP5K"}
_ECP5_CODES = {
    0x21111043: "LFE5U-12F", 0x41111043: "LFE5U-25F", 0x41112043: "LFE5U-45F", 0x41113043: "LFE5U-85F",
    0x01111043: "LFE5UM-25F", 0x01112043: "LFE5UM-45F", 0x01113043: "LFE5UM-85F",
    0x81111043: "LFE5UM5G-25F", 0x81112043: "LFE5UM5G-45F", 0x81113043: "LFE5UM5G-85F",
}
_HEADER = 1 << 12       # bytes in which the comment and the preamble must be


def check(path: Path, board: Board) -> str:
    """The part that the bitstream at `path` is for. Raises `SpikeloomError` if it is not the one of `board`."""
    device, package = part(path)
    wanted = board.device
    if device != wanted:
        raise SpikeloomError(f"{path} must be for the {wanted} of {board.title}, not for {device}")
    if package and package.upper() != _package(board):
        raise SpikeloomError(f"{path} must be for the package {_package(board)} of {board.title}, not for {package}")
    return f"{device}-{package}" if package else device


def part(path: Path) -> tuple[str, str]:
    """Device and package ("" if that is not said) of a bitstream. Raises `FileError` if it is none of these parts."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path} must be a readable bitstream, but {error.strerror}") from None
    start = data.find(_ECP5_PREAMBLE, 0, _HEADER)
    if start >= 0:
        return _ecp5(path, data[:start], data[start + 4:])
    start = data.find(_ICE40_PREAMBLE, 0, _HEADER)
    if start >= 0:
        return _ice40(path, data[start + 4:]), ""
    raise FileError(f"{path} must be an iCE40 or ECP5 bitstream, but has the preamble of neither")


def _package(board: Board) -> str:
    from spikeloom.boards.parts import PACKAGES
    return PACKAGES[board.package].upper()


def _ice40(path: Path, data: bytes) -> str:
    """Commands are a nibble, the number of bytes that follow is the next; 1 with 1 starts the memory's contents."""
    columns = rows = at = 0
    while at < len(data) and (columns, rows) not in _ICE40_BANKS:
        command, length = data[at] >> 4, data[at] & 15
        value = int.from_bytes(data[at + 1:at + 1 + length])
        at += 1 + length
        if command == 6:
            columns = value + 1
        elif command == 7:
            rows = value
        elif command == 0 and value == 1:
            break
    if (columns, rows) not in _ICE40_BANKS:
        raise FileError(f"{path} must be for a known iCE40, not for one of {columns} x {rows} bits a bank")
    return _ICE40_BANKS[columns, rows]


def _ecp5(path: Path, comment: bytes, data: bytes) -> tuple[str, str]:
    found = re.search(rb"\xe2\x00\x00\x00(.{4})", data[:64], re.S)
    code = int.from_bytes(found[1]) if found else None
    if code not in _ECP5_CODES:
        shown = "none" if code is None else f"{code:08x}"
        raise FileError(f"{path} must hold the code of a known ECP5, not {shown}")
    package = re.search(rb"Part: LFE5U\w*-\d+F-\d([A-Za-z]+\d+)", comment)
    return _ECP5_CODES[code], package[1].decode() if package else ""
