# amaranth: UnusedElaboratable=no
"""The examples that instantiate a network: the AXI core in `classifier.v`, on Verilator, the bare one in Amaranth."""

import importlib.util
import json
import os
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

import numpy as np
import pytest
from amaranth.sim import Simulator

from spikeloom import codebooks, encoders, tools
from spikeloom.errors import SpikeloomError
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.rtl_gen import axi, verilog, words
from spikeloom.rtl_gen.axi import AxiCore
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.sim.reference import simulate

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "instantiate"
RUNNER = """
import sys
from cocotb_tools.runner import get_runner
runner = get_runner("verilator")
if sys.argv[1] == "build":
    runner.build(sources=["network.v", "classifier.v"], hdl_toplevel="classifier", build_dir=".",
                 parameters={"SCORE_BITS": int(sys.argv[2])}, build_args=["-Wno-lint", "-Wno-fatal"])
else:
    runner.test(test_module="cosim_axi", hdl_toplevel="classifier", hdl_toplevel_lang="verilog", build_dir=".",
                test_dir=".", results_xml=sys.argv[2])
"""
TESTS = {"identity", "every_score_under_back_pressure", "cycles", "tlast_at_another_word", "reset_in_the_middle",
         "lite_handshakes"}


def network() -> Network:
    rng, book = np.random.default_rng(1), codebooks.make("ternary")
    first, last = (Dense(weights=rng.integers(-1, 2, shape), codebook=book) for shape in ((12, 20), (5, 12)))
    return Network(
        input=Input(shape=(20,), bits=2), encoder=encoders.make("direct"), readout="membrane-sum", timesteps=4,
        layers=(Layer(synapses=first, neurons=Lif(neurons=12, threshold=4)),
                Layer(synapses=last, neurons=Lif(neurons=5, threshold=None, membrane_bits=6))))


def plan() -> Plan:
    return Plan(network=network(),
                layers=(LayerPlan(lanes=6, update_lanes=2), LayerPlan(lanes=5, update_lanes=1)))


def frames() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 4, (8, 20))


def run(folder: Path, *arguments: str) -> None:
    """cocotb's runner in a process of its own, in `folder`."""
    environment = os.environ | tools.simulator_environment() | {
        "SPIKELOOM_AXI_JOB": str(folder / "job.json"), "PYTHONPATH": str(Path(__file__).parent)}
    environment.pop("PYTEST_CURRENT_TEST", None)
    with open(folder / f"{arguments[0]}.log", "wb") as log:
        subprocess.run([sys.executable, "-c", RUNNER, *arguments], cwd=folder, env=environment, stdout=log,
                       stderr=subprocess.STDOUT, check=arguments[0] == "build", timeout=300)


def outcomes(folder: Path, results: str) -> dict[str, bool]:
    """Whether each test passed."""
    cases = xml.etree.ElementTree.parse(folder / results).getroot().iter("testcase")
    return {case.get("name"): case.find("failure") is None and case.find("error") is None for case in cases}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the simulator and `job.json`, which says what is right."""
    folder, made = tmp_path_factory.mktemp("axi"), AxiCore(plan())
    (folder / "network.v").write_text(verilog.to_verilog(made, "network"))
    (folder / "classifier.v").write_text((EXAMPLES / "classifier.v").read_text())
    outcome = simulate(network(), frames(), device="cpu")
    job = {"frames": words.pack(network(), frames()).tolist(), "scores": outcome.scores.tolist(),
           "classes": outcome.classes.tolist(), "addresses": axi.ADDRESS, "constants": made.constants()}
    (folder / "job.json").write_text(json.dumps(job))
    run(folder, "build", str(made.score_bits))
    return folder


@pytest.mark.slow
def test_the_axi_core_in_a_verilog_design(built):
    run(built, "test", "results.xml")
    assert outcomes(built, "results.xml") == dict.fromkeys(TESTS, True), (built / "test.log").read_text()[-3000:]


@pytest.mark.slow
def test_a_wrong_score_a_wrong_register_and_a_wrong_class_are_noticed(built):
    right = (built / "job.json").read_text()
    job = json.loads(right)
    job["scores"][3][1] += 1
    job["constants"]["DIGEST5"] ^= 1
    (built / "job.json").write_text(json.dumps(job))
    run(built, "test", "wrong.xml")
    (built / "job.json").write_text(right)
    found = outcomes(built, "wrong.xml")
    assert {name for name, passed in found.items() if not passed} == {
        "identity", "every_score_under_back_pressure", "reset_in_the_middle"}


def test_constants_are_the_network_s():
    constants = AxiCore(plan()).constants()
    digest = b"".join(constants[f"DIGEST{k}"].to_bytes(4, "little") for k in range(8))
    assert digest.hex() == network().digest
    assert constants["MAGIC"].to_bytes(4, "little") == b"SPKL"
    assert (constants["INPUTS"], constants["FRAME_WORDS"], constants["OUTPUTS"]) == (20, 3, 5)
    assert (constants["INPUT_FORMAT"], constants["RESULT_FORMAT"], constants["TIMESTEPS"]) == (2, 2 | 4 << 8, 4)


def test_registers_do_not_overlap_and_the_page_has_them():
    addresses = [register.address for register in axi.REGISTERS]
    assert addresses == list(range(0, 4 * len(addresses), 4))
    assert axi.markdown() in (ROOT / "docs" / "axi.md").read_text()


def test_plans_without_words_are_refused():
    bare = Network(**{**vars(network()), "encoder": None})
    with pytest.raises(SpikeloomError) as error:
        AxiCore(Plan(network=bare, layers=plan().layers, source="events"))
    assert str(error.value) == "plan source must be 'words' for AXI, not 'events'"


def test_the_bare_core_in_an_amaranth_design():
    spec = importlib.util.spec_from_file_location("label_counter", EXAMPLES / "label_counter.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    dut = module.LabelCounter(plan())
    classes = simulate(network(), frames(), device="cpu").classes
    found = []

    async def bench(ctx):
        for word in words.pack(network(), frames()).reshape(-1).tolist():
            ctx.set(dut.i.payload, word)
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
        ctx.set(dut.i.valid, 0)
        for _ in range(400):
            await ctx.tick()
        found.extend(ctx.get(dut.counts[k]) for k in range(5))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert found == np.bincount(classes, minlength=5).tolist()
