"""`spikeloom mutate`: the table, the JSON, and the share that is wanted."""

import json

import numpy as np
import pytest

from spikeloom import Dense, Input, Layer, Lif, Network, cli, codebooks, save


@pytest.fixture
def tiny(tmp_path):
    """Two inputs, two neurons, two timesteps."""
    first = Layer(synapses=Dense(weights=np.array([[2, -1], [1, 2]]), codebook=codebooks.make("integer", bits=4)),
                  neurons=Lif(neurons=2, threshold=2, membrane_bits=4))
    return save(Network(input=Input(shape=(2,), bits=1), layers=(first,), readout="count", timesteps=2),
                tmp_path / "tiny.qsnn").name


@pytest.fixture
def spikeloom(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> tuple[int, str, str]:
        code = cli.main([str(word) for word in words])
        return code, *capsys.readouterr()

    return run


def test_what_it_says(spikeloom, tiny):
    words = ("mutate", tiny, "--mutants", 12, "--samples", 4, "--random-frames", 2, "--seconds", 0, "--seed", 1)
    code, out, _ = spikeloom(*words, "--json")
    told = json.loads(out)
    assert code == 0 and told["mutants"] == 12 < told["possible"] and told["equivalent"] == told["missed"] == 0
    assert told["share"] == round(told["caught"] / 12, 4) and told["interval"][0] < told["share"] <= told["interval"][1]
    assert set(told["survivors"][0]) == {"mutant", "component", "outcome", "cycles", "by"}
    assert len(told["survivors"]) == 12 - told["caught"] and sum(told["how"].values()) == told["caught"]
    everything = told["by_check"]["all"]
    assert everything["any value"] == told["caught"] >= max(everything["classes"], everything["scores"])
    assert told["by_check"]["verify"]["any value"] <= told["caught"]
    code, out, _ = spikeloom(*words, "--wanted", 100)
    assert code == 1 and f"12 of {told['possible']:,} mutants; caught {told['share']:.1%} of those" in out
    assert all(one["mutant"] in out for one in told["survivors"])
    assert spikeloom(*words, "--wanted", 10)[0] == 0


def test_what_it_refuses(spikeloom, tiny):
    assert spikeloom("mutate", tiny, "--mutants", 0)[::2] == (
        2, "spikeloom mutate: --mutants must be an integer from 1 to 65535, not 0\n")
    assert spikeloom("mutate", tiny, "--resets", 0)[::2] == (
        2, "spikeloom mutate: --resets must be an integer from 1 to 65535, not 0\n")
