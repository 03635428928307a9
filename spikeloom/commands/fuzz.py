"""Try random networks, plans and frames, seed after seed; what fails is shrunk to a small file.

Every case goes through the integer reference, the naive loop, and the RTL under CXXRTL, one frame at a time and without
a gap; some also through the host link with its extras, cocotb, the netlist (level 2) and the routed design (level 3).
A case is a function of its seed: the same seeds give the same cases. A failure is shrunk while it stays of its kind,
and written to FOLDER; `--replay` tries such a file again. Ctrl-C ends with the table of what was done. Exit code 1 if
anything failed.
"""

from pathlib import Path

from spikeloom import terminal
from spikeloom.errors import SpikeloomError

EXAMPLE = "spikeloom fuzz --seconds 600 --seed 1000"
FOLDER = Path("build", "fuzz")


def add(parser) -> None:
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="for how long (default: 60)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the first seed (default: 0)")
    parser.add_argument("--levels", default="1,2,3", metavar="L,L,..",
                        help="of the exactness ladder: 1 for every case, 2 and 3 for some small ones (default: 1,2,3)")
    parser.add_argument("--every", type=int, default=240, metavar="N",
                        help="one case in N goes through levels 2 and 3 (default: 240)")
    parser.add_argument("--cases", type=int, metavar="N", help="stop after N cases")
    parser.add_argument("--out", type=Path, default=FOLDER, metavar="FOLDER",
                        help=f"where cases that fail are kept (default: {FOLDER})")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="try the case in this file again, and nothing else")


def run(arguments) -> int:
    from spikeloom import check
    if arguments.replay is not None:
        return replay(arguments.replay, as_json=arguments.json)
    check.integer("--seed", arguments.seed, 0, 1 << 60)
    if arguments.cases is not None:
        check.integer("--cases", arguments.cases, 1, 1 << 30)
    check.integer("--every", arguments.every, 1, 1 << 30)
    if not 0 < arguments.seconds < 1e9:
        raise SpikeloomError(f"--seconds must be more than 0, not {arguments.seconds!r}")
    levels = _levels(arguments.levels)
    from spikeloom.sim import fuzz, isolated
    with terminal.progress("fuzz") as update:
        def report(now, what: str) -> None:
            update(now.cases, arguments.cases, f"{len(now.failures)} failures, {now.seconds:,.0f} s, {what}")
        with isolated.Isolated() as attempt:
            campaign = fuzz.run(arguments.seconds, seed=arguments.seed, levels=levels, cases=arguments.cases,
                                every=arguments.every, folder=arguments.out, attempt=attempt, progress=report)
    if arguments.json:
        terminal.dump(campaign.row())
    else:
        show(campaign)
    return int(bool(campaign.failures))


def replay(path: Path, *, as_json: bool = False) -> int:
    """Try a case that was kept again, in the way in which it failed; without one, in those of level 1."""
    from spikeloom.sim import cases
    from spikeloom.sim.attempts import TOGETHER, attempt
    from spikeloom.sim.fuzz import describe
    from spikeloom.sim.shrink import way_of
    case, failure = cases.load(path)
    ways = TOGETHER if failure is None else (way_of(failure),)
    verdict = attempt([case], ways)[0]
    found = verdict.failure
    if as_json:
        terminal.dump({"file": str(path), "ways": ways, "case": describe(case), "refused": verdict.refused,
                       "failure": None if found is None else vars(found),
                       "kept": None if failure is None else vars(failure)})
        return int(found is not None)
    said = verdict.refused and f"refused: {verdict.refused}" or "no failure" if found is None else \
        f"{found.kind}: {found.text}"
    terminal.show([("case", describe(case)), ("tried", ", ".join(ways)), ("found", said),
                   ("kept as", "-" if failure is None else f"{failure.way}, {failure.kind}: {failure.text}")])
    return int(found is not None)


def _levels(text: str) -> tuple[int, ...]:
    from spikeloom.sim.fuzz import LEVELS
    parts = text.split(",")
    if not all(part.strip().isdecimal() and int(part) in LEVELS for part in parts):
        raise SpikeloomError(f"--levels must be some of {', '.join(map(str, LEVELS))}, not {text!r}")
    return tuple(sorted({int(part) for part in parts}))


def show(campaign) -> None:
    """Print what was tried, how often each feature was drawn, and each failure with the line that tries it again."""
    from spikeloom.sim.case_features import FEATURES
    seconds = max(campaign.seconds, 0.001)
    terminal.show([
        ("seeds", f"{campaign.first} to {campaign.following - 1}" + ", interrupted" * campaign.interrupted
         if campaign.cases else "none"),
        ("cases", f"{campaign.cases:,} in {seconds:,.0f} s, {campaign.cases / seconds * 60:,.1f} a minute"),
        *((f"tried: {way}", count) for way, count in campaign.ways.items()),
        ("refused", sum(campaign.refused.values())),
        ("failures", len(campaign.failures)),
    ])
    terminal.show([(group, ", ".join(f"{name} {campaign.features[f'{group}: {name}']}" for name in names))
                   for group, names in FEATURES.items()], columns=("feature", "how many cases had it"))
    for found in campaign.failures:
        again = "not kept" if found.path is None else f"shrunk to {found.size}: spikeloom fuzz --replay {found.path}"
        print(f"seed {found.seed}, {found.failure.way}: {found.failure.kind}: {found.failure.text}; {again}")
    print(f"to go on: spikeloom fuzz --seed {campaign.following}")
