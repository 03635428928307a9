"""The catalogue against amaranth-boards, where pins come from, and against nextpnr, which knows the parts."""

import json
from dataclasses import replace

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikeloom import tools
from spikeloom.boards import Board, Budget, bitstream, board, boards
from spikeloom.boards.board import Programmer
from spikeloom.boards.build import build, sources
from spikeloom.boards.parts import nextpnr_options
from spikeloom.errors import SpikeloomError, ToolError

NAMES = [
    "colorlight-i5", "colorlight-i9", "ecp5-evn", "ecpix5-45f", "ecpix5-85f", "hx8k", "icebreaker", "icepi-zero",
    "icestick", "icesugar", "icesugar-pro", "orangecrab-25f", "orangecrab-85f", "pico-ice", "ulx3s-12f", "ulx3s-25f",
    "ulx3s-45f", "ulx3s-85f", "upduino3", "versa-ecp5", "versa-ecp5-5g",
]


class Echo(wiring.Component):
    """Sends back what it receives."""

    def __init__(self):
        super().__init__({"rx": In(1), "tx": Out(1, init=1), "busy": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.d.sync += [self.tx.eq(self.rx), self.busy.eq(~self.busy)]
        return m


def test_boards_are_listed_by_name():
    assert [one.name for one in boards()] == NAMES
    assert board("icebreaker").title == "iCEBreaker"


def test_an_unknown_board_shows_the_likely_spelling():
    with pytest.raises(SpikeloomError) as error:
        board("icebraker")
    assert str(error.value) == (
        f"board must be one of {', '.join(NAMES)}, not 'icebraker' (did you mean 'icebreaker'?)")


@pytest.mark.parametrize("name", NAMES)
def test_a_board_agrees_with_its_platform(name):
    one = board(name)
    platform = one.make_platform()
    assert (platform.device, platform.package, getattr(platform, "speed", "")) == (one.device, one.package, one.speed)
    assert platform.default_clk_frequency == one.clock_hz
    clock = platform.lookup(platform.default_clk, 0).ios[0]
    assert one.clock.split() == (clock.names if hasattr(clock, "names") else [*clock.p.names, *clock.n.names])
    uart = {line.name: line.ios[0] for line in platform.lookup("uart", 0).ios}
    assert (uart["rx"].names, uart["rx"].dir) == ([one.rx], "i")
    assert (uart["tx"].names, uart["tx"].dir) == ([one.tx], "o")
    leds = [platform.lookup("led", number).ios[0] for number in range(len(one.leds))]
    assert [led.names for led in leds] == [[pin] for pin in one.leds]
    assert [led.invert for led in leds] == [one.leds_active_low] * len(leds)


def test_a_board_says_what_its_class_says():
    """`make_platform` sets device, package and speed, so they are compared with the class as it was written."""
    from importlib import import_module
    for one in boards():
        if one.platform:
            module, name = one.platform.split(":")
            theirs = getattr(import_module(f"amaranth_boards.{module}"), name)
            assert (theirs.device, theirs.package) == (one.device, one.package)
            assert one.family == "ice40" or theirs.speed == one.speed


def pins(text: str) -> dict[str, str]:
    """Pin by port, from a .pcf or .lpf file."""
    lines = [line.replace('"', "").rstrip(";").split() for line in text.splitlines()]
    return ({words[1]: words[2] for words in lines if words[:1] == ["set_io"]}
            | {words[2]: words[4] for words in lines if words[:2] == ["LOCATE", "COMP"]})


def packed(one: Board, constraints: str, folder) -> str:
    """What nextpnr says to a design of nothing but the ports that `constraints` names."""
    ports = {port: {"direction": "input", "bits": [number]} for number, port in enumerate(pins(constraints), 2)}
    names = {port: {"hide_name": 0, "bits": ports[port]["bits"], "attributes": {}} for port in ports}
    (folder / "top.json").write_text(json.dumps({"creator": "Spikeloom", "modules": {"top": {
        "attributes": {"top": 1}, "ports": ports, "cells": {}, "netnames": names}}}))
    extension = "pcf" if one.family == "ice40" else "lpf"
    lines = [line for line in constraints.splitlines() if "set_io" in line or line.lstrip().startswith("LOCATE")]
    (folder / f"top.{extension}").write_text("\n".join(lines) + "\n")
    tool = tools.find(f"nextpnr-{one.family}")
    return tools.run(tool, [*nextpnr_options(one.device, one.package, one.speed), "--json", "top.json",
                            f"--{extension}", f"top.{extension}", "--pack-only"], folder=folder, log="pack.log")


@pytest.mark.parametrize("name", NAMES)
def test_every_board_elaborates_for_pins_that_its_part_has(name, tmp_path):
    one = board(name)
    files, clock_hz = sources(lambda hz: Echo(), one)
    assert clock_hz == one.default_hz <= 50_000_000
    assert (clock_hz != one.clock_hz) == ("EHXPLLL" in files["top.il"] or "SB_PLL40" in files["top.il"])
    constraints = files.get("top.pcf") or files["top.lpf"]
    found = pins(constraints)
    clock = {port: pin for port, pin in found.items() if port.startswith("clk")}
    assert set(clock.values()) <= set(one.clock.split())
    assert {pin for port, pin in found.items() if port not in clock} == {one.rx, one.tx, one.led}
    assert "finished normally" in packed(one, constraints, tmp_path)


@pytest.mark.parametrize(("name", "pin"), [("icestick", "151"), ("orangecrab-25f", "V99")])
def test_a_pin_that_the_part_has_not_is_found(name, pin, tmp_path):
    one = replace(board(name), tx=pin)
    line = f"set_io uart {pin}" if one.family == "ice40" else f'LOCATE COMP "uart" SITE "{pin}";'
    with pytest.raises(ToolError, match=f"package does not have a pin named '{pin}'|'{pin}', which does not exist"):
        packed(one, line, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hx8k", "icestick", "upduino3", "versa-ecp5-5g"])
def test_a_clock_that_is_not_at_the_pll_is_brought_there(name, tmp_path):
    report = build(lambda hz: Echo(), board(name), tmp_path, clock_hz=24_000_000)
    assert (report.resources["pll"].used, report.clock_hz) == (1, 24_000_000)
    assert bitstream.check(report.bitstream, board(name)).startswith(board(name).device)
    assert report.resources["lut"].available == board(name).budget.lut
    assert report.resources["ram"].available == board(name).budget.ram


@pytest.mark.slow
def test_only_the_pad_of_a_pll_is_one(tmp_path):
    with pytest.raises(ToolError, match="PLL"):
        build(lambda hz: Echo(), replace(board("hx8k"), pll_pad=True), tmp_path, clock_hz=24_000_000)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("family", "ice65", "family must be one of ice40, ecp5, not 'ice65'"),
        ("device", "iCE40UL1K",
         "device must be one of iCE40HX1K, iCE40HX8K, iCE40UP5K, LFE5U-12F, LFE5U-25F, LFE5U-45F, LFE5U-85F, "
         "LFE5UM-45F, LFE5UM5G-45F, LFE5UM5G-85F, not 'iCE40UL1K'"),
        ("package", "QFN", "package must be one of SG48, TQ144, CT256, BG256, MG285, BG381, BG554, not 'QFN'"),
        ("clock_hz", 12, "clock_hz must be an integer from 1000000 to 400000000, not 12"),
        ("baud", 300, "baud must be an integer from 1200 to 12000000, not 300"),
        ("leds", (), "leds must name at least one pin, not ()"),
        ("name", "My Board", "name must be lower case without spaces, not 'My Board'"),
        ("platform", "icebreaker", "platform must be module:Class, not 'icebreaker'"),
        ("unverified", ("colour",), "unverified must be one of clock, rx, tx, leds, programmer, not 'colour'"),
    ],
)
def test_a_wrong_field_is_refused(field, value, message):
    with pytest.raises(SpikeloomError) as error:
        replace(board("icebreaker"), **{field: value})
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tool": "openocd", "usb": "0403:6010"},
         "tool must be one of openfpgaloader, iceprog, dfu-util, icesprog, not 'openocd'"),
        ({"tool": "iceprog", "usb": "FT2232H"}, "usb must be vendor:product in hexadecimal, not 'FT2232H'"),
    ],
)
def test_a_wrong_programmer_is_refused(fields, message):
    with pytest.raises(SpikeloomError) as error:
        Programmer(**fields)
    assert str(error.value) == message


def test_a_budget_holds_whole_numbers():
    with pytest.raises(SpikeloomError, match="lut must be an integer from 1 to 16777216, not 0"):
        Budget(lut=0, ram=1, ram_bits=1, ram_width=1)
