"""Where bits are said to be is where Yosys puts them when it is given other contents."""

import json
from dataclasses import replace

import numpy as np
import pytest

from spikeloom import tools
from spikeloom.boards import contents, placement
from spikeloom.errors import ToolError
from spikeloom.rtl_gen.verilog import to_rtlil

from .roms import Roms

SHAPES = {"ice40": ((16, 40), (7, 300), (2, 2100), (20, 2)),
          "ecp5": ((36, 520), (9, 1100), (20, 70), (5, 2))}
SCRIPT = ("read_rtlil top.il; synth_{0} -top top -run begin:map_ram; select t:$mem_v2; "
          "write_json -selected coarse.json; select -clear; "
          "synth_{0} -top top -run map_ram:map_ffram; select top; write_json -selected top.json")


def varied(text):
    """The design with contents in which no bit of a word is constant, or Yosys would leave it out."""
    markers = contents.markers(contents.read(text))
    inverted = {path: replace(marker, bits=marker.bits.translate(str.maketrans("01", "10")))
                for path, marker in markers.items()}
    return contents.write(text, inverted)


def synthesised(family, text, folder):
    (folder / "top.il").write_text(text)
    tools.run(tools.find("yosys"), ["-q", "-p", SCRIPT.format(family)], folder=folder, log="log")
    return (json.loads((folder / name).read_text()) for name in ("coarse.json", "top.json"))


@pytest.mark.slow
@pytest.mark.parametrize("family", ["ice40", "ecp5"])
def test_every_bit_is_where_it_is_said_to_be(family, tmp_path):
    text = varied(contents.in_block_ram(to_rtlil(Roms(SHAPES[family], 3), "top")))
    memories = contents.read(text)
    coarse, netlist = synthesised(family, text, tmp_path)
    layouts = placement.layouts(coarse, list(memories), family, tmp_path)
    for path, places in layouts.items():
        cells, real = placement.block_rams(netlist, family, path), memories[path].bits
        assert set(cells) == set(places)
        for place, positions in places.items():
            found = placement.cell_bits(cells[place])
            assert len(found) == len(positions)
            expected = "".join("-" if k < 0 else real[k] for k in positions.tolist())
            differ = [k for k, (a, b) in enumerate(zip(found, expected, strict=True)) if b != "-" and a != b]
            assert differ == []
        assert np.isin(np.arange(len(real)), np.concatenate([*places.values()])).all()


def test_a_memory_that_yosys_dropped_is_missed(tmp_path):
    with pytest.raises(ToolError, match="^yosys must keep the memory rom9$"):
        placement.layouts({"modules": {"top": {"cells": {}}}}, ["rom9"], "ice40", tmp_path)


@pytest.mark.slow
def test_a_memory_in_logic_is_noticed(tmp_path):
    coarse, _ = synthesised("ice40", varied(to_rtlil(Roms(((2, 3),), 3), "top")), tmp_path)
    with pytest.raises(ToolError, match="^yosys must keep all 6 bits of the memory rom0 in block RAM$"):
        placement.layouts(coarse, ["rom0"], "ice40", tmp_path)
