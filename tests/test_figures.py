"""The manual's figures show today's data: each is made again and compared; and each is shown to follow its data."""

import importlib
import json
import xml.etree.ElementTree
from pathlib import Path

import pytest

pytest.importorskip("torch")
FIGURES = Path(__file__).resolve().parents[1] / "docs" / "figures"
NAMES = sorted(path.stem for path in FIGURES.glob("*.svg"))


@pytest.fixture(name="make")
def make_fixture(monkeypatch):
    monkeypatch.syspath_prepend(str(FIGURES))
    return importlib.import_module("make")


def test_every_figure_is_made_and_used(make):
    assert sorted(make.FIGURES) == NAMES
    pages = [page.read_text() for page in (FIGURES.parents[1] / "README.md", *FIGURES.parent.glob("*.md"))]
    for name in NAMES:
        assert any(f"figures/{name}.svg)" in page for page in pages), name


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_up_to_date(make, name):
    made = make.FIGURES[name]()
    assert (FIGURES / f"{name}.svg").read_text() == made, "run python docs/figures/make.py"
    assert xml.etree.ElementTree.fromstring(made).tag == "{http://www.w3.org/2000/svg}svg"
    assert len(made) < 50_000


def test_charts_follow_their_data(make, monkeypatch, tmp_path):
    charts = importlib.import_module("charts")
    for name, path in (("bits", "compression/inq.json"), ("designs", "networks.json")):
        before = make.FIGURES[name]()
        found = json.loads((charts.BENCHMARKS / path).read_text())
        if name == "bits":
            found["arms"]["STE, 3 bit, mse"]["0"]["accuracy"] -= 0.001
        else:
            found["cases"]["mnist-icebreaker"]["resources"]["lut"]["used"] += 10
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(json.dumps(found))
        with monkeypatch.context() as patch:
            patch.setattr(charts, "BENCHMARKS", tmp_path)
            assert make.FIGURES[name]() != before


def test_a_timing_diagram_is_of_the_simulated_signals(make):
    timing = importlib.import_module("timing")
    rows = [{"o.valid": 0, "o.ready": 1, "o.p.x": 9}, {"o.valid": 1, "o.ready": 0, "o.p.x": 5},
            {"o.valid": 1, "o.ready": 1, "o.p.x": 5}, {"o.valid": 1, "o.ready": 1, "o.p.x": 5}]
    drawn = timing.diagram("t", rows, {"o.valid": (None, ""), "o.ready": (None, ""), "o.p.x": (None, "o.valid")},
                           (("o", 0),))
    tree = xml.etree.ElementTree.fromstring(drawn)
    boxes = [(float(one.get("x")), float(one.get("width"))) for one in tree.iter("{http://www.w3.org/2000/svg}rect")
             if one.get("class") == "value"]
    clock, left = timing.CLOCK, timing.LEFT
    assert boxes == [(left + clock + 1, 2 * clock - 2), (left + 3 * clock + 1, clock - 2)]
    moved = [float(one.get("x")) for one in tree.iter("{http://www.w3.org/2000/svg}rect")
             if one.get("class") == "moved"]
    assert moved == [left + 2 * clock, left + 3 * clock]
    levels = [one.get("points") for one in tree.iter("{http://www.w3.org/2000/svg}polyline")]
    assert levels[0].startswith(f"{left},57 {left + clock},57 {left + clock},41")


def test_sampled_transfers_are_those_of_the_frame(make):
    timing = importlib.import_module("timing")
    source = timing.Source(timing.small(1), passes=1)
    names = {"i.valid": (source.i.valid, ""), "i.ready": (source.i.ready, ""), "o.valid": (source.o.valid, ""),
             "o.ready": (source.o.ready, ""), "index": (source.o.p.index, ""), "mark": (source.o.p.mark, "")}
    rows = timing.sample(source, [0x2103, 0x4050], names, stalls=range(4, 6), clocks=12)
    taken = [row for row in rows if row["o.valid"] and row["o.ready"]]
    assert [row["index"] for row in taken if not row["mark"]] == [0, 2, 3, 5, 7]
    assert [row["mark"] for row in taken] == [0, 0, 0, 0, 0, 1]
    assert sum(row["i.valid"] and row["i.ready"] for row in rows) == 2


def test_a_word_that_is_not_taken_waits(make):
    timing = importlib.import_module("timing")
    source = timing.Source(timing.small(1), passes=1)
    names = {"i.valid": (source.i.valid, ""), "i.ready": (source.i.ready, ""), "o.valid": (source.o.valid, ""),
             "o.ready": (source.o.ready, "")}
    rows = timing.sample(source, [0x2103, 0x4050] * 6, names, stalls=range(30), clocks=90)
    assert not all(row["i.ready"] for row in rows if row["i.valid"])
    assert sum(row["i.valid"] and row["i.ready"] for row in rows) == 12
    assert sum(row["o.valid"] and row["o.ready"] for row in rows) == 6 * 6


def test_bytes_on_the_uart_are_those_on_the_pins(make):
    """Bits read off the pins with a ruler, one in the middle of each."""
    lines = importlib.import_module("lines")
    rows = lines.serial(lines.framing.frame(bytes([0x05, 9])), clocks=600)

    def read(pin: str) -> bytes:
        said, t = b"", 0
        while t < len(rows):
            if rows[t][pin]:
                t += 1
                continue
            bits = [rows[t + lines.DIVISOR * k + lines.DIVISOR // 2][pin] for k in range(10)]
            assert bits[9]
            said, t = said + bytes([sum(bit << k for k, bit in enumerate(bits[1:9]))]), t + 9 * lines.DIVISOR + 2
        return said
    assert read("rx") == lines.framing.frame(bytes([0x05, 9]))
    assert read("tx") == lines.framing.frame(bytes([0x85, 9, 0]))
    drawn = xml.etree.ElementTree.fromstring(make.FIGURES["uart"]())
    texts = [one.text for one in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[texts.index("to the board") + 1:texts.index("busy")] == ["7e", "05", "05", "52", "26", "7e"]


def test_bytes_on_spi_are_those_on_the_pins():
    lines = importlib.import_module("lines")
    rows = lines.exchanged((0x7E, 0xA1), 0x3C, clocks=82)
    rises = [t for t in range(1, len(rows)) if rows[t]["sck"] > rows[t - 1]["sck"]]
    for pin, expected in (("copi", "0111111010100001"), ("cipo", "0111111000111100")):
        assert "".join(str(rows[t][pin]) for t in rises) == expected
    assert [row["o"] for row in rows if row["o.valid"]] == [0x7E, 0xA1]
    assert not any(rows[t]["cs_n"] for t in rises)
