"""Block RAMs of the system, against what was built: `benchmarks/soc.json`."""

import json
from pathlib import Path

import pytest

from spikeloom.rtl_gen.soc import cost
from tests.rtl_gen import small

ROOT = Path(__file__).resolve().parents[3]
BUILT = json.loads((ROOT / "benchmarks" / "soc.json").read_text())["cases"]
NETWORK = small.network((64, 6, 10), bits=4, encoder="direct", readout="membrane-last")     # the digits' shapes


@pytest.mark.parametrize("cpu", ["serv", "picorv32"])
@pytest.mark.parametrize(("board", "family"), [("icebreaker", "ice40"), ("ulx3s-25f", "ecp5")])
def test_the_system_takes_what_it_took(board, family, cpu):
    link, soc = BUILT[f"digits-{board}-link"], BUILT[f"digits-{board}-{cpu}"]
    used, had = soc["build"]["resources"], link["build"]["resources"]
    system = cost.system(NETWORK, soc["ram"] // 4, cpu=cpu, family=family)
    assert system.ram == used["ram"]["used"] - had["ram"]["used"]
    assert system.cells == pytest.approx(used["lut"]["used"] - had["lut"]["used"], abs=60)
