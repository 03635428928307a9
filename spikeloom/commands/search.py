"""Search the narrowest network of a recipe: weights, membranes, thresholds, biases and leaks that lose little accuracy.

Every candidate is a network that hardware computes. FOLDER gets the journal, from which a search that was stopped goes
on, candidates.json, a picture of accuracy against memory, and the best candidates as .qsnn files.
"""

import dataclasses
import json
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from spikeloom import aside, check, terminal
from spikeloom.errors import SpikeloomError, ToolError
from spikeloom.qsnn import save

EXAMPLE = "spikeloom search digits --drop 1.0 --jobs 2 -o build/search-digits"
ROWS = 14


def add(parser) -> None:
    parser.add_argument("recipe", nargs="?", help="whose network; `spikeloom train` lists them")
    parser.add_argument("methods", nargs="*", metavar="METHOD",
                        help="compress it first, see `spikeloom compress`; codes that weights have then are kept")
    parser.add_argument("--data", metavar="PATH[:OPTION=VALUE,..]", help="data of one's own, as in `spikeloom train`; "
                        "without a recipe, one that suits")
    parser.add_argument("-o", "--output", dest="out", type=Path, metavar="FOLDER",
                        help="for results (default: search-RECIPE)")
    parser.add_argument("--drop", type=float, default=1.0, metavar="POINTS", help="that may be lost (default: 1.0)")
    parser.add_argument("--board", help="plan every candidate that is shown for this board")
    parser.add_argument("--cost", default="bits", help="what is to be least: bits of memory, or of the board's plan "
                        "packed bits, ram, cells or cycles (default: bits)")
    parser.add_argument("--weights", default="2-8", metavar="BITS", help="as 2-8, 2,4,8 or none (default: 2-8)")
    parser.add_argument("--membrane", default="6-16", metavar="BITS", help="of V (default: 6-16)")
    parser.add_argument("--threshold", default="none", metavar="BITS", help="on a grid of its own (default: none)")
    parser.add_argument("--bias", default="none", metavar="BITS", help="on a grid of its own (default: none)")
    parser.add_argument("--leak", default="none", metavar="BITS", help="of the leak's factor (default: none)")
    parser.add_argument("--rounding", default="truncate,nearest,stochastic", metavar="R,R,..")
    parser.add_argument("--scheme", default="ptq,itq", metavar="S,S", help="ptq: rounded only, itq: trained on, too")
    parser.add_argument("--span", default="mse", help="range of the weights, by the least squared error, or max: all "
                        "of them (default: mse)")
    parser.add_argument("--uniform", action="store_true", help="all layers alike")
    parser.add_argument("--grid", action="store_true", help="evaluate all uniform candidates that are only rounded")
    parser.add_argument("--evaluations", type=int, metavar="N", help="at most so many")
    parser.add_argument("--itq-epochs", type=int, default=2, metavar="N", help="of training on (default: 2)")
    parser.add_argument("--jobs", type=int, metavar="N", help="processes (default: one a processor)")
    parser.add_argument("--workers", metavar="ADDRESS", help="of a Dask scheduler, instead of processes")
    parser.add_argument("--float", type=Path, metavar="FILE", dest="saved",
                        help="the trained float model: read if it is there, else written (default: in FOLDER)")
    parser.add_argument("--epochs", type=int, help="of float training, instead of the recipe's")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    parser.add_argument("--train", type=int, metavar="IMAGES", help="use only the first training images")
    parser.add_argument("--validation", type=int, metavar="IMAGES", help="held out of them, to choose by")
    parser.add_argument("--calibration", type=int, metavar="IMAGES", help="held out, too, to take ranges from")


def run(arguments) -> int:
    from spikeloom import boards
    from spikeloom.commands import train as training
    from spikeloom.train import compress, pipeline
    from spikeloom.train.search.executors import executor
    from spikeloom.train.search.runner import Goal, search
    if arguments.recipe is None and arguments.data is None:
        raise SpikeloomError("recipe or --data must be given; `spikeloom train` lists the recipes")
    if arguments.jobs is not None:
        check.integer("--jobs", arguments.jobs, 1, 1024)
    check.choice("span", arguments.span, ("max", "mse"))
    methods = [compress.parse(text) for text in arguments.methods]
    chosen, own = training.chosen(arguments.recipe, arguments.data)
    if arguments.seed is not None:
        chosen = dataclasses.replace(chosen, seed=arguments.seed)
    goal = Goal(drop=arguments.drop / 100, cost=arguments.cost, evaluations=arguments.evaluations,
                grid=arguments.grid, per_layer=not arguments.uniform)
    space = _space(arguments, len(chosen.model.layers))
    if arguments.board is not None:
        boards.board(arguments.board)
    elif goal.cost != "bits":
        raise SpikeloomError(f"cost must be bits without a board, not {goal.cost}")
    folder = aside.folder(arguments.out or Path(f"search-{chosen.name if own is None else own.name}"))
    try:
        with terminal.progress("train") as update:
            data, place = _place(arguments, chosen, own, methods, folder, update)
        if all(map(pipeline.coded, place.model.all_synapses())):
            space = dataclasses.replace(space, weights=())
        with terminal.progress("search") as update, executor(arguments.jobs, arguments.workers) as where:
            findings = search(place, space, goal, executor=where, journal=folder / "journal.jsonl", progress=update)
    except KeyboardInterrupt:
        print(f"spikeloom search: stopped; the same command goes on from {folder / 'journal.jsonl'}", file=sys.stderr)
        raise
    except BrokenProcessPool:
        raise ToolError("a process of the search must come to its end, but was ended from outside: where memory is "
                        f"short, --jobs 1 takes least; the same command goes on from {folder / 'journal.jsonl'}") \
            from None
    with terminal.progress("export"):
        report = _export(arguments, chosen, methods, folder, data, place, findings)
    if arguments.json:
        terminal.dump(report)
    else:
        _show(report)
    return 0 if findings.chosen is not None else 1


