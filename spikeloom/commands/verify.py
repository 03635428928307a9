"""Compare the generated hardware with the integer reference: every spike and every membrane of every layer.

At level 1, the RTL, the volume path compiles it with CXXRTL and answers all samples; cocotb runs the exported Verilog
on Verilator (and on Icarus where it is found). At level 2, the netlist, and at level 3, what was routed, a build for
the board answers at its pins over its host link, under cocotb: every score and every class, and every spike, seen in
the layers' own flip-flops. The build is the one in the folder for results, or else is made there. Samples are the files
DATASET-100-images.idx.gz beside the network, else the test split of its data set, else random values. At level 4 an SMT
solver proves claims about the components, at this network's sizes, for all inputs and states. Exit code 1 if anything
differs, or a claim is not proven.
"""

from pathlib import Path

from spikeloom import commands, report, terminal
from spikeloom.commands import _samples as samples
from spikeloom.errors import SpikeloomError
from spikeloom.qsnn import load

EXAMPLE = "spikeloom verify examples/mnist-icebreaker.qsnn"


def add(parser) -> None:
    commands.network_argument(parser)
    commands.plan_arguments(parser)
    parser.add_argument("--level", choices=("1", "2", "3", "4", "all"), default="1",
                        help="1: RTL, 2: netlist after synthesis, 3: routed design or bitstream, 4: proofs "
                        "(default: 1)")
    parser.add_argument("--timeout", type=float, default=120, metavar="S",
                        help="seconds for each proof of level 4 (default: 120)")
    parser.add_argument("--images", type=Path, metavar="IDX", help="uint8 images, IDX, may be gzipped")
    parser.add_argument("--labels", type=Path, metavar="IDX", help="their labels, for the accuracy")
    parser.add_argument("--test-set", action="store_true", help="the whole test split of the network's data set")
    parser.add_argument("--data", metavar="PATH[:OPTION=VALUE,..]", help="the test split of data of one's own; options "
                        "that are not given are those of the network's training")
    parser.add_argument("--random", type=int, metavar="N", help="N frames of random values")
    parser.add_argument("--samples", type=int, metavar="N", help="the first N samples only")
    parser.add_argument("--cocotb-samples", type=int, default=20, metavar="N", help="under cocotb (default: 20)")
    parser.add_argument("--path", choices=("both", "volume", "cocotb"), default="both", help="which co-simulation")
    parser.add_argument("--wave", action="store_true", help="also leave a waveform of each of the levels 1 to 3, "
                        "waves.fst, waves-level2.fst .., and a GTKWave save file that groups each layer's membranes "
                        "and spikes, in the folder for results")
    parser.add_argument("--wave-samples", type=int, default=1, metavar="N", help="in the waveform (default: 1)")
    commands.folder_argument(parser)


def run(arguments) -> int:
    from spikeloom import check
    samples.check(arguments)
    network = load(arguments.network)
    for name in ("samples", "random", "cocotb_samples", "wave_samples"):
        if getattr(arguments, name) is not None:
            check.integer(f"--{name.replace('_', '-')}", getattr(arguments, name), 1, 1 << 20)
    plan = commands.planned(arguments, network)
    chosen = samples.choose(arguments.network, network, images=arguments.images, labels=arguments.labels,
                            test_set=arguments.test_set, random_count=arguments.random,
                            own=arguments.data).first(arguments.samples)
    levels = (1, 2, 3, 4) if arguments.level == "all" else (int(arguments.level),)
    if not 0 < arguments.timeout <= 1e6:
        raise SpikeloomError(f"--timeout must be a number of seconds above 0, not {arguments.timeout:g}")
    if arguments.wave and levels == (4,):
        raise SpikeloomError("--wave must come with level 1, 2 or 3, not 4: proofs run nothing")
    found, proven, unproven = [], [], []
    drawn, folder, first = [], commands.folder(arguments), chosen.first(arguments.wave_samples)
    if 1 in levels:
        paths = ("volume", "cocotb") if arguments.path == "both" else (arguments.path,)
        found += compare(plan, chosen, paths=paths, cocotb_samples=arguments.cocotb_samples)
        if arguments.wave:
            drawn.append(waveform(plan, first, folder))
    if {2, 3} & {*levels}:
        build = finished(plan, arguments.board, folder)
        few = chosen.first(arguments.cocotb_samples)
        for level in sorted({2, 3} & {*levels}):
            if arguments.wave:      # before the comparison: gates that fall silent end it
                drawn.append(gate_waveform(build, first, level, folder))
            found.append(compare_gates(build, few, level))
    if 4 in levels:
        proven = prove(plan, arguments.timeout)
        unproven = gaps(plan)
    summary = commands.plan_summary(plan)
    kept = [row for row in earlier(folder, network, summary).get("verify", []) if row.get("level") not in levels]
    rows = parts(found)
    if proven:
        rows |= {"proofs": [record.row() for record in proven], "unproven": unproven}
    whole = report.merge(folder, network, rows | {"verify": kept + rows["verify"]}, plan=summary)
    wrong = sum(record.mismatches for record in found) + sum(one.comparison.mismatches for one in drawn)
    wrong += sum(record.failed for record in proven)
    if arguments.json:
        terminal.dump(whole | {"waveforms": [one.row() for one in drawn]} if drawn else whole)
        return int(wrong > 0)
    if found:
        share = accuracy(network, chosen)
        print(f"{len(chosen.frames):,} samples: {chosen.origin}" + ("" if share is None else f"; accuracy {share:.2%}"))
        show(found)
    if proven:
        show_proofs(proven)
        for gap in unproven:
            print(f"level 4: {gap}")
    for one in drawn:
        level = "" if one.level == 1 else f" of level {one.level}"
        print(f"waveform{level}: {one.waveform}; gtkwave {one.save_file}")
        for words in one.shown:
            print(f"  {words}")
    return int(wrong > 0)


