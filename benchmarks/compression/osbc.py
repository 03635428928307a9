"""OSBC against OBC and magnitudes, in one shot: MNIST, Fashion-MNIST and N-MNIST, pruned and quantized.

Each kind of Hessian has the damping that does best on the validation images of the first seed at 95 % sparsity, on
MNIST and on N-MNIST; Fashion-MNIST takes that of MNIST.
"""

import dataclasses
import functools
import hashlib

import common
import numpy as np
import torch

from spikeloom import Decay
from spikeloom.train import compress, datasets, hessian, obs, recipe, rows
from spikeloom.train.cookbook import Recipe
from spikeloom.train.fit import accuracy

RECIPES = ("nmnist-mlp", "mnist-mlp", "fashion-mlp")
KINDS = {"magnitude": "identity", "OBC": "current", "OSBC": "membrane"}
SAMPLES, DAMPINGS = 25, (0.01, 0.03, 0.1)
PRUNED = ("sparsity=0.95,bits=0", "sparsity=0.97,bits=0", "sparsity=0.9,bits=0",
          "sparsity=0.97,bits=0,allocation=lamps")
QUANTIZED = ("sparsity=0,bits=4,grid=integer", "sparsity=0,bits=2,grid=integer", "sparsity=0,bits=4,grid=pow2")
COUNTS = (1, 3, 10, 100)
LEAKS = {"1/2": 1, "31/32": 5}
ARM = "{recipe} {what} {kind}"


def task(chosen: Recipe | str, seed: int):
    name = chosen if isinstance(chosen, str) else chosen.name
    # 800 recordings are too few for a thousand of calibration.
    return common.task(chosen, seed, **({"train": None, "calibration": 100} if name.startswith("nmnist") else {}))


