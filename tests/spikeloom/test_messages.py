"""What a new user meets: typical mistakes, each answered by one line, exit code 2, and nothing written."""

import fcntl
import json
import os
import shlex
import signal
import subprocess
import sys

import numpy as np
import pytest

from spikeloom import boards, cli, save, usage
from spikeloom.commands import _answers
from spikeloom.recording import formats
from spikeloom.train import all_recipes, datasets

BOARDS = ", ".join(board.name for board in boards.boards())
RECIPES = ", ".join(recipe.name for recipe in all_recipes())
SETS = ", ".join(datasets.NAMES)
COMMANDS = ", ".join(sorted(name for names in usage.ROAD.values() for name in names))
CLOCK = "--clock must be a number above 0 and at most 1000 MHz, not"
PLAYED = "must be a folder, a table of labels (.csv), an .npz or .h5 that is there"

MISTAKES = [
    # the command line itself
    ("shwo small.qsnn", f"command must be one of {COMMANDS}, not 'shwo' (did you mean 'show'?) (see spikeloom --help)"),
    ("--vers", "--vers must be an option that there is (did you mean '--version'?) (see spikeloom --help)"),
    ("--json show small.qsnn", "--json must come after the command (see spikeloom --help)"),
    ("show", "FILE must be given (see spikeloom show --help)"),
    ("show small.qsnn more", "there must be nothing more on the line, not 'more' (see spikeloom show --help)"),
    ("build small.qsnn --bord icebreaker",
     "--bord must be an option that there is (did you mean '--board'?) (see spikeloom build --help)"),
    ("build small.qsnn --clok=24",
     "--clok must be an option that there is (did you mean '--clock'?) (see spikeloom build --help)"),
    ("mutate small.qsnn --foo", "--foo must be an option that there is (see spikeloom mutate --help)"),
    ("build small.qsnn --clock fast", "--clock must be a number, not 'fast' (see spikeloom build --help)"),
    ("train digits --epochs 1.5", "--epochs must be a whole number, not '1.5' (see spikeloom train --help)"),
    ("build small.qsnn --lanes -1,1", "--lanes must have a value; one that begins with - is written --lanes=VALUE "
                                      "(see spikeloom build --help)"),
    ("show small.qsnn --json=3", "--json must have no value, not '3' (see spikeloom show --help)"),
    ("verify small.qsnn --level 5", "--level must be one of 1, 2, 3, 4, all, not '5' (see spikeloom verify --help)"),
    ("generate small.qsnn --link --axi", "--axi must be left out with --link (see spikeloom generate --help)"),
    ("run small.qsnn", "--port must be given (see spikeloom run --help)"),
    ("export small.qsnn", "--output must be given (see spikeloom export --help)"),
    # files that are none, not there, or something else
    ("show none.qsnn", "none.qsnn must be a readable file, but No such file or directory"),
    ("show .", ". must be a readable file, but Is a directory"),
    ("show empty", "empty: file must begin with b'QSNN', not b'': not a .qsnn file"),
    ("show hello.txt", "hello.txt: file must begin with b'QSNN', not b'hell': not a .qsnn file"),
    ("import hello.txt", "hello.txt must be a NIR file (HDF5), but begins as none: b'hell'"),
    ("import folder", "folder must be a NIR file (HDF5), not a folder"),
    ("import none.nir", "none.nir must be a readable file, but there is none"),
    ("fuzz --replay hello.txt", "hello.txt: file must begin with b'QSNN', not b'hell': not a .qsnn file"),
    ("verify mnist.qsnn --images hello.txt",
     "hello.txt: IDX file must begin with two zero bytes and a type, not b'hell'"),
    ("flash nowhere", "nowhere must be a bitstream or the folder of a build, but there is none"),
    ("flash folder", "folder must hold one bitstream of a build (top.bin or top.bit), not 0"),
    ("flash hello.txt", "--board must be given, nothing beside hello.txt says what it was built for"),
    ("flash hello.txt --board icebreaker",
     "hello.txt must be an iCE40 or ECP5 bitstream, but has the preamble of neither"),
    ("swap small.qsnn --build nowhere", "nowhere must hold a build made with --swappable"),
    # places that cannot be written
    ("generate small.qsnn -o folder", "folder must be writable, but it is a folder and no file"),
    ("generate small.qsnn -o hello.txt/core.v",
     "hello.txt/core.v must be writable, but hello.txt is a file and no folder"),
    ("generate small.qsnn -o /dev/null", "/dev/null must be writable, but it is a device and no file"),
    ("build small.qsnn --out hello.txt", "hello.txt must be writable, but it is a file and no folder"),
    ("verify small.qsnn --out hello.txt", "hello.txt must be writable, but it is a file and no folder"),
    ("search digits -o hello.txt", "hello.txt must be writable, but it is a file and no folder"),
    ("train digits -o folder", "folder must be writable, but it is a folder and no file"),
    ("train digits -o digits.onnx", "--output must end in .qsnn, not 'digits.onnx'"),
    ("compress digits inq -o digits.onnx", "--output must end in .qsnn, not 'digits.onnx'"),
    ("import hello.nir -o net.nir", "--output must end in .qsnn, not 'net.nir'"),
    ("export small.qsnn -o m.onnx", "--output must end in .nir or .py, not 'm.onnx'"),
    ("build small.qsnn --out /proc/none", "/proc/none must be writable, but No such file or directory"),
    # the hardware
    ("build small.qsnn --board icebraker",
     f"board must be one of {BOARDS}, not 'icebraker' (did you mean 'icebreaker'?)"),
    ("build small.qsnn --clock nan", f"{CLOCK} nan"),
    ("build small.qsnn --clock 0", f"{CLOCK} 0.0"),
    ("generate small.qsnn --link --clock -5", f"{CLOCK} -5.0"),
    ("soc small.qsnn --clock inf", f"{CLOCK} inf"),
    ("standalone small.qsnn --clock nan", f"{CLOCK} nan"),
    ("virtual small.qsnn --clock 1e9", f"{CLOCK} 1000000000.0"),
    ("demo --clock nan", f"{CLOCK} nan"),
    ("build small.qsnn --clock 400",
     "clock must be a frequency in MHz that the PLL makes from 12 MHz, not 400 (nearest: 270)"),
    ("build small.qsnn --baud 100000000", "baud must be at most a quarter of the clock, 12 MHz, not 100000000"),
    ("generate small.qsnn --link --baud 0", "baud must be an integer from 1 to 1073741824, not 0"),
    ("generate small.qsnn --link --clock 0.5", "baud must be at most a quarter of the clock, 0.5 MHz, not 1000000"),
    ("deploy small.qsnn --virtual --no-build --baud 0", "baud must be an integer from 1 to 1073741824, not 0"),
    ("build small.qsnn --goal latncy",
     "goal must be one of latency, cells, throughput, not 'latncy' (did you mean 'latency'?)"),
    ("boards --goal speed", "goal must be one of latency, cells, throughput, not 'speed'"),
    ("build small.qsnn --layer 0:dens", "layer 0 strategy must be one of parallel, conv, dense, pool, popcount, "
                                        "sparse, not 'dens' (did you mean 'dense'?)"),
    ("build small.qsnn --layer 7:dense", "layer must be an integer from 0 to 1, not 7"),
    ("deploy mnist.qsnn --virtual --board icestick --layer 0:dense,lanes=1 --layer 1:dense,lanes=1",
     "network must fit 1280 logic cells and 16 block RAMs, but the smallest plan takes about CELLS and 30; "
     "`spikeloom boards mnist.qsnn` says which boards it fits"),
    # data
    ("train digit", f"recipe must be one of {RECIPES}, not 'digit' (did you mean 'digits'?)"),
    ("compress digits inq:bit=4", "compression method inq must have parameters among bits, epochs, partition, "
                                  "portions, rate, rule, settle_epochs, steps, not 'bit' (did you mean 'bits'?)"),
    ("data mnits",
     f"data set must be one of {SETS}, or a path that is there, not 'mnits' (did you mean 'mnist'?)"),
    ("train --data ./nothing", f"data set 'nothing' {PLAYED}"),
    ("data folder", "folder must have a sub-folder for each class with files in it, or labels.csv"),
    ("data nolabels.npz", "nolabels.npz must hold arrays x and y, and x_test and y_test if it has a test split, not x"),
    ("data short.npz", "short.npz: x must have as many samples as there are labels, 9, not 10"),
    ("data hello.txt", "hello.txt must have four whole numbers a line, t,x,y,polarity, but line 1 is 'hello'"),
    ("data small.qsnn", f"small.qsnn must be a recording in one of the formats {', '.join(formats())}"),
    ("data empty.wav", "empty.wav must be a WAV file, PCM, but it is cut short"),
    ("data pets", "recordings must be read with width and height, of the window of the sensor that is kept: "
                  "width=128,height=128"),
    ("data pets:kind=pictur",
     "kind of files must be one of array, audio, picture, recording, not 'pictur' (did you mean 'picture'?)"),
    ("search", "recipe or --data must be given; `spikeloom train` lists the recipes"),
    ("search digits --jobs 0", "--jobs must be an integer from 1 to 1024, not 0"),
    ("search digits --span foo", "span must be one of max, mse, not 'foo'"),
    ("verify mnist.qsnn --labels hello.txt", "--labels must come with --images"),
    ("verify mnist.qsnn --random 3 --test-set", "--random must be left out with --test-set"),
    # a device
    ("run small.qsnn --port p --image f3.npy", "f3.npy must hold frames of (64,) values, not (3, 3)"),
    ("run mnist.qsnn --port p --events hello.txt",
     "network must take spikes of shape (2, height, width) for --events, not (22, 22)"),
    ("run mnist.qsnn --port p --sound empty.wav", "network must have been trained on sound, and say how it was heard, "
                                                  "for --sound, not on mnist"),
    ("run mnist.qsnn --port p --tries 0", "--tries must be an integer from 1 to 1000, not 0"),
    ("run mnist.qsnn --port hello.txt", "serial port hello.txt must be a serial port, not a file"),
    ("virtual small.qsnn --noise 2", "--noise must be a share from 0 to below 1, not 2.0"),
    ("virtual small.qsnn --link folder", "folder must be writable, but it is a folder and no file"),
]


