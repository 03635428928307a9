"""Flip bits of the hardware while it works: which are masked, which make it answer wrongly, which make it hang.

The RTL of the core runs under CXXRTL. For each kind of state (weights, constants, membranes, sums, fifos, scores,
control) random bits flip, one in an inference, at a random cycle; the answer is compared with the integer reference's,
and so is the next inference's, and, if that is wrong, once more after a reset. Shares come with 95 % intervals
(Wilson). Then, with labels, more and more random bits of the stored weights are flipped, and 1 % of each bit of their
codes: the accuracy is the integer reference's on the damaged weights. Samples are chosen as by `spikeloom verify`; the
first of them run on the RTL.
"""

from dataclasses import asdict
from pathlib import Path

from spikeloom import check, commands, report, terminal
from spikeloom.commands import _samples as samples
from spikeloom.errors import SpikeloomError
from spikeloom.qsnn import load

EXAMPLE = "spikeloom faults examples/mnist-icebreaker.qsnn --flips 2000"
QUICK = 200     # flips for which a slower simulator that is sooner there will do
SHARES = (1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 5e-2)


def add(parser) -> None:
    commands.network_argument(parser)
    commands.plan_arguments(parser)
    parser.add_argument("--flips", type=int, default=1000, metavar="N",
                        help="single flips in each kind of state (default: 1000)")
    parser.add_argument("--kind", default="all", help="weights, constants, membranes, sums, fifos, scores, control, "
                        "some of them with commas between, or all (default: all)")
    parser.add_argument("--draws", type=int, default=5, metavar="N",
                        help="draws of the flips behind each mean accuracy; 0 leaves the accuracies out (default: 5)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of all that is random (default: 0)")
    parser.add_argument("--samples", type=int, default=20, metavar="N", help="samples on the RTL (default: 20)")
    parser.add_argument("--images", type=Path, metavar="IDX", help="uint8 images, IDX, may be gzipped")
    parser.add_argument("--labels", type=Path, metavar="IDX", help="their labels, for the accuracies")
    parser.add_argument("--test-set", action="store_true", help="the whole test split of the network's data set")
    parser.add_argument("--random", type=int, metavar="N", help="N frames of random values")
    commands.folder_argument(parser)


def run(arguments) -> int:
    samples.check(arguments)
    network = load(arguments.network)
    kinds = chosen_kinds(arguments.kind)
    check.integer("--flips", arguments.flips, 1, 1 << 24)
    check.integer("--draws", arguments.draws, 0, 1000)
    check.integer("--seed", arguments.seed, 0, 1 << 31)
    for name in ("samples", "random"):
        if getattr(arguments, name) is not None:
            check.integer(f"--{name}", getattr(arguments, name), 1, 1 << 20)
    plan = commands.planned(arguments, network)
    chosen = samples.choose(arguments.network, network, images=arguments.images, labels=arguments.labels,
                            test_set=arguments.test_set, random_count=arguments.random)
    seconds: dict[str, float] = {}
    tallies, membranes = inject(plan, chosen.first(arguments.samples).frames, kinds, arguments, seconds)
    accuracies, by_bit = [], []
    if arguments.draws and chosen.labels is not None and (not kinds or "weights" in kinds):
        accuracies, by_bit = sweep(network, chosen, arguments, seconds)
    part = {"samples": min(arguments.samples, len(chosen.frames)), "origin": chosen.origin, "seed": arguments.seed,
            "kinds": [row(tally) for tally in tallies], "membrane_bits": [row(tally) for tally in membranes],
            "weight_flips": [{"share": share, **found.row()} for share, found in accuracies],
            "weight_bits": [{"layer": layer, "bit": bit, **found.row()} for layer, bit, found in by_bit]}
    whole = report.merge(commands.folder(arguments), network, {"faults": part, "seconds": seconds},
                         plan=commands.plan_summary(plan))
    if arguments.json:
        terminal.dump(whole)
        return 0
    print(f"{part['samples']} samples on the RTL: {chosen.origin}; {arguments.flips:,} flips of each kind")
    show(tallies, membranes)
    if accuracies:
        show_accuracies(network, chosen, accuracies, by_bit)
    return 0


def chosen_kinds(text: str) -> list[str]:
    """`--kind` as a list; empty for all."""
    from spikeloom.sim.state_bits import KINDS
    known = tuple(kind for kind in KINDS if kind != "link")     # which the core alone does not have
    return [] if text == "all" else [check.choice("--kind", kind.strip(), (*known, "all")) for kind in text.split(",")]


