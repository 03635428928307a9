"""Collision-free reads: the declaration reaches exactly the ports it is meant for, and saves the bypass logic."""

import json
import re

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Signal
from amaranth.lib.memory import Memory

from spikeloom import tools
from spikeloom.boards.collisions import declare_collision_free


def emit(build) -> str:
    """RTLIL of the memories that `build(m)` adds; it returns their ports, which are brought out."""
    m = Module()
    ports = []
    for port in build(m):
        ports += [signal for signal in (port.addr, port.data, port.en) if isinstance(signal, Signal)]
    return rtlil.convert(m, name="top", ports=ports, emit_src=False)


def read_masks(text: str) -> list[tuple[str, str, str]]:
    """(memory, transparency mask, collision mask) of every read port."""
    pattern = r'\$memrd_v2.*?MEMID "\\\\(\w+)".*?TRANSPARENCY_MASK \d+\'(\d+).*?COLLISION_X_MASK \d+\'(\d+)'
    return re.findall(pattern, text, re.S)


def flip_flops(text: str, folder) -> int:
    (folder / "top.il").write_text(text)
    script = "read_rtlil top.il; synth_ice40 -top top; write_json top.json"
    tools.run(tools.find("yosys"), ["-q", "-p", script], folder=folder, log="log")
    cells = json.loads((folder / "top.json").read_text())["modules"]["top"]["cells"].values()
    return sum(cell["type"].startswith("SB_DFF") for cell in cells)


def membranes(attrs=None):
    def build(m):
        m.submodules.membranes = memory = Memory(shape=64, depth=32, init=[], attrs=attrs or {})
        return [memory.write_port(), memory.read_port()]

    return build


def test_one_bit_is_set_per_write_port():
    def build(m):
        ports = []
        for writers in (0, 1, 3):
            m.submodules[f"memory{writers}"] = memory = Memory(shape=8, depth=16, init=[1])
            ports += [memory.write_port() for _ in range(writers)]
            ports.append(memory.read_port())
        return ports

    text = emit(build)
    assert read_masks(text) == [("memory0", "0", "0"), ("memory1", "0", "0"), ("memory3", "000", "000")]
    assert read_masks(declare_collision_free(text)) == [
        ("memory0", "0", "0"), ("memory1", "0", "1"), ("memory3", "000", "111")]


def test_transparent_and_asynchronous_ports_are_left_alone():
    def build(m):
        m.submodules.memory = memory = Memory(shape=8, depth=16, init=[])
        first, second = memory.write_port(), memory.write_port()
        return [first, second, memory.read_port(transparent_for=(first,)), memory.read_port(domain="comb")]

    assert read_masks(declare_collision_free(emit(build))) == [("memory", "01", "10"), ("memory", "00", "00")]


def test_a_memory_that_relies_on_old_data_keeps_it():
    text = emit(membranes({"read_old": 1, "ram_style": "block"}))
    assert declare_collision_free(text) == text


@pytest.mark.slow
def test_the_bypass_is_gone_only_where_declared(tmp_path):
    text = emit(membranes())
    kept = emit(membranes({"read_old": 1}))
    assert flip_flops(declare_collision_free(text), tmp_path) == 0
    assert flip_flops(declare_collision_free(kept), tmp_path) == flip_flops(text, tmp_path) > 100