def _place(arguments, chosen, own, methods, folder: Path, update):
    """The data set, and the workplace with the model that `methods` leave."""
    import torch

    from spikeloom.train import checkpoint, datasets, pipeline
    from spikeloom.train.compress import Task
    from spikeloom.train.search.evaluate import Workplace, retraining
    from spikeloom.train.split import split
    torch.set_num_threads(1)
    data = own or datasets.load(chosen.dataset, progress=lambda file, done, total: update(done, total or None, file))
    held = arguments.validation or chosen.validation or max(1, len(data.train_images) // 6)
    parts = split(data, train=arguments.train, validation=held,
                  calibration=arguments.calibration or max(1, held // 10))
    schedule = chosen.float_schedule
    if arguments.epochs is not None:
        schedule = pipeline.shortened(schedule, arguments.epochs)
    task = Task(split=parts, preprocess=chosen.preprocess, schedule=schedule, seed=chosen.seed, progress=update)
    model = pipeline.untrained(chosen.model, chosen.seed)
    if not methods or methods[0].start == "trained":
        header = {"recipe": chosen.name, "seed": chosen.seed, "images": len(parts.train),
                  "schedule": dataclasses.asdict(schedule),
                  **({} if own is None else {"data": {"name": own.name, **own.source}})}
        saved = arguments.saved or folder / "float.npz"
        if saved.exists():
            checkpoint.load(model, header, saved)
        else:
            checkpoint.save(pipeline.train_float(model, task), header, saved)
    for method in methods:
        model = method.compress(model, task).model
    if model.quantized:
        raise SpikeloomError("methods must leave thresholds and membranes real, for the search to choose them")
    return data, Workplace(
        model=model.eval(), preprocess=chosen.preprocess, calibration=parts.calibration, validation=parts.validation,
        train=parts.train, schedule=retraining(schedule, arguments.itq_epochs), seed=chosen.seed, span=arguments.span,
        board=arguments.board if arguments.cost != "bits" else None)


def _space(arguments, layers: int):
    from spikeloom.train.search.space import Space
    return Space(layers=layers, weights=_bits("--weights", arguments.weights),
                 membrane=_bits("--membrane", arguments.membrane), threshold=_bits("--threshold", arguments.threshold),
                 bias=_bits("--bias", arguments.bias), leak=_bits("--leak", arguments.leak),
                 roundings=tuple(arguments.rounding.split(",")), schemes=tuple(arguments.scheme.split(",")))


def _bits(name: str, text: str) -> tuple[int, ...]:
    """Widths as written on the command line: `2-8`, `2,4,8`, `5` or `none`."""
    if text == "none":
        return ()
    found: set[int] = set()
    for part in text.split(","):
        low, _, high = part.partition("-")
        if not low.isdecimal() or not (high or low).isdecimal() or int(high or low) < int(low) or int(high or 0) > 64:
            raise SpikeloomError(f"{name} must be bits such as 2-8, 2,4,8 or none, not {text!r}")
        found |= {*range(int(low), int(high or low) + 1)}
    return tuple(sorted(found))


def _export(arguments, chosen, methods, folder: Path, data, place, findings) -> dict:
    """Write what the folder gets; the report as JSON types."""
    from spikeloom.train.exactness import compare
    from spikeloom.train.export import export
    from spikeloom.train.fit import accuracy
    from spikeloom.train.search import memory, plot, select
    from spikeloom.train.search.runner import model_of
    names = {trial.candidate: f"candidate-{number:02}" for number, trial in enumerate(_shown(findings), 1)}
    files, hardware, tested = {}, {}, None
    frames = chosen.preprocess.apply(place.validation.images)
    for trial in _shown(findings):
        model = model_of(place, trial)
        mine, images = {"validation": trial.result.accuracies[trial.result.best]}, frames[:500]
        if trial is findings.chosen:
            tested = accuracy(model, data.test_images, data.test_labels, chosen.preprocess)
            mine["integer"], images = tested, chosen.preprocess.apply(data.test_images)
        network = export(model, labels=data.labels, provenance=_provenance(chosen, data, methods, place, trial, mine))
        level0 = compare(model, network, images)
        if level0.mismatches:
            raise SpikeloomError(f"model and network must agree everywhere, not differ at {level0.first}")
        if arguments.board is not None:
            hardware[trial.candidate] = memory.on_board(network, arguments.board, images)
        files[trial.candidate] = save(network, folder / f"{names[trial.candidate]}.qsnn")
        if trial is findings.chosen:
            save(network, folder / "chosen.qsnn")
    pictures = plot.draw(findings, folder / "pareto", title=f"{chosen.name}: {len(findings.trials)} candidates",
                         cost=arguments.cost, names={one: name.removeprefix("candidate-").lstrip("0")
                                                     for one, name in names.items()})
    rows = [{
        "name": names.get(trial.candidate), **trial.candidate.to_json(), "accuracy": trial.accuracy,
        "accuracies": list(trial.result.accuracies), "drop": findings.accuracy - trial.accuracy, "bits": trial.bits,
        "cost": trial.cost, "smaller": findings.bits / trial.bits, "feasible": trial.accuracy >= findings.least,
        "front": trial in findings.front, "chosen": trial is findings.chosen,
        "reward": select.reward(trial, findings.dearest),
        "saving": select.saving(trial, findings.dearest, findings.accuracy, findings.accuracy - findings.least),
        "hardware": dataclasses.asdict(hardware[trial.candidate]) if trial.candidate in hardware
        else trial.result.hardware and dataclasses.asdict(trial.result.hardware),
        "file": str(files[trial.candidate]) if trial.candidate in files else None,
        "text": str(trial.candidate),
    } for trial in findings.trials]
    report = {
        "recipe": chosen.name, "accuracy": {"float": findings.accuracy, "least": findings.least, "chosen test": tested},
        "bits": findings.bits, "cost": arguments.cost, "board": arguments.board, "minima": findings.minima,
        "chosen": findings.chosen and names[findings.chosen.candidate], "rewarded": str(findings.rewarded.candidate),
        "evaluations": {"now": findings.evaluated, "from the journal": findings.recalled, "skipped": findings.skipped},
        "candidates": rows, "pictures": [str(path) for path in pictures], "seconds": round(findings.seconds, 2),
    }
    (folder / "candidates.json").write_text(json.dumps(report, indent=1) + "\n")
    return report


def _shown(findings) -> list:
    """The front from the chosen candidate on; without one, all of it."""
    if findings.chosen is None:
        return list(findings.front[-ROWS:])
    return [trial for trial in findings.front if trial.cost >= findings.chosen.cost][:ROWS]


def _provenance(chosen, data, methods, place, trial, accuracies: dict) -> dict:
    from spikeloom.train import compress
    named = [*(compress.write(method) for method in methods), f"search: {trial.candidate}"]
    return {
        "recipe": chosen.name, "dataset": data.name, **({"data": data.source} if data.source else {}),
        "preprocess": chosen.preprocess.to_json(),
        "method": " then ".join(named), "candidate": trial.candidate.to_json(), "seed": chosen.seed,
        "split": {"train": len(place.train), "calibration": len(place.calibration),
                  "validation": len(place.validation)},
        "accuracy": accuracies,
    }


def _show(report: dict) -> None:
    rows = []
    for one in sorted((row for row in report["candidates"] if row["name"]), key=lambda row: row["name"]):
        row = [one["name"] + (" *" if one["chosen"] else ""), one["text"], one["bits"], f"{one['smaller']:.2f}",
               f"{one['accuracy']:.2%}", f"{100 * one['drop']:+.2f}"]
        if report["board"]:
            used = one["hardware"]
            row += [used["cells"], used["ram"], round(used["packed"] / 8192, 1), round(used["cycles"]),
                    "yes" if used["fits"] else "no"]
        rows.append(tuple(row))
    board = ("cells", "block RAM", "packed KiB", "cycles", "fits") if report["board"] else ()
    terminal.show(rows, columns=("candidate", "widths", "bits", "smaller", "validation", "drop", *board))
    counts, shares = report["evaluations"], report["accuracy"]
    test = "-" if shares["chosen test"] is None else f"{shares['chosen test']:.2%}"
    terminal.show([
        ("real numbers", f"{shares['float']:.2%} on the validation images, {report['bits']:,} bits"),
        ("* chosen", f"{test} on the test images" if report["chosen"] else "none is within the drop"),
        ("greatest reward", report["rewarded"]),
        ("evaluations", f"{counts['now']} now, {counts['from the journal']} from the journal, "
                        f"{counts['skipped']} skipped"),
        ("picture", report["pictures"][-1])])
