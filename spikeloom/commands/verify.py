"""Compare the generated hardware with the integer reference: every spike and every membrane of every layer.

The volume path compiles the RTL with CXXRTL and answers all samples; cocotb runs the exported Verilog on Verilator
(and on Icarus where it is found). Samples are the files DATASET-100-images.idx.gz beside the network, else the test
split of its data set, else random values. Exit code 1 if anything differs.
"""

from pathlib import Path

from spikeloom import commands, report, terminal
from spikeloom.commands import _samples as samples
from spikeloom.qsnn import load

EXAMPLE = "spikeloom verify examples/mnist-icebreaker.qsnn"


def add(parser) -> None:
    commands.network_argument(parser)
    commands.plan_arguments(parser)
    parser.add_argument("--images", type=Path, metavar="IDX", help="uint8 images, IDX, may be gzipped")
    parser.add_argument("--labels", type=Path, metavar="IDX", help="their labels, for the accuracy")
    parser.add_argument("--test-set", action="store_true", help="the whole test split of the network's data set")
    parser.add_argument("--random", type=int, metavar="N", help="N frames of random values")
    parser.add_argument("--samples", type=int, metavar="N", help="the first N samples only")
    parser.add_argument("--cocotb-samples", type=int, default=20, metavar="N", help="under cocotb (default: 20)")
    parser.add_argument("--path", choices=("both", "volume", "cocotb"), default="both", help="which co-simulation")
    commands.folder_argument(parser)


def run(arguments) -> int:
    from spikeloom import check
    network = load(arguments.network)
    for name in ("samples", "random", "cocotb_samples"):
        if getattr(arguments, name) is not None:
            check.integer(f"--{name.replace('_', '-')}", getattr(arguments, name), 1, 1 << 20)
    plan = commands.planned(arguments, network)
    chosen = samples.choose(arguments.network, network, images=arguments.images, labels=arguments.labels,
                            test_set=arguments.test_set, random_count=arguments.random).first(arguments.samples)
    paths = ("volume", "cocotb") if arguments.path == "both" else (arguments.path,)
    found = compare(plan, chosen, paths=paths, cocotb_samples=arguments.cocotb_samples)
    whole = report.merge(commands.folder(arguments), network, parts(found), plan=commands.plan_summary(plan))
    wrong = sum(record.mismatches for record in found)
    if arguments.json:
        terminal.dump(whole)
        return int(wrong > 0)
    share = accuracy(network, chosen)
    print(f"{len(chosen.frames):,} samples: {chosen.origin}" + ("" if share is None else f"; accuracy {share:.2%}"))
    show(found)
    return int(wrong > 0)


def compare(plan, chosen: samples.Samples, *, paths=("volume", "cocotb"), cocotb_samples: int = 20,
            seconds: dict[str, float] | None = None) -> list:
    """Verify with progress; see `spikeloom.sim.verify.verify`."""
    from spikeloom.sim.verify import verify
    with terminal.progress("verify", seconds) as update:
        return verify(plan.network, chosen.frames, plan_options=plan, paths=paths, cocotb_samples=cocotb_samples,
                      progress=lambda what, done, total: update(done, total, what))


def accuracy(network, chosen: samples.Samples) -> float | None:
    """Share of the samples that the integer reference answers rightly; None without labels."""
    from spikeloom.sim.reference import simulate
    if chosen.labels is None:
        return None
    return float((simulate(network, chosen.frames).classes == chosen.labels).mean())


def parts(found: list) -> dict:
    """What a verification adds to the report."""
    cycles = next((record.cycles for record in found if record.cycles), None)
    return {
        "verify": [record.row() for record in found],
        **({"cycles_per_inference": {"mean": round(cycles.mean, 2), "max": cycles.max}} if cycles else {}),
        "seconds": {f"verify: {r.simulator}{', pipelined' * r.pipelined}": r.seconds for r in found},
    }


def show(found: list) -> None:
    """Print what was compared, and the first difference of each run that has one."""
    rows = [(record.level, record.simulator, "without a gap" if record.pipelined else "one by one", record.samples,
             record.compared_spikes, record.compared_membranes, record.mismatches,
             f"{record.cycles.mean:,.1f}" if record.cycles else "-", record.cycles.max if record.cycles else "-",
             f"{record.seconds:.2f}") for record in found]
    terminal.show(rows, columns=("level", "simulator", "frames", "samples", "spikes", "membranes", "mismatches",
                                 "mean cycles", "max", "seconds"))
    for record in found:
        if record.first_mismatch:
            print(record.first_mismatch)
