"""PLL settings against icepll and ecppll, the calculators of the projects that know the parts."""

import re
import subprocess
import sysconfig
from fractions import Fraction
from pathlib import Path

import pytest

from spikeloom.boards.pll import EcpPll, IcePll, pll
from spikeloom.errors import SpikeloomError

SCRIPTS = Path(sysconfig.get_path("scripts"))


@pytest.mark.parametrize("mhz", [18, 24, 30, 36, 39, 48, 60, 96])
def test_ice40_settings_are_those_of_icepll(mhz):
    command = [SCRIPTS / "yowasp-icepll", "-i", "12", "-o", str(mhz)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    theirs = {name: int(value) for name, value in re.findall(r"^(DIVR|DIVF|DIVQ|FILTER_RANGE):\s+(\d+)", text, re.M)}
    ours = pll("ice40", 12_000_000, mhz * 1_000_000)
    assert isinstance(ours, IcePll)
    assert theirs == {"DIVR": ours.divr, "DIVF": ours.divf, "DIVQ": ours.divq, "FILTER_RANGE": ours.filter_range}
    assert f"{float(ours.hz) / 1e6:.3f} MHz (achieved)" in text


@pytest.mark.parametrize("mhz", [12.5, 40, 50, 60, 62.5, 66, 75, 80, 100, 120])
def test_ecp5_settings_are_those_of_ecppll(mhz, tmp_path):
    command = [SCRIPTS / "yowasp-ecppll", "-i", "25", "-o", str(mhz), "--file", "pll.v"]
    subprocess.run(command, capture_output=True, cwd=tmp_path, check=True)
    text = (tmp_path / "pll.v").read_text()
    theirs = {name: int(value) for name, value in re.findall(r"\.(CLK\w+)\((\d+)\)", text)}
    ours = pll("ecp5", 25_000_000, int(mhz * 1_000_000))
    assert isinstance(ours, EcpPll)
    assert theirs["CLKOP_DIV"] == ours.output_divider
    assert ours.hz == Fraction(25_000_000 * theirs["CLKFB_DIV"], theirs["CLKI_DIV"])


@pytest.mark.parametrize(
    ("family", "reference", "wanted", "message"),
    [
        ("ice40", 12_000_000, 8_000_000,
         "clock must be a frequency in MHz that the PLL makes from 12 MHz, not 8 (nearest: 16.125)"),
        ("ecp5", 25_000_000, 3_000_000,
         "clock must be a frequency in MHz that the PLL makes from 25 MHz, not 3 (nearest: 3.125)"),
        ("ecp5", 25_000_000, 500_000_000,
         "clock must be a frequency in MHz that the PLL makes from 25 MHz, not 500"),
        ("ice40", 1_000_000, 24_000_000,
         "clock must be a frequency in MHz that the PLL makes from 1 MHz, not 24"),
        ("gowin", 27_000_000, 54_000_000, "family must be one of ice40, ecp5, not 'gowin'"),
    ],
)
def test_a_frequency_out_of_reach_is_refused(family, reference, wanted, message):
    with pytest.raises(SpikeloomError) as error:
        pll(family, reference, wanted)
    assert str(error.value) == message
