"""Boards by name, and the way from a design to a bitstream for one."""

from spikeloom import check, plugins
from spikeloom.boards.board import Board, Budget
from spikeloom.errors import SpikeloomError

__all__ = ["Board", "Budget", "board", "boards"]

_CATALOGUE = "spikeloom.boards.catalogue"


def boards() -> list[Board]:
    """Every board of the catalogue, by name."""
    found = []
    for module in plugins.names(_CATALOGUE):
        found += plugins.load(_CATALOGUE, module, "board").BOARDS
    return sorted(found, key=lambda one: one.name)


def board(name: str) -> Board:
    """The board called `name`. Raises `SpikeloomError` that lists the boards and shows the likely spelling."""
    known = {one.name: one for one in boards()}
    if name not in known:
        raise SpikeloomError(f"board must be one of {', '.join(known)}, not {name!r}{check.near(name, known)}")
    return known[name]
