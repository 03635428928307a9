import json

import numpy as np
import pytest

from spikeloom import cli, load

nir = pytest.importorskip("nir")


@pytest.fixture
def graph(tmp_path):
    """Two layers, written by nir."""
    rng = np.random.default_rng(0)
    path = tmp_path / "net.nir"
    one = nir.NIRGraph.from_list(
        nir.Input(np.array([6])), nir.Linear(rng.normal(size=(8, 6))),
        nir.LIF(tau=np.full(8, 1e-3), r=np.full(8, 10.0), v_leak=np.zeros(8), v_threshold=np.ones(8)),
        nir.Affine(rng.normal(size=(3, 8)), np.zeros(3)), nir.IF(r=np.ones(3), v_threshold=np.ones(3)),
        nir.Output(np.array([3])))
    one.metadata = {"dt": 1e-4}
    nir.write(path, one)
    return path


def run(capsys, *words: object) -> tuple[int, str, str]:
    code = cli.main(["import", *map(str, words)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_a_graph_becomes_a_file(capsys, graph, tmp_path):
    out = tmp_path / "net.qsnn"
    code, shown, _ = run(capsys, graph, "--timesteps", 30, "-o", out, "--reset", "subtract", "--weights", "pow2:5")
    assert code == 0
    for words in ("a timestep is 0.0001 s", "takes the threshold off", "no samples were given", "spikes, graph", "lif",
                  "same class", load(out).digest):
        assert words in shown
    network = load(out)
    assert network.timesteps == 30 and network.layers[0].synapses.codebook.exponents == 5
    decay = network.layers[0].neurons.decay
    assert decay.num / 2**decay.shift == pytest.approx(0.9, abs=1e-3)
    assert network.provenance["method"] == "import" and network.readout == "count"


def test_samples_and_json(capsys, graph, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("x.npz", frames=np.random.default_rng(1).integers(0, 2, (9, 40, 6)), labels=np.arange(9) % 3)
    code, shown, _ = run(capsys, graph, "--data", "x.npz", "--limit", 8, "--json")
    found = json.loads(shown)
    assert code == 0 and found["closeness"]["samples"] == 8 and found["layers"] == ["lif", "if"]
    assert found["closeness"]["accuracy_graph"] is not None and found["output"] == "net.qsnn"
    assert load("net.qsnn").digest == found["network_digest"]
    code, shown, _ = run(capsys, graph, "--data", "x.npz")
    assert code == 0 and "accuracy, integer" in shown


@pytest.fixture
def labelled(tmp_path):
    """Forty samples with labels."""
    rng = np.random.default_rng(1)
    np.savez(tmp_path / "x.npz", frames=rng.integers(0, 2, (40, 30, 6)), labels=rng.integers(0, 3, 40))
    return tmp_path / "x.npz"


def test_methods_make_it_small(capsys, graph, labelled, tmp_path):
    out = tmp_path / "net.qsnn"
    methods = "--method", "osbc:sparsity=0.5,bits=0", "--method", "inq:bits=3,portions=0.5/1"
    code, shown, _ = run(capsys, graph, "--data", labelled, "-o", out, *methods, "--train", 30, "--batch", 10,
                         "--rate", 0.02, "--seed", 3, "--epochs", 1)
    lines, network = [line.split() for line in shown.splitlines()], load(out)
    assert code == 0 and lines[0][:3] == ["stage", "validation", "weights"]
    assert [line[0] for line in lines[1:5]] == ["float", "osbc:sparsity=0.5,bits=0", "inq:bits=3,portions=0.5/1",
                                                "integer"]
    assert [line[2] for line in lines[1:3]] == ["100.0%", "50.0%"] and lines[4][3] == "216"
    assert "0 mismatches in 2,640 spikes and 2,640 membranes of 8 samples kept back" in shown
    assert "methods see 30 samples, the first four fifths; the others are compared on" in shown
    assert network.provenance["method"] == "import, then osbc:sparsity=0.5,bits=0 then inq:bits=3,portions=0.5/1"
    assert network.provenance["split"] == {"train": 25, "calibration": 25, "validation": 5}
    assert network.provenance["seed"] == 3 and network.layers[0].synapses.codebook.exponents == 2
    assert [network.provenance["schedule"][name] for name in ("epochs", "batch", "rate")] == [1, 10, 0.02]
    for words in ("spikes, graph", "same class", "accuracy, integer", network.digest):
        assert words in shown
    code, shown, _ = run(capsys, graph, "--data", labelled, "-o", out, "--method", "pow2", "--json", "--limit", 5)
    found = json.loads(shown)
    assert code == 0 and [stage["name"] for stage in found["stages"]] == ["float", "pow2", "integer"]
    assert found["level0"]["mismatches"] == 0 and found["level0"]["samples"] == found["closeness"]["samples"] == 5


@pytest.mark.parametrize("words, message", [
    ([], "timesteps must be given without samples"),
    (["--limit", 3, "--timesteps", 3], "--limit must come with --data"),
    (["--dt", 1, "--timesteps", 3], "LIF 'lif' tau must be at least dt, 1 s, not 0.001 s: choose a smaller dt, or the "
                                    "exact leak"),
    (["--reset", "none"], "reset must be one of zero, subtract, subtract-late, not 'none'"),
    (["--weights", "float"], "weights must be integer:BITS, pow2:EXPONENTS, ternary or binary, not 'float'"),
    (["--method", "inq"], "--method must come with --data: methods look at samples"),
    (["--method", "inq:bits=9", "--data", "x"], "bits must be an integer from 2 to 5, not 9"),
    (["--method", "inq", "--method", "ticket", "--data", "x"],
     "ticket must be the first method: it trains from new weights"),
    (["--train", 9, "--timesteps", 3], "--train must come with --method"),
    (["--seed", 9, "--timesteps", 3], "--seed must come with --method"),
    (["--data", "none.npy"], "none.npy must be a readable file, but No such file or directory"),
])
def test_errors_are_one_line(capsys, graph, words, message):
    code, shown, err = run(capsys, graph, *words)
    assert code == 2 and not shown and err.splitlines()[-1] == f"spikeloom import: {message}"


def test_broken_files(capsys, tmp_path):
    path = tmp_path / "bad.nir"
    path.write_bytes(b"nothing")
    code, _, err = run(capsys, path)
    assert code == 2 and err.splitlines()[-1].startswith(f"spikeloom import: {path} must be a NIR file (HDF5), but ")


def test_without_h5py(capsys, graph, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    code, _, err = run(capsys, graph)
    assert code == 2 and err.splitlines()[-1] == ("spikeloom import: h5py must be installed to read NIR files: pip "
                                                  "install 'spikeloom[import]'")
