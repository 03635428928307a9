"""Taps: registers found by their names, and what they wrote made spikes and membranes again."""

import numpy as np
import pytest

from spikeloom import boards, codebooks
from spikeloom.boards.build import sources
from spikeloom.errors import FileError, SpikeloomError
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.rtl_gen import planner
from spikeloom.rtl_gen.linked import LinkedTop
from spikeloom.rtl_gen.verilog import yosys
from spikeloom.sim import netlist, taps
from spikeloom.sim.taps import Names, Tap
from spikeloom.sim.volume import HardwareError


def network(hidden=5, outputs=2, bits=4):
    book = codebooks.make("ternary")
    layers = tuple(Layer(synapses=Dense(weights=np.ones((n, m), int), codebook=book),
                         neurons=Lif(neurons=n, threshold=threshold, membrane_bits=bits))
                   for m, n, threshold in ((3, hidden, 1), (hidden, outputs, None)))
    return Network(input=Input(shape=(3,)), layers=layers, readout="membrane-last", timesteps=2)


def plan(bits=4, **options):
    return planner.make(network(bits=bits), lanes=(2, 1), update_lanes=(2, 1), **options)


def flip_flop(kind="SB_DFFE", **nets):
    return {"type": kind, "parameters": {}, "connections": {port: [net] for port, net in nets.items()}}


def named(**bits):
    """Names of a layer's register: a name each, "" for what is called nothing."""
    return Names(**{part: tuple(frozenset([name] if name else []) for name in names) for part, names in bits.items()})


KNOWN = [named(valid=["v"], spikes=["s[0]", "s[1]"], membranes=["", "a"]),
         named(valid=["w"], spikes=["0"], membranes=["b[0]", "b[1]", "1", "b[1]"])]
NETS = {"v": [2], "s[0]": [3], "s[1]": [9, 4], "w": [5], "b[0]": [6], "b[1]": [7], "a": [3]}


def registers(**changes):
    cells = {f"r{q}": flip_flop(Q=q, D=20, E=21) for q in (2, 3, 4, 6, 7)}
    return {"cells": cells | {"r5": flip_flop("SB_DFFSR", Q=5, D=20, R=1)} | changes}


def test_registers_are_found_by_name():
    """A name that another net has too means the one that is a register's; a layer that never fires has no spikes."""
    assert taps.find(registers(), plan(), KNOWN, NETS) == [
        Tap(layer=0, loads=21, inverted=False, valid=2, spikes=(3, 4), membranes=()),
        Tap(layer=1, loads="1", inverted=False, valid=5, spikes=(), membranes=(6, 7, "1", 7))]


def test_what_synthesis_did_away_with_is_not_looked_at():
    first = taps.find(registers(), plan(), KNOWN, NETS | {"s[0]": []})[0]
    assert first.spikes == (None, 4) and first.held == (4,)
    assert [tap.layer for tap in taps.find(registers(), plan(), KNOWN, NETS | {"s[0]": [], "s[1]": [8]})] == [1]
    assert [tap.layer for tap in taps.find(registers(), plan(), KNOWN, NETS | {"b[1]": []})] == [0]
    assert [tap.layer for tap in taps.find(registers(), plan(), KNOWN, NETS | {"v": []})] == [1]


@pytest.mark.parametrize(("cell", "load"), [
    (flip_flop("SB_DFF", Q=2, D=1), ("1", False)),
    (flip_flop("SB_DFFER", Q=2, D=1, E=7, R=8), (7, False)),
    (flip_flop("TRELLIS_FF", Q=2, DI=1, CE=7), (7, False)),
    (flip_flop("TRELLIS_FF", Q=2, DI=1, CE=7) | {"parameters": {"CEMUX": "INV"}}, (7, True)),
    (flip_flop("TRELLIS_FF", Q=2, DI=1, CE=7) | {"parameters": {"CEMUX": "1 "}}, ("1", False)),
    (flip_flop("TRELLIS_FF", Q=2, DI=1), ("1", False)),
])
def test_when_a_register_is_loaded(cell, load):
    tap = taps.find(registers(r2=cell), plan(), KNOWN, NETS)[0]
    assert (tap.loads, tap.inverted) == load


@pytest.mark.parametrize("cell", [
    flip_flop("SB_DFFESS", Q=2, D=1, E=7, S=8), flip_flop("SB_DFFNE", Q=2, D=1, E=7),
    flip_flop("TRELLIS_FF", Q=2, DI=1, CE=7) | {"parameters": {"REGSET": "SET"}},
    flip_flop("TRELLIS_FF", Q=2, DI=1, CE=7) | {"parameters": {"CLKMUX": "INV"}},
])
def test_registers_of_other_kinds_are_not_trusted(cell):
    assert [tap.layer for tap in taps.find(registers(r2=cell), plan(), KNOWN, NETS)] == [1]


def test_names_of_nets():
    module = {"netnames": {"a": {"bits": [2]}, "b": {"bits": [2, "x", 3]}, "c": {"bits": ["0", 3], "offset": 4}}}
    assert taps.by_net(module) == {2: {"a", "b[0]"}, 3: {"b[2]", "c[5]"}, "0": {"c[4]"}}
    assert taps.nets(module) == {"a": [2], "b[0]": [2], "b[2]": [3], "c[5]": [3], "c[4]": ["0"]}
    assert taps.routed_nets(".sym 7 a\n.sym 8 b[2]\n.sym 9 a\n.io_tile 1 2\n") == {"a": [9, 11], "b[2]": [10]}


