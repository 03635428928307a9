"""The whole way to a device that answers: plan, build, verify, load the board, and ask it every test sample.

With --virtual the board is a virtual one (see `spikeloom virtual`); with --no-build too nothing is placed and routed.
The table sets what the simulation of the core said beside what the device says over its serial line. Exit code 1 if any
class, score, membrane or number of cycles differs.
"""

from dataclasses import dataclass, replace

import numpy as np

from spikeloom import commands, report, terminal, tools
from spikeloom.commands import _answers as answers
from spikeloom.commands import _inputs as inputs
from spikeloom.commands import build, virtual
from spikeloom.errors import LinkError, SpikeloomError
from spikeloom.qsnn import load

EXAMPLE = "spikeloom deploy examples/mnist-icebreaker.qsnn --virtual --no-build"
_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Simulated:
    """What the simulation says of the samples: the reference's answers, the core's clock cycles `(samples,)`, and how
    much of its spikes and membranes differs from the reference."""

    expected: object
    cycles: np.ndarray
    compared: int
    mismatches: int


def add(parser) -> None:
    commands.network_argument(parser)
    commands.plan_arguments(parser)
    virtual.line_arguments(parser)
    commands.extras_argument(parser)
    parser.add_argument("--virtual", action="store_true", help="a virtual board")
    parser.add_argument("--port", help="the serial port of the board (default: that of its USB device)")
    parser.add_argument("--no-build", dest="build", action="store_false", help="no place and route; needs --virtual")
    parser.add_argument("--membranes", action="store_true",
                        help="compare every neuron's last membrane too; the device is made so that they can be read")
    parser.add_argument("--seed", type=int, default=1, help="of placement (default: 1)")
    inputs.add(parser)
    answers.add(parser)
    commands.folder_argument(parser)


def run(arguments) -> int:
    from spikeloom import boards
    from spikeloom.rtl_gen.probe import probed_layers
    if arguments.virtual and arguments.port:
        raise SpikeloomError("--port must be left out with --virtual, whose port is its own")
    if not arguments.build and not arguments.virtual:
        raise SpikeloomError("--no-build must come with --virtual: a board needs a bitstream")
    network, board, seconds = load(arguments.network), boards.board(arguments.board), {}
    if not arguments.virtual:
        tools.find(board.programmer.tool)   # missed now, not after minutes of building
    chosen, folder = inputs.choose(arguments, network), commands.folder(arguments)
    clock_hz, baud = virtual.line_of(board, arguments)
    plan = commands.planned(arguments, network, must_fit=arguments.build)
    extras = commands.extras(arguments)
    extras = replace(extras, probe=extras.probe or arguments.membranes)
    layers = tuple(probed_layers(plan)) if arguments.membranes else ()
    built = build.bitstream(plan, board.name, folder, clock_hz=clock_hz, baud=baud, seed=arguments.seed,
                            seconds=seconds, extras=extras) if arguments.build else None
    simulated = simulate(plan, chosen, seconds)
    if arguments.virtual:
        with virtual.board(virtual.compiled(plan, arguments, seconds, extras=extras)) as served:
            found = ask(arguments, network, served.port, baud, chosen, layers, seconds)
    else:
        flash(board, built, seconds)
        arguments.port = arguments.port or usb_port(board)
        found = ask(arguments, network, arguments.port, baud, chosen, layers, seconds)
    summary = answers.summarize(found, chosen, simulated.expected)
    extra, late = overhead(np.array([answer.cycles for answer in found]), simulated.cycles)
    wrong = simulated.mismatches + summary.mismatches + late
    device = answers.to_json(summary, found, chosen, clock_hz)
    device |= {"virtual": arguments.virtual, "cycles_of_the_link": extra, "cycles_that_differ": late}
    whole = report.merge(folder, network, {**(build.parts(built) if built else {}), "device": device,
                                           "seconds": seconds}, plan=commands.plan_summary(plan))
    if arguments.json:
        terminal.dump(whole)
        return int(wrong > 0)
    if built:
        terminal.show(build.rows(built))
        print()
    print(f"{len(found):,} samples: {chosen.origin}")
    where = f"{board.name}, virtual" if arguments.virtual else f"{board.name} on {arguments.port}"
    terminal.show(rows(summary, simulated, chosen, clock_hz, extra, late), columns=("", "simulation", where))
    if summary.first:
        print(summary.first)
    print(f"\nsimulation and device: {'equal' if not wrong else f'{wrong} MISMATCHES'}")
    return int(wrong > 0)


