"""Build a bitstream that needs no host: test samples in block RAM, their classes on the board's LEDs.

Each sample is shown for a second, then comes the next, round and round. LED 0 flashes with each sample while all
classes are those of the integer reference, and stays lit once one is not; docs/standalone.md has the patterns.
Samples are the files DATASET-100-images.idx.gz beside the network, else the test split of its data set, else random
values: as many as fit the block RAMs that the network leaves.
"""

from pathlib import Path

from spikeloom import commands, report, terminal
from spikeloom.commands import _samples as samples
from spikeloom.commands import build, verify
from spikeloom.errors import FitError, SpikeloomError
from spikeloom.qsnn import load

EXAMPLE = "spikeloom standalone examples/mnist-icebreaker.qsnn --board icebreaker"
SHORTEST, LONGEST = 0.01, 60.0      # seconds of a sample


def add(parser) -> None:
    commands.network_argument(parser)
    commands.plan_arguments(parser)
    parser.add_argument("--samples", type=int, metavar="N", help="the first N samples (default: as many as fit)")
    parser.add_argument("--images", type=Path, metavar="IDX", help="uint8 images, IDX, may be gzipped")
    parser.add_argument("--labels", type=Path, metavar="IDX", help="their labels, for the accuracy")
    parser.add_argument("--test-set", action="store_true", help="from the whole test split of the network's data set")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each sample, four ticks (default: 1)")
    parser.add_argument("--clock", type=float, metavar="MHZ", help="run at this clock (default: the oscillator)")
    parser.add_argument("--seed", type=int, default=1, help="of placement (default: 1)")
    parser.add_argument("--out", type=Path, metavar="FOLDER",
                        help="folder for results (default: build/NAME-standalone)")


def run(arguments) -> int:
    from spikeloom import boards
    samples.check(arguments)
    network, board = load(arguments.network), boards.board(arguments.board)
    if not SHORTEST <= arguments.seconds <= LONGEST:
        raise SpikeloomError(f"--seconds must be from {SHORTEST:g} to {LONGEST:g}, not {arguments.seconds:g}")
    clock_hz = commands.hertz(arguments.clock)
    folder = arguments.out or Path("build", f"{Path(arguments.network).stem}-standalone")
    chosen = samples.choose(arguments.network, network, images=arguments.images, labels=arguments.labels,
                            test_set=arguments.test_set)
    plan, count = fitted(arguments, network, board, len(chosen.frames))
    chosen = chosen.first(count)
    made = memory(network, chosen)
    built = bitstream(plan, board, made, folder, clock_hz=clock_hz, seed=arguments.seed, seconds=arguments.seconds)
    share = verify.accuracy(network, chosen)
    found = {"samples": count, "origin": chosen.origin, "classes": made.classes.tolist(), "leds": len(board.leds),
             "seconds": arguments.seconds, **({} if share is None else {"accuracy": share})}
    whole = report.merge(folder, network, build.parts(built) | {"standalone": found}, plan=commands.plan_summary(plan))
    if arguments.json:
        terminal.dump(whole)
        return 0
    right = "" if share is None else f"; {share:.2%} right"
    terminal.show([*build.rows(built), ("samples", f"{count:,}: {chosen.origin}{right}"),
                   ("LEDs", f"{len(board.leds)}, {arguments.seconds:g} s a sample")])
    return 0


def fitted(arguments, network, board, available: int):
    """A Plan that leaves block RAM for samples, and how many they are.

    Raises `FitError` without room for one, or for the number asked for.
    """
    from spikeloom import check
    from spikeloom.rtl_gen import cost
    from spikeloom.rtl_gen.standalone import rams, room
    if arguments.samples is not None:
        check.integer("--samples", arguments.samples, 1, available)
    least = arguments.samples or 1
    needed, link = rams(network, least, board.family), cost.LINK[board.family].ram
    what = "sample" if least == 1 else f"{least} samples"
    if needed > board.budget.ram:
        raise FitError(f"{what} must fit {board.title}, not need {needed} block RAMs where there are "
                       f"{board.budget.ram}")
    plan = commands.plan_for(arguments, network, board, commands.typical(arguments.network, network),
                             reserved=needed - link)
    left = board.budget.ram + link - cost.of(plan, board.family).ram
    if needed > left:
        raise FitError(f"{what} must fit the block RAMs of {board.title} beside the network, not need {needed} where "
                       f"it leaves {max(left, 0)} of {board.budget.ram}")
    return plan, arguments.samples or min(available, room(network, left, board.family))


def memory(network, chosen: samples.Samples):
    """The frames as a stand-alone design keeps them, with the classes that the integer reference gives them."""
    from spikeloom.rtl_gen import words
    from spikeloom.rtl_gen.standalone import Samples
    from spikeloom.sim.reference import simulate
    return Samples(words=words.pack(network, chosen.frames), classes=simulate(network, chosen.frames).classes)


def bitstream(plan, board, made, folder: Path, *, clock_hz: int | None, seed: int, seconds: float):
    """Build with progress; see `spikeloom.boards.build.build`. `seconds` of a sample."""
    from spikeloom.boards.build import STAGES
    from spikeloom.boards.build import build as build_design
    from spikeloom.rtl_gen.lights import SHOWN
    from spikeloom.rtl_gen.standalone import StandaloneTop

    def top(hz: int) -> StandaloneTop:
        return StandaloneTop(plan, made, leds=len(board.leds), tick=max(round(hz * seconds / SHOWN), 1))

    with terminal.progress("build") as update:
        return build_design(top, board, folder, clock_hz=clock_hz, seed=seed,
                            progress=lambda stage: update(STAGES.index(stage), len(STAGES), stage))
