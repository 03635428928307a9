"""The compiler launcher: the runtime's objects are recalled, everything else is compiled."""

import subprocess
import sys
from pathlib import Path

import pytest

from spikeloom import objcache


@pytest.fixture
def compile_(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def run(source, *options):
        launcher = [sys.executable, "-I", "-S", objcache.__file__]
        return subprocess.run([*launcher, "c++", *options, "-c", "-o", "out.o", source], capture_output=True).returncode

    return run


def kept(tmp_path) -> list[Path]:
    return sorted((tmp_path / "cache" / "spikeloom" / "verilator-objects").glob("*.o"))


def test_a_runtime_object_is_kept_and_recalled(compile_, tmp_path):
    (tmp_path / "verilated.cpp").write_text("int f() { return 1; }")
    assert compile_("verilated.cpp") == 0
    first = (tmp_path / "out.o").read_bytes()
    (one,) = kept(tmp_path)
    assert one.read_bytes() == first
    one.write_bytes(b"recalled")
    assert compile_("verilated.cpp") == 0
    assert (tmp_path / "out.o").read_bytes() == b"recalled"


def test_options_and_source_make_another_object(compile_, tmp_path):
    source = tmp_path / "verilated.cpp"
    source.write_text("int f() { return 1; }")
    assert compile_("verilated.cpp") == 0
    assert compile_("verilated.cpp", "-O2") == 0
    source.write_text("int f() { return 2000; }")
    assert compile_("verilated.cpp") == 0
    assert len(kept(tmp_path)) == 3


def test_the_design_is_never_kept(compile_, tmp_path):
    (tmp_path / "Vtop.cpp").write_text("int f() { return 1; }")
    assert compile_("Vtop.cpp") == 0
    assert kept(tmp_path) == []


def test_a_failing_compilation_fails_and_leaves_nothing(compile_, tmp_path):
    (tmp_path / "verilated.cpp").write_text("this is no C++")
    assert compile_("verilated.cpp") != 0
    assert kept(tmp_path) == []
