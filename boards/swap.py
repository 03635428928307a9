"""Other contents for the memories of a finished build: a new bitstream without synthesis, placement and routing."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from amaranth.hdl import Elaboratable

from spikeloom.boards import swappable
from spikeloom.boards.board import Board
from spikeloom.boards.build import pack, sources
from spikeloom.errors import FileError


@dataclass(frozen=True, kw_only=True)
class Swapped:
    """A new bitstream, how many bits of block RAM it took from the new design, and the seconds it took."""

    bitstream: Path
    bits: int
    seconds: float


def swap(top_factory: Callable[[int], Elaboratable], board: Board, folder: Path, out: Path, *,
         clock_hz: int | None = None) -> Swapped:
    """The bitstream of `top_factory`'s design, from the build in `folder` of a design that differs in memories only.

    Parameters
    ----------
    top_factory, board, clock_hz : as the build was made with.
    folder : a build with `swappable`.
    out : folder for the bitstream and the routed design; may be `folder`.

    It is, byte for byte, the bitstream that a build of the new design makes. Raises `FileError` if `folder` is no such
    build, `SpikeloomError` that says what differs.
    """
    began = time.perf_counter()
    if not (folder / "swap.npz").is_file():
        raise FileError(f"{folder} must hold a build made with --swappable")
    files, _ = sources(top_factory, board, clock_hz)
    out.mkdir(parents=True, exist_ok=True)
    put = swappable.fill(board.family, folder, files["top.il"], out)
    bitstream = pack(board, out)
    return Swapped(bitstream=bitstream, bits=sum(len(one.bits) for one in put.values()),
                   seconds=round(time.perf_counter() - began, 2))
