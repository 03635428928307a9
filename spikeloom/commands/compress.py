"""Compress a recipe's network by one method after the other, export it, and check exactness level 0 on the test set.

Without a recipe, list the methods and their parameters.
"""

import dataclasses
from dataclasses import asdict
from pathlib import Path

from spikeloom import commands, plugins, terminal
from spikeloom.commands import _stages as stages
from spikeloom.errors import FileError
from spikeloom.qsnn import save

EXAMPLE = "spikeloom compress digits inq:bits=4 -o digits-inq.qsnn"


def add(parser) -> None:
    parser.add_argument("recipe", nargs="?", help="whose network; `spikeloom train` lists them")
    parser.add_argument("methods", nargs="*", metavar="METHOD", help="such as inq:bits=4,partition=random")
    parser.add_argument("--data", metavar="PATH[:OPTION=VALUE,..]", help="data of one's own, as in `spikeloom train`")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the .qsnn file (default: RECIPE.qsnn)")
    parser.add_argument("--float", type=Path, metavar="FILE", dest="saved",
                        help="the trained float model: read if it is there, else written")
    parser.add_argument("--epochs", type=int, help="of float training, instead of the recipe's")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    parser.add_argument("--train", type=int, metavar="IMAGES", help="use only the first training images")
    parser.add_argument("--validation", type=int, metavar="IMAGES", help="held out of the training images")
    parser.add_argument("--calibration", type=int, metavar="IMAGES", help="held out too")
    parser.add_argument("--precision", type=int, default=6, metavar="BITS", help="of a threshold (default: 6)")


def run(arguments) -> int:
    from spikeloom.commands import train as training
    from spikeloom.train import compress, datasets, pipeline
    if arguments.recipe is None:
        return _list(arguments.json)
    commands.check_network_name(arguments.output)
    methods = [compress.parse(text) for text in arguments.methods]
    chosen, own = training.chosen(arguments.recipe, arguments.data)
    output = arguments.output or Path(f"{chosen.name if own is None else own.name}.qsnn")
    if not output.parent.is_dir():
        raise FileError(f"{output} must be in a folder that is there, not in {output.parent}")
    with terminal.progress("compress") as update:
        data = own or datasets.load(chosen.dataset,
                                    progress=lambda file, done, total: update(done, total or None, file))
        result = pipeline.run(
            chosen, methods, train=arguments.train, validation=arguments.validation, calibration=arguments.calibration,
            precision=arguments.precision, epochs=arguments.epochs, seed=arguments.seed, saved=arguments.saved,
            dataset=data, progress=update)
    path = save(result.network, output)
    if arguments.json:
        terminal.dump({"stages": [asdict(stage) for stage in result.stages],
                       "accuracy": {"float": result.accuracy_float, "integer": result.accuracy_integer},
                       "level0": asdict(result.level0), "network_digest": result.network.digest, "output": str(path),
                       "seconds": {"compress": round(result.seconds, 2)}})
        return 0
    stages.show(result.stages)
    share = "-" if result.accuracy_float is None else f"{result.accuracy_float:.2%}"
    terminal.show([
        ("test accuracy, float", share), ("test accuracy, integer", f"{result.accuracy_integer:.2%}"),
        ("level 0", stages.level0(result.level0, "test samples")),
        ("file", path)])
    return 0


def _list(as_json: bool) -> int:
    rows = []
    for name in plugins.names("spikeloom.train.compress"):
        method = plugins.load("spikeloom.train.compress", name, "compression method").METHOD
        rows += [(name, field.name, str(field.default)) for field in dataclasses.fields(method)]
    if as_json:
        terminal.dump({"methods": [dict(zip(("name", "parameter", "default"), row, strict=True)) for row in rows]})
    else:
        terminal.show(rows, columns=("method", "parameter", "default"))
    return 0
