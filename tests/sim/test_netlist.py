"""Netlists on their way to a simulator: pads and PLLs as wires, nothing left open, and what is refused."""

import pytest

from spikeloom import boards
from spikeloom.errors import SpikeloomError
from spikeloom.sim import netlist

PCF = "# a comment\nset_io clk12_0__io 35\nset_io uart_0__rx__io 6\nset_io uart_0__tx__io 9\nset_frequency x 12.0\n"
LPF = 'BLOCK ASYNCPATHS;\nLOCATE COMP "clk25_0__io" SITE "G2";\nIOBUF PORT "clk25_0__io" IO_TYPE=LVCMOS33;\n'


def cell(kind, connections, **parameters):
    return {"type": kind, "parameters": parameters, "attributes": {"src": "x"}, "port_directions": {},
            "connections": connections}


def module(*cells, **ports):
    return {"cells": {f"c{k}": one for k, one in enumerate(cells)},
            "ports": {name: {"direction": "inout", "bits": [bit]} for name, bit in ports.items()}}


def wires(found):
    return sorted(((one["connections"]["A"][0], one["connections"]["Y"][0]) for one in found["cells"].values()
                   if one["type"] == "$_BUF_"), key=str)


def test_pins_are_read_from_both_kinds_of_constraints():
    assert netlist.pads(PCF) == {"clk12_0__io": "35", "uart_0__rx__io": "6", "uart_0__tx__io": "9"}
    assert netlist.pads(LPF) == {"clk25_0__io": "G2"}


def test_the_pins_of_the_link_get_names_of_their_own():
    board = boards.board("icebreaker")
    assert netlist.names(board, PCF + "set_io led_0__io 11\n") == {
        "clk12_0__io": "clock", "uart_0__rx__io": "rx", "uart_0__tx__io": "tx", "led_0__io": "pin11"}


def test_pads_of_an_ice40_become_wires():
    found = netlist.wired(module(
        cell("SB_IO", {"PACKAGE_PIN": [2], "D_IN_0": [10], "CLOCK_ENABLE": ["1"]}, PIN_TYPE="000001"),
        cell("SB_GB_IO", {"PACKAGE_PIN": [3], "GLOBAL_BUFFER_OUTPUT": [11], "D_IN_0": [12]}, PIN_TYPE="000001"),
        cell("SB_IO", {"PACKAGE_PIN": [4], "D_OUT_0": [13], "OUTPUT_ENABLE": ["1"]}, PIN_TYPE="101001"),
        cell("$scopeinfo", {}), a=2, b=3, c=4), {"a": "rx", "b": "clock"})
    assert set(wires(found)) == {(2, 10), (3, 11), (3, 12), (13, 4)}
    assert {name: port["direction"] for name, port in found["ports"].items()} == {
        "rx": "input", "clock": "input", "c": "output"}
    assert len(found["cells"]) == 4


def test_pads_of_an_ecp5_become_wires():
    found = netlist.wired(module(
        cell("TRELLIS_IO", {"B": [2], "O": [10]}, DIR="INPUT"),
        cell("TRELLIS_IO", {"B": [3], "I": [11], "T": ["0"]}, DIR="OUTPUT"), a=2, b=3), {})
    assert set(wires(found)) == {(2, 10), (11, 3)}


@pytest.mark.parametrize("pll", [
    cell("SB_PLL40_PAD", {"PACKAGEPIN": [2], "PLLOUTGLOBAL": [10], "LOCK": [11]}),
    cell("SB_PLL40_CORE", {"REFERENCECLK": [2], "PLLOUTCORE": [10], "LOCK": [11]}),
    cell("EHXPLLL", {"CLKI": [2], "CLKFB": [10], "CLKOP": [10], "LOCK": [11]})])
def test_a_pll_is_a_wire_that_is_locked(pll):
    assert set(wires(netlist.wired(module(pll, clk=2), {}))) == {("1", 11), (2, 10)}


