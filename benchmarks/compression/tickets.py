"""Lottery tickets: searched with fewer timesteps, drawn from random signs, and the bound on what a change disturbs.

    python benchmarks/compression/tickets.py [--seeds 3] [--only ET|binary|bound]

About 30 minutes of one core. MNIST, 10,000 training images; what is chosen is chosen on validation images.
"""

import copy
import dataclasses
import statistics
from functools import cache, partial

import common
import torch

from spikeloom import Decay, Lif, codebooks, encoders
from spikeloom.train import pipeline, recipe, similarity
from spikeloom.train.compress import Task, make
from spikeloom.train.compress.imp import Imp, Tickets, largest
from spikeloom.train.cookbook import Recipe
from spikeloom.train.fit import fit
from spikeloom.train.layer import LayerConfig
from spikeloom.train.model import MlpConfig, SpikingMlp

BASE = recipe("mnist-mlp")
SHORT = dataclasses.replace(BASE, model=dataclasses.replace(BASE.model, timesteps=5))
LAST, ROUNDS = 6, (4, 8, 10)        # epochs of the last training; 68, 90 and 94 % pruned
SEARCHES = {
    "IMP": Imp(rounds=ROUNDS[-1]),
    "IMP early": Imp(rounds=ROUNDS[-1], timesteps="early"),
    "IMP T'=2": Imp(rounds=ROUNDS[-1], timesteps=2),
    "IMP T'=1": Imp(rounds=ROUNDS[-1], timesteps=1),
}
BIRDS = {
    "EB": {"search": "early-bird", "rewind": 0},
    "EB early": {"search": "early-bird", "rewind": 0, "timesteps": "early"},
    "random": {"search": "random"},
}
WIDTHS, EPOCHS, FEWER = (256, 512, 1024), 8, 1     # sweeps have fewer seeds
INTEGERS = "8 bits, then integer thresholds"


@cache
def short_task(seed: int) -> Task:
    return common.task(SHORT, seed, epochs=LAST)


@cache
def found(name: str, seed: int) -> Tickets:
    return SEARCHES[name].find(pipeline.untrained(SHORT.model, seed), short_task(seed))


def pruned(seed: int, tickets: Tickets, method: Imp, rounds: int) -> dict:
    """Train a ticket and measure it; timestep-epochs are those of a search that ends with these rounds."""
    given, fresh = short_task(seed), pipeline.untrained(SHORT.model, seed)
    model = method.train(fresh, tickets, rounds, given)
    search = tickets.timestep_epochs - (len(tickets.masks) - rounds) * method.epochs * tickets.timesteps \
        if method.search == "imp" else tickets.timestep_epochs
    rates = pipeline.stage("", model, given, 0).rates
    return {"accuracy": common.tested(model, SHORT), "timesteps": tickets.timesteps, "search": search,
            "divergences": list(tickets.divergences), "rates": list(rates),
            "kept": [float(synapses.kept.mean()) for synapses in model.all_synapses()]}


def searched(name: str, seed: int, rounds: int) -> dict:
    if name in SEARCHES:
        return pruned(seed, found(name, seed), SEARCHES[name], rounds)
    method = Imp(rounds=rounds, **BIRDS[name])
    return pruned(seed, method.find(pipeline.untrained(SHORT.model, seed), short_task(seed)), method, rounds)


def shuffled(seed: int, rounds: int) -> dict:
    """As many weights of each layer as IMP's ticket, at other places."""
    tickets = found("IMP", seed)
    generator = torch.Generator().manual_seed(seed)
    masks = [mask.flatten()[torch.randperm(mask.numel(), generator=generator)].view_as(mask)
             for mask in tickets.masks[rounds - 1]]
    return pruned(seed, dataclasses.replace(tickets, masks=[masks] * rounds), SEARCHES["IMP"], rounds)


def dense(seed: int) -> dict:
    model = pipeline.train_float(pipeline.untrained(SHORT.model, seed), short_task(seed))
    return {"accuracy": common.tested(model, SHORT)}


def early_time(bench: common.Bench) -> None:
    for seed in bench.seeds:
        bench.arm("ET dense", seed, partial(dense, seed))
        for rounds in ROUNDS:
            for name in (*SEARCHES, *BIRDS):
                bench.arm(f"ET {name}, {rounds} rounds", seed, partial(searched, name, seed, rounds))
            bench.arm(f"ET shuffled, {rounds} rounds", seed, partial(shuffled, seed, rounds))


def wide(width: int, book: object) -> Recipe:
    """784-width-width-10 on constant pixels, 4 timesteps."""
    def layer(neurons: int, threshold: int | None) -> LayerConfig:
        return LayerConfig(codebook=book, neurons=Lif(neurons=neurons, threshold=threshold, membrane_bits=20,
                                                      reset="subtract", decay=Decay.shift_leak(3)))
    readout = LayerConfig(codebook=book, neurons=Lif(neurons=10, threshold=None, membrane_bits=20))
    model = MlpConfig(input=BASE.model.input, encoder=encoders.make("direct"), timesteps=4, readout="membrane-last",
                      layers=(layer(width, 1), layer(width, 1), readout))
    return dataclasses.replace(BASE, name=f"wide-{width}", model=model)


def ticket(seed: int, width: int, **options) -> dict:
    given, chosen = common.task(BASE, seed, epochs=EPOCHS), wide(width, codebooks.make("integer", bits=8))
    model = make("ticket", **options).compress(pipeline.untrained(chosen.model, seed), given).model
    integer = common.settled(model, given)
    return {"accuracy": common.tested(integer, BASE), "real": common.tested(model, BASE),
            "rates": list(pipeline.stage("", model, given, 0).rates)}


