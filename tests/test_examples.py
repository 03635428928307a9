"""The shipped networks become the hardware that the README's table shows."""

from pathlib import Path

import pytest

from spikeloom import boards, load
from spikeloom.boards.build import build
from spikeloom.rtl_gen import planner as planning
from spikeloom.rtl_gen import timing
from spikeloom.rtl_gen.linked import LinkedTop
from spikeloom.sim.activity import measure
from spikeloom.sim.verify import verify
from spikeloom.train import load_frames

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
CASES = {"mnist-icebreaker": ("icebreaker", 1500), "mnist-ulx3s": ("ulx3s-25f", 1000),
         "mnist-parallel-ulx3s": ("ulx3s-25f", 80), "mnist-parallel-icebreaker": ("icebreaker", 29),
         "mnist-sparse-icebreaker": ("icebreaker", 1000), "fashion-ulx3s85": ("ulx3s-85f", 2000),
         "nmnist-ulx3s85": ("ulx3s-85f", 30_000)}
LAYERS = {"mnist-parallel-icebreaker": {0: {"strategy": "parallel", "width": 64}, 1: {"strategy": "parallel"}}}
"""What is not left to the planner: it fills a part less than this."""
SIMULATED = ("mnist-icebreaker", "mnist-parallel-icebreaker", "mnist-sparse-icebreaker")    # others compile for long


def planned(name: str):
    """The plan for its board, judged by the images beside it, and those images."""
    network, part = load(EXAMPLES / f"{name}.qsnn"), boards.board(CASES[name][0])
    frames, _ = load_frames(network, count=100, beside=EXAMPLES)
    activity = measure(network, frames)
    typical = [activity.typical(network, k) for k in range(len(network.layers))]
    plan = planning.make(network, family=part.family, cells=part.budget.lut, ram=part.budget.ram, must_fit=True,
                         layers=LAYERS.get(name), activity=typical)
    return plan, frames, activity


def test_every_network_is_a_case():
    assert {path.stem for path in EXAMPLES.glob("*.qsnn")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_every_network_is_planned_for_its_board(name):
    plan, _, activity = planned(name)
    assert timing.latency(plan, activity).mean() <= CASES[name][1]


@pytest.mark.slow
@pytest.mark.parametrize("name", SIMULATED)
def test_hardware_equals_the_reference_on_100_images(name, tmp_path):
    plan, frames, activity = planned(name)
    one_by_one, without_a_gap = verify(plan.network, frames, plan_options=plan, paths=("volume",), folder=tmp_path)
    assert one_by_one.mismatches == without_a_gap.mismatches == 0
    neurons = sum(layer.size for layer in plan.network.layers)
    assert one_by_one.compared_membranes == 100 * plan.network.timesteps * neurons
    assert one_by_one.cycles.mean == pytest.approx(timing.latency(plan, activity).mean(), rel=0.02)


@pytest.mark.slow
def test_the_icebreaker_holds_its_network_at_24_mhz(tmp_path):
    plan, _, _ = planned("mnist-icebreaker")
    report = build(lambda hz: LinkedTop(plan, hz), boards.board("icebreaker"), tmp_path, clock_hz=24_000_000)
    assert report.fmax_mhz >= 24
    assert report.resources["ram"].used <= 30
    assert report.bitstream.stat().st_size > 100_000
