"""The block RAM contents in a placed and routed design: icestorm's `.asc` and Trellis' `.config`, read and rewritten.

An `.asc` has `.ram_data X Y`, then 16 lines of 256 bits, highest first; a `.config` has `.bram_init N`, then 2048 words
of 9 bits, of which two make one of the 18 bits that Yosys writes at a pitch of 20.
"""

import re
from collections.abc import Mapping

import numpy as np

_SECTION = {
    "ice40": re.compile(r"^\.ram_data (\d+ \d+)\n((?:[0-9a-f]{64}\n){16})", re.M),
    "ecp5": re.compile(r"^\.bram_init (\d+)\n((?:(?:[0-9a-f]{3} ?)+\n)+)", re.M),
}
_K = np.arange(2048 * 9)
_NETLIST_BIT = _K // 288 * 320 + _K % 288 // 18 * 20 + _K % 18


def contents(text: str, family: str) -> dict[str, np.ndarray]:
    """The bits (0 or 1, uint8) of every block RAM that has contents, by its place."""
    parse = {"ice40": _parse_ice40, "ecp5": _parse_ecp5}[family]
    return {section[1]: parse(section[2]) for section in _SECTION[family].finditer(text)}


def replaced(text: str, family: str, new: Mapping[str, np.ndarray]) -> str:
    """The design with other bits in the block RAMs named."""
    render = {"ice40": _render_ice40, "ecp5": _render_ecp5}[family]

    def section(match: re.Match) -> str:
        bits = new.get(match[1])
        return match[0] if bits is None else match[0][:match.start(2) - match.start()] + render(bits)
    return _SECTION[family].sub(section, text)


def from_netlist(bits: np.ndarray, family: str) -> np.ndarray:
    """Bits in the order of a netlist's INIT parameters, in the order of `contents`."""
    return bits if family == "ice40" else bits[_NETLIST_BIT]


def _parse_ice40(text: str) -> np.ndarray:
    rows = [np.frombuffer(bytes.fromhex(line)[::-1], np.uint8) for line in text.split()]
    return np.unpackbits(np.concatenate(rows), bitorder="little")


def _render_ice40(bits: np.ndarray) -> str:
    rows = np.packbits(bits.reshape(16, 256), axis=1, bitorder="little")
    return "".join(row[::-1].tobytes().hex() + "\n" for row in rows)


def _parse_ecp5(text: str) -> np.ndarray:
    words = np.array([int(word, 16) for word in text.split()], np.uint16)
    return (words[:, None] >> np.arange(9) & 1).astype(np.uint8).reshape(-1)


def _render_ecp5(bits: np.ndarray) -> str:
    words = (bits.reshape(-1, 9).astype(int) << np.arange(9)).sum(axis=1).tolist()
    return "".join(" ".join(f"{word:03x}" for word in words[k:k + 8]) + "\n" for k in range(0, len(words), 8))