def remembered(removals):
    """Sparsities of the same weights and Hessian share the order of removals, which is most of the work."""
    known = {}

    def found(*given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        key = tuple(hashlib.sha256(value.contiguous().numpy()).digest() for value in given)
        if key not in known:
            if len(known) == 8:
                known.clear()
            known[key] = removals(*given)
        return known[key]
    return found


def damping(bench: common.Bench, name: str, kind: str) -> float:
    """Chosen by validation, once for each Hessian."""
    name = "mnist-mlp" if name == "fashion-mlp" else name
    known = bench.notes.setdefault("damping", {}).setdefault(name, {})
    if kind not in ("current", "membrane"):
        return DAMPINGS[0]
    if kind not in known:
        given, found = task(name, 0), {}
        model = common.float_model(name, given)
        held = given.split.validation
        for value in DAMPINGS:
            method = compress.parse(f"osbc:{PRUNED[0]},samples={SAMPLES},hessian={kind},damping={value}")
            made = method.compress(model, given).model
            found[value] = accuracy(made, held.images[:4000], held.labels[:4000], given.preprocess)
        known[kind] = {"chosen": max(found, key=found.get), "validation": found}
        bench.write()
    return known[kind]["chosen"]


def arm(bench: common.Bench, name: str, what: str, label: str, seed: int, more: str = "", chosen=None) -> None:
    kind = KINDS.get(label, label)

    def measure() -> dict:
        samples = "" if "samples=" in more else f",samples={SAMPLES}"
        text = f"osbc:{what},hessian={kind},damping={damping(bench, name, kind)}{samples}{more}"
        given = task(chosen or name, seed)
        made = compress.parse(text).compress(common.float_model(chosen or name, given), given)
        return {"accuracy": common.tested(made.model, chosen or name), "method": text, "samples": made.facts["samples"],
                "errors": [layer["error"] for layer in made.facts["layers"]],
                "sparsity": sum(x["zero"] for x in made.facts["layers"]) / sum(
                    x["weights"] for x in made.facts["layers"])}
    where = name if chosen is None else chosen.name
    bench.arm(ARM.format(recipe=where, what=what + more, kind=label), seed, measure)


def with_leak(name: str, text: str) -> Recipe:
    """The recipe with another leak of the hidden layer."""
    base = recipe(name)
    first = base.model.layers[0]
    neurons = dataclasses.replace(first.neurons, decay=Decay.shift_leak(LEAKS[text]))
    model = dataclasses.replace(base.model, layers=(dataclasses.replace(first, neurons=neurons),
                                                    *base.model.layers[1:]))
    return dataclasses.replace(base, name=f"{name}-leak-{LEAKS[text]}", model=model)


def premise(bench: common.Bench, name: str, seed: int) -> None:
    """Which error of a hidden neuron's input ranks neurons as the distance of their spikes does.

    The first layer alone is pruned by magnitude; a neuron's spikes are compared by van Rossum's distance, with the leak
    as kernel. Rank correlations over the neurons.
    """
    def measure() -> dict:
        given = task(name, seed)
        model, found = common.float_model(name, given), {}
        first, frames = model.layers[0], given.preprocess.apply(given.split.validation.images[:100])
        leak = hessian.leak(first)
        scale = rows.importance(first)
        with torch.no_grad():
            before = model(frames)
        for sparsity in (0.5, 0.8, 0.9):
            method = compress.make("osbc", sparsity=sparsity, bits=0, hessian="identity", samples=SAMPLES)
            other = method.compress(model, given).model
            change = torch.nn.functional.pad(rows.weights(other.layers[0]) - rows.weights(first), (0, 1))
            with torch.no_grad():
                after = other(frames)
            apart = hessian.traces((after.spikes[0] - before.spikes[0]).double(), leak).square().sum((0, 1))
            for label, kind in (("current", 0.0), ("membrane", leak)):
                h = hessian.hessian(model, frames, 0, kind)
                error = (change @ h * change).sum(1) * scale.square()
                found[f"{label} {sparsity}"] = common.spearman(error.tolist(), apart.tolist())
        return {label: float(np.mean([found[f"{label} {s}"] for s in (0.5, 0.8, 0.9)]))
                for label in ("current", "membrane")} | {"each": found}
    bench.arm(f"{name} premise", seed, measure)


def measure(bench: common.Bench) -> None:
    for name in RECIPES:
        for seed in bench.seeds:
            given = task(name, seed)
            bench.arm(f"{name} float", seed, lambda name=name, given=given: {
                "accuracy": common.tested(common.float_model(name, given), name)})
            for what in (*PRUNED, *QUANTIZED):
                for label in KINDS:
                    arm(bench, name, what, label, seed)
            arm(bench, name, PRUNED[0], "diagonal", seed)
            premise(bench, name, seed)
    for name in RECIPES[:2]:
        for seed in bench.seeds:
            for label in ("OBC", "OSBC"):
                arm(bench, name, PRUNED[0], label, seed, ",sequential=true")
    for label in ("OBC", "OSBC"):
        for seed in bench.seeds:
            for count in COUNTS:
                arm(bench, "mnist-mlp", PRUNED[0], label, seed, f",samples={count}")
    for text in LEAKS:
        for label in KINDS:
            arm(bench, "mnist-mlp", PRUNED[0], label, 0, chosen=with_leak("mnist-mlp", text))


def report(bench: common.Bench) -> None:
    def name(recipe: str, what: str, kind: str) -> str:
        return ARM.format(recipe=recipe, what=what, kind=kind)
    for title, group in (("pruned", PRUNED), ("quantized", QUANTIZED)):
        lines = []
        for data in RECIPES:
            for what in group:
                lines.append((data, what, *(bench.summary(name(data, what, kind)) for kind in KINDS),
                              bench.pair(name(data, what, "OSBC"), name(data, what, "OBC"))))
        common.table(("network", title, *KINDS, "OSBC - OBC"), lines)
    common.table(("network", "float", "diagonal, 95 %", "premise: current", "premise: membrane", "damping"), [
        (data, bench.summary(f"{data} float"), bench.summary(name(data, PRUNED[0], "diagonal")),
         bench.summary(f"{data} premise", "current"), bench.summary(f"{data} premise", "membrane"),
         ", ".join(f"{k} {v['chosen']}" for k, v in bench.notes.get("damping", {}).get(data, {}).items()))
        for data in RECIPES])
    common.table(("network, sequential, 95 %", "OBC", "OSBC", "OSBC - OBC"), [
        (data, *(bench.summary(name(data, PRUNED[0] + ",sequential=true", k)) for k in ("OBC", "OSBC")),
         bench.pair(*(name(data, PRUNED[0] + ",sequential=true", k) for k in ("OSBC", "OBC"))))
        for data in RECIPES[:2]])
    common.table(("images a class", "OBC", "OSBC", "OSBC - OBC"), [
        (count, *(bench.summary(name("mnist-mlp", what, k)) for k in ("OBC", "OSBC")),
         bench.pair(*(name("mnist-mlp", what, k) for k in ("OSBC", "OBC"))))
        for count in sorted((*COUNTS, SAMPLES))
        for what in [PRUNED[0] + ("" if count == SAMPLES else f",samples={count}")]])
    common.table(("leak, 95 %", *KINDS), [
        (text, *(bench.summary(name(with_leak("mnist-mlp", text).name, PRUNED[0], k)) for k in KINDS))
        for text in LEAKS])


if __name__ == "__main__":
    datasets.load, obs.removals = functools.cache(datasets.load), remembered(obs.removals)
    bench = common.Bench("osbc", __doc__.splitlines()[0])
    measure(bench)
    report(bench)
