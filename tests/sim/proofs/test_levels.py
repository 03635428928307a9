"""`verify --level 4` proves what there is to prove of a plan, once, and says what it found."""

import json

import pytest

from spikeloom.cli import main
from spikeloom.qsnn import save
from spikeloom.rtl_gen import planner
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.sim import proofs
from spikeloom.sim.proofs import Proof, ProofRecord, decays
from spikeloom.sim.proofs.prover import Verdict
from tests.rtl_gen.small import network


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tiny.qsnn"
    save(network((2, 3, 2)), path)
    return path


def test_every_component_of_a_plan_has_proofs():
    plan = Plan(network=network((2, 3, 2)), layers=(LayerPlan(), LayerPlan()))
    found = proofs.all_of(plan)
    about = {(proof.component, proof.layers) for proof in found}
    assert {("neurons.lif", (0,)), ("neurons.lif", (1,)), ("strategies.dense.Integrator", (0,))} <= about
    assert {"accumulators", "decays", "dense", "group_sum", "lif", "parallel", "synaptic"} <= {*proofs.names()}


def test_what_is_the_same_in_two_layers_is_proven_once():
    plan = planner.make(network((2, 3, 2)))
    assert len(list(decays.proofs(plan))) == 2
    (leak,) = [proof for proof in proofs.all_of(plan) if proof.component == "stateful.decay"]
    assert leak.layers == (0, 1)
    assert leak.claim == "the leak is V * 1 / 1, floor"


@pytest.mark.parametrize(("result", "failed"), [
    ("proven", False), ("bounded", True), ("refuted", True), ("unknown", True)])
def test_what_is_refuted_or_not_decided_has_failed(result, failed):
    proof = Proof(claim="it", component="x.X", size="1 bit", make=lambda: None, layers=(2,))
    record = ProofRecord(proof=proof, verdict=Verdict(result=result, depth=3, seconds=1.0))
    assert record.failed == failed
    assert record.row()["layers"] == [2]


def test_the_command_proves_and_reports(file, tmp_path, monkeypatch, capsys):
    """Of all proofs those of one module, for time."""
    monkeypatch.setattr(proofs, "names", lambda: ["decays"])
    command = ["verify", str(file), "--level", "4", "--random", "2", "--out", str(tmp_path / "out")]
    assert main(command) == 0
    assert "stateful.decay" in capsys.readouterr().out
    assert main([*command, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["proofs"]
    assert (row["level"], row["layers"], row["result"]) == (4, [0, 1], "proven")
    assert row["method"] == "induction, k = 1"


def test_the_command_fails_where_nothing_is_decided(file, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(proofs, "names", lambda: ["decays"])
    command = ["verify", str(file), "--level", "4", "--random", "2", "--out", str(tmp_path / "out")]
    assert main([*command, "--timeout", "0.001"]) == 1
    assert "the solver did not answer within 0.001 s" in capsys.readouterr().out


def test_a_limit_of_no_time_is_refused(file, tmp_path, capsys):
    assert main(["verify", str(file), "--level", "4", "--timeout", "0", "--out", str(tmp_path)]) == 2
    assert "--timeout must be a number of seconds above 0, not 0" in capsys.readouterr().err
