"""`run`, `virtual` and `deploy` on a virtual board, through the serial port that a person would use."""

import json
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from spikeloom import cli
from spikeloom.commands import _answers as answers
from spikeloom.commands import deploy, virtual
from spikeloom.qsnn import save
from spikeloom.sim import volume
from spikeloom.sim.reference import simulate

DENSE = ("--layer", "0:dense", "--layer", "1:dense")
FRAMES = np.random.default_rng(0).integers(0, 16, (12, 64))


@pytest.fixture(scope="module")
def folder(small, tmp_path_factory):
    """The network's file, another network's, and frames."""
    folder = tmp_path_factory.mktemp("run")
    save(small(), folder / "small.qsnn")
    save(small(timesteps=5), folder / "other.qsnn")
    np.save(folder / "frames.npy", FRAMES)
    return folder


@pytest.fixture(scope="module")
def port(folder):
    """Of a virtual board that carries it."""
    arguments = cli.parser().parse_args(["virtual", str(folder / "small.qsnn"), *DENSE, "--extras", "probe"])
    from spikeloom import commands
    from spikeloom.qsnn import load
    from spikeloom.rtl_gen.link.extras import Extras
    plan = commands.planned(arguments, load(folder / "small.qsnn"))
    with virtual.board(virtual.compiled(plan, arguments, extras=Extras(probe=True))) as board:
        yield board.port


@pytest.fixture
def ask(capsys, folder, port):
    """`ask(words...)`: exit code, output and errors of `spikeloom run`."""
    def ask(*words: str, network: str = "small.qsnn", to: str = port) -> tuple[int, str, str]:
        code = cli.main(["run", str(folder / network), "--port", to, "--image", str(folder / "frames.npy"), *words])
        return code, *capsys.readouterr()
    return ask


def test_results_as_they_come_and_a_table(ask, small):
    expected = simulate(small(), FRAMES)
    code, out, err = ask("--scores", "--check", "--clock", "12", "--limit", "5")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    for k in range(5):
        scores = " ".join(map(str, expected.scores[k]))
        assert re.fullmatch(rf"sample {k}: {expected.classes[k]}, \d+ cycles, [\d.]+ us, scores {scores}", lines[k])
    table = dict(re.split(r"  +", line.strip(), maxsplit=1) for line in lines[6:])
    assert table["samples"] == "5" and table["differ from the reference"] == "0"
    assert set(table) == {"samples", "cycles an inference", "latency", "from request to answer",
                          "differ from the reference"}


def test_json_is_all_there_is(ask, small):
    code, out, err = ask("--json")
    found, expected = json.loads(out), simulate(small(), FRAMES)
    assert (code, err.split()[0], found["samples"], found["mismatches"]) == (0, "ask", 12, None)
    assert [answer["label"] for answer in found["answers"]] == expected.classes.tolist()
    cycles = [answer["cycles"] for answer in found["answers"]]
    assert found["cycles_per_inference"] == {"mean": round(float(np.mean(cycles)), 2), "max": max(cycles)}
    assert found["answers"][0]["scores"] is None and "latency_us" not in found


def test_a_difference_is_told_and_exit_code_1(ask, monkeypatch):
    from spikeloom.sim import reference
    right = reference.simulate

    def wrong(network, frames, **options):
        outcome = right(network, frames, **options)
        outcome.scores[3, 2] += 1
        return outcome

    monkeypatch.setattr(reference, "simulate", wrong)
    code, out, _ = ask("--check")
    assert code == 1 and "differ from the reference  1" in out
    assert out.splitlines()[-1].startswith("sample 3: class ")


def test_accuracy_needs_labels(small):
    labels = simulate(small(), FRAMES).classes
    labels[:3] = (labels[:3] + 1) % 10
    from spikeloom.commands._samples import Samples
    found = [answers.Answer(label=int(label), cycles=10, scores=None, membranes={}, seconds=0.5)
             for label in simulate(small(), FRAMES).classes]
    summary = answers.summarize(found, Samples(frames=FRAMES, origin="here", labels=labels))
    assert summary.accuracy == 0.75 and summary.cycles == (10.0, 10) and summary.mismatches is None
    assert ("accuracy", "75.00%") in answers.rows(summary, None)
    line = answers.line(small(), 0, found[0], int(labels[0]), 10e6)
    assert line == f"sample 0: {found[0].label}, wrong, it is {labels[0]}, 10 cycles, 1.0 us"


