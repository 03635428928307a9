"""INQ against rounding at once and against quantization-aware training for as many epochs, at 5 to 2 bits a weight.

784-256-10 on MNIST, 10,000 training images, every pixel spiking at random for 8 timesteps. All accuracies but the float
ones are those of the exported integer network.
"""

import statistics

import torch
from common import Bench, float_model, settled, table, task, tested

from spikeloom.train import compress, pow2
from spikeloom.train.compress.inq import PORTIONS

RECIPE, VALIDATION, ROW_BITS = "mnist-mlp", 2000, (3, 2)
BITS = {"mse": (5, 4, 3, 2), "max": (4, 3, 2)}      # at 5 bits both rules choose the same powers, see "powers" of float


def arms(bits: int, rule: str) -> dict[str, str]:
    """Name and method of each; all that train do so for as many epochs, INQ's last one with all weights frozen."""
    chosen = f"bits={bits},rule={rule}"
    found = {
        "one-shot": f"pow2:{chosen}",
        "INQ magnitude": f"inq:{chosen}",
        "INQ random": f"inq:{chosen},partition=random",
    }
    if rule == "mse":
        found["STE"] = f"qat:{chosen},epochs={len(PORTIONS[bits])}"
        if bits in ROW_BITS:
            found["one-shot, rows"] = f"pow2:{chosen},steps=row"
    return {f"{name}, {bits} bit, {rule}": method for name, method in found.items()}


def measure(seed: int, text: str | None) -> dict:
    given = task(RECIPE, seed, validation=VALIDATION)
    model = float_model(RECIPE, given)
    if text is None:
        return {"accuracy": tested(model, RECIPE), "powers": powers(model)}
    made = compress.parse(text).compress(model, given)
    done = made.model if "real" in text else settled(made.model, given)
    return {"accuracy": tested(done, RECIPE), "method": text} | made.facts


def powers(model) -> dict[str, list[int]]:
    """The least exponent of each layer's codebook, by rule and bits."""
    return {f"{rule}, {bits} bit": [int(torch.log2(pow2.choose(synapses.latent, pow2.exponents(bits), rule)))
                                    for synapses in model.all_synapses()] for rule in BITS for bits in PORTIONS}


def show(bench: Bench) -> None:
    every = ("one-shot", "INQ magnitude", "INQ random", "STE")
    print(f"float: {bench.summary('float')} %; trained for 10 epochs more: {bench.summary('trained longer')} %\n")
    for rule in BITS:
        names = every if rule == "mse" else every[:3]
        print(f"Codebooks by the {rule!r} rule: accuracy, % of the 10,000 test images\n")
        table(("bits", "epochs", *names), [(bits, len(PORTIONS[bits]), *(
            bench.summary(f"{name}, {bits} bit, {rule}") for name in names)) for bits in BITS[rule]])
        print(f"INQ (magnitude) minus, by seed, {rule!r} rule, points\n")
        table(("bits", "float", *(n for n in names if n != "INQ magnitude")), [(bits, *(
            bench.pair(f"INQ magnitude, {bits} bit, {rule}", other)
            for other in ("float", *(f"{n}, {bits} bit, {rule}" for n in names if n != "INQ magnitude"))))
            for bits in BITS[rule]])
    print("A codebook for each row, one-shot, 'mse' rule\n")
    table(("bits", "rows", "rows minus layer"), [(
        bits, bench.summary(f"one-shot, rows, {bits} bit, mse"),
        bench.pair(f"one-shot, rows, {bits} bit, mse", f"one-shot, {bits} bit, mse")) for bits in ROW_BITS])
    print("Weights that are 0 after INQ by magnitude, layer by layer, %\n")
    table(("bits", *BITS), [(bits, *(zeros(bench, f"INQ magnitude, {bits} bit, {rule}") for rule in BITS))
                             for bits in BITS["mse"]])


def zeros(bench: Bench, name: str) -> str:
    found = bench.values(name, "zeros")
    return " and ".join(f"{100 * statistics.fmean(layer):.0f}" for layer in zip(*found, strict=True)) or "-"


def main() -> None:
    bench = Bench("inq", __doc__)
    for seed in bench.seeds:
        bench.arm("float", seed, lambda seed=seed: measure(seed, None))
        for rule in BITS:
            for bits in BITS[rule]:
                for name, text in arms(bits, rule).items():
                    bench.arm(name, seed, lambda seed=seed, text=text: measure(seed, text))
        bench.arm("trained longer", seed, lambda seed=seed: measure(seed, "qat:book=real,epochs=10"))
    bench.write()
    show(bench)


if __name__ == "__main__":
    main()
