"""docs/boards.md holds the figures of benchmarks/boards.json, and the pins and notes of the catalogue."""

import importlib.util
import json
from pathlib import Path

from spikeloom.boards import boards

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "boards.md").read_text()


def benchmark():
    spec = importlib.util.spec_from_file_location("benchmark_boards", ROOT / "benchmarks" / "boards.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_of_the_builds():
    found = json.loads((ROOT / "benchmarks" / "boards.json").read_text())["boards"]
    assert set(found) == {one.name for one in boards()}
    assert benchmark().table(found) in PAGE


def test_every_build_is_of_the_board_as_it_is():
    found = json.loads((ROOT / "benchmarks" / "boards.json").read_text())["boards"]
    for one in boards():
        row = found[one.name]
        assert row["device"] == f"{one.device}-{one.package}"
        assert abs(row["clock_hz"] - one.default_hz) <= one.default_hz / 100
        assert row["resources"]["lut"]["used"] <= row["resources"]["lut"]["available"] == one.budget.lut
        assert row["resources"]["ram"]["available"] == one.budget.ram
        assert row["fmax_mhz"] * 1e6 >= row["clock_hz"]


def test_pins_and_notes_are_those_of_the_catalogue():
    assert benchmark().pins() in PAGE
    assert benchmark().notes() in PAGE
