"""Load a bitstream into a board.

The bitstream is read first: it must be for the part of the board, and where a build's report lies beside it, built for
that board. The program that the board needs (openFPGALoader, iceprog, dfu-util or icesprog) is found as `spikeloom
doctor` shows; the variables OPENFPGALOADER, ICEPROG, DFU_UTIL and ICESPROG hold a command of your own, with options.
"""

import shlex
import sys
from pathlib import Path

from spikeloom import terminal

EXAMPLE = "spikeloom flash build/mnist-icebreaker --board icebreaker"


def add(parser) -> None:
    parser.add_argument("where", type=Path, metavar="BITSTREAM", help="a bitstream, or the folder of a build")
    parser.add_argument("--board", help="the board (default: what the folder was built for)")
    parser.add_argument("--keep", action="store_true",
                        help="write the flash memory: the design is there after the power was off")
    parser.add_argument("--dry-run", action="store_true", help="print the command and do nothing")


def run(arguments) -> int:
    from spikeloom.boards import flash
    one = flash.job(arguments.where, arguments.board)
    if arguments.dry_run:
        words = flash.command(one, keep=arguments.keep, found=False)
        terminal.dump(_summary(one, words, False)) if arguments.json else print(shlex.join(words))
        return 0
    words = flash.program(one, keep=arguments.keep, echo=None if arguments.json else _echo)
    if arguments.json:
        terminal.dump(_summary(one, words, True))
        return 0
    kept = arguments.keep or one.board.programmer.keep is None
    terminal.show([("board", f"{one.board.name} ({one.part})"), ("bitstream", one.path),
                   ("kept", "in the flash memory" if kept else "until the power is off (--keep: in the flash memory)")])
    return 0


def _echo(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)


def _summary(one, words: list[str], programmed: bool) -> dict:
    return {"board": one.board.name, "part": one.part, "bitstream": str(one.path), "command": words,
            "programmed": programmed}
