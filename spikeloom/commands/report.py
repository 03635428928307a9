"""Write one HTML page about a network: the verdict, the road, the board's budget, spikes and membranes, the search.

Figures are those in the network's file, in the `report.json` of the folder for results, and in the `candidates.json` of
a search; spikes, membranes and the confusion matrix are computed on samples: the files DATASET-100-images.idx.gz beside
the network, else the test split of its data set, else random values. What is not known is not made up: the page says
which command finds it out. The page is one file, without network access; nothing in a network's file can make it run
anything.
"""

import json
import webbrowser
from pathlib import Path

import numpy as np

from spikeloom import aside, commands, report, terminal
from spikeloom.commands import _samples as samples
from spikeloom.errors import SpikeloomError
from spikeloom.page import facts as page_facts
from spikeloom.page import render
from spikeloom.qsnn import load

EXAMPLE = "spikeloom report examples/mnist-icebreaker.qsnn -o mnist.html"
OF_ANY_BOARD = ("network_digest", "verify", "level0", "proofs", "versions")
SHOWN, MOST_SHOWN, RANDOM, MOST_READ = 3, 8, 20, 1 << 24


def add(parser) -> None:
    commands.network_argument(parser)
    parser.add_argument("--board", help="whose budget (default: the board in report.json, else icebreaker)")
    parser.add_argument("--search", type=Path, metavar="FOLDER",
                        help="of a search: its candidates (default: beside the network, if they are there)")
    parser.add_argument("--show", metavar="N,N,..",
                        help=f"samples whose spikes are drawn, at most {MOST_SHOWN} (default: {SHOWN}, one of them "
                        "wrong if there is one)")
    parser.add_argument("--images", type=Path, metavar="IDX", help="uint8 images, IDX, may be gzipped")
    parser.add_argument("--labels", type=Path, metavar="IDX", help="their labels")
    parser.add_argument("--test-set", action="store_true", help="the whole test split of the network's data set")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: report.html in the folder")
    parser.add_argument("--open", action="store_true", help="show the page in the browser")
    commands.folder_argument(parser)


def run(arguments) -> int:
    network, folder = load(arguments.network), commands.folder(arguments)
    path = arguments.output or folder / "report.html"
    with terminal.progress("report"):
        chosen = _chosen(arguments, network)
        page = render(gather(arguments, network, folder, chosen))
        aside.text(path, page)
    found = {"page": str(path), "bytes": len(page), "samples": len(chosen.frames), "origin": chosen.origin}
    if arguments.json:
        terminal.dump(found)
    else:
        terminal.show([("page", path), ("size", f"{len(page):,} bytes"),
                       ("samples", f"{len(chosen.frames):,}: {chosen.origin}")])
    if arguments.open:
        webbrowser.open(path.resolve().as_uri())
    return 0


def _chosen(arguments, network) -> samples.Samples:
    """The samples asked for; else those at hand, and random values where the network's data set is not."""
    try:
        return samples.choose(arguments.network, network, images=arguments.images, labels=arguments.labels,
                              test_set=arguments.test_set)
    except SpikeloomError:
        if arguments.images or arguments.test_set:
            raise
    frames = samples.random(network, RANDOM).frames
    return samples.Samples(frames=frames, origin="random values, as the data set is not at hand")


def gather(arguments, network, folder: Path, chosen: samples.Samples) -> page_facts.Facts:
    """All that the page tells."""
    from spikeloom import boards
    known = report.read(folder)
    if known.get("network_digest") != network.digest:
        known = {}
    name = arguments.board or known.get("board") or "icebreaker"
    board = boards.board(name)
    if known.get("board") not in (None, board.name):
        known = {key: value for key, value in known.items() if key in OF_ANY_BOARD}
    answered, activity = _answered(arguments, network, chosen)
    hardware, obstacle = _hardware(arguments, network, board, known, activity)
    return page_facts.Facts(
        name=Path(arguments.network).stem, file=str(arguments.network), network=network, board=board.name,
        report=known, search=_search(arguments, network), samples=answered, hardware=hardware, obstacle=obstacle,
        versions=report.versions())


