"""The shipped networks become the hardware that the README's table shows."""

from pathlib import Path

import pytest

from spikeloom import boards, load
from spikeloom.boards.build import build
from spikeloom.rtl_gen import planner as planning
from spikeloom.rtl_gen.linked import LinkedTop
from spikeloom.sim.verify import verify
from spikeloom.train import load_frames

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
CASES = [("mnist-icebreaker", "icebreaker", 1500), ("mnist-ulx3s", "ulx3s-25f", 1000)]


def planned(name: str, board: str):
    network, part = load(EXAMPLES / f"{name}.qsnn"), boards.board(board)
    return planning.make(network, family=part.family, cells=part.budget.lut, ram=part.budget.ram)


def test_every_network_is_a_case():
    assert {path.stem for path in EXAMPLES.glob("*.qsnn")} == {name for name, _, _ in CASES}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "board", "most_cycles"), CASES)
def test_hardware_equals_the_reference_on_100_images(name, board, most_cycles, tmp_path):
    plan = planned(name, board)
    frames, _ = load_frames(plan.network, count=100, beside=EXAMPLES)
    one_by_one, without_a_gap = verify(plan.network, frames, plan_options=plan, paths=("volume",), folder=tmp_path)
    assert one_by_one.mismatches == without_a_gap.mismatches == 0
    assert one_by_one.compared_membranes == 100 * 4 * sum(x.neurons.neurons for x in plan.network.layers)
    assert one_by_one.cycles.mean <= most_cycles


@pytest.mark.slow
def test_the_icebreaker_holds_its_network_at_24_mhz(tmp_path):
    plan = planned("mnist-icebreaker", "icebreaker")
    report = build(lambda hz: LinkedTop(plan, hz), boards.board("icebreaker"), tmp_path, clock_hz=24_000_000)
    assert report.fmax_mhz >= 24
    assert report.resources["ram"].used <= 30
    assert report.bitstream.stat().st_size > 100_000
