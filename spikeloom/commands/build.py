"""Build a bitstream with the UART host link: synthesise, place, route, pack."""

import dataclasses
import json

from spikeloom import aside, commands, report, terminal
from spikeloom.commands import swap
from spikeloom.errors import SpikeloomError
from spikeloom.qsnn import load

EXAMPLE = "spikeloom build examples/mnist-icebreaker.qsnn --board icebreaker --clock 24"


def add(parser) -> None:
    commands.network_argument(parser)
    commands.plan_arguments(parser)
    parser.add_argument("--clock", type=float, metavar="MHZ",
                        help="run at this clock (default: the board's, mostly its oscillator)")
    parser.add_argument("--baud", type=int, help="of the host link (default: the board's, 1000000 for most)")
    commands.extras_argument(parser)
    parser.add_argument("--seed", type=int, default=1, help="of placement (default: 1)")
    parser.add_argument("--swappable", nargs="?", const="weights", metavar="WHAT",
                        help="leave room for a swap of the weights (the default), or with 'all' of thresholds and "
                             "biases too: they go to block RAM")
    commands.folder_argument(parser)


def run(arguments) -> int:
    from spikeloom import boards
    network = load(arguments.network)
    board, clock = boards.board(arguments.board), commands.hertz(arguments.clock)
    arguments.baud = board.baud if arguments.baud is None else arguments.baud
    line(board, clock, arguments.baud)
    folder, extras = commands.folder(arguments), commands.extras(arguments)
    if arguments.extras and arguments.swappable is not None:
        raise SpikeloomError(f"--extras must be left out with --swappable, not {arguments.extras!r}")
    plan = _plan(arguments, network)
    built = bitstream(plan, arguments.board, folder, clock_hz=clock, baud=arguments.baud, seed=arguments.seed,
                      swappable=arguments.swappable is not None, extras=extras)
    if arguments.swappable is not None:
        note = swap.note(plan, arguments.swappable, board=arguments.board, clock_hz=clock, baud=arguments.baud)
        aside.text(folder / swap.NOTE, json.dumps(note, indent=2) + "\n")
    whole = report.merge(folder, network, parts(built) | {"baud": arguments.baud}, plan=commands.plan_summary(plan))
    if arguments.json:
        terminal.dump(whole)
        return 0
    terminal.show(rows(built))
    return 0


def line(board, clock_hz: int | None, baud: int) -> int:
    """The clock in Hz that a build comes to when it is asked for `clock_hz`: what the PLL can make, and what the host
    link of `baud` bits a second can do with. Raises `SpikeloomError` before anything is built."""
    from spikeloom.boards.pll import pll
    from spikeloom.rtl_gen.link import uart
    wanted = clock_hz or board.default_hz
    made = wanted if wanted == board.clock_hz else round(pll(board.family, board.clock_hz, wanted,
                                                             pad=board.pll_pad).hz)
    uart.divisor(made, baud)
    return made


def _plan(arguments, network):
    """The Plan that the arguments ask for, with room for a swap if they do."""
    if arguments.swappable is None:
        return commands.planned(arguments, network)
    network = swap.with_room(network, arguments.swappable)
    # What other strategies build depends on which weights are zero.
    arguments.layer = [f"{k}:dense" for k in range(len(network.layers))] + arguments.layer
    plan = commands.planned(arguments, network)
    if arguments.swappable == "all":
        plan = dataclasses.replace(plan, memories=dataclasses.replace(plan.memories, rom=0))
    return plan


def bitstream(plan, board: str, folder, *, clock_hz: int | None, baud: int = 1_000_000, seed: int = 1,
              swappable: bool = False, seconds: dict[str, float] | None = None, extras=None):
    """Build with progress; see `spikeloom.boards.build.build`, and `rtl_gen.link.extras.Extras`."""
    from spikeloom import boards
    from spikeloom.boards.build import STAGES, build
    from spikeloom.rtl_gen.link.extras import PLAIN
    from spikeloom.rtl_gen.linked import LinkedTop
    with terminal.progress("build", seconds) as update:
        return build(lambda hz: LinkedTop(plan, hz, baud, extras=extras or PLAIN), boards.board(board), folder,
                     clock_hz=clock_hz, seed=seed, swappable=swappable,
                     progress=lambda stage: update(STAGES.index(stage), len(STAGES), stage))


def parts(built) -> dict:
    """What a build adds to the report."""
    found = built.to_json()
    seconds = {f"build: {stage}": took for stage, took in found.pop("seconds").items()}
    return found | {"seconds": seconds}


def rows(built) -> list[tuple]:
    """What a build came to, for a table."""
    used = [(name, f"{use.used:,} of {use.available:,}") for name, use in built.resources.items() if use.used]
    return [
        ("board", f"{built.board} ({built.device})"),
        *used,
        ("clock", f"{built.clock_hz / 1e6:g} MHz, could run at {built.fmax_mhz:g} MHz"),
        ("bitstream", built.bitstream),
    ]
