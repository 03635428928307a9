"""The search of Q-SpiNN (arXiv 2107.01807): does the guided one find what the whole grid holds, and what does V save?

A network of many weights (784-128-10) and one of many neurons (a convolution, only rounded to the nearest). The grid is
all uniform candidates that are not trained on: weights of 2 to 8 bits, membranes of 6 to 16, three roundings. Choices
by 2,000 validation images; the test split sees what each arm chose. Run from the root of the project.
"""

import collections
import dataclasses
import statistics

from common import CACHE, Bench, float_model, table, task, tested

from spikeloom import Decay, Input, Lif, codebooks, encoders
from spikeloom.train.convolution import Convolution
from spikeloom.train.cookbook import Recipe
from spikeloom.train.fit import Schedule
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig
from spikeloom.train.preprocess import Preprocess
from spikeloom.train.search.evaluate import Workplace, retraining
from spikeloom.train.search.executors import Here
from spikeloom.train.search.memory import stored
from spikeloom.train.search.runner import Findings, Goal, model_of, search
from spikeloom.train.search.space import Space

DROP, LIMIT, VALIDATION, CALIBRATION, LEAST_SEEDS = 0.01, 115, 2000, 500, 3
BOOK = codebooks.make("integer", bits=8)
LEAK = Decay.shift_leak(3)
READOUT = LayerConfig(codebook=BOOK, neurons=Lif(neurons=10, threshold=None, membrane_bits=20))
MAPS = Convolution(input=(1, 28, 28), channels=4, kernel=3, stride=2, padding=1)
WIDE = (20,)        # bits of V where it is not searched: the widest that there is


def recipe(name: str, shape: tuple[int, ...], hidden: LayerConfig, epochs: int) -> Recipe:
    schedule = Schedule(epochs=epochs, batch=128, rate=3e-2)
    model = MlpConfig(input=Input(shape=shape, bits=8), encoder=encoders.make("rate", seed=1), layers=(hidden, READOUT),
                      readout="membrane-last", timesteps=8)
    return Recipe(name=name, title=name, dataset="mnist", preprocess=Preprocess(bits=8), model=model,
                  schedule=schedule, float_schedule=schedule, validation=VALIDATION)


def hidden(neurons: int, **options: object) -> LayerConfig:
    cells = Lif(neurons=neurons, threshold=1, decay=LEAK, membrane_bits=20, reset="subtract")
    return LayerConfig(codebook=BOOK, neurons=cells, **options)


RECIPES = {"mlp": recipe("search-mlp", (28, 28), hidden(128), 10),
           "conv": recipe("search-conv", (1, 28, 28), hidden(MAPS.outputs, convolution=MAPS), 4)}
IMAGES = {"mlp": 10_000, "conv": 4000}     # of training
SPACES = {"mlp": Space(layers=2, schemes=("ptq",)), "conv": Space(layers=2, schemes=("ptq",), roundings=("nearest",))}
ARMS = {
    "grid": {"grid": True},
    "guided": {"evaluations": LIMIT},
    "guided, V fixed": {"space": {"membrane": WIDE}},
    "guided, span max": {"span": "max"},
    "guided + layers": {"per_layer": True},
    "guided + layers, V fixed": {"per_layer": True, "space": {"membrane": WIDE}},
    "guided + itq": {"space": {"schemes": ("ptq", "itq")}},
}
NETS = {"mlp": tuple(ARMS), "conv": ("guided", "guided, V fixed", "guided + layers", "guided + layers, V fixed")}