def simulate(plan, chosen, seconds: dict[str, float]) -> Simulated:
    """The reference and the compiled core on the samples, with progress."""
    from spikeloom.sim import reference, volume
    from spikeloom.sim.mismatch import compare
    from spikeloom.sim.verify import effort
    frames, cycles, compared, mismatches = chosen.frames, [], 0, 0
    with terminal.progress("simulate", seconds) as update:
        update(0, len(frames), "compiling")
        core = volume.build(plan, effort=effort(plan, frames))
        for start in range(0, len(frames), _AT_ONCE):
            part = frames[start:start + _AT_ONCE]
            # One more in front: the first inference after a reset may find the core still busy with itself.
            observed = core.run(np.concatenate([part[:1], part]))
            found = reference.simulate(plan.network, part, trace=True)
            result = compare(found, observed.part(slice(1, None)))
            compared, mismatches = compared + result.spikes + result.membranes, mismatches + result.mismatches
            cycles.append(observed.cycles[1:])
            update(min(start + _AT_ONCE, len(frames)), len(frames))
        expected = reference.simulate(plan.network, frames, trace=True)
    return Simulated(expected=expected, cycles=np.concatenate(cycles), compared=compared, mismatches=mismatches)


def ask(arguments, network, port: str, baud: int, chosen, layers: tuple[int, ...],
        seconds: dict[str, float]) -> list[answers.Answer]:
    """Every sample's answer, with its scores and the membranes of `layers`, over the serial line, with progress."""
    with answers.open_device(arguments, network, port, baud) as device, terminal.progress("ask", seconds) as update:
        return answers.ask(device, chosen.frames, scores=True, layers=layers,
                           each=lambda number, _: update(number + 1, len(chosen.frames)))


def overhead(device: np.ndarray, core: np.ndarray) -> tuple[int, int]:
    """Cycles that the host link adds to each inference of the core, and the number of inferences where it is another
    number of them than in most."""
    values, counts = np.unique(device - core, return_counts=True)
    usual = int(values[counts.argmax()])
    return usual, int((device - core != usual).sum())


def flash(board, built, seconds: dict[str, float]) -> None:
    """Load the bitstream into the board."""
    from spikeloom.boards import flash as flashing
    with terminal.progress("flash", seconds):
        flashing.program(flashing.job(built.bitstream, board.name))


def usb_port(board) -> str:
    """The serial port of the USB device that the board is programmed through."""
    try:
        from serial.tools import list_ports
    except ImportError:
        raise LinkError("a serial port needs pyserial: pip install 'spikeloom[link]'") from None
    numbers = tuple(int(part, 16) for part in board.programmer.usb.split(":"))
    found = sorted(port.device for port in list_ports.comports() if (port.vid, port.pid) == numbers)
    usb, title = board.programmer.usb, board.title
    if not found:
        raise LinkError(f"--port must be given: no serial port belongs to {usb}, the {title}'s USB device")
    if len(found) > 1:
        raise LinkError(f"--port must be one of {', '.join(found)}, the ports of {usb}, the {title}'s")
    return found[0]


def rows(summary: answers.Summary, simulated: Simulated, chosen, clock_hz: float, extra: int, late: int) -> list[tuple]:
    """The simulation beside the device."""
    def cycles(mean: float, most: int) -> str:
        return f"{mean:,.1f} mean, {most:,} max"

    def latency(mean: float, most: int) -> str:
        return f"{mean / clock_hz * 1e6:,.1f} us mean, {most / clock_hz * 1e6:,.1f} us max"

    core = float(simulated.cycles.mean()), int(simulated.cycles.max())
    found: list[tuple] = [("samples", summary.samples, summary.samples)]
    if chosen.labels is not None:
        share = float((simulated.expected.classes == chosen.labels).mean())
        found.append(("accuracy", f"{share:.2%}", f"{summary.accuracy:.2%}"))
    found += [
        ("cycles an inference", cycles(*core), cycles(*summary.cycles)),
        (f"latency at {clock_hz / 1e6:g} MHz", latency(*core), latency(*summary.cycles)),
        ("from request to answer", "-", answers.milliseconds(summary)),
        ("spikes and membranes that differ", f"{simulated.mismatches} of {simulated.compared:,}", "-"),
        ("answers that differ", "-", f"{summary.mismatches} of {summary.samples:,}"
                                     + (f", {summary.membranes:,} membranes" if summary.membranes else "")),
        (f"cycles that differ, but for {extra} of the link", "-", f"{late} of {summary.samples:,}"),
    ]
    return found
