"""The widths that a search chooses are those of the memories and registers in the Verilog."""

import re

import pytest

from spikeloom.rtl_gen import planner, verilog
from spikeloom.rtl_gen.core import Core
from spikeloom.train.export import export
from spikeloom.train.search.evaluate import Open
from spikeloom.train.search.space import Candidate, Widths

CHOSEN = Candidate(layers=(Widths(weights=3, membrane=9), Widths(weights=5, membrane=11)))
PROMISED = [(widths.weights, widths.membrane, widths.membrane) for widths in CHOSEN.layers]


@pytest.fixture(scope="module", name="text")
def text_fixture(workplace, tmp_path_factory):
    network = export(Open(workplace()).make(CHOSEN)[0])
    plan = planner.make(network, family="ice40", lanes=(1, 1), update_lanes=(1, 1),
                        layers=dict.fromkeys(range(2), {"strategy": "dense"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("verilog"))
        return verilog.to_verilog(Core(plan), "core")


def built(text: str) -> list[tuple[int, int, int]]:
    """The widths in the Verilog, for each layer: of a weight, of a word of the state, of a membrane."""
    layers = []
    for k in range(len(CHOSEN.layers)):
        weights = _width(_module(text, f"core.layer{k}.currents.integrator"), r"reg \[(\d+):0\] weights \[\d+:0\];")
        neurons = _module(text, f"core.layer{k}.neurons")
        state = _width(neurons, r"reg \[(\d+):0\] state \[\d+:0\];")
        register = _width(neurons, r"wire signed \[(\d+):0\] s3_u0;")
        layers.append((weights, state, register))
    return layers


def _module(text: str, name: str) -> str:
    return re.search(rf"^module \\{re.escape(name)} ?\(.*?^endmodule", text, re.M | re.S)[0]


def _width(text: str, pattern: str) -> int:
    found, = re.findall(pattern, text)
    return int(found) + 1


def test_the_widths_are_the_chosen_ones(text):
    assert built(text) == PROMISED


def test_other_widths_would_be_seen(text):
    for narrow, wide in (("reg [2:0] weights", "reg [3:0] weights"), ("[10:0] s3_u0", "[11:0] s3_u0")):
        assert narrow in text
        assert built(text.replace(narrow, wide)) != PROMISED


def test_thresholds_and_biases_are_no_wider_than_membranes(text):
    for k, widths in enumerate(CHOSEN.layers):
        neurons = _module(text, f"core.layer{k}.neurons")
        for found in re.findall(r"reg \[(\d+):0\] (?:thresholds|biases) \[", neurons):
            assert int(found) + 1 <= widths.membrane