def measure(bench: Bench, net: str, name: str, seed: int) -> dict:
    chosen, arm = RECIPES[net], ARMS[name]
    given = task(chosen, seed, train=IMAGES[net], calibration=CALIBRATION, validation=VALIDATION)
    place = Workplace(
        model=float_model(chosen, given).eval(), preprocess=chosen.preprocess, calibration=given.split.calibration,
        validation=given.split.validation, train=given.split.train, schedule=retraining(given.schedule, 2), seed=seed,
        span=arm.get("span", "mse"))
    space = dataclasses.replace(SPACES[net], **arm.get("space", {}))
    goal = Goal(drop=DROP, evaluations=arm.get("evaluations"), grid=arm.get("grid", False),
                per_layer=arm.get("per_layer", False))
    found = search(place, space, goal, executor=Here(), journal=CACHE / f"search-{net}-{seed}.jsonl")
    if found.chosen is None:
        raise SystemExit(f"{net}, {name}, seed {seed}: nothing within the drop")
    model = model_of(place, found.chosen)
    if name == "grid":
        bench.notes.setdefault("grid", {})[str(seed)] = curves(found) | {"literal rule": literal(found)}
    pairs = zip(stored(place.model), found.chosen.candidate.layers, strict=True)
    weights = sum(one.weights * widths.weights for one, widths in pairs)
    return {"accuracy": tested(model, chosen), "validation": found.chosen.accuracy, "bits": found.chosen.bits,
            "ratio": found.bits / found.chosen.bits, "weights": weights, "evaluations": len(found.trials),
            "drawn": sum(len(trial.result.accuracies) for trial in found.trials), "skipped": found.skipped,
            "float validation": found.accuracy, "candidate": str(found.chosen.candidate),
            "evaluating": round(sum(trial.result.seconds for trial in found.trials), 1)}


def curves(found: Findings) -> dict:
    """Accuracy by weight bits with the widest V, and by V bits with the weights of the chosen one."""
    chosen, rows = found.chosen.candidate.layers[0], collections.defaultdict(dict)
    for trial in found.trials:
        widths = trial.candidate.layers[0]
        if widths.membrane == 16:
            rows[f"weights, {trial.candidate.rounding}"][widths.weights] = trial.accuracy
        if widths.weights == chosen.weights:
            rows[f"V, {trial.candidate.rounding}"][widths.membrane] = trial.accuracy
    return {"chosen": [chosen.weights, chosen.membrane], **rows}


def literal(found: Findings) -> dict:
    """What a rule would do that skips all that is no wider than a failed candidate in any width."""
    def widths(trial) -> tuple[int, int]:
        return trial.candidate.layers[0].weights, trial.candidate.layers[0].membrane
    failed = [trial for trial in found.trials if trial.accuracy < found.least]
    good = [trial for trial in found.trials if trial.accuracy >= found.least]
    lost = [trial for trial in good if any(
        bad.candidate.rounding == trial.candidate.rounding and bad is not trial
        and all(a <= b for a, b in zip(widths(trial), widths(bad), strict=True)) for bad in failed)]
    ours = [trial for trial in good if any(trial.candidate.below(bad.candidate) for bad in failed)]
    return {"feasible": len(good), "lost": len(lost), "loses the optimum": found.chosen in lost,
            "lost by weights and guard bits": len(ours)}


def main() -> None:
    bench = Bench("search", __doc__)
    seeds = range(max(LEAST_SEEDS, len(bench.seeds)))
    for net, names in NETS.items():
        for seed in seeds:
            bench.arm(f"{net}: float", seed, lambda n=net, s=seed: real(n, s))
        for name in names:
            for seed in seeds:
                bench.arm(f"{net}: {name}", seed, lambda n=net, a=name, s=seed: measure(bench, n, a, s))
        show(bench, net, names)


def real(net: str, seed: int) -> dict:
    given = task(RECIPES[net], seed, train=IMAGES[net], calibration=CALIBRATION, validation=VALIDATION)
    return {"accuracy": tested(float_model(RECIPES[net], given).eval(), RECIPES[net])}


def show(bench: Bench, net: str, names: tuple[str, ...]) -> None:
    rows = [(f"{net}: float", bench.summary(f"{net}: float"), "1", "-", "-", "-")]
    for name in names:
        arm = f"{net}: {name}"
        if not bench.values(arm):
            continue
        ratio, count = bench.values(arm, "ratio"), bench.values(arm, "evaluations")
        rows.append((arm, bench.summary(arm), f"{statistics.fmean(ratio):.2f}", bench.pair(arm, f"{net}: float"),
                     f"{statistics.fmean(count):.0f}", "; ".join(bench.values(arm, "candidate"))))
    table(("arm", "test accuracy, %", "times smaller than 32 bits", "against float, points", "evaluations", "chosen"),
          rows)
    if net == "mlp":
        pairs = zip(bench.values("mlp: guided", "bits"), bench.values("mlp: grid", "bits"), strict=True)
        print("guided is the grid's optimum:", [guided == grid for guided, grid in pairs])


if __name__ == "__main__":
    main()
