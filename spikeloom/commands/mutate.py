"""How strong the checks of level 1 are: mutants of the generated RTL, and the share that is noticed.

A mutant is the core with one bit of one cell inverted, stuck, or inverted on a condition. Each runs the frames that
`spikeloom verify` takes and random ones, with pauses and after resets; what nothing notices is proven equivalent where
ABC can. The table says what each check alone would notice: classes only, scores, spikes, membranes. With --wanted, exit
code 1 if fewer mutants are caught.
"""

from collections import Counter

from spikeloom import commands, terminal
from spikeloom.commands import _samples as samples
from spikeloom.qsnn import load

EXAMPLE = "spikeloom mutate examples/mnist-icebreaker.qsnn --mutants 50 --samples 1"
SHOWN = 20


def add(parser) -> None:
    commands.network_argument(parser)
    commands.plan_arguments(parser)
    parser.add_argument("--mutants", type=int, default=200, metavar="N", help="to draw (default: 200)")
    parser.add_argument("--seed", type=int, default=0, metavar="N",
                        help="of the draw and of random frames (default: 0)")
    parser.add_argument("--samples", type=int, default=10, metavar="N", help="frames of verify (default: 10)")
    parser.add_argument("--random-frames", type=int, default=6, metavar="N", help="random frames (default: 6)")
    parser.add_argument("--resets", type=int, default=4, metavar="N",
                        help="moments of work at which the core is reset (default: 4)")
    parser.add_argument("--seconds", type=int, default=20, metavar="S",
                        help="to decide whether a survivor is equivalent; 0: do not (default: 20)")
    parser.add_argument("--limit", type=int, default=120, metavar="S",
                        help="after so many seconds no further survivor is begun with (default: 120)")
    parser.add_argument("--wanted", type=float, metavar="PERCENT", help="exit code 1 below this share")


def run(arguments) -> int:
    from spikeloom import check
    from spikeloom.sim import mutation
    for name, least in (("mutants", 1), ("seed", 0), ("samples", 1), ("random_frames", 1), ("resets", 1),
                        ("seconds", 0), ("limit", 0)):
        check.integer(f"--{name.replace('_', '-')}", getattr(arguments, name), least, (1 << 16) - 1)
    network = load(arguments.network)
    plan = commands.planned(arguments, network)
    chosen = samples.choose(arguments.network, network).first(arguments.samples)
    ways = mutation.ways(plan, chosen.frames, drawn=arguments.random_frames, seed=arguments.seed,
                         resets=arguments.resets)
    with terminal.progress("mutate") as update:
        found = mutation.run(plan, ways, count=arguments.mutants, seed=arguments.seed, seconds=arguments.seconds,
                             limit=arguments.limit, decide=arguments.seconds > 0,
                             progress=lambda what, done, total: update(done, total, what))
    told = summary(found)
    if arguments.json:
        terminal.dump(told)
    else:
        show(told)
    return int(arguments.wanted is not None and 100 * told["share"] < arguments.wanted)


def summary(found) -> dict:
    """A campaign as JSON: outcomes, the share caught with its confidence interval, by each check alone, survivors."""
    from spikeloom.sim.mutation import CHECKS, VERIFY, interval
    caught, counts = found.caught(), found.counts()
    low, high = interval(caught, found.relevant)
    names = list(found.fates[0].noticed)
    groups = {"verify": [way for way in names if way in VERIFY], "all": names}
    return {
        "mutants": len(found.fates), "possible": found.possible, **{key: counts[key] for key in OUTCOMES},
        "share": round(caught / max(found.relevant, 1), 4), "interval": [round(low, 4), round(high, 4)],
        "how": dict(Counter(next(one.how for one in fate.noticed.values() if one.how) for fate in found.fates
                            if fate.outcome == "caught")),
        "by_check": {group: {one: found.caught([one], chosen) for one in CHECKS}
                     | {"any value": found.caught(ways=chosen)} for group, chosen in groups.items()},
        "by_way": {way: found.caught(ways=[way]) for way in names},
        "survivors": [{"mutant": str(fate.mutant), "component": fate.mutant.component, "outcome": fate.outcome,
                       "cycles": fate.decision.cycles, "by": fate.decision.by}
                      for fate in found.fates if fate.outcome != "caught"],
    }


OUTCOMES = {
    "caught": "values differ, a stream rule is broken, or nothing comes",
    "equivalent": "proven: no legal input shows it",
    "slower": "only the number of clock cycles differs",
    "missed": "some legal input shows it, ours did not",
    "unknown": "noticed by nothing, not decided",
}


def show(told: dict) -> None:
    """Print outcomes, what each check notices, and survivors."""
    low, high = told["interval"]
    print(f"{told['mutants']:,} of {told['possible']:,} mutants; caught {told['share']:.1%} of those not proven "
          f"equivalent (95 % confidence: {low:.1%} to {high:.1%})")
    terminal.show([(key, told[key], text) for key, text in OUTCOMES.items()], columns=("outcome", "mutants", ""))
    relevant = max(told["mutants"] - told["equivalent"], 1)
    terminal.show([(check, *(f"{told['by_check'][group][check] / relevant:.1%}" for group in ("verify", "all")))
                   for check in told["by_check"]["all"]],
                  columns=("a check of only", "frames of verify", "and random frames, pauses, reset"))
    left = [one for one in told["survivors"] if one["outcome"] != "equivalent"]
    terminal.show([(one["outcome"], one["mutant"]) for one in left[:SHOWN]])
    if len(left) > SHOWN:
        print(f"and {len(left) - SHOWN} more (--json)")
