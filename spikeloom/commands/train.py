"""Train a network by a recipe, export it, and check exactness level 0 over the whole test set.

Without a recipe, list the recipes. With --data, a recipe's layers and schedule are fitted to data of one's own: a
folder with a sub-folder of pictures, arrays, WAV files or recordings for each class, a labels.csv, or an .npz.
"""

from dataclasses import asdict
from pathlib import Path

from spikeloom import commands, terminal
from spikeloom.qsnn import save

EXAMPLE = "spikeloom train digits -o digits.qsnn"


def add(parser) -> None:
    parser.add_argument("recipe", nargs="?", help="what to train")
    parser.add_argument("--data", metavar="PATH[:OPTION=VALUE,..]", help="data of one's own; `spikeloom data PATH` "
                        "shows what is seen in it. Without a recipe, one that suits")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the .qsnn file (default: RECIPE.qsnn)")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    parser.add_argument("--no-float", action="store_true", help="do not train the float yardstick")


def run(arguments) -> int:
    from spikeloom import train
    if arguments.recipe is None and arguments.data is None:
        recipes = [(r.name, r.dataset, r.title) for r in train.all_recipes()]
        if arguments.json:
            terminal.dump({"recipes": [dict(zip(("name", "dataset", "title"), r, strict=True)) for r in recipes]})
        else:
            terminal.show(recipes, columns=("recipe", "data set", "what"))
        return 0
    commands.check_network_name(arguments.output)
    recipe, data = chosen(arguments.recipe, arguments.data)
    result = trained(recipe, data=data, epochs=arguments.epochs, seed=arguments.seed, yardstick=not arguments.no_float)
    path = save(result.network, arguments.output or f"{recipe.name if data is None else data.name}.qsnn")
    if arguments.json:
        terminal.dump(summary(result) | {"output": str(path)})
        return 0
    terminal.show([*rows(result), ("file", path)])
    return 0


def chosen(name: str | None, own: str | None) -> tuple:
    """The recipe and None; or the recipe fitted to data of one's own, and that data."""
    from spikeloom import train
    if own is None:
        return train.recipe(name), None
    from spikeloom.train import datasets
    from spikeloom.train.fitted import template
    with terminal.progress("data"):
        data = datasets.load(own)
    return train.fitted(train.recipe(name or template(data)), data), data


def trained(recipe, *, data=None, seconds: dict[str, float] | None = None, **options):
    """Load the data, if it is not given, and train, with progress bars; see `spikeloom.train.train`."""
    from spikeloom import train
    from spikeloom.train import datasets
    with terminal.progress("train", seconds) as update:
        data = data or datasets.load(recipe.dataset,
                                     progress=lambda file, done, total: update(done, total or None, file))

        def epoch(e) -> None:
            held = "" if e.validation is None else f", validation {e.validation:.2%}"
            update(e.number, e.epochs, f"{e.phase}, loss {e.loss:.3f}{held}")
        return train.train(recipe, dataset=data, progress=epoch, **options)


def summary(result) -> dict:
    """What training gave, as JSON types."""
    accuracy = {"float": result.accuracy_float, "model": result.accuracy_model, "integer": result.accuracy_integer}
    return {
        "accuracy": accuracy,
        "level0": asdict(result.level0),
        "network_digest": result.network.digest,
        "seconds": {"train": round(result.seconds, 2)},
    }


def rows(result) -> list[tuple]:
    """What training gave, for a table."""
    level0 = result.level0
    share = "-" if result.accuracy_float is None else f"{result.accuracy_float:.2%}"
    return [
        ("accuracy, float", share),
        ("accuracy, model", f"{result.accuracy_model:.2%}"),
        ("accuracy, integer", f"{result.accuracy_integer:.2%}"),
        ("level 0", f"{level0.mismatches} mismatches in {level0.compared_spikes:,} spikes and "
                    f"{level0.compared_membranes:,} membranes of {level0.samples:,} test samples"),
    ]