@pytest.fixture(scope="module", name="place")
def place_fixture(tmp_path_factory, request):
    """A folder with what users have."""
    from tests.spikeloom.conftest import small
    folder = tmp_path_factory.mktemp("place")
    save(small(), folder / "small.qsnn")
    examples = request.config.rootpath / "examples"
    (folder / "mnist.qsnn").write_bytes((examples / "mnist-icebreaker.qsnn").read_bytes())
    for name in ("mnist-100-images.idx.gz", "mnist-100-labels.idx.gz"):
        (folder / name).write_bytes((examples / name).read_bytes())
    (folder / "hello.txt").write_text("hello\n")
    for name in ("empty", "empty.wav"):
        (folder / name).touch()
    (folder / "folder").mkdir()
    (folder / "pets" / "cat").mkdir(parents=True)
    (folder / "pets" / "cat" / "a.txt").write_text("0,0,0,0\n")
    np.savez(folder / "nolabels.npz", x=np.zeros((10, 4)))
    np.savez(folder / "short.npz", x=np.zeros((10, 4)), y=np.arange(9) % 2)
    np.save(folder / "f3.npy", np.zeros((3, 3), int))
    return folder


@pytest.mark.parametrize(("line", "message"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_a_mistake_is_one_line_and_writes_nothing(place, line, message, capsys, monkeypatch):
    monkeypatch.chdir(place)
    before = sorted(place.rglob("*"))
    words = shlex.split(line)
    try:
        code = cli.main(words)
    except SystemExit as exit_:
        code = exit_.code
    out, err = capsys.readouterr()
    said = err.removesuffix("\n").partition(": ")
    name = "spikeloom" if words[0] not in COMMANDS.split(", ") else f"spikeloom {words[0]}"
    if "CELLS" in message:
        text, _, cells = said[2].partition(" about ")
        said = (*said[:2], f"{text} about CELLS{cells.lstrip('0123456789')}")
    assert (code, said[0], said[2]) == (2, name, message)
    assert out == ("" if "--json" not in words else usage.as_json("UsageError", "--json must come after the command")
                   + "\n")
    assert "\n" not in said[2] and sorted(place.rglob("*")) == before


def test_there_are_many():
    assert len({line for line, _ in MISTAKES}) == len(MISTAKES) > 60


def test_an_error_is_an_object_where_json_was_asked_for(place, capsys, monkeypatch):
    monkeypatch.chdir(place)
    assert cli.main(["show", "none", "--json"]) == 2
    message = "none must be a readable file, but No such file or directory"
    out, err = capsys.readouterr()
    assert json.loads(out) == {"error": {"kind": "FileError", "message": message}}
    assert err == f"spikeloom show: {message}\n"
    with pytest.raises(SystemExit, match="^2$"):
        cli.main(["show", "--json"])
    out, err = capsys.readouterr()
    assert json.loads(out) == {"error": {"kind": "UsageError", "message": "FILE must be given"}}


def test_alone_it_shows_the_road(capsys):
    assert cli.main([]) == 2
    out, err = capsys.readouterr()
    with pytest.raises(SystemExit, match="^0$"):
        cli.main(["--help"])
    shown = capsys.readouterr().out
    assert out == "" and err == shown
    assert len(shown.splitlines()) < 50 and max(map(len, shown.splitlines())) <= 110
    for names in usage.ROAD.values():
        places = [shown.index(f"\n  {name} ") for name in names]
        assert places == sorted(places)
    assert "\nmore:" not in shown       # every command has its place


def test_a_command_of_a_plug_in_is_shown(capsys):
    top = cli.parser()
    (verbs,) = (action for action in top._actions if action.dest == "verb")
    verbs.add_parser("zap", description="Zap a network: for a test.")
    assert "\nmore:\n  zap         Zap a network\n" in top.format_help()


@pytest.mark.parametrize(("message", "said"), [
    ("argument -o/--output: expected one argument",
     "--output must have a value; one that begins with - is written --output=VALUE"),
    ("argument --x: invalid choice: 'a' (choose from b, c)", "--x must be one of b, c, not 'a'"),
    ("the following arguments are required: FILE, -o/--output", "FILE and --output must be given"),
    ("something that a later Python says", "something that a later Python says"),
])
def test_complaints_of_argparse(message, said):
    assert usage.plain(message) == said


@pytest.mark.parametrize(("module", "message"), [
    ("torch", "torch must be installed: pip install 'spikeloom[sim,train]'"),
    ("sklearn.datasets", "scikit-learn must be installed: pip install 'spikeloom[train]'"),
    ("nowhere", "nowhere must be installed: pip install 'spikeloom[sim,wave,fpga,train,search,import]'"),
])
def test_a_missing_package_is_named_with_its_extra(place, capsys, monkeypatch, module, message):
    def missing(path):
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)
    monkeypatch.setattr("spikeloom.commands.show.load", missing)
    assert cli.main(["show", "small.qsnn"]) == 2
    assert capsys.readouterr() == ("", f"spikeloom show: {message}\n")


def test_a_part_of_ourselves_that_is_missing_is_no_advice(monkeypatch):
    def missing(path):
        raise ModuleNotFoundError("No module named 'spikeloom.gone'", name="spikeloom.gone")
    monkeypatch.setattr("spikeloom.commands.show.load", missing)
    with pytest.raises(ModuleNotFoundError):
        cli.main(["show", "small.qsnn"])


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "spikeloom", *words]