@pytest.mark.parametrize("strategy", ["sparse", "parallel"])
def test_the_design_has_the_signals_that_are_looked_for(strategy, tmp_path):
    chosen = planner.make(network(), layers={0: {"strategy": strategy}, 1: {"strategy": strategy}})
    board = boards.board("icebreaker")
    text = sources(lambda hz: LinkedTop(chosen, hz, 1_000_000), board)[0]["top.il"]
    (tmp_path / "top.il").write_text(text)
    yosys("read_rtlil top.il; proc; flatten; opt_clean; write_json top.json", tmp_path)
    found = taps.names(tmp_path, chosen)
    lanes = [chosen.trace_lanes(k) for k in range(2)]
    assert [(len(one.valid), len(one.spikes), len(one.membranes)) for one in found] == [
        (1, lanes[k], lanes[k] * 4) for k in range(2)]
    assert all(len(bit) > 1 for bit in (*found[0].valid, *found[0].spikes, *found[1].membranes))
    assert all(name.startswith("design.linked.core.") for bit in found[0].spikes for name in bit)
    with pytest.raises(SpikeloomError, match="^design must have one signal .(layer|chain)1"):
        taps.names(tmp_path, planner.make(network(), layers={0: {"strategy": strategy}, 1: {
            "strategy": {"sparse": "parallel", "parallel": "sparse"}[strategy]}}))


def test_a_build_without_its_design_is_refused(tmp_path):
    with pytest.raises(FileError, match="must hold top.il: build again$"):
        taps.names(tmp_path, plan())


def tap(**changes):
    return Tap(**{"layer": 0, "loads": 2, "inverted": False, "valid": 3, "spikes": (4, 5), "membranes": ()} | changes)


def test_groups_become_neurons():
    """Five neurons, two at a time, two timesteps; the first character is the highest bit."""
    text = "01\n10\n01\n" + "11\n00\n00\n" + 6 * "10\n"
    shown = taps.read(tap(), text, plan(), 2)
    assert shown.membranes is None and shown.seen.all()
    assert shown.spikes.astype(int).tolist() == [
        [[1, 0, 0, 1, 1], [1, 1, 0, 0, 0]], [[0, 1, 0, 1, 0], [0, 1, 0, 1, 0]]]


def test_neurons_without_a_register_are_not_seen():
    shown = taps.read(tap(spikes=(None, 5)), 6 * "1\n", plan(), 1)
    assert shown.seen.tolist() == [False, True, False, True, False]
    assert shown.spikes[..., shown.seen].all() and not shown.spikes[..., ~shown.seen].any()


def test_membranes_are_signed():
    shown = taps.read(tap(layer=1, spikes=(), membranes=(4, 5, 6, 7)), "1000\n0111\n1111\n0001\n", plan(), 1)
    assert shown.spikes is None and shown.membranes.tolist() == [[[-8, 7], [-1, 1]]]


def test_the_widest_membranes_are_signed():
    text = "\n".join(("1" + 31 * "0", "0" + 31 * "1", 32 * "1", 32 * "0"))
    shown = taps.read(tap(layer=1, spikes=(), membranes=tuple(range(4, 36))), text, plan(bits=32), 1)
    assert shown.membranes.dtype == np.int32 and shown.membranes.tolist() == [[[-1 << 31, (1 << 31) - 1], [-1, 0]]]


def test_spikes_and_membranes_of_one_register():
    both = tap(layer=1, spikes=(3,), membranes=(4, 5, 6, 7))
    shown = taps.read(both, "00101\n01110\n00001\n00000\n", plan(), 1)
    assert shown.spikes.astype(int).tolist() == [[[1, 0], [1, 0]]]
    assert shown.membranes.tolist() == [[[2, 7], [0, 0]]]


@pytest.mark.parametrize("count", [5, 7])
def test_a_layer_that_is_updated_too_often_or_too_seldom_is_an_error(count):
    with pytest.raises(HardwareError, match=f"^layer 0 must be updated 6 times, not {count}$"):
        taps.read(tap(), count * "01\n", plan(), 1)


def test_unknown_values_are_an_error():
    with pytest.raises(HardwareError, match="^layer 0 must have known spikes and membranes, not 'x1'$"):
        taps.read(tap(), 5 * "01\n" + "x1\n", plan(), 1)


def test_a_tap_is_a_port_of_the_gates():
    """An inverted load is turned round where it is written down."""
    module = {"attributes": {}, "ports": {"clock": {"direction": "input", "bits": [2]}}, "netnames": {}, "cells": {}}
    module["cells"]["r"] = flip_flop("SB_DFF", C=2, D=2, Q=3) | {
        "attributes": {}, "port_directions": {"C": "input", "D": "input", "Q": "output"}}
    text = netlist.to_verilog(module, [tap(inverted=True, valid=3, spikes=(3, None), membranes=("1", 3))])
    assert ".FILE(\"layer0.txt\")) tap0(.clock(clock), .loads(~loads0), .valid(valid0), .held(held0));" in text
    assert "wire [2:0] held0;" in text and "tap #(.WIDTH(3)," in text and text.count("module tap ") == 1
    assert "tap" not in netlist.to_verilog(module)