def test_another_network_is_refused(ask, small, port):
    code, out, err = ask(network="other.qsnn")
    assert (code, out) == (2, "")
    assert err == (f"spikeloom run: the device on {port} must carry the network {small(timesteps=5).digest[:16]}, "
                   f"not {small().digest[:16]}\n")


@pytest.mark.parametrize(("words", "message"), [
    (["--timeout", "0"], "--timeout must be more than 0 seconds, not 0.0"),
    (["--patience", "-1"], "--patience must be at least 0 seconds, not -1.0"),
    (["--clock", "0"], "--clock must be more than 0 MHz, not 0.0"),
    (["--baud", "0"], "--baud must be an integer from 1 to 1073741824, not 0"),
])
def test_wrong_arguments(ask, words, message):
    assert ask(*words) == (2, "", f"spikeloom run: {message}\n")


def test_a_port_that_is_not_there(ask):
    code, _, err = ask(to="/dev/none-of-this-name")
    assert code == 2 and err.startswith("spikeloom run: serial port /dev/none-of-this-name must be there, but ")


def test_membranes_over_the_line(folder, port, small):
    from spikeloom.qsnn import load
    arguments = cli.parser().parse_args(["run", str(folder / "small.qsnn"), "--port", port])
    network = load(folder / "small.qsnn")
    expected = simulate(small(), FRAMES, trace=True)
    from spikeloom.commands._samples import Samples
    with answers.open_device(arguments, network, port, 1_000_000) as device:
        found = answers.ask(device, FRAMES, scores=True, layers=(0, 1), each=lambda number, answer: None)
    samples = Samples(frames=FRAMES, origin="here")
    summary = answers.summarize(found, samples, expected)
    assert (summary.mismatches, summary.membranes) == (0, 12 * 30)
    expected.membranes[0][7, -1, 13] += 1
    summary = answers.summarize(found, samples, expected)
    right = int(expected.membranes[0][7, -1, 13])
    assert summary.mismatches == 1
    assert summary.first == f"sample 7: layer 0, neuron 13: membrane {right - 1} instead of {right}"


