"""What a Plan promises against what comes out: cells and block RAMs of placed designs, cycles of simulated ones.

    python benchmarks/cost_model.py [--only NAME ..] [--board BOARD ..] [--model-only]

Networks of random weights, each built so that one strategy matters. Writes benchmarks/cost_model.json case by case and
prints one Markdown table with the errors and their medians.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from spikeloom import (
    Conv,
    Decay,
    Dense,
    Input,
    Layer,
    Lif,
    Network,
    SpikeloomError,
    SumPool,
    aside,
    boards,
    codebooks,
    encoders,
    report,
)
from spikeloom.boards.build import build
from spikeloom.rtl_gen import cost, timing
from spikeloom.rtl_gen.linked import LinkedTop
from spikeloom.rtl_gen.memories import BY_FAMILY
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.sim import volume
from spikeloom.sim.activity import measure

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "cost_model.json"
FRAMES, STEPS = 40, 6


def dense(inputs: int, outputs: int, book, density: float = 1.0, seed: int = 0) -> Dense:
    """Random weights, a share `density` of them not zero."""
    rng = np.random.default_rng([seed, inputs, outputs])
    codes = np.arange(1 << book.bits)
    values = np.unique([w for w in (_decoded(book, code) for code in codes) if w is not None])
    weights = rng.choice(values[values != 0], (outputs, inputs))
    if density < 1:
        weights = weights * (rng.random(weights.shape) < density)
    return Dense(weights=weights, codebook=book)


def _decoded(book, code: int) -> int | None:
    """The weight of a code, None if it stands for none."""
    try:
        return int(book.decode(np.array([code]))[0])
    except SpikeloomError:
        return None


def lif(synapses, scale: float = 1.0, **more) -> Lif:
    rng = np.random.default_rng(synapses.outputs)
    low, high = synapses.sum_range((0, 1))
    typical = max(1, int(scale * np.sqrt(max(high, -low))))
    bits = min(16, max(8, (4 * typical).bit_length() + 3))
    threshold = rng.integers(max(1, typical // 2), 2 * typical + 1, synapses.outputs)
    fields = {"neurons": synapses.outputs, "threshold": threshold, "membrane_bits": bits, "reset": "subtract",
              "decay": Decay.shift_leak(3), "floor": None}
    return Lif(**{**fields, **more})


def network(*layers: Layer, inputs: int, bits: int = 1, encoder=None) -> Network:
    return Network(input=Input(shape=(inputs,), bits=bits), encoder=encoder, layers=layers, readout="count",
                   timesteps=STEPS)


def layers(*synapses, **more) -> list[Layer]:
    return [Layer(synapses=one, neurons=lif(one, **more)) for one in synapses]


def designs() -> dict[str, tuple[Network, tuple[LayerPlan, ...]]]:
    """Networks and how they are built."""
    binary, ternary = codebooks.make("binary"), codebooks.make("ternary")
    pow2, wide = codebooks.make("pow2", exponents=3), codebooks.make("integer", bits=6)
    direct = encoders.make("direct")
    last = LayerPlan(lanes=10)
    conv = Conv(weights=np.random.default_rng(1).integers(-1, 2, (8, 2, 3, 3)), codebook=ternary, input=(2, 12, 12))
    pool = SumPool(input=conv.output, kernel=2)
    head = dense(pool.outputs, 10, ternary)
    looped = dense(48, 48, pow2, seed=5)
    return {
        "dense binary": (network(*layers(dense(200, 64, binary), dense(64, 10, binary)), inputs=200),
                         (LayerPlan(lanes=32), last)),
        "dense pow2, graded input": (
            network(*layers(dense(144, 48, pow2), dense(48, 10, pow2)), inputs=144, bits=4, encoder=direct),
            (LayerPlan(lanes=24, update_lanes=2), last)),
        "dense integer": (network(*layers(dense(100, 32, wide), dense(32, 10, wide)), inputs=100),
                          (LayerPlan(lanes=16), last)),
        "recurrent, current-based": (
            network(Layer(synapses=dense(60, 48, pow2), recurrent=looped, neurons=lif(
                looped, synaptic_decay=Decay.shift_leak(2), synaptic_bits=12)),
                *layers(dense(48, 10, pow2)), inputs=60), (LayerPlan(lanes=16), last)),
        "sparse 10 % integer": (
            network(*layers(dense(128, 128, wide, 0.1), dense(128, 10, wide, 0.3)), inputs=128),
            (LayerPlan(strategy="sparse", lanes=4), LayerPlan(strategy="sparse", lanes=2))),
        "sparse 10 % ternary": (
            network(*layers(dense(200, 96, ternary, 0.1), dense(96, 10, ternary)), inputs=200),
            (LayerPlan(strategy="sparse", lanes=8, update_lanes=2), last)),
        "popcount binary": (
            network(*layers(dense(256, 64, binary), dense(64, 10, binary)), inputs=256),
            (LayerPlan(strategy="popcount", lanes=4, width=32), LayerPlan(strategy="popcount", lanes=2, width=32))),
        "popcount ternary": (
            network(*layers(dense(128, 64, ternary), dense(64, 10, ternary)), inputs=128),
            (LayerPlan(strategy="popcount", lanes=4, width=16), last)),
        "parallel 5 % ternary": (
            network(*layers(dense(144, 40, ternary, 0.05), dense(40, 10, ternary, 0.2), scale=0.7), inputs=144),
            (LayerPlan(strategy="parallel"), LayerPlan(strategy="parallel"))),
        "parallel 4 % pow2": (
            network(*layers(dense(196, 32, pow2, 0.04), dense(32, 10, pow2, 0.2), scale=0.7), inputs=196),
            (LayerPlan(strategy="parallel"), LayerPlan(strategy="parallel"))),
        "convolution and pool": (
            network(Layer(synapses=conv, neurons=lif(conv)), Layer(synapses=pool, neurons=None),
                    Layer(synapses=head, neurons=lif(head)), inputs=288),
            (LayerPlan(strategy="conv", lanes=4, update_lanes=2), LayerPlan(strategy="pool", update_lanes=2), last)),
    }


def case(name: str, net: Network, how: tuple[LayerPlan, ...], board: str, before: dict | None) -> dict:
    """One design: the model's figures, and the measured ones unless they were measured `before`."""
    part = boards.board(board)
    plan = Plan(network=net, layers=how, memories=BY_FAMILY[part.family])
    rng = np.random.default_rng(7)
    frames = rng.integers(0, 2**net.input.bits, (FRAMES, *net.frame_shape))
    frames = frames * (rng.random(frames.shape) < rng.uniform(0.05, 0.5, (FRAMES, *[1] * (frames.ndim - 1))))
    predicted, promised = timing.latency(plan, measure(net, frames)), cost.of(plan, part.family)
    if before:
        cycles = before["cycles"] | {"model": float(predicted.mean())}
        return before | {"cells": before["cells"] | {"model": promised.cells}, "cycles": cycles,
                         "ram": before["ram"] | {"model": promised.ram}}
    cycles = volume.build(plan, effort="compile").run(frames).cycles
    folder = ROOT / "build" / "cost-model" / f"{name}-{board}".replace(" ", "-")
    built = build(lambda hz: LinkedTop(plan, hz), part, folder)
    return {
        "board": board, "cells": {"model": promised.cells, "built": built.resources["lut"].used},
        "ram": {"model": promised.ram, "built": built.resources["ram"].used},
        "cycles": {"model": float(predicted.mean()), "simulated": float(cycles.mean())},
        "fmax_mhz": built.fmax_mhz,
    }


