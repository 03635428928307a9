"""Waveforms of gates: what they show is the reference, and where the gates are damaged they show that."""

import re
from dataclasses import replace
from itertools import groupby
from types import SimpleNamespace

import numpy as np
import pytest

from spikeloom import Dense, Input, Layer, Lif, Network, cli, codebooks, save
from spikeloom.commands import verify
from spikeloom.commands._samples import Samples
from spikeloom.errors import SpikeloomError
from spikeloom.firmware import framing
from spikeloom.rtl_gen import planner, protocol
from spikeloom.sim import fst, gate_waves, ladder
from spikeloom.sim.reference import simulate
from spikeloom.sim.taps import Tap
from spikeloom.sim.volume import HardwareError

from . import small_gates
from .waveforms import changes, pages, signed


@pytest.fixture(scope="module")
def network():
    return small_gates.network()


@pytest.fixture(scope="module")
def frames():
    return small_gates.frames()


def read(found, network, frames):
    """(spikes of the hidden layer, membranes of the outputs, answers of the host) in a waveform."""
    top, shape = gate_waves.TOPS[found.level], (len(frames), network.timesteps, -1)
    hidden, outputs = (pages(found.waveform, f"{top}.layer{k}") for k in range(2))
    for shown, k in ((hidden, 0), (outputs, 1)):
        places = [(int(page[f"{top}.layer{k}.inference"], 2), int(page[f"{top}.layer{k}.timestep"], 2))
                  for page in shown]
        assert places == [(sample, step) for sample in range(len(frames)) for step in range(shape[1])]
    spikes = np.array([[int(page[f"{top}.layer0.spike_{n}"]) for n in range(4)] for page in hidden]).reshape(shape)
    membranes = np.array([[signed(page[f"{top}.layer1.membrane_{n}"]) for n in range(3)] for page in outputs])
    answers, now = [], {}
    for _, together in groupby(changes(found.waveform), key=lambda change: change[0]):
        new = {name: bits for _, name, bits in together}
        now |= new
        if "host.inference" in new and "x" not in new["host.inference"]:
            answers.append((int(now["host.best"], 2), *(signed(now[f"host.score_{k}"]) for k in range(3))))
    return spikes, membranes.reshape(shape), answers


def line(found, name: str) -> bytes:
    """The bytes that a signal showed, one after another."""
    top, said, now = gate_waves.TOPS[found.level], b"", {}
    for _, together in groupby(changes(found.waveform), key=lambda change: change[0]):
        new = {name: bits for _, name, bits in together}
        if f"{top}.{name}_line.number" in new and int(new[f"{top}.{name}_line.number"], 2):
            said += bytes([int((now | new)[f"{top}.{name}"], 2)])
        now |= new
    return said


@pytest.mark.slow
def test_a_routed_design_shows_the_reference(small_ice40, network, frames, tmp_path):
    found = verify.gate_waveform(small_ice40, Samples(frames=frames, origin="here"), 3, tmp_path)
    assert (found.waveform, found.save_file) == (tmp_path / "waves-level3.fst", tmp_path / "waves-level3.gtkw")
    expected = simulate(network, frames, trace=True)
    assert found.comparison.mismatches == 0 and found.level == 3
    spikes, membranes, answers = read(found, network, frames)
    assert (spikes == expected.spikes[0]).all() and spikes.any() and not spikes.all()
    assert (membranes == expected.membranes[1]).all() and (membranes < 0).any()
    assert answers == [(int(best), *map(int, scores)) for best, scores in
                       zip(expected.classes, expected.scores, strict=True)]
    assert fst.about(found.waveform) == "Spikeloom, exactness level 3: routed design"
    assert found.shown == ("layer 0: spikes of 4 of 4 neurons", "layer 1: all membranes")
    requests, replies = (framing.Unframer().feed(line(found, name)) for name in gate_waves.BYTES)
    assert [body[0] for body in requests].count(protocol.RUN.code) == len(frames)
    assert [body[0] for body in replies] == [body[0] | protocol.REPLY for body in requests]
    text, names = found.save_file.read_text(), fst.names(found.waveform)
    titles = re.findall(r"^@[0-9a-f]*800200\n-(.*)$", text, re.MULTILINE)
    assert titles == ["pins", "bytes to the board and back", "layer 0: dense", "layer 0: spikes", "layer 1: dense",
                      "layer 1: membranes", "class that the host read", "scores that the host read"]
    assert "\n-Spikeloom, exactness level 3: routed design\n" in text
    assert not [name for name in names if name.startswith("routed.gates")]


