"""The yosys command over the pyosys wheel."""

import subprocess
import sys
from importlib.metadata import version

from spikeloom import yosys_cli


def yosys(folder, *arguments):
    command = [sys.executable, "-P", yosys_cli.__file__, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_version():
    assert yosys(None, "-V").stdout == f"Yosys {version('pyosys')} (pyosys wheel)\n"


def test_files_and_commands_run_in_order(tmp_path):
    (tmp_path / "a.v").write_text("module a(input x, output y); assign y = !x; endmodule")
    (tmp_path / "b.ys").write_text("proc\nwrite_rtlil b.il\n")
    done = yosys(tmp_path, "-q", "-l", "log", "a.v", "-p", "rename a b", "b.ys")
    assert (done.returncode, done.stdout) == (0, "")
    assert "module \\b" in (tmp_path / "b.il").read_text()
    assert "Executing RTLIL backend" in (tmp_path / "log").read_text()
    assert yosys(tmp_path, "b.il", "-s", "b.ys").returncode == 0


def test_a_failing_pass_fails_the_command(tmp_path):
    done = yosys(tmp_path, "-q", "-p", "no_such_pass", "-p", "write_rtlil never.il")
    assert done.returncode == 1
    assert "ERROR: No such command: no_such_pass" in done.stderr
    assert not (tmp_path / "never.il").exists()


def test_wrong_arguments_are_refused(tmp_path):
    assert yosys(tmp_path, "-z").stderr == "argument must be one of -V -q -l -p -s or a .ys .v .sv .il file, not '-z'\n"
    assert yosys(tmp_path, "-p").stderr == "-p must be followed by a value\n"