def error(pair: dict) -> float:
    """How far the model is off, as a share."""
    return pair["model"] / next(value for name, value in pair.items() if name != "model") - 1


def table(cases: dict[str, dict]) -> str:
    lines = ["| design | board | cells, model / built | | block RAM | cycles, model / simulated | |",
             "| --- | --- | --- | --- | --- | --- | --- |"]
    for name, one in cases.items():
        cells, ram, cycles = one["cells"], one["ram"], one["cycles"]
        lines.append(
            f"| {name.partition(' on ')[0]} | {one['board']} | {cells['model']:,} / {cells['built']:,} "
            f"| {error(cells):+.1%} | {ram['model']} / {ram['built']} "
            f"| {cycles['model']:,.1f} / {cycles['simulated']:,.1f} | {error(cycles):+.2%} |")
    median = np.median([abs(error(one["cells"])) for one in cases.values()])
    worst = max(abs(error(one["cycles"])) for one in cases.values())
    exact = sum(one["ram"]["model"] == one["ram"]["built"] for one in cases.values())
    lines += ["", f"Logic cells: median error {median:.1%}. Block RAMs: {exact} of {len(cases)} exact. "
              f"Cycles: at most {worst:.2%} off."]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these designs only")
    parser.add_argument("--board", nargs="+", default=["icebreaker", "ulx3s-12f"], help="on these boards")
    parser.add_argument("--model-only", action="store_true", help="the model against what was measured before")
    arguments = parser.parse_args()
    found = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {"cases": {}}
    for name, (net, how) in designs().items():
        for board in arguments.board:
            if arguments.only and name not in arguments.only:
                continue
            print(name, board, file=sys.stderr, flush=True)
            key = f"{name} on {board}"
            before = found["cases"].get(key) if arguments.model_only else None
            if arguments.model_only and before is None:
                continue
            found["cases"][key] = case(name, net, how, board, before)
            found["versions"] = report.versions()
            aside.text(RESULTS, json.dumps(found, indent=2) + "\n")
    print(table(found["cases"]))


if __name__ == "__main__":
    main()