def test_a_reader_that_goes_away_and_a_disk_that_is_full(place):
    process = subprocess.Popen(command("completion", "bash"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)      # less than the script: it is not written in one go
    process.stdout.read(1)
    process.stdout.close()
    assert (process.wait(), process.stderr.read()) == (130, b"")
    process.stderr.close()
    with open("/dev/full", "w") as full:
        done = subprocess.run(command("show", "small.qsnn", "--json"), cwd=place, stdout=full, stderr=subprocess.PIPE,
                              text=True, check=False, env=os.environ | {"PYTHONUNBUFFERED": ""})
    assert (done.returncode, done.stderr) == (
        2, "spikeloom show: the output must be usable, but No space left on device\n")
    line = shlex.join(command("boards")) + " >&-"
    done = subprocess.run(["bash", "-c", line], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_says_nothing_and_exits_with_130(tmp_path):
    os.mkfifo(tmp_path / "slow.qsnn")
    process = subprocess.Popen(command("show", "slow.qsnn", "--json"), cwd=tmp_path, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    with open(tmp_path / "slow.qsnn", "wb"):        # goes on once the command reads
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == 130


def test_names_with_blanks_and_other_letters(place, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    name = "näme ü/net wörk.qsnn"
    (tmp_path / "näme ü").mkdir()
    (tmp_path / name).write_bytes((place / "small.qsnn").read_bytes())
    assert cli.main(["show", name]) == 0
    assert cli.main(["generate", name, "-o", "näme ü/c o.v"]) == 0
    assert (tmp_path / "näme ü" / "c o.v").is_file()
    capsys.readouterr()
    with open(tmp_path / name, "rb") as file:       # as from a pipe
        done = subprocess.run(command("show", "/dev/stdin", "--json"), stdin=file, capture_output=True, check=True)
    assert json.loads(done.stdout)["timesteps"] == 4
    done = subprocess.run(command("show", "nöne"), capture_output=True, text=True, check=False,
                          env=os.environ | {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (
        2, "spikeloom show: n\\xf6ne must be a readable file, but No such file or directory\n")


def test_a_device_that_says_nothing(place, capsys, monkeypatch):
    ours, theirs = os.openpty()
    port = os.ttyname(theirs)
    monkeypatch.chdir(place)
    np.save(place / "frame.npy", np.zeros((8, 8), int))
    try:
        assert cli.main(["run", "small.qsnn", "--port", port, "--timeout", "0.05", "--tries", "2", "--image",
                         "frame.npy"]) == 2
    finally:
        os.close(ours)
        os.close(theirs)
        (place / "frame.npy").unlink()
    assert capsys.readouterr().err == (
        f"spikeloom run: the device on {port} must answer IDENTIFY within 0.05 s, not stay silent (2 tries): is {port} "
        f"the board's port, is the design loaded (spikeloom flash), and was it built for {_answers.BAUD} baud?\n")