@pytest.mark.slow
def test_a_damaged_netlist_is_seen(small_ice40, network, frames, tmp_path):
    """One bit of a weight: the waveform differs from the reference where the comparison says so, and nowhere before."""
    design = ladder.opened(small_ice40, 2)
    name, cell = next((name, cell) for name, cell in sorted(design.module["cells"].items())
                      if cell["type"] == "SB_RAM40_4K" and "layer1" in name and "rows" in name)
    init = cell["parameters"]["INIT_0"]
    place = init.rindex("1")
    spoilt = cell | {"parameters": cell["parameters"] | {"INIT_0": f"{init[:place]}0{init[place + 1:]}"}}
    design = replace(design, module=design.module | {"cells": design.module["cells"] | {name: spoilt}})
    found = gate_waves.write(small_ice40, frames, 2, tmp_path / "a.fst", design=design, folder=tmp_path / "simulators")
    first, expected = found.comparison.first, simulate(network, frames, trace=True)
    assert found.comparison.mismatches > 0 and found.level == 2
    spikes, membranes, answers = read(found, network, frames)
    assert (spikes == expected.spikes[0]).all()
    wrong = np.argwhere(membranes != expected.membranes[1])
    assert wrong[0].tolist() == [first.sample, first.timestep, first.neuron] and first.layer == 1
    assert membranes[tuple(wrong[0])] == first.found[1]
    assert answers[first.sample][1:] == tuple(membranes[first.sample, -1])


@pytest.mark.slow
def test_a_silent_design_leaves_its_waveform(small_ice40, frames, tmp_path):
    """Gates whose line never moves: what was sent to them is there to be seen."""
    ports = {"clock": ("input", 2), "rx": ("input", 3), "tx": ("output", "1")}
    module = {"attributes": {}, "cells": {}, "netnames": {}, "ports": {
        name: {"direction": way, "bits": [bit]} for name, (way, bit) in ports.items()}}
    path = tmp_path / "a.fst"
    with pytest.raises(HardwareError, match=r"^the design must answer over its pins, but after 0 of 4 frames .* "
                                            rf"\(see {re.escape(str(path))}\)$"):
        gate_waves.write(small_ice40, frames, 2, path, design=ladder.Design(module=module, taps=()),
                         folder=tmp_path / "simulators")
    said = [body[0] for body in framing.Unframer().feed(line(SimpleNamespace(level=2, waveform=path), "to_board"))]
    assert said and set(said) == {protocol.IDENTIFY.code}
    assert "host" not in path.with_suffix(".gtkw").read_text()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.fst", "a.gtkw", "simulators"]


@pytest.mark.parametrize(("level", "name", "message"), [
    (1, "a.fst", "level must be an integer from 2 to 3, not 1"),
    (2, "a.vcd", "suffix of the waveform must be one of .fst, not '.vcd'")])
def test_what_is_refused(small_ice40, frames, tmp_path, level, name, message):
    with pytest.raises(SpikeloomError, match=f"^{re.escape(message)}$"):
        gate_waves.write(small_ice40, frames, level, tmp_path / name)


def test_proofs_have_no_waveform(network, tmp_path, capsys):
    path = save(network, tmp_path / "net.qsnn")
    assert cli.main(["verify", str(path), "--random", "1", "--level", "4", "--wave", "--out", str(tmp_path)]) == 2
    assert "--wave must come with level 1, 2 or 3, not 4: proofs run nothing" in capsys.readouterr().err


def test_what_cannot_be_seen_is_said():
    """Lane 1 of two has no flip-flop: odd neurons are not there; a layer without any says so."""
    book = codebooks.make("ternary")
    layers = tuple(Layer(synapses=Dense(weights=np.ones((n, m), int), codebook=book),
                         neurons=Lif(neurons=n, threshold=1)) for m, n in ((3, 5), (5, 2)))
    plan = planner.make(Network(input=Input(shape=(3,)), layers=layers, readout="count", timesteps=2), lanes=(2, 1),
                        update_lanes=(2, 1))
    tap = Tap(layer=0, loads=2, inverted=True, valid=3, spikes=(4, None), membranes=())
    assert gate_waves.seen(plan, [tap], 0) == "layer 0: spikes of 3 of 5 neurons"
    assert gate_waves.seen(plan, [tap], 1) == "layer 1: nothing, no flip-flop holds it"
    build = ladder.Build.__new__(ladder.Build)
    for key, value in (("plan", plan), ("clock_hz", 1000), ("baud", 100)):
        object.__setattr__(build, key, value)
    text = gate_waves.viewed("", "module core(input clock);\nendmodule\n", build, [tap])
    assert re.findall(r"spike_\d <= spikes", text) == [f"spike_{n} <= spikes" for n in (0, 2, 4)]
    assert "membrane_" not in text and "loaded0 <= ~loads0;" in text and ".spikes({1'b0, held0[0]})" in text
    both = replace(tap, membranes=tuple(range(5, 37)))
    text = gate_waves.viewed("", "module core(input clock);\nendmodule\n", build, [both])
    assert ".membranes(held0[1 +: 32])" in text and text.count("reg signed [15:0] membrane_") == 5
    assert gate_waves.seen(plan, [both], 0) == "layer 0: spikes of 3 of 5 neurons and all membranes"