def compare(plan, chosen: samples.Samples, *, paths=("volume", "cocotb"), cocotb_samples: int = 20,
            seconds: dict[str, float] | None = None) -> list:
    """Verify with progress; see `spikeloom.sim.verify.verify`."""
    from spikeloom.sim.verify import verify
    with terminal.progress("verify", seconds) as update:
        return verify(plan.network, chosen.frames, plan_options=plan, paths=paths, cocotb_samples=cocotb_samples,
                      progress=lambda what, done, total: update(done, total, what))


def compare_gates(build, chosen: samples.Samples, level: int, seconds: dict[str, float] | None = None):
    """Verify a build with progress; see `spikeloom.sim.ladder.verify`."""
    from spikeloom.sim.ladder import verify
    with terminal.progress(f"verify level {level}", seconds) as update:
        return verify(build, chosen.frames, level, progress=lambda what, done, total: update(done, total, what))


def waveform(plan, chosen: samples.Samples, folder: Path):
    """Write a waveform with progress; see `spikeloom.sim.waves.write`."""
    from spikeloom.sim import waves
    with terminal.progress("waveform"):
        return waves.write(plan, chosen.frames, folder / "waves.fst")


def gate_waveform(build, chosen: samples.Samples, level: int, folder: Path):
    """Write a waveform of a build with progress; see `spikeloom.sim.gate_waves.write`."""
    from spikeloom.sim import gate_waves
    with terminal.progress(f"waveform level {level}") as update:
        return gate_waves.write(build, chosen.frames, level, folder / f"waves-level{level}.fst",
                                progress=lambda what, done, total: update(done, total, what))


def prove(plan, timeout: float, seconds: dict[str, float] | None = None) -> list:
    """Prove with progress; see `spikeloom.sim.proofs.verify`."""
    from spikeloom.sim.proofs import verify
    with terminal.progress("verify level 4", seconds) as update:
        return verify(plan, timeout=timeout, progress=lambda what, done, total: update(done, total, what))


def gaps(plan) -> list[str]:
    """What no proof is about; see `spikeloom.sim.proofs.gaps`."""
    from spikeloom.sim import proofs
    return proofs.gaps(plan)


def earlier(folder: Path, network, summary: dict) -> dict:
    """What `folder` knows of this network and plan."""
    known = report.read(folder)
    return known if known.get("network_digest") == network.digest and known.get("plan") == summary else {}


def finished(plan, board: str, folder: Path):
    """The build of a plan for a board in `folder`; if there is none, it is made."""
    from spikeloom import boards
    from spikeloom.commands import build as building
    from spikeloom.sim.ladder import Build
    chosen, summary = boards.board(board), commands.plan_summary(plan)
    known = earlier(folder, plan.network, summary)
    if known.get("board") != board or not Path(known.get("bitstream", "")).is_file():
        built = building.bitstream(plan, board, folder, clock_hz=None, baud=chosen.baud)
        known = report.merge(folder, plan.network, building.parts(built) | {"baud": chosen.baud}, plan=summary)
    return Build(folder=folder, board=chosen, plan=plan, clock_hz=known["clock_hz"],
                 baud=known.get("baud", chosen.baud))


def accuracy(network, chosen: samples.Samples) -> float | None:
    """Share of the samples that the integer reference answers rightly; None without labels."""
    from spikeloom.sim.reference import simulate
    if chosen.labels is None:
        return None
    return float((simulate(network, chosen.frames).classes == chosen.labels).mean())


def parts(found: list) -> dict:
    """What a verification adds to the report."""
    cycles = next((record.cycles for record in found if record.level == 1 and record.cycles), None)
    return {
        "verify": [record.row() for record in found],
        **({"cycles_per_inference": {"mean": round(cycles.mean, 2), "max": cycles.max}} if cycles else {}),
        "seconds": {f"verify: {_title(r)}": r.seconds for r in found},
    }


def _title(record) -> str:
    level = "" if record.level == 1 else f"level {record.level}, "
    return f"{level}{record.simulator}{', pipelined' * record.pipelined}"


def show(found: list) -> None:
    """Print what was compared, and the first difference of each run that has one."""
    rows = [(record.level, record.simulator, "without a gap" if record.pipelined else "one by one", record.samples,
             record.compared_spikes, record.compared_membranes, record.compared_answers, record.mismatches,
             f"{record.cycles.mean:,.1f}" if record.cycles else "-", record.cycles.max if record.cycles else "-",
             f"{record.seconds:.2f}") for record in found]
    terminal.show(rows, columns=("level", "simulator", "frames", "samples", "spikes", "membranes", "answers",
                                 "mismatches", "mean cycles", "max", "seconds"))
    for record in found:
        if record.unseen_spikes:
            print(f"level {record.level}: {record.unseen_spikes:,} spikes were not compared: no flip-flop holds them")
        if record.first_mismatch:
            print(record.first_mismatch)


def show_proofs(proven: list) -> None:
    """Print what was proven, and how each claim fails that does."""
    rows = [(", ".join(map(str, record.proof.layers)) or "-", record.proof.component, record.proof.claim,
             record.proof.size, record.verdict.method, f"{record.verdict.seconds:.1f}", record.verdict.result)
            for record in proven]
    terminal.show(rows, columns=("layers", "component", "claim", "size", "method", "seconds", "verdict"))
    for record in proven:
        if record.failed:
            print(f"{record.proof.component}, {record.proof.claim}: "
                  f"{record.verdict.trace or record.verdict.reason}")
