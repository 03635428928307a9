import json

import numpy as np
import pytest

from spikeloom import Dense, Input, Layer, Lif, Network, boards, cli, codebooks, save

EXAMPLE = "examples/mnist-icebreaker.qsnn"


def plan(capsys, *words: object) -> tuple[int, str, str]:
    code = cli.main(["plan", *map(str, words)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


@pytest.fixture
def large(tmp_path):
    """A network of which an iCEBreaker holds no hundredth."""
    weights = np.ones((4000, 700), int)
    weights[:, ::3] = -1
    book = codebooks.make("binary")
    network = Network(input=Input(shape=(700,)), readout="count", timesteps=2, layers=(
        Layer(synapses=Dense(weights=weights, codebook=book), neurons=Lif(neurons=4000, threshold=9)),
        Layer(synapses=Dense(weights=weights[:3, :1].repeat(4000, axis=1), codebook=book),
              neurons=Lif(neurons=3, threshold=9))))
    return save(network, tmp_path / "large.qsnn")


def test_explains_itself(capsys):
    code, out, _ = plan(capsys, EXAMPLE)
    assert code == 0
    for word in ("built as", "dense,lanes=64", "fastest of its kind", "block RAM", "measured on 20 images",
                 "cycles an inference"):
        assert word in out


def test_json_adds_up(capsys):
    code, out, _ = plan(capsys, EXAMPLE, "--json")
    found = json.loads(out)
    assert code == 0 and found["fits"] and found["cost"]["ram"] == 30 == found["budget"]["ram"]
    assert sum(one["cells"] for one in found["layers"]) < found["cost"]["cells"] < 0.85 * found["budget"]["cells"]
    assert 1000 < found["cycles"]["mean"] < 1500


def test_layers_are_built_as_asked(capsys):
    code, out, _ = plan(capsys, EXAMPLE, "--layer", "0:dense,lanes=32", "--layer", "1:lanes=5", "--board", "ulx3s-25f",
                        "--json")
    first, second = json.loads(out)["layers"]
    assert code == 0 and (first["lanes"], first["passes"], second["lanes"]) == (32, 6, 5)


def test_the_nearest_board(capsys, large):
    code, out, err = plan(capsys, large)
    assert (code, out) == (2, "") and "must fit icebreaker: 5280 logic cells and 30 block RAMs" in err
    named = err.rstrip().rpartition("the nearest board that it fits is ")[2].split(" or ")
    assert "ulx3s-85f" in named and {boards.board(name).budget.lut for name in named} == {83640}


@pytest.mark.parametrize("word, message", [
    ("0", "--layer must be a layer's number, a colon and how to build it, not '0'"),
    ("x:dense", "--layer must be a layer's number, a colon and how to build it, not 'x:dense'"),
    ("0:dense,lanes=two", "--layer must give lanes, update_lanes, width (whole numbers) or weights, not 'lanes=two'"),
    ("0:dense,depth=2", "--layer must give lanes, update_lanes, width (whole numbers) or weights, not 'depth=2'"),
    ("7:dense", "layer must be an integer from 0 to 1, not 7"),
    ("0:systolic", "layer 0 strategy must be one of parallel, "),
    ("0:popcount", "layer 0 strategy must not be popcount: it sees graded values"),
])
def test_errors(capsys, word, message):
    if "graded" in message:
        code, _, err = plan(capsys, EXAMPLE.replace("icebreaker", "ulx3s"), "--layer", word)
    else:
        code, _, err = plan(capsys, EXAMPLE, "--layer", word)
    assert code == 2 and message in err and "Traceback" not in err
