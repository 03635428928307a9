"""What the benchmarks of compression methods share: data, float models that are trained once, pairs by seed, tables.

A benchmark is arms times seeds. Every arm of a seed starts from the same float model (or the same new weights), sees
the same images in the same order, and is measured on the whole official test split. Results are saved after every arm,
so that a run which was stopped goes on where it was.
"""

import argparse
import dataclasses
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from spikeloom import aside
from spikeloom.train import checkpoint, datasets, pipeline
from spikeloom.train import recipe as find
from spikeloom.train.compress import Task
from spikeloom.train.cookbook import Recipe
from spikeloom.train.fit import accuracy
from spikeloom.train.model import SpikingMlp
from spikeloom.train.settle import settle
from spikeloom.train.split import split

HERE = Path(__file__).parent
CACHE = Path("build/compression")


class Bench:
    """One benchmark: `arm(...)` for each measurement, `pairs(...)` to compare arms, then `write()`.

    Results lie in `<name>.json` beside the script: `{"arms": {"<arm>": {"<seed>": {"accuracy": ..., ...}}}}`.
    """

    def __init__(self, name: str, title: str):
        parser = argparse.ArgumentParser(description=title)
        parser.add_argument("--seeds", type=int, default=3, help="how many (default: 3)")
        parser.add_argument("--fresh", action="store_true", help="measure again what has been measured")
        parser.add_argument("--only", default="", help="only arms whose name holds this")
        self.options, self.path = parser.parse_args(), HERE / f"{name}.json"
        known = json.loads(self.path.read_text()) if self.path.exists() and not self.options.fresh else {}
        self.arms: dict[str, dict[str, dict]] = known.get("arms", {})
        self.notes: dict = known.get("notes", {})
        self.seeds = range(self.options.seeds)
        torch.set_num_threads(1)

    def arm(self, name: str, seed: int, measure: Callable[[], dict]) -> dict:
        """What `measure` gives (JSON types, with an `accuracy` from 0 to 1), from the file if it is there."""
        have = self.arms.setdefault(name, {})
        if str(seed) not in have and self.options.only in name:
            began = time.monotonic()
            have[str(seed)] = measure() | {"seconds": round(time.monotonic() - began, 1)}
            shown = have[str(seed)].get("accuracy")
            print(f"{name}, seed {seed}: {'' if shown is None else f'{shown:.2%}, '}{have[str(seed)]['seconds']} s",
                  file=sys.stderr, flush=True)
            self.write()
        return have.get(str(seed), {})

    def values(self, name: str, key: str = "accuracy") -> list[float]:
        """Of all seeds, in their order."""
        return [row[key] for _, row in sorted(self.arms.get(name, {}).items(), key=lambda item: int(item[0]))
                if key in row]

    def summary(self, name: str, key: str = "accuracy") -> str:
        """Mean and standard deviation, in percent."""
        found = self.values(name, key)
        if not found:
            return "-"
        return f"{100 * statistics.fmean(found):.2f} +- {100 * deviation(found):.2f}"

    def pair(self, one: str, other: str, key: str = "accuracy") -> str:
        """Mean and standard deviation of the difference by seed, in points, and whether it is one."""
        a, b = self.arms.get(one, {}), self.arms.get(other, {})
        apart = [100 * (a[s][key] - b[s][key]) for s in sorted(a) if s in b and key in a[s] and key in b[s]]
        if not apart:
            return "-"
        mean, spread = statistics.fmean(apart), deviation(apart)
        told = "" if len(apart) > 1 and abs(mean) >= spread else ", no difference"
        return f"{mean:+.2f} +- {spread:.2f}{told}"

    def write(self) -> None:
        """Save everything."""
        aside.text(self.path, json.dumps({"notes": self.notes, "arms": self.arms}, indent=1, sort_keys=True) + "\n")


def deviation(values: list[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0


def spearman(one: list[float], other: list[float]) -> float:
    """Rank correlation, -1 to 1; ranks of equal values are shared."""
    def ranks(values: list[float]) -> list[float]:
        return [sum(v < w for v in values) + (sum(v == w for v in values) - 1) / 2 for w in values]
    a, b = ranks(one), ranks(other)
    over = math.sqrt(statistics.pvariance(a) * statistics.pvariance(b))
    middle = statistics.fmean(a) * statistics.fmean(b)
    return (statistics.fmean(x * y for x, y in zip(a, b, strict=True)) - middle) / over if over else 0.0


def table(columns: tuple[str, ...], rows: list[tuple]) -> None:
    """A Markdown table on the terminal, to be pasted into docs/compression.md."""
    print("| " + " | ".join(columns) + " |\n| " + " | ".join("---" for _ in columns) + " |")
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
    print()


def task(recipe: Recipe | str, seed: int, *, train: int | None = 10_000, calibration: int = 1000,
         validation: int | None = None, epochs: int | None = None) -> Task:
    """What a method is given, with the recipe's data set; the test images stay out of it."""
    recipe = find(recipe) if isinstance(recipe, str) else recipe
    parts = split(datasets.load(recipe.dataset), train=train, calibration=calibration,
                  validation=validation or recipe.validation)
    schedule = recipe.float_schedule if epochs is None else pipeline.shortened(recipe.float_schedule, epochs)
    return Task(split=parts, preprocess=recipe.preprocess, schedule=schedule, seed=seed)


def float_model(recipe: Recipe | str, given: Task) -> SpikingMlp:
    """The recipe's network trained over the reals: once for each seed and schedule, then from a file."""
    recipe = find(recipe) if isinstance(recipe, str) else recipe
    model = pipeline.untrained(recipe.model, given.seed)
    header = {"recipe": recipe.name, "model": repr(recipe.model), "seed": given.seed,
              "images": len(given.split.train), "schedule": dataclasses.asdict(given.schedule)}
    path = CACHE / f"{recipe.name}-{len(given.split.train)}-{given.schedule.epochs}-{given.seed}.npz"
    if path.exists():
        return checkpoint.load(model, header, path)
    pipeline.train_float(model, given)
    checkpoint.save(model, header, path)
    return model


def tested(model: SpikingMlp, recipe: Recipe | str) -> float:
    """Accuracy on the whole official test split."""
    recipe = find(recipe) if isinstance(recipe, str) else recipe
    data = datasets.load(recipe.dataset)
    return accuracy(model, data.test_images, data.test_labels, recipe.preprocess)


def settled(model: SpikingMlp, given: Task) -> SpikingMlp:
    """The integer model, as `spikeloom compress` makes it."""
    frames = given.preprocess.apply(given.split.calibration.images[:pipeline.FRAMES])
    return settle(model, frames)