def trained(seed: int, width: int, kind: str) -> dict:
    """The same network whose weights are trained: over the reals, or quantized all the while."""
    given = common.task(BASE, seed, epochs=EPOCHS)
    if kind == "float":
        model = pipeline.train_float(pipeline.untrained(wide(width, BASE.model.layers[0].codebook).model, seed), given)
    else:
        model = SpikingMlp(wide(width, codebooks.make(kind, fraction=4)).model, seed=seed)
        fit(model, given.split.train.images, given.split.train.labels, given.preprocess, given.schedule, seed=seed)
    return {"accuracy": common.tested(model, BASE)}


def binary(bench: common.Bench) -> None:
    for seed in bench.seeds:
        for width in (512, 256, 1024) if seed < FEWER else (512,):
            bench.arm(f"binary ticket, width {width}", seed, partial(ticket, seed, width))
            bench.arm(f"binary trained, width {width}", seed, partial(trained, seed, width, "binary"))
        if seed < FEWER:
            bench.arm("binary still masks, width 512", seed, partial(ticket, seed, 512, rate=1e-9))
            bench.arm("binary float, width 512", seed, partial(trained, seed, 512, "float"))
            for density in (0.3, 0.7):
                bench.arm(f"binary ticket, width 512, density {density}", seed,
                          partial(ticket, seed, 512, density=density))


def rounded(model: SpikingMlp, bits: int) -> SpikingMlp:
    """Every weight at the nearest of so many bits' steps, the largest at the last of them."""
    model = copy.deepcopy(model)
    for layer in model.layers:
        latent, most = layer.synapses.latent.data, 2**(bits - 1) - 1
        step = float(latent.abs().max()) / most
        latent.copy_((latent / step).round() * step)
        layer.recode(codebooks.make("integer", bits=bits), step, membrane_bits=20)
    return model


def thinner(model: SpikingMlp, share: float) -> SpikingMlp:
    """Without that share of the weights, the smallest."""
    model = copy.deepcopy(model)
    total = sum(synapses.latent.numel() for synapses in model.all_synapses())
    for synapses, mask in zip(model.all_synapses(), largest(model, round(total * (1 - share))), strict=True):
        synapses.keep(mask)
    return model


CHANGES = {
    **{f"rounded to {bits} bits": partial(rounded, bits=bits) for bits in (10, 8, 6, 4)},
    **{f"{share:.0%} pruned": partial(thinner, share=share) for share in (0.02, 0.05, 0.1, 0.3)},
}


def disturbed(seed: int, name: str) -> dict:
    """Predicted on calibration images, measured on 2,000 validation images, of the hidden layer's neurons."""
    given = common.task(BASE, seed)
    model = common.float_model(BASE, given)
    changed = common.settled(rounded(model, 8), given) if name == INTEGERS else CHANGES[name](model)
    model = rounded(model, 8) if name == INTEGERS else model
    calibration, held = map(given.preprocess.apply, (given.split.calibration.images, given.split.validation.images))
    predicted, = similarity.predict(model, changed, calibration[:pipeline.FRAMES])
    found, = similarity.measure(model, changed, held[:2000])
    guesses = {"bound": predicted.bound, "band": predicted.band, "expected": predicted.expected}
    return {"measured": float(found.mean()), "holds": float((found <= predicted.bound).double().mean()),
            **{name: float(guess.mean()) for name, guess in guesses.items()},
            **{f"rank {name}": common.spearman(guess.tolist(), found.tolist()) for name, guess in guesses.items()}}


def bound(bench: common.Bench) -> None:
    for seed in bench.seeds:
        for name in (*CHANGES, INTEGERS):
            bench.arm(f"bound {name}", seed, partial(disturbed, seed, name))


def report(bench: common.Bench) -> None:
    names = [*SEARCHES, *BIRDS, "shuffled"]
    common.table(("search", "timesteps", *(f"{rounds} rounds" for rounds in ROUNDS), "timestep-epochs"), [
        (name, "/".join(sorted({str(t) for t in bench.values(f"ET {name}, {ROUNDS[-1]} rounds", "timesteps")})),
         *(bench.summary(f"ET {name}, {rounds} rounds") for rounds in ROUNDS),
         "/".join(sorted({str(t) for t in bench.values(f"ET {name}, 8 rounds", "search")}))) for name in names])
    common.table(("against IMP", *(f"{rounds} rounds" for rounds in ROUNDS)), [
        (name, *(bench.pair(f"ET {name}, {rounds} rounds", f"ET IMP, {rounds} rounds") for rounds in ROUNDS))
        for name in names if name != "IMP"])
    common.table(("dense",), [(bench.summary("ET dense"),)])
    common.table(("width", "ticket", "trained binary", "ticket against trained"), [
        (width, *(bench.summary(f"binary {kind}, width {width}") for kind in ("ticket", "trained")),
         bench.pair(f"binary ticket, width {width}", f"binary trained, width {width}")) for width in WIDTHS])
    common.table(("width 512", "accuracy", "against the ticket"), [
        (name, bench.summary(name), bench.pair(name, "binary ticket, width 512"))
        for name in bench.arms if name.startswith("binary") and "512" in name])
    columns = ("measured", "expected", "band", "bound", "holds", "rank expected", "rank band", "rank bound")
    common.table(("change of the hidden layer", *columns), [
        (name, *(means(bench, f"bound {name}", column) for column in columns)) for name in (*CHANGES, INTEGERS)])


def means(bench: common.Bench, name: str, key: str) -> str:
    found = bench.values(name, key)
    return f"{statistics.fmean(found):.3f} +- {common.deviation(found):.3f}" if found else "-"


if __name__ == "__main__":
    bench = common.Bench("tickets", __doc__)
    early_time(bench)
    bound(bench)
    binary(bench)
    report(bench)