def _answered(arguments, network, chosen: samples.Samples):
    """What the reference answers to the samples, traces of those shown, and their activity."""
    from spikeloom.sim.activity import measure
    from spikeloom.sim.reference import simulate
    classes = simulate(network, chosen.frames).classes
    numbers = _numbers(arguments.show, len(chosen.frames)) or _telling(classes, chosen.labels)
    frames = chosen.frames[numbers]
    outcome = simulate(network, frames, trace=True)
    activity = measure(network, frames, outcome)
    spiking = network.first_range == (0, 1)
    traces = tuple(page_facts.Trace(
        number=number, frame=frames[k], inputs=activity.seen(network, 0)[k] if spiking else None,
        spikes=tuple(layer[k] for layer in outcome.spikes), membranes=tuple(layer[k] for layer in outcome.membranes),
        answer=int(outcome.classes[k]), truth=None if chosen.labels is None else int(chosen.labels[number]),
    ) for k, number in enumerate(numbers))
    found = page_facts.Samples(origin=_bare(chosen.origin), classes=classes, labels=chosen.labels, traces=traces)
    return found, activity


def _bare(origin: str) -> str:
    """Without the folders of a path: a page is for others."""
    return Path(origin).name if "/" in origin or "\\" in origin else origin


def _numbers(text: str | None, count: int) -> list[int]:
    if text is None:
        return []
    parts = [part.strip() for part in text.split(",")]
    if len(parts) > MOST_SHOWN or not all(part.isdecimal() and len(part) < 10 and int(part) < count for part in parts):
        raise SpikeloomError(f"--show must be at most {MOST_SHOWN} numbers from 0 to {count - 1} with commas between, "
                             f"not {text!r}")
    return list(dict.fromkeys(map(int, parts)))


def _telling(classes: np.ndarray, labels: np.ndarray | None) -> list[int]:
    """The first samples; the last of them is the first that is answered wrongly."""
    first = list(range(min(SHOWN, len(classes))))
    wrong = [] if labels is None else np.flatnonzero(classes != labels)[:1].tolist()
    return first if not wrong or wrong[0] in first else [*first[:SHOWN - 1], *wrong]


def _hardware(arguments, network, board, known: dict, activity):
    """The plan of the report, else one made now; or None, and why."""
    from spikeloom.commands.plan import summary
    from spikeloom.rtl_gen import timing
    typical, built, plan = commands.typical(arguments.network, network), True, None
    arguments.goal, arguments.lanes, arguments.update_lanes = "latency", None, None
    try:
        arguments.layer = _kept(known)
        plan = commands.plan_for(arguments, network, board, typical) if arguments.layer else None
    except SpikeloomError:
        plan = None
    if plan is None or commands.plan_summary(plan) != known.get("plan"):
        arguments.layer, built = [], False
        try:
            plan = commands.plan_for(arguments, network, board, typical)
        except SpikeloomError as error:
            return None, str(error)
    schedule: list[page_facts.Work] = []

    def watch(stage: int, timestep: int, came: np.ndarray, left: np.ndarray) -> None:
        first, last = plan.stages[stage]
        layers = tuple(range(first, last + 1))
        before = max((work.stop for work in schedule if work.layers == layers), default=0)
        schedule.append(page_facts.Work(layers=layers, timestep=timestep, start=max(int(came[0]), before),
                                        stop=int(left[0])))

    timing.latency(plan, activity, watch)
    return page_facts.Hardware(summary=summary(plan, board, typical), built=built, schedule=tuple(schedule)), ""


def _kept(known: dict) -> list[str]:
    """The layers of the report's plan, as `--layer` takes them; none of what makes no sense."""
    plan = known.get("plan")
    layers = plan.get("layers") if isinstance(plan, dict) else None
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        return []
    found = []
    for k, layer in enumerate(layers):
        settings = [f"{name}={layer[name]}" for name in ("lanes", "update_lanes", "width")
                    if isinstance(layer.get(name), int) and not (name != "width" and layer["strategy"] == "parallel")]
        weights = [f"weights={layer['weights']}"] if layer.get("weights") in ("ram", "spram") else []
        found.append(f"{k}:" + ",".join([str(layer.get("strategy")), *settings, *weights]))
    return found


def _search(arguments, network) -> dict:
    """The `candidates.json` of a search; empty if there is none, or that beside the network is of another recipe."""
    folder = arguments.search or Path(arguments.network).resolve().parent
    path = folder / "candidates.json"
    try:
        with open(path, "rb") as file:
            found = json.loads(file.read(MOST_READ))
    except (OSError, ValueError, RecursionError):
        if arguments.search is not None:
            raise SpikeloomError(f"{path} must be the JSON that a search leaves") from None
        return {}
    if not isinstance(found, dict):
        return {}
    return found if arguments.search is not None or found.get("recipe") == network.provenance.get("recipe") else {}
