"""What `spikeloom standalone` refuses, and the room it finds. What it builds: `tests/rtl_gen/test_standalone.py`."""

from pathlib import Path

import numpy as np
import pytest

from spikeloom import Dense, Input, Layer, Lif, Network, cli, codebooks, save
from spikeloom.boards import board
from spikeloom.commands import standalone
from spikeloom.rtl_gen import cost
from spikeloom.rtl_gen.standalone import rams

MNIST = Path(__file__).parents[2] / "examples/mnist-icebreaker.qsnn"
LAYERS = ["--layer", "0:dense,lanes=24,update_lanes=1", "--layer", "1:dense,lanes=10"]


@pytest.mark.parametrize(("words", "message"), [
    (["--seconds", "0"], "--seconds must be from 0.01 to 60, not 0"),
    (["--samples", "101"], "--samples must be an integer from 1 to 100, not 101"),
    (["--board", "icestick", *LAYERS],
     "sample must fit the block RAMs of iCEstick beside the network, not need 1 where it leaves 0 of 16"),
])
def test_what_cannot_be_built_is_one_line_and_exit_code_2(words, message, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["standalone", str(MNIST), *words]) == 2
    assert capsys.readouterr() == ("", f"spikeloom standalone: {message}\n")
    assert not list(tmp_path.iterdir())


def test_a_sample_larger_than_all_block_ram_is_refused(capsys, tmp_path):
    layer = Layer(synapses=Dense(weights=np.ones((2, 1 << 16), int), codebook=codebooks.make("ternary")),
                  neurons=Lif(neurons=2, threshold=1, membrane_bits=8))
    network = Network(input=Input(shape=(1 << 16,), bits=1), layers=(layer,), readout="count", timesteps=1)
    file = save(network, tmp_path / "wide.qsnn")
    assert cli.main(["standalone", str(file), "--board", "icestick"]) == 2
    assert capsys.readouterr().err == (
        "spikeloom standalone: sample must fit iCEstick, not need 17 block RAMs where there are 16\n")


@pytest.mark.parametrize("asked", [None, 1])
def test_samples_fill_what_the_network_leaves(small, asked, tmp_path):
    file = save(small(), tmp_path / "small.qsnn")
    words = ["standalone", str(file), *(["--samples", str(asked)] if asked else [])]
    one = board("icebreaker")
    plan, count = standalone.fitted(cli.parser().parse_args(words), small(), one, 10_000)
    left = one.budget.ram + cost.LINK["ice40"].ram - cost.of(plan, "ice40").ram
    assert rams(small(), count, "ice40") <= left
    assert count == 1 if asked else rams(small(), count + 1, "ice40") > left
