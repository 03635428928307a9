"""Binary weights: does a gate before the neurons (AGMM) calm their signs, and does that help? And BSO beside it.

Five convolutions of 16 channels on MNIST at 14 x 14, four of them binary, 2 timesteps, 2,000 training images in batches
of 50, 10 epochs of gradient descent with rate 0.1; six seeds. Accuracy is of the whole official test split. What could
be chosen (BSO's gamma) was chosen on validation images with a seed that is none of the six.

    .venv/bin/python benchmarks/compression/agmm.py --seeds 6
"""

import dataclasses
import statistics

import common

from spikeloom import Lif
from spikeloom.train import binary, flips, pipeline
from spikeloom.train import recipe as find
from spikeloom.train.compress import make
from spikeloom.train.layer import LayerConfig

TRAIN, CALIBRATION, EPOCHS, RATE, MOMENTUM, SWEEP_SEED = 2000, 500, 10, 0.1, 0.9, 1000
CONV = find("mnist-binary-conv")
GATES = {"AGMM, a gate for each channel": "channel", "AGMM, a gate for each sample": "sample",
         "AGMM, a gate for each channel, alpha 1": "shift", "constant gate 1/2": "constant",
         "gradients only": "backward"}
GAMMAS = {False: (1e-6, 3e-6, 1e-5, 3e-5), True: (0.1, 0.3, 1.0, 3.0)}
NAMES = {False: "BSO", True: "T-BSO"}
STE, HALF, DOUBLE, REAL, NORMAL = "STE", "STE, half the rate", "STE, twice the rate", "real weights", "normal model"


def dense():
    """196-256-256-256-256-10, the middle three binary; else as the convolutions."""
    last = CONV.model.layers[-1]
    hidden = LayerConfig(codebook=last.codebook, neurons=Lif(neurons=256, threshold=1, membrane_bits=16,
                                                             reset="subtract", decay=last.neurons.decay))
    return dataclasses.replace(CONV, name="mnist-binary-dense",
                               model=dataclasses.replace(CONV.model, layers=(*[hidden] * 4, last)))


def measured(recipe, seed: int, method) -> dict:
    """What a method gives: accuracies of the model over the reals, and of its integers where it can be exported."""
    given = common.task(recipe, seed, train=TRAIN, calibration=CALIBRATION)
    made = method.compress(pipeline.untrained(recipe.model, seed), given)
    found = made.facts | {"accuracy": common.tested(made.model, recipe)}
    if all(layer.gate is None or layer.gate.folds for layer in made.model.layers):
        found["integer"] = common.tested(common.settled(made.model, given), recipe)
    return found | _shares(found)


def real(recipe, seed: int) -> dict:
    """The same network and training with real weights everywhere."""
    given = common.task(recipe, seed, train=TRAIN, calibration=CALIBRATION)
    model = pipeline.untrained(recipe.model, seed)
    history = binary.train(model, given, epochs=EPOCHS, rate=RATE, optimizer=binary.sgd(MOMENTUM))
    found = {"accuracy": common.tested(model, recipe), "rates": binary.rates(model, given),
             "validation": list(history.validation)}
    return found | _shares(found)


def normal_model(recipe, seed: int) -> dict:
    """Shares of signs that a step changes, counted, and as the normal model has it from each layer's momentum."""
    given = common.task(recipe, seed, train=TRAIN, calibration=CALIBRATION)
    model = pipeline.untrained(recipe.model, seed)
    watched = binary.prepare(model, "inner", 8, binary.Signs)
    counted, expected, optimizers = [], [], []

    def optimizer(*arguments):
        optimizers.append(binary.sgd(MOMENTUM)(*arguments))
        return optimizers[0]

    def after_step() -> None:
        rates = {id(p): group["lr"] for group in optimizers[0].param_groups for p in group["params"]}
        for synapses in watched:
            latent = synapses.latent.detach()
            momentum, rate = optimizers[0].state[synapses.latent]["momentum_buffer"], rates[id(synapses.latent)]
            if rate:
                before = latent + rate * momentum
                mean, deviation = float(momentum.mean()), float(momentum.std())
                expected.append(float(flips.probability(before, rate, mean, deviation).mean()))
                counted.append(float(((before >= 0) != (latent >= 0)).float().mean()))

    binary.train(model, given, epochs=EPOCHS, rate=RATE, optimizer=optimizer, watched=watched, after_step=after_step)
    return {"counted": statistics.fmean(counted), "expected": statistics.fmean(expected),
            "rank correlation": common.spearman(counted, expected)}


