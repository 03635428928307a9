"""`spikeloom firmware` leaves a program that builds as it is, and classifies over a terminal device."""

import json
import os
import subprocess
import threading
import time
import tty
from dataclasses import replace

import numpy as np
import pytest

from spikeloom import cli, save
from spikeloom.firmware.simulated import SimulatedLine
from spikeloom.rtl_gen import planner as plans
from spikeloom.rtl_gen.linked import LinkedCore
from spikeloom.sim.random_networks import random_frames, random_network
from spikeloom.sim.reference import simulate

from .c_driver import STRICT, compiler, run


class Board:
    """A device in the simulator behind a pseudo-terminal, while it is entered; `name` is the terminal's."""

    def __init__(self, plan):
        self._line, self._over = SimulatedLine(LinkedCore(plan)), threading.Event()

    def __enter__(self):
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self.name = os.ttyname(self._theirs)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._over.set()
        self._thread.join()
        os.close(self._ours)
        os.close(self._theirs)

    def _serve(self):
        while not self._over.is_set():
            try:
                self._line.write(os.read(self._ours, 4096))
            except BlockingIOError:
                time.sleep(0.001)
            if received := self._line.read(0.05):
                os.write(self._ours, received)


@pytest.fixture(params=[True])
def program(tmp_path, capsys, request):
    """The network, with labels or without, its plan and the compiled example."""
    network = random_network(2)
    if request.param:
        network = replace(network, labels=tuple(f"class-{k}" for k in range(network.outputs)))
    save(network, tmp_path / "net.qsnn")
    assert cli.main(["firmware", str(tmp_path / "net.qsnn"), "--out", str(tmp_path / "c"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["digest"] == network.digest and set(told["files"]) == {path.name for path in (tmp_path / "c").iterdir()}
    sources = [name for name in told["files"] if name.endswith(".c")]
    run(compiler(), *STRICT, "-O2", *sources, "-o", "classify", folder=tmp_path / "c")
    return network, plans.make(network), tmp_path / "c" / "classify"


def classify(program, port: str, text: str) -> subprocess.CompletedProcess:
    return subprocess.run([program, port], input=text, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("program", [True, False], ids=["labels", "no labels"], indirect=True)
def test_the_example_classifies(program):
    network, plan, path = program
    frames = random_frames(network, 2, 3)
    outcome = simulate(network, frames, device="cpu")
    text = "\n".join(" ".join(map(str, frame.reshape(-1).tolist())) for frame in frames)
    with Board(plan) as board:
        result = classify(path, board.name, text)
        assert (result.returncode, result.stderr) == (0, "")
        lines = [line.split() for line in result.stdout.splitlines()]
        names = network.labels or [str(k) for k in range(network.outputs)]
        assert [line[0] for line in lines] == [names[k] for k in outcome.classes]
        assert np.array([line[2:] for line in lines], int).tolist() == outcome.scores.tolist()

        low, high = network.input.range
        complaint = (f"standard input must be frames of {np.prod(network.frame_shape)} integers from {low} to {high}\n")
        for wrong in ("1 x", f"{high + 1} " * np.prod(network.frame_shape), "0", "99999999999999999999"):
            result = classify(path, board.name, wrong)
            assert (result.returncode, result.stdout, result.stderr) == (2, "", complaint), wrong


def test_the_example_refuses_another_network(program):
    with Board(plans.make(random_network(1))) as board:
        result = classify(program[2], board.name, "")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"{board.name}: the device carries another network than the one given\n"


def test_the_example_needs_a_port(program):
    result = classify(program[2], "/dev/none-of-this-name", "")
    assert (result.returncode, result.stderr) == (2, "usage: classify PORT < VALUES, with a serial port that can be "
                                                     "opened\n")


def test_the_default_folder_and_the_table(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save(random_network(2), "net.qsnn")
    assert cli.main(["firmware", "net.qsnn"]) == 0
    assert "build/net/firmware" in capsys.readouterr().out
    assert (tmp_path / "build/net/firmware/network.h").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path, capsys):
    save(random_network(2), tmp_path / "net.qsnn")
    (tmp_path / "file").touch()
    assert cli.main(["firmware", str(tmp_path / "net.qsnn"), "--out", str(tmp_path / "file")]) == 2
    assert "must be writable, but" in capsys.readouterr().err
