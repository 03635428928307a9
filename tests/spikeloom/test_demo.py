"""The README's first command, whole: nothing in it is replaced."""

import json

import pytest

from spikeloom import cli, load
from spikeloom.boards import board

pytest.importorskip("torch")
pytest.importorskip("sklearn")


@pytest.mark.slow
def test_the_whole_road(capsys, tmp_path):
    assert cli.main(["demo", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert shown.rstrip().endswith("equal, spike for spike and membrane for membrane")

    found = json.loads((tmp_path / "report.json").read_text())
    compared = {(row["level"], row["simulator"]) for row in found["verify"]}
    assert compared == {(0, "torch"), (1, "cxxrtl"), (1, "verilator")}
    assert all(row["mismatches"] == 0 < row["compared_spikes"] for row in found["verify"])
    assert found["network_digest"] == load(tmp_path / "digits.qsnn").digest
    assert found["resources"]["lut"]["used"] <= board("icebreaker").budget.lut
    assert (tmp_path / "top.bin").stat().st_size > 50_000 and "module core(" in (tmp_path / "core.v").read_text()
