import json
from types import SimpleNamespace

import numpy as np
import pytest

from spikeloom import cli, codebooks, qsnn
from spikeloom.commands import _samples as samples
from spikeloom.commands import faults
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.sim.reference import simulate


def network() -> Network:
    book = codebooks.make("ternary")
    weights = np.random.default_rng(0).integers(-1, 2, (3, 6))
    layer = Layer(synapses=Dense(weights=weights, codebook=book),
                  neurons=Lif(neurons=3, threshold=None, membrane_bits=6))
    return Network(input=Input(shape=(6,)), readout="membrane-last", timesteps=2, layers=(layer,))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("faults") / "tiny.qsnn"
    qsnn.save(network(), path)
    return path


def run(capsys, *arguments) -> tuple[int, str, str]:
    code = cli.main(["faults", *map(str, arguments)])
    return code, *capsys.readouterr()


def test_report_and_table(capsys, file, tmp_path):
    plan = ["--layer", "0:dense,lanes=3", "--random", 4, "--flips", 30, "--out", tmp_path]
    code, out, err = run(capsys, file, *plan)
    assert code == 0 and "compile" in err and "inject" in err
    lines = out.splitlines()
    assert lines[0] == "4 samples on the RTL: random values; 30 flips of each kind"
    kinds = [line.split()[0] for line in lines[2:2 + 6]]
    assert kinds == ["weights", "membranes", "sums", "fifos", "scores", "control"] and "layer 0, bit 0" in out
    part = json.loads((tmp_path / "report.json").read_text())["faults"]
    assert [row["name"] for row in part["kinds"]] == kinds and part["weight_flips"] == []
    for row in part["kinds"]:
        share, low, high = row["shares"]["right"]
        assert share == pytest.approx(row["right"] / 30, abs=1e-6) and 0 <= low < high <= 1
    code, again, _ = run(capsys, file, *plan, "--kind", "weights, control", "--json")
    whole = json.loads(again)["faults"]
    assert code == 0 and whole["kinds"] == [part["kinds"][0], part["kinds"][-1]]


@pytest.mark.parametrize(("arguments", "message"), [
    (["--kind", "cables"], "--kind must be one of weights, constants, membranes, sums, fifos, scores, control, all, "
                           "not 'cables'"),
    (["--flips", "0"], "--flips must be an integer from 1 to 16777216, not 0"),
    (["--draws", "-1"], "--draws must be an integer from 0 to 1000, not -1"),
    (["--layer", "0:dense,weights=ram"], "weights must be 'rom' to inject faults: those that are loaded have the same "
                                         "bits, not 'ram' or 'spram'"),
])
def test_wrong_arguments(capsys, file, tmp_path, arguments, message):
    code, out, err = run(capsys, file, "--random", 2, "--out", tmp_path, *arguments)
    assert (code, out) == (2, "") and err.splitlines()[-1] == f"spikeloom faults: {message}"


def test_accuracies(capsys):
    """With its own answers for labels the network is right, until its weights are damaged."""
    net = network()
    frames = np.random.default_rng(1).integers(0, 2, (50, 2, 6))
    chosen = samples.Samples(frames=frames, origin="here", labels=simulate(net, frames).classes)
    shares, by_bit = faults.sweep(net, chosen, SimpleNamespace(draws=4, seed=0), {})
    assert [(share, found.flips) for share, found in shares] == [(3e-2, 1), (5e-2, 2)]
    assert [(layer, bit, found.flips) for layer, bit, found in by_bit] == [(0, 0, 1), (0, 1, 1)]
    assert all(len(found.values) == 4 and found.mean < 1 for _, found in shares)
    capsys.readouterr()
    faults.show_accuracies(net, chosen, shares, by_bit)
    out = capsys.readouterr().out
    assert "50 samples, 4 draws:" in out and out.splitlines()[3].split() == ["none", "0", "100.00%", "-", "100.00%"]
    assert "3.000% of all" in out and "1 % of layer 0, bit 1" in out