@pytest.mark.parametrize("pad, message", [
    (cell("SB_IO", {"PACKAGE_PIN": [2], "D_IN_0": [9]}, PIN_TYPE="000000"), "not an SB_IO with PIN_TYPE 000000$"),
    (cell("SB_IO", {"PACKAGE_PIN": [2], "D_OUT_0": [9]}, PIN_TYPE="010101"), "not an SB_IO with PIN_TYPE 010101$"),
    (cell("SB_IO", {"PACKAGE_PIN": [2], "D_OUT_0": [9], "OUTPUT_ENABLE": [8]}, PIN_TYPE="101001"),
     "not an SB_IO with PIN_TYPE 101001$"),
    (cell("TRELLIS_IO", {"B": [2], "I": [9], "O": [8]}, DIR="BIDIR"), "not a TRELLIS_IO with DIR BIDIR$"),
    (cell("TRELLIS_IO", {"B": [2], "I": [9], "T": [8]}, DIR="OUTPUT"), "not a TRELLIS_IO with DIR OUTPUT$")])
def test_pads_that_do_more_are_refused(pad, message):
    with pytest.raises(SpikeloomError, match="^pad must be a plain input or output, " + message):
        netlist.wired(module(pad, a=2), {})


def test_no_input_is_left_open():
    found = netlist.wired(module(
        cell("SB_LUT4", {"O": [9], "I1": [5]}, LUT_INIT="01"), cell("SB_CARRY", {"CO": [8], "I0": [5]}),
        cell("SB_RAM40_4K", {"RDATA": [7], "WE": [5]}), cell("SB_DFFESR", {"Q": [6], "D": [5], "C": [4], "R": [5]}),
        cell("SB_DFFSR", {"Q": [16], "D": [5], "C": [4], "R": [5]})), {})["cells"]
    joined = [one["connections"] for one in found.values()]
    assert joined[0] == {"O": [9], "I0": ["0"], "I1": [5], "I2": ["0"], "I3": ["0"]}
    assert joined[1] == {"CO": [8], "I0": [5], "I1": ["0"], "CI": ["0"]}
    assert joined[2] == {"RDATA": [7], "WE": [5], "RE": ["0"], "RCLKE": ["1"], "WCLKE": ["1"], "MASK": ["0"] * 16}
    assert joined[3]["E"] == ["1"] and "E" not in joined[4]


def test_contents_of_an_ecp5_ram_are_one_piece():
    rows = {f"INITVAL_{k:02X}": "0" * 320 for k in range(64)} | {"INITVAL_01": "0" * 319 + "1"}
    ram = cell("DP16KD", {"CLKA": [2]}, DATA_WIDTH_A="10010", GSR="DISABLED", **rows)
    found = netlist.wired(module(ram), {})["cells"]["c0"]["parameters"]
    assert found == {"DATA_WIDTH_A": "10010", "INIT": "0" * (20480 - 321) + "1" + "0" * 320}


@pytest.mark.parametrize("family, own, foreign", [
    ("ice40", ["SB_LUT4", "SB_RAM40_4K", "SB_DFFESR"], []),
    ("ecp5", ["LUT4", "TRELLIS_FF", "CCU2C", "DP16KD", "ECP5_CARRY", "ECP5_DPRAM"], ["TRELLIS_COMB", "TRELLIS_IO"])])
def test_models_are_there_once(family, own, foreign):
    text = netlist.models(family)
    for name in own:
        assert len([line for line in text.splitlines() if line.split("(")[0].split() == ["module", name]]) == 1, name
    assert not any(f"module {name}(" in text for name in foreign) and "endspecify" not in text


def test_a_swappable_build_has_no_contents_in_its_netlist(tmp_path):
    (tmp_path / "swap.npz").touch()
    with pytest.raises(SpikeloomError, match="not a swappable one: only level 3 can tell what is in it$"):
        netlist.synthesised(tmp_path, boards.board("icebreaker"))
