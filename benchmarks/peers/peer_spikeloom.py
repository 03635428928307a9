"""Spikeloom itself: the float network that Spiker+ trained, imported, and an example of its own training."""

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
ROOT = Path(__file__).resolve().parents[2]
BOARD, CLOCK_MHZ = "ulx3s-85f", 50
WEIGHTS = ("integer:6",)
EXAMPLE = "mnist-ulx3s"
CALIBRATED, BATCH, COMPARED = 100, 500, 1000


def check() -> None:
    """Raises `ToolError` without a compiler, for CXXRTL."""
    tools.find("c++")


def rows(stages: Stages) -> list[Row]:
    """The network of Spiker+ with weights of its width and of powers of two, and an example."""
    trained = stages.folder.parent / "spikerplus"
    if not (trained / "weights.npz").is_file():
        raise SpikeloomError("spikeloom must run after spikerplus, whose trained weights it imports")
    return [*(_imported(stages, trained, weights) for weights in WEIGHTS), _example(stages)]


def _imported(stages: Stages, trained: Path, weights: str) -> Row:
    name = weights.replace(":", "-")
    file = stages.folder / f"{name}.qsnn"
    made = stages.run(f"import-{name}", lambda: _bring(trained / "weights.npz", weights, file))
    bits = weights.split(":")[1]
    float_accuracy = json.loads((trained / "stages/train.json").read_text())["float_accuracy"]
    numbers = f"weights {bits} bits" if weights.startswith("integer") else f"weights powers of two, {bits} magnitudes"
    return _row(stages, name, load(file), test_spikes, made, network="SNN 784-128-10, Spiker+'s float weights",
                numbers=numbers, accuracy={"float": float_accuracy})


def _example(stages: Stages) -> Row:
    network = load(ROOT / "examples" / f"{EXAMPLE}.qsnn")
    return _row(stages, EXAMPLE, network, lambda: _own_frames(network), {"seconds": 0, "cpu_seconds": 0},
                network="SNN 576-256-10, an example trained by Spikeloom", numbers="weights powers of two, 3 bits",
                accuracy={"float": network.provenance["accuracy"]["float"]})


def _row(stages: Stages, name: str, held: Network, frames, made: dict, *, network: str, numbers: str,
         accuracy: dict[str, float]) -> Row:
    compared = stages.run(f"compare-{name}", lambda: _compare(held, *frames()))
    placed = stages.run(f"place-{name}", lambda: _place(held, frames()[0], stages.folder / f"board-{name}"))
    share = compared["accuracy"]
    return Row(
        peer="Spikeloom", version=VERSION, network=network, numbers=numbers, timesteps=held.timesteps,
        accuracy=accuracy | {"quantized model": share, "hardware": share}, test_images=compared["images"],
        checked_by_tool=True, exactness=f"{compared['mismatches']} of {compared['values']:,} spikes and membranes of "
        f"the RTL differ from the integer model's, on {compared['compared']:,} images",
        board=BOARD, resources=placed["resources"], fmax_mhz=placed["fmax_mhz"], cycles=compared["cycles"],
        seconds=made["seconds"] + placed["seconds"], cpu_seconds=made["cpu_seconds"] + placed["cpu_seconds"])


def test_spikes() -> tuple[np.ndarray, np.ndarray]:
    """The draw of spikes that all tools answer, and labels."""
    pixels, labels = images.load("t10k")
    return images.rate_code(pixels).astype(np.uint8), labels


def _own_frames(network: Network) -> tuple[np.ndarray, np.ndarray]:
    from spikeloom.commands import _samples as samples
    chosen = samples.choose(ROOT / "examples" / f"{EXAMPLE}.qsnn", network, test_set=True)
    return chosen.frames, chosen.labels


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