def inject(plan, frames, kinds, arguments, seconds):
    """The tallies of single flips, with progress; see `spikeloom.sim.campaign.run`."""
    from spikeloom.sim import campaign, faults
    if any(layer.weights != "rom" for layer in plan.layers):
        raise SpikeloomError("weights must be 'rom' to inject faults: those that are loaded have the same bits, "
                             "not 'ram' or 'spram'")
    with terminal.progress("compile", seconds):
        core = faults.build(plan, effort="run" if arguments.flips > QUICK else "compile")
    with terminal.progress("inject", seconds) as update, faults.Bench(core, frames) as bench:
        return campaign.run(bench, kinds=kinds, flips=arguments.flips, seed=arguments.seed, progress=update)


def sweep(network, chosen, arguments, seconds) -> tuple[list, list]:
    """Shares of flipped weight bits, and layers and bits of which 1 % is flipped, each with `flipped.Accuracies`."""
    from spikeloom.sim import flipped
    total = sum(flipped.weight_bits(network))
    counts = {round(share * total): share for share in SHARES if round(share * total)}
    places = [(k, bit, max(layer.synapses.weights.size // 100, 1)) for k, layer in enumerate(network.layers)
              if not layer.synapses.pools for bit in range(layer.synapses.codebook.bits)]
    seeds = range(arguments.seed, arguments.seed + arguments.draws)
    whole = (len(counts) + len(places)) * len(seeds)
    with terminal.progress("flipped weights", seconds) as update:
        steps = iter(range(1, whole + 1))

        def accuracies(flips: int, **where):
            return flipped.accuracies(network, chosen.frames, chosen.labels, flips=flips, seeds=seeds, **where,
                                      done=lambda: update(next(steps), whole))

        return ([(share, accuracies(count)) for count, share in counts.items()],
                [(layer, bit, accuracies(count, layer=layer, bit=bit)) for layer, bit, count in places])


def row(tally) -> dict:
    """A tally as JSON types, with the intervals."""
    shares = {what: [round(x, 6) for x in tally.share(what)]
              for what in ("right", "wrong_score", "wrong_class", "no_answer", "bad_answer", "next_wrong", "lasting")}
    return {**asdict(tally), "shares": shares}


def show(tallies, membranes) -> None:
    """Print what single flips came to."""
    columns = ("kind", "bits", "masked", "wrong score", "wrong class", "no answer", "bad answer", "next wrong",
               "not cured by reset")
    terminal.show([_line(tally) for tally in tallies], columns=columns)
    print("masked: all scores right. Wrong class: silent corruption. No or bad answer: a reader of the stream notices.")
    layers = {tally.name.split(",")[0]: [] for tally in membranes}
    for tally in membranes:
        layers[tally.name.split(",")[0]].append(tally)
    if layers:
        print()
        ends = [one for some in layers.values() for one in (some if len(some) < 3 else (some[0], some[-1]))]
        terminal.show([_line(tally) for tally in ends], columns=("lowest and sign bit", *columns[1:]))


def _line(tally) -> tuple:
    whats = ("right", "wrong_score", "wrong_class", "no_answer", "bad_answer", "next_wrong", "lasting")
    return tally.name, tally.bits, *(percent(*tally.share(what)) for what in whats)


def percent(share: float, low: float, high: float) -> str:
    """A share and its interval."""
    return f"{share:.1%} ({100 * low:.1f}-{100 * high:.1f})"


def show_accuracies(network, chosen, accuracies, by_bit) -> None:
    """Print what flipped weights leave of the accuracy."""
    from spikeloom.sim.reference import simulate
    whole = float((simulate(network, chosen.frames, device="cpu").classes == chosen.labels).mean())
    rows = [("none", 0, f"{whole:.2%}", "-", f"{whole:.2%}")]
    rows += [(f"{share:.3%} of all", *_left(found)) for share, found in accuracies]
    rows += [(f"1 % of layer {layer}, bit {bit}", *_left(found)) for layer, bit, found in by_bit]
    print(f"\n{len(chosen.frames):,} samples, {len(accuracies[0][1].values)} draws:")
    terminal.show(rows, columns=("weight bits flipped", "bits", "mean accuracy", "std, points", "least"))


def _left(found) -> tuple:
    return found.flips, f"{found.mean:.2%}", f"{100 * found.spread:.2f}", f"{min(found.values):.2%}"
