"""Serve a virtual board: the generated design, compiled, behind a serial port of this computer, until Ctrl-C.

Prints the name of the port. Whatever talks to a board talks to it: `spikeloom run NET --port THAT_NAME`.
"""

import signal
import sys
from pathlib import Path

from spikeloom import aside, commands, terminal
from spikeloom.errors import SpikeloomError
from spikeloom.qsnn import load

EXAMPLE = "spikeloom virtual examples/mnist-icebreaker.qsnn --board icebreaker"


def add(parser) -> None:
    commands.network_argument(parser)
    commands.plan_arguments(parser)
    line_arguments(parser)
    commands.extras_argument(parser)
    parser.add_argument("--link", type=Path, metavar="NAME", help="name of the port (default: in a temporary folder)")
    parser.add_argument("--noise", type=float, default=0.0, metavar="SHARE",
                        help="share of the bytes that are lost, changed, added, repeated, swapped or late")
    parser.add_argument("--seed", type=int, default=0, help="of the noise (default: 0)")


def line_arguments(parser) -> None:
    """Clock and line of the device."""
    parser.add_argument("--clock", type=float, metavar="MHZ", help="run at this clock (default: the board's)")
    parser.add_argument("--baud", type=int, help="of the host link (default: the board's)")


def run(arguments) -> int:
    network, extras = load(arguments.network), commands.extras(arguments)
    _check(arguments)
    top = compiled(commands.planned(arguments, network), arguments, extras=extras)
    signal.signal(signal.SIGTERM, signal.default_int_handler)   # let go of the port then too
    with board(top, link=arguments.link, noise=arguments.noise, seed=arguments.seed) as served:
        if arguments.json:
            terminal.dump({"port": served.port, "network_digest": network.digest, "board": arguments.board,
                           "clock_hz": top.clock_hz, "baud": top.baud})
        else:
            terminal.show([("port", served.port), ("board", f"{arguments.board}, virtual"),
                           ("clock", f"{top.clock_hz / 1e6:g} MHz"), ("baud", top.baud),
                           ("network", network.digest[:16])])
        sys.stdout.flush()
        served.wait()
    return 0


def _check(arguments) -> None:
    """Raise `SpikeloomError` for what cannot be served, before anything is compiled."""
    from spikeloom import boards, check
    line_of(boards.board(arguments.board), arguments)
    if not 0 <= arguments.noise < 1:
        raise SpikeloomError(f"--noise must be a share from 0 to below 1, not {arguments.noise!r}")
    check.integer("--seed", arguments.seed, 0, 1 << 31)
    aside.check(file=arguments.link)


def compiled(plan, arguments, seconds: dict[str, float] | None = None, *, extras=None):
    """The design of `plan` for `arguments.board` at `arguments.clock` and `.baud`, compiled, with progress."""
    from spikeloom import boards
    from spikeloom.rtl_gen.link.extras import PLAIN
    from spikeloom.sim import pins
    chosen = boards.board(arguments.board)
    with terminal.progress("compile", seconds):
        return pins.build(plan, clock_hz=line_of(chosen, arguments)[0],
                          baud=line_of(chosen, arguments)[1],
                          extras=extras or PLAIN)


def line_of(board, arguments) -> tuple[int, int]:
    """The clock in Hz that a build for `board` comes to, see `spikeloom.commands.build.line`, and bits a second."""
    from spikeloom.commands import build
    baud = board.baud if arguments.baud is None else arguments.baud
    return build.line(board, commands.hertz(arguments.clock), baud), baud


def board(top, *, link: Path | None = None, noise: float = 0.0, seed: int = 0):
    """A virtual board with `top` on it, to be started."""
    from spikeloom.firmware.noise import Noise
    from spikeloom.sim.virtual import VirtualBoard
    both = [Noise.of_all_kinds(noise, seed=2 * seed + k) if noise else None for k in (0, 1)]
    return VirtualBoard(top, link=link, out=both[0], back=both[1])
