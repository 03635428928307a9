"""Collisions: declared free exactly where meant, which saves the bypass, and poisoned so that a simulation suffers."""

import json
import re

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Signal
from amaranth.lib.memory import Memory

from spikeloom import tools
from spikeloom.errors import ToolError
from spikeloom.rtl_gen.collisions import declare_collision_free, poison_collisions


def emit(build) -> str:
    """RTLIL of the memories that `build(m)` adds; it returns their ports, brought out as `addr0`, `data0`, `en0`, .."""
    m = Module()
    ports = {}
    for k, port in enumerate(build(m)):
        signals = {"addr": port.addr, "data": port.data, "en": port.en}
        ports |= {f"{name}{k}": (one, None) for name, one in signals.items() if isinstance(one, Signal)}
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


def reads(text: str, rows, folder) -> bool:
    """Whether read port 2 shows `data` a clock after each row `((en0, addr0), (en1, addr1), (en2, addr2), data)`."""
    (folder / "top.il").write_text(text)
    given = []
    for step, (*ports, data) in enumerate(rows, 1):
        for k, (enable, address) in enumerate(ports):
            given.append(f"-set-at {step} en{k} {enable} -set-at {step} addr{k} {address}")
        given.append(f"-set-at {step + 1} data2 {data}")
    prepared = "read_rtlil top.il; proc; flatten; memory; opt_clean"
    script = f"{prepared}; sat -verify -seq {len(rows) + 1} {' '.join(given)} top"
    try:
        tools.run(tools.find("yosys"), ["-p", script], folder=folder, log="log")
    except ToolError:
        return False
    return True


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
    assert poison_collisions(text) == text


def test_reads_of_a_memory_that_nobody_writes_are_left_alone():
    def build(m):
        m.submodules.weights = memory = Memory(shape=8, depth=16, init=[1])
        return [memory.read_port()]

    text = emit(build)
    assert declare_collision_free(text) == text
    assert poison_collisions(text) == text


def test_a_collision_is_poisoned_in_the_bits_being_written(tmp_path):
    """Two writers, one with half-word enables: address, what each writes, and what the next clock must read."""

    def build(m):
        m.submodules.memory = memory = Memory(shape=8, depth=16, init=[0x53] * 16)
        return [memory.write_port(granularity=4), memory.write_port(), memory.read_port()]

    text = poison_collisions(emit(build))
    rows = [
        ((0, 1), (0, 1), (1, 1), 0x53),
        ((1, 1), (0, 2), (1, 1), 0x5C),
        ((2, 3), (0, 2), (1, 3), 0xA3),
        ((3, 4), (1, 5), (1, 6), 0x53),
        ((0, 4), (1, 7), (1, 7), 0xAC),
        ((3, 8), (0, 0), (0, 8), 0xAC),
        ((0, 8), (0, 0), (1, 9), 0x53),
    ]
    assert reads(text, rows, tmp_path)
    for k, (*ports, data) in enumerate(rows):
        assert not reads(text, [*rows[:k], (*ports, data ^ 1), *rows[k + 1:]], tmp_path)
    honest = [(*ports, 0x53) for *ports, _ in rows]
    assert reads(emit(build), honest, tmp_path)


@pytest.mark.slow
def test_the_bypass_is_gone_only_where_declared(tmp_path):
    text = emit(membranes())
    kept = emit(membranes({"read_old": 1}))
    assert flip_flops(declare_collision_free(text), tmp_path) == 0
    assert flip_flops(declare_collision_free(kept), tmp_path) == flip_flops(text, tmp_path) > 100
