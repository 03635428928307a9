"""Pages that tests look at."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from spikeloom import Dense, Input, Layer, Lif, Network, cli, codebooks, encoders, load, report, save
from spikeloom.commands import plan_summary
from spikeloom.rtl_gen import planner

EXAMPLE = Path("examples/fashion-ulx3s85.qsnn")
HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>\"'\u202e\x07"
BOARD = {
    "board": "icebreaker", "device": "iCE40UP5K-SG48", "clock_hz": 24_000_000, "fmax_mhz": 30.5,
    "resources": {"lut": {"used": 4184, "available": 5280}, "ram": {"used": 30, "available": 30}},
    "cycles_per_inference": {"mean": 1293.17, "max": 1660},
}


def row(level: int, mismatches: int = 0, **changes) -> dict:
    """As `spikeloom verify` leaves it."""
    return {"level": level, "simulator": "verilator", "samples": 20, "compared_spikes": 4000,
            "compared_membranes": 4000, "compared_answers": 220, "mismatches": mismatches} | changes


@pytest.fixture(scope="session")
def tiny():
    """`tiny(**changes)`: a network whose inputs are spikes, with two layers, trained by nobody."""
    def make(**changes) -> Network:
        rng = np.random.default_rng(3)
        book = codebooks.make("ternary")
        last = Lif(neurons=3, threshold=None) if changes.get("readout", "").startswith("membrane") else Lif(
            neurons=3, threshold=2, reset="subtract")
        layers = (
            Layer(synapses=Dense(weights=rng.integers(-1, 2, (12, 9)), codebook=book),
                  neurons=Lif(neurons=12, threshold=2, reset="subtract")),
            Layer(synapses=Dense(weights=rng.integers(-1, 2, (3, 12)), codebook=book), neurons=last))
        return Network(**({"input": Input(shape=(3, 3)), "encoder": encoders.make("threshold", level=1),
                           "layers": layers, "readout": "count", "timesteps": 6} | changes))
    return make


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """`written(network, parts, search, *words)`: the page of `spikeloom report`, and where it lies."""
    def write(network: Network, parts: dict | None = None, search: dict | None = None, *words: object) -> tuple:
        folder = tmp_path_factory.mktemp("page")
        file = save(network, folder / "net.qsnn")
        if parts is not None:
            made = planner.make(network, family="ice40", cells=5280, ram=30, spram=4)
            report.merge(folder, network, parts, plan=plan_summary(made))
        if search is not None:
            (folder / "candidates.json").write_text(json.dumps(search))
            words = ("--search", folder, *words)
        assert cli.main(["report", str(file), "--out", str(folder), *map(str, words)]) == 0
        path = folder / "report.html"
        return path.read_text("ascii"), path
    return write


@pytest.fixture(scope="session")
def candidates() -> dict:
    """Of a search: as `spikeloom search` leaves it."""
    rows = [{"text": f"ptq w{bits}", "cost": 8192 * bits, "accuracy": 0.9 + bits / 100, "front": bits > 2,
             "chosen": bits == 4} for bits in range(2, 8)]
    return {"recipe": "digits", "cost": "bits", "accuracy": {"float": 0.97, "least": 0.94}, "candidates": rows}


@pytest.fixture(scope="session")
def bare(tiny, written):
    """Nothing is known but the network."""
    return written(tiny())


@pytest.fixture(scope="session")
def full(tiny, written, candidates):
    """All is known; the network is small, and every foreign word is hostile."""
    stages = [{"name": HOSTILE, "bits": 90_000, "validation": 0.97, "facts": {
        HOSTILE: [HOSTILE, {HOSTILE: HOSTILE}], "layers": [{HOSTILE: HOSTILE}], "alpha": [[HOSTILE]]}},
        {"name": "inq", "bits": 9000, "validation": 0.95, "facts": {"portions": [0.5, 1], "validation": [0.9, 0.95]}}]
    network = tiny(labels=(HOSTILE[:100], "b", "c"), provenance={
        "dataset": HOSTILE, "recipe": HOSTILE, "method": HOSTILE, "stages": stages, "test_images": 10_000,
        "closeness": {"samples": 9, "agree": 1, "layers": [{"name": HOSTILE, "graph": 5, "network": 4, "common": 3}]},
        "assumptions": [HOSTILE], "accuracy": {"float": 0.98, "model": 0.961, "integer": 0.96}, HOSTILE: HOSTILE})
    parts = BOARD | {
        "verify": [row(0), row(1), row(2), row(3)], "versions": {HOSTILE: HOSTILE}, "device": {
            "samples": 20, "mismatches": 0, "accuracy": 0.95, "virtual": True},
        "proofs": [{"level": 4, "claim": HOSTILE, "result": "proven"}]}
    search = candidates | {"recipe": HOSTILE}
    search["candidates"] = [*search["candidates"], {"text": HOSTILE, "cost": 7000, "accuracy": 0.93, "front": True}]
    return written(network, parts, search)


@pytest.fixture(scope="session")
def example(written, tmp_path_factory):
    """A shipped network on the images beside it."""
    folder = tmp_path_factory.mktemp("example")
    assert cli.main(["report", str(EXAMPLE), "--board", "ulx3s-85f", "--out", str(folder)]) == 0
    path = folder / "report.html"
    return SimpleNamespace(page=path.read_text("ascii"), path=path, network=load(EXAMPLE))