def _shares(found: dict) -> dict:
    """What the tables show, from 0 to 1."""
    shown = {"epoch 1": found["validation"][0], "epoch 3": found["validation"][2],
             "rate": statistics.fmean(found["rates"][1:])}
    if "flips" in found:
        shown |= {"pi": found["flips"]["mean"], "pi first": found["flips"]["first"], "step": found["flips"]["step"]}
    return shown


def main() -> None:
    bench = common.Bench("agmm", __doc__)
    shared = {"epochs": EPOCHS, "momentum": MOMENTUM}
    arms = {STE: make("agmm", gate="off", rate=RATE, **shared)}
    arms |= {name: make("agmm", gate=gate, rate=RATE, **shared) for name, gate in GATES.items()}
    arms |= {HALF: make("agmm", gate="off", rate=RATE / 2, **shared),
             DOUBLE: make("agmm", gate="off", rate=2 * RATE, **shared)}
    for temporal, gammas in GAMMAS.items():
        def late(gamma: float, temporal: bool = temporal) -> float:
            method = make("bso", gamma=gamma, temporal=temporal, rate=RATE, **shared)
            row = bench.arm(f"sweep {NAMES[temporal]} {gamma:g}", SWEEP_SEED,
                            lambda: measured(CONV, SWEEP_SEED, method))
            return statistics.fmean(row.get("validation", [0.0])[-3:])
        best = max(gammas, key=late)
        bench.notes[f"gamma of {NAMES[temporal]}"] = best
        arms[NAMES[temporal]] = make("bso", gamma=best, temporal=temporal, rate=RATE, **shared)
    for seed in bench.seeds:
        for name, method in arms.items():
            bench.arm(name, seed, lambda method=method, seed=seed: measured(CONV, seed, method))
        bench.arm(REAL, seed, lambda seed=seed: real(CONV, seed))
    for seed in list(bench.seeds)[:3]:
        bench.arm(NORMAL, seed, lambda seed=seed: normal_model(CONV, seed))
        for name in (STE, *GATES, HALF):
            bench.arm(f"dense, {name}", seed, lambda name=name, seed=seed: measured(dense(), seed, arms[name]))
    bench.write()
    _tables(bench, [*arms, REAL])


def _tables(bench: common.Bench, arms: list[str]) -> None:
    columns = ("accuracy", "integer", "epoch 1", "epoch 3", "pi", "pi first", "step", "rate")
    for before, names in (("", arms), ("dense, ", [STE, *GATES, HALF])):
        common.table((f"{before}arm", *columns, "accuracy less STE's", "pi less STE's"), [
            (name, *(bench.summary(before + name, key) for key in columns),
             *(bench.pair(before + name, before + STE, key) if name != STE else "" for key in ("accuracy", "pi")))
            for name in names])
    common.table(("arm", "less that of half the rate"), [(name, bench.pair(name, HALF)) for name in arms])
    common.table(("sweep", "validation, last 3 epochs"), [
        (name, f"{statistics.fmean(rows[str(SWEEP_SEED)]['validation'][-3:]):.2%}")
        for name, rows in sorted(bench.arms.items()) if name.startswith("sweep") and str(SWEEP_SEED) in rows])
    common.table(("signs that change in a step", "share"), [
        (key, bench.summary(NORMAL, key)) for key in ("counted", "expected", "rank correlation")])


if __name__ == "__main__":
    main()
