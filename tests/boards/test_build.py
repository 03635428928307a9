"""Whole builds with the real tools: bitstreams that are for the part they say, and clear refusals."""

import json

import pytest
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spikeloom.boards import board
from spikeloom.boards.build import STAGES, build
from spikeloom.boards.report import Use, overflow
from spikeloom.errors import FitError, SpikeloomError, ToolError

IDCODES = {"ulx3s-12f": "21111043", "ulx3s-25f": "41111043", "ulx3s-85f": "41113043"}


class Echo(wiring.Component):
    """Sends back what it receives, delayed by a shift register, and squares and stores a count on the side."""

    def __init__(self, *, delay: int = 2, words: int = 256):
        self.delay = delay
        self.words = words
        super().__init__({"rx": In(1), "tx": Out(1, init=1), "busy": Out(1)})

    def elaborate(self, platform):
        m = Module()
        line = Signal(self.delay)
        count = Signal(16)
        m.submodules.memory = memory = Memory(shape=16, depth=self.words, init=range(self.words))
        write, read = memory.write_port(), memory.read_port()
        m.d.sync += [Cat(line, self.tx).eq(Cat(self.rx, line)), count.eq(count + 1)]
        m.d.comb += [write.addr.eq(count), write.data.eq(count[:8] * count[:8]), write.en.eq(~line[0]),
                     read.addr.eq(count + 1), self.busy.eq(read.data.xor())]
        return m


@pytest.fixture(scope="module")
def icebreaker(tmp_path_factory):
    stages, clocks = [], []

    def top(clock_hz):
        clocks.append(clock_hz)
        return Echo()

    folder = tmp_path_factory.mktemp("icebreaker")
    report = build(top, board("icebreaker"), folder, clock_hz=24_000_000, progress=stages.append)
    return report, stages, clocks


@pytest.mark.slow
def test_an_icebreaker_build_reports_what_it_took(icebreaker):
    report, stages, clocks = icebreaker
    assert tuple(stages) == STAGES == tuple(report.seconds)
    assert clocks == [24_000_000] == [report.clock_hz]
    assert report.fmax_mhz > 24
    assert report.resources["ram"] == Use(used=1, available=30)
    assert report.resources["spram"] == Use(used=0, available=4)
    assert report.resources["dsp"] == Use(used=0, available=8)
    assert report.resources["pll"] == Use(used=1, available=1)
    assert report.resources["ff"].used <= report.resources["lut"].used < report.resources["lut"].available == 5280
    assert set(report.versions) == {"yosys", "nextpnr-ice40", "icepack"}
    assert json.loads(json.dumps(report.to_json()))["resources"]["ram"] == {"used": 1, "available": 30}


@pytest.mark.slow
def test_an_icebreaker_bitstream_is_one(icebreaker):
    report = icebreaker[0]
    data = report.bitstream.read_bytes()
    assert len(data) == 104_090
    assert bytes.fromhex("7eaa997e") in data[:64]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bitstream(icebreaker, tmp_path):
    first = icebreaker[0].bitstream.read_bytes()
    again = build(lambda hz: Echo(), board("icebreaker"), tmp_path / "again", clock_hz=24_000_000)
    other = build(lambda hz: Echo(), board("icebreaker"), tmp_path / "other", clock_hz=24_000_000, seed=2)
    assert again.bitstream.read_bytes() == first
    assert other.bitstream.read_bytes() != first


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "clock_hz"), [("ulx3s-12f", None), ("ulx3s-25f", 60_000_000), ("ulx3s-85f", 50_000_000)])
def test_an_ecp5_bitstream_is_for_its_part(name, clock_hz, tmp_path):
    report = build(lambda hz: Echo(), board(name), tmp_path, clock_hz=clock_hz)
    assert report.clock_hz == (clock_hz or 25_000_000) < report.fmax_mhz * 1e6
    assert report.resources["lut"].available == board(name).budget.lut
    assert report.resources["ram"] == Use(used=1, available=board(name).budget.ram)
    assert report.resources["dsp"] == Use(used=0, available=board(name).budget.dsp)
    assert report.resources["pll"].used == (clock_hz is not None)
    assert bytes.fromhex(IDCODES[name]) in report.bitstream.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("design", "message"),
    [
        ({"words": 31 * 256}, "design must fit iCEBreaker, not need 32 block RAMs where there are 30"),
        ({"delay": 5400}, r"design must fit iCEBreaker, not need \d{4} logic cells where there are 5280"),
    ],
)
def test_a_design_that_is_too_big_is_refused_by_the_resource(design, message, tmp_path):
    (tmp_path / "top.bin").write_bytes(b"of an earlier build")
    with pytest.raises(FitError, match=f"^{message}$"):
        build(lambda hz: Echo(**design), board("icebreaker"), tmp_path)
    assert not (tmp_path / "top.bin").exists()


@pytest.mark.slow
def test_a_clock_that_is_too_fast_is_refused_with_the_fastest(tmp_path):
    with pytest.raises(FitError, match=r"^clock must be at most \d+\.\d MHz on iCEBreaker, not 96\.0 MHz$") as error:
        build(lambda hz: Echo(), board("icebreaker"), tmp_path, clock_hz=96_000_000)
    assert 24 < float(str(error.value).split()[5]) < 96


def test_a_failed_placement_names_the_fullest_resource():
    log = """Info: Device utilisation:
Info: 	         ICESTORM_LC:    2372/   5280    44%
Info: 	        ICESTORM_RAM:       0/     30     0%
ERROR: Unable to find legal placement for all cells, design is probably at utilisation limit.
"""
    assert str(overflow(board("icebreaker"), log)) == (
        "design must leave iCEBreaker room to place and route, which 2372 of 5280 logic cells do not")
    assert overflow(board("icebreaker"), log.replace("Unable to find legal placement", "Something else")) is None


def test_a_failing_tool_is_named_with_its_log(tmp_path, monkeypatch):
    monkeypatch.setenv("YOSYS", "false")
    with pytest.raises(ToolError, match=r"^yosys failed with exit code 1: it said nothing \(see .*synthesis.err\)$"):
        build(lambda hz: Echo(), board("icebreaker"), tmp_path)


def test_a_design_without_a_link_is_refused(tmp_path):
    with pytest.raises(SpikeloomError, match="^design must have a port rx, str has none$"):
        build(lambda hz: "no design", board("icebreaker"), tmp_path)


def test_the_clock_is_the_one_made_not_the_one_wished(tmp_path):
    clocks = []
    with pytest.raises(SpikeloomError, match="design must have a port"):
        build(clocks.append, board("icebreaker"), tmp_path, clock_hz=25_000_000)
    assert clocks == [25_125_000]


@pytest.mark.parametrize("seed", [-1, True, "1"])
def test_a_wrong_seed_is_refused(seed, tmp_path):
    with pytest.raises(SpikeloomError, match="seed must be an integer from 0 to 2147483647"):
        build(lambda hz: Echo(), board("icebreaker"), tmp_path, seed=seed)