def test_virtual_serves_until_it_is_interrupted(folder, ask):
    """As a process of its own, and one that answers over a bad line."""
    command = [sys.executable, "-m", "spikeloom", "virtual", str(folder / "small.qsnn"), *DENSE, "--extras", "probe",
               "--json", "--noise", "0.01", "--link", str(folder / "link")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process, \
            ended(process):
        told = ""
        while "}" not in told:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            told += line
        assert json.loads(told)["port"] == str(folder / "link")
        code, out, _ = ask("--check", "--limit", "6", "--timeout", "0.5", "--tries", "60", to=str(folder / "link"))
        assert code == 0 and "differ from the reference  0" in out
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read().startswith("compile ")
    assert not Path(folder, "link").is_symlink()


@contextmanager
def ended(process: subprocess.Popen):
    """A test that fails leaves nobody behind."""
    try:
        yield
    finally:
        process.kill()


@pytest.mark.parametrize(("words", "message"), [
    (["--noise", "1"], "--noise must be a share from 0 to below 1, not 1.0"),
    (["--board", "icebraker"], "board must be one of "),
    (["--clock", "0.001"], "clock must be a frequency in MHz that the PLL makes from 12 MHz, not 0.001"),
])
def test_virtual_with_wrong_arguments(capsys, folder, words, message):
    assert cli.main(["virtual", str(folder / "small.qsnn"), *DENSE, "--extras", "probe", *words]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"spikeloom virtual: {message}")


def deployed(capsys, folder, *words: str) -> tuple[int, str, str]:
    code = cli.main(["deploy", str(folder / "small.qsnn"), *DENSE, "--virtual", "--no-build", "--membranes", "--image",
                     str(folder / "frames.npy"), "--out", str(folder / "out"), *words])
    return code, *capsys.readouterr()


@pytest.mark.slow
def test_deploy_sets_simulation_and_device_side_by_side(capsys, folder, small):
    code, out, err = deployed(capsys, folder)
    assert code == 0 and out.rstrip().endswith("simulation and device: equal")
    assert [line.split()[0] for line in err.splitlines()] == ["simulate", "compile", "ask"]
    rows = {cells[0]: cells[1:] for line in out.splitlines() if len(cells := re.split(r"  +", line.strip())) == 3}
    assert rows["samples"] == ["12", "12"] and rows["answers that differ"] == ["-", "0 of 12, 360 membranes"]
    report = json.loads((folder / "out" / "report.json").read_text())
    assert report["network_digest"] == small().digest and report["device"]["virtual"] is True
    core = volume.build(plan_of(folder)).run(np.concatenate([FRAMES[:1], FRAMES])).cycles[1:]
    extra = report["device"]["cycles_of_the_link"]
    assert [answer["cycles"] - extra for answer in report["device"]["answers"]] == core.tolist()


def plan_of(folder):
    from spikeloom import commands
    from spikeloom.qsnn import load
    arguments = cli.parser().parse_args(["virtual", str(folder / "small.qsnn"), *DENSE])
    return commands.planned(arguments, load(folder / "small.qsnn"))


@pytest.mark.slow
def test_deploy_tells_a_difference(capsys, folder, monkeypatch):
    """A device that is a cycle late once, and one that says another class once."""
    asked = answers.ask

    def late(*arguments, **named):
        found = asked(*arguments, **named)
        return [*found[:-1], answers.Answer(**{**vars(found[-1]), "cycles": found[-1].cycles + 1})]

    monkeypatch.setattr(answers, "ask", late)
    code, out, _ = deployed(capsys, folder)
    assert code == 1 and out.rstrip().endswith("simulation and device: 1 MISMATCHES")

    def wrong(*arguments, **named):
        found = asked(*arguments, **named)
        return [*found[:-1], answers.Answer(**{**vars(found[-1]), "label": found[-1].label ^ 1})]

    monkeypatch.setattr(answers, "ask", wrong)
    code, out, _ = deployed(capsys, folder, "--json")
    assert code == 1 and json.loads(out)["device"]["mismatches"] == 1


@pytest.mark.parametrize(("words", "message"), [
    (["--virtual", "--port", "x"], "--port must be left out with --virtual, whose port is its own"),
    (["--no-build"], "--no-build must come with --virtual: a board needs a bitstream"),
])
def test_deploy_with_arguments_that_exclude_each_other(capsys, folder, words, message):
    assert cli.main(["deploy", str(folder / "small.qsnn"), *words]) == 2
    assert capsys.readouterr().err == f"spikeloom deploy: {message}\n"


def test_deploy_misses_the_programmer_before_it_builds(capsys, folder, monkeypatch):
    monkeypatch.setenv("ICEPROG", "no-such-program-of-this-name")
    assert cli.main(["deploy", str(folder / "small.qsnn"), "--port", "x"]) == 2
    assert capsys.readouterr().err == ("spikeloom deploy: ICEPROG must be a command that can be started, "
                                       "not 'no-such-program-of-this-name'\n")


def test_the_port_of_a_board_is_found_by_its_usb_device(monkeypatch):
    from serial.tools import list_ports
    from serial.tools.list_ports_common import ListPortInfo

    from spikeloom import boards
    from spikeloom.errors import LinkError
    board = boards.board("icebreaker")

    def there(*names):
        ports = []
        for name, usb in names:
            port = ListPortInfo(name)
            port.vid, port.pid = (int(part, 16) for part in usb.split(":"))
            ports.append(port)
        monkeypatch.setattr(list_ports, "comports", lambda: ports)

    usb = board.programmer.usb
    there(("/dev/ttyUSB0", "1234:5678"), ("/dev/ttyUSB1", usb))
    assert deploy.usb_port(board) == "/dev/ttyUSB1"
    there(("/dev/ttyUSB0", usb), ("/dev/ttyUSB1", usb))
    with pytest.raises(LinkError) as error:
        deploy.usb_port(board)
    assert str(error.value) == f"--port must be one of /dev/ttyUSB0, /dev/ttyUSB1, the ports of {usb}, the iCEBreaker's"
    there(("/dev/ttyUSB0", "1234:5678"))
    with pytest.raises(LinkError) as error:
        deploy.usb_port(board)
    assert str(error.value) == f"--port must be given: no serial port belongs to {usb}, the iCEBreaker's USB device"
