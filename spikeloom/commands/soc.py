"""Put the network beside a RISC-V processor: compile a C program, run both in simulation, build the bitstream.

The program classifies samples that are built into it and prints over the serial line; what it prints in the simulation
is compared with the integer reference, and its cycles with those of the bare core. --app takes another program, which
is run and not compared. Exit code 1 if anything differs.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from spikeloom import aside, check, commands, terminal
from spikeloom.commands import _samples as samples
from spikeloom.commands import build as builds
from spikeloom.qsnn import load

EXAMPLE = "spikeloom soc examples/mnist-parallel-icebreaker.qsnn --layer 1:dense --build"


def add(parser) -> None:
    commands.network_argument(parser)
    commands.plan_arguments(parser)
    parser.add_argument("--cpu", default="serv", help="serv (small) or picorv32 (faster) (default: serv)")
    parser.add_argument("--app", type=Path, metavar="FILE.c", help="the program (default: classify the samples)")
    parser.add_argument("--samples", type=int, default=3, metavar="N", help="samples to build in (default: 3)")
    parser.add_argument("--random", action="store_true", help="samples of random values")
    parser.add_argument("--build", action="store_true", help="build the bitstream, too")
    parser.add_argument("--clock", type=float, metavar="MHZ",
                        help="run at this clock (default: the board's, mostly its oscillator)")
    parser.add_argument("--baud", type=int, help="of the serial line (default: the board's, 1000000 for most)")
    parser.add_argument("--seed", type=int, default=1, help="of placement (default: 1)")
    commands.folder_argument(parser)


def run(arguments) -> int:
    from spikeloom import boards
    from spikeloom.firmware.soc.program import APPLICATION, compile_program
    from spikeloom.rtl_gen.link import uart
    from spikeloom.rtl_gen.soc.cpu import sources
    from spikeloom.rtl_gen.soc.peripheral import check_plan
    check.integer("--samples", arguments.samples, 1, 1000)
    network, board, folder = load(arguments.network), boards.board(arguments.board), commands.folder(arguments) / "soc"
    clock_hz = commands.hertz(arguments.clock) or board.default_hz
    arguments.baud = board.baud if arguments.baud is None else arguments.baud
    uart.divisor(clock_hz, arguments.baud)
    sources(arguments.cpu)
    chosen = samples.choose(arguments.network, network, random_count=arguments.samples if arguments.random else None)
    chosen = chosen.first(arguments.samples)
    application = arguments.app or APPLICATION
    program = compile_program(network, chosen.frames, application=application, folder=folder)
    plan = _plan(arguments, network, board, program)
    check_plan(plan)
    compare = chosen.frames if arguments.app is None else None
    text, cycles, wrong = _simulated(arguments, plan, program, compare, clock_hz)
    found = {"network_digest": network.digest, "plan": commands.plan_summary(plan), "cpu": arguments.cpu,
             "samples": len(chosen.frames), "origin": chosen.origin, "program": _sizes(program),
             "simulation": {"text": text, "cycles": cycles, "differences": wrong, "compared": compare is not None}}
    built = _built(arguments, plan, program, board, folder) if arguments.build else None
    if built is not None:
        found["build"] = built.to_json()
    aside.text(folder / "soc.json", json.dumps(found, indent=2) + "\n")
    if arguments.json:
        terminal.dump(found)
        return int(bool(wrong))
    print(text)
    _show(arguments, found, wrong)
    if built is not None:
        terminal.show(builds.rows(built))
    return int(bool(wrong))


@dataclass(frozen=True, kw_only=True)
class Rest:
    """What the system leaves of a part: as much of a board as planning looks at."""

    family: str
    budget: object


def _plan(arguments, network, board, program):
    """The Plan that the arguments ask for, in what the rest of the system leaves."""
    from spikeloom.rtl_gen.soc import cost
    system = cost.system(network, len(program.memory), cpu=arguments.cpu, family=board.family)
    budget = dataclasses.replace(board.budget, lut=max(1, board.budget.lut - system.cells),
                                 ram=max(1, board.budget.ram - system.ram))
    return commands.plan_for(arguments, network, Rest(family=board.family, budget=budget),
                             commands.typical(arguments.network, network))


def _simulated(arguments, plan, program, frames, clock_hz: int) -> tuple[str, int, list[str]]:
    """What the program printed, the clocks it took, and what is wrong with it."""
    from spikeloom.sim import soc
    with terminal.progress("compile the simulation"):
        top = soc.build(plan, program.memory, clock_hz=clock_hz, baud=arguments.baud, cpu=arguments.cpu)
    with terminal.progress("simulate") as update:
        printed = soc.run(top, progress=lambda text: update(text.count("\n"), arguments.samples + 1))
    if frames is None:
        return printed.text, printed.cycles, []
    with terminal.progress("compare"):
        return printed.text, printed.cycles, soc.differences(soc.parse(printed.text), soc.expected(plan, frames))


def _built(arguments, plan, program, board, folder):
    """The bitstream and its report."""
    from spikeloom.boards.build import STAGES, build
    from spikeloom.rtl_gen.soc.top import Soc
    clock_hz = commands.hertz(arguments.clock)
    with terminal.progress("build") as update:
        return build(lambda hz: Soc(plan, program.memory, hz, arguments.baud, cpu=arguments.cpu), board, folder,
                     clock_hz=clock_hz, seed=arguments.seed,
                     progress=lambda stage: update(STAGES.index(stage), len(STAGES), stage))


def _sizes(program) -> dict[str, int]:
    return {"ram": 4 * len(program.memory),
            **{name: getattr(program, name) for name in ("text", "data", "bss", "stack")}}


def _show(arguments, found: dict, wrong: list[str]) -> None:
    sizes, simulation = found["program"], found["simulation"]
    verdict = "not compared: another program"
    if simulation["compared"]:
        verdict = "equal to the reference: classes, scores and cycles" if not wrong else "DIFFERENT"
    terminal.show([
        ("processor", arguments.cpu),
        ("program", f"{sizes['text']:,} bytes and {sizes['data'] + sizes['bss']:,} of variables in "
                    f"{sizes['ram']:,} bytes of RAM"),
        ("samples", f"{found['samples']}: {found['origin']}"),
        ("cycles", f"{simulation['cycles']:,} from reset to the end of main"),
        ("simulation", verdict),
    ])
    for line in wrong:
        print(line)
