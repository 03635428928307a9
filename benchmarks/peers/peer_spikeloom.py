"""Spikeloom itself: the float network that Spiker+ trained, imported with weights of as many bits."""

import json
from pathlib import Path

import images
import numpy as np
from rows import Row
from stages import Stages

import spikeloom
from spikeloom import boards, tools
from spikeloom.boards.build import build
from spikeloom.errors import SpikeloomError
from spikeloom.network import Network
from spikeloom.qsnn import load, save
from spikeloom.rtl_gen import planner
from spikeloom.rtl_gen.linked import LinkedTop
from spikeloom.sim import volume
from spikeloom.sim.activity import measure
from spikeloom.sim.mismatch import compare
from spikeloom.sim.reference import simulate

VERSION = spikeloom.__version__
BOARD, CLOCK_MHZ = "ulx3s-85f", 50
WEIGHTS = ("integer:6",)
CALIBRATED, BATCH, COMPARED = 100, 500, 1000


def check() -> None:
    """Raises `ToolError` without a compiler, for CXXRTL."""
    tools.find("c++")


def rows(stages: Stages) -> list[Row]:
    """The network of Spiker+ with each of `WEIGHTS`."""
    trained = stages.folder.parent / "spikerplus"
    if not (trained / "weights.npz").is_file():
        raise SpikeloomError("spikeloom must run after spikerplus, whose trained weights it imports")
    return [_row(stages, trained, weights) for weights in WEIGHTS]


def _row(stages: Stages, trained: Path, weights: str) -> Row:
    name, bits = weights.replace(":", "-"), weights.split(":")[1]
    file = stages.folder / f"{name}.qsnn"
    float_accuracy = json.loads((trained / "stages/train.json").read_text())["float_accuracy"]
    made = stages.run(f"import-{name}", lambda: _bring(trained / "weights.npz", weights, file))
    network = load(file)
    compared = stages.run(f"compare-{name}", lambda: _compare(network, *test_spikes()))
    placed = stages.run(f"place-{name}", lambda: _place(network, test_spikes()[0], stages.folder / f"board-{name}"))
    return Row(
        peer="Spikeloom", version=VERSION, network="SNN 784-128-10, Spiker+'s float weights",
        numbers=f"weights {bits} bits", timesteps=network.timesteps, test_images=compared["images"],
        accuracy={"float": float_accuracy, "quantized model": compared["accuracy"], "hardware": compared["accuracy"]},
        checked_by_tool=True, exactness=f"{compared['mismatches']} of {compared['values']:,} spikes and membranes of "
        f"the RTL differ from the integer model's, on {compared['compared']:,} images",
        board=BOARD, resources=placed["resources"], fmax_mhz=placed["fmax_mhz"], cycles=compared["cycles"],
        seconds=made["seconds"] + placed["seconds"], cpu_seconds=made["cpu_seconds"] + placed["cpu_seconds"])


def test_spikes() -> tuple[np.ndarray, np.ndarray]:
    """The draw of spikes that all tools answer, and labels."""
    pixels, labels = images.load("t10k")
    return images.rate_code(pixels).astype(np.uint8), labels


def _bring(weights: Path, book: str, file: Path) -> dict:
    import snntorch
    import torch
    from torch import nn

    from spikeloom.train.importing import Quantization, bring, from_module
    from spikeloom.train.importing.samples import Samples

    torch.set_num_threads(1)
    arrays = np.load(weights)
    modules = []
    for number, reset in ((1, "subtract"), (2, "none")):
        values = torch.from_numpy(arrays[f"layers.fc{number}.weight"])
        linear = nn.Linear(values.shape[1], values.shape[0], bias=False)
        linear.weight = nn.Parameter(values)
        modules += [linear, snntorch.Leaky(beta=0.9375, threshold=1.0, reset_mechanism=reset)]
    graph, conventions = from_module(modules, (784,))
    calibration = images.rate_code(images.load("train")[0][:CALIBRATED], seed=images.SEED + 1).astype(np.uint8)
    made = bring(graph, conventions, samples=Samples(frames=calibration),
                 options=Quantization(weights=book, readout="membrane-sum"))
    save(made.network, file)
    return {"agree": made.closeness.agree, "digest": made.network.digest}


def _plan(network: Network, frames: np.ndarray):
    board = boards.board(BOARD)
    shown = frames[:20].reshape(20, *network.frame_shape)
    return planner.make(network, family=board.family, cells=board.budget.lut, ram=board.budget.ram,
                        activity=[measure(network, shown).typical(network, k) for k in range(len(network.layers))])


def _compare(network: Network, frames: np.ndarray, labels: np.ndarray) -> dict:
    """The accuracy of the integers on all images; every spike and membrane of the RTL against them on some."""
    shown = frames.reshape(-1, *network.frame_shape)
    right = sum(int((simulate(network, shown[begin:begin + BATCH]).classes == labels[begin:begin + BATCH]).sum())
                for begin in range(0, len(shown), BATCH))
    observed = volume.build(_plan(network, frames)).run(shown[:COMPARED])
    result = compare(simulate(network, shown[:COMPARED], trace=True), observed)
    return {"images": len(frames), "accuracy": right / len(frames), "compared": COMPARED,
            "mismatches": result.mismatches, "values": int(result.spikes + result.membranes),
            "cycles": {"mean": float(observed.cycles.mean()), "max": int(observed.cycles.max())}}


def _place(network: Network, frames: np.ndarray, folder: Path) -> dict:
    plan = _plan(network, frames)
    report = build(lambda clock_hz: LinkedTop(plan, clock_hz, boards.board(BOARD).baud), boards.board(BOARD), folder,
                   clock_hz=CLOCK_MHZ * 1_000_000)
    strategies = [f"{layer.strategy}, {layer.lanes} lanes" for layer in plan.layers]
    found = report.to_json()
    return {key: found[key] for key in ("resources", "fmax_mhz", "versions")} | {"strategies": strategies}
