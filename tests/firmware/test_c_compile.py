"""The C driver compiles without a warning for what it is meant for, needs no library, and analyzers find nothing."""

import re
from importlib.util import find_spec

import pytest

from spikeloom.firmware import c_network
from spikeloom.firmware.c_targets import (
    FREESTANDING,
    SIXTEEN_BITS,
    TARGETS,
    Target,
    analyze_command,
    compile_command,
    zig,
)
from spikeloom.rtl_gen import planner as plans
from spikeloom.sim.random_networks import random_network

from .c_driver import DRIVER, SOURCES, STRICT, compiler, run, write_protocol
from .test_load import network as network_to_load
from .test_load import plan as plan_to_load

needs_zig = pytest.mark.skipif(find_spec("ziglang") is None, reason="needs ziglang: pip install 'spikeloom[firmware]'")
PACK = """\
#include "network.h"
uint16_t words[NETWORK_FRAME_WORDS];
void pack(const network_value *values);
void pack(const network_value *values)
{
    network_pack(words, values);
}
"""


@pytest.fixture(scope="module")
def headers(tmp_path_factory):
    return write_protocol(tmp_path_factory.mktemp("headers"))


def includes(folder) -> tuple[str, ...]:
    return f"-I{folder}", f"-I{SOURCES}"


def objects(command, sources, folder, headers) -> list[str]:
    for source in sources:
        run(*command, *STRICT, *includes(headers), "-c", source, "-o", folder / f"{source.stem}.o")
    return [f"{source.stem}.o" for source in sources]


@pytest.mark.parametrize("level", ["-O0", "-Os", "-O2", "-O3"])
def test_this_computer_needs_no_library(level, headers, tmp_path):
    run(compiler(), *FREESTANDING, *STRICT, level, "-fPIC", "-shared", "-nostdlib", "-Wl,-z,defs", *includes(headers),
        *DRIVER, "-o", tmp_path / "driver.so")


@needs_zig
@pytest.mark.parametrize("level", ["-Os", "-O2"])
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_small_processors_need_no_library(target, level, headers, tmp_path):
    """Not even the compiler's own: no memcpy, no multiplication."""
    parts = objects((*compile_command(target), level), DRIVER, tmp_path, headers)
    run(*zig("ld.lld"), "--entry=0", "--no-undefined", *parts, "-o", "driver.elf", folder=tmp_path)


@needs_zig
def test_integers_may_have_16_bits(headers, tmp_path):
    objects((*compile_command(SIXTEEN_BITS), "-Os"), DRIVER, tmp_path, headers)


@pytest.mark.parametrize("plan", [
    *(pytest.param(plans.make(random_network(seed)), id=str(seed)) for seed in (0, 1, 2, 5)),
    pytest.param(plan_to_load(network_to_load(1)), id="loaded")])
def test_a_network_s_files_compile(plan, tmp_path):
    for name, text in c_network.files(plan).items():
        (tmp_path / name).write_text(text)
    (tmp_path / "pack.c").write_text(PACK)
    command = (compiler(), *STRICT, "-O2", "-c")
    for name in ("network.c", "pack.c", "main.c"):
        run(*command, name, "-o", "x.o", folder=tmp_path)
    if find_spec("ziglang"):
        for target in TARGETS:
            for name in ("network.c", "pack.c"):
                run(*compile_command(target), *STRICT, "-Os", "-c", tmp_path / name, "-o", tmp_path / "x.o")


def test_c_plus_plus_may_include_it(headers, tmp_path):
    for name, text in c_network.files(plans.make(random_network(0))).items():
        (tmp_path / name).write_text(text)
    (tmp_path / "use.cpp").write_text('#include "network.h"\nint main() { return network_expected.layers != 0; }\n')
    run("c++", "-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-c", "use.cpp", "-o", "use.o",
        folder=tmp_path)


@pytest.mark.parametrize("source", DRIVER, ids=lambda path: path.name)
def test_gcc_s_analyzer_finds_nothing(source, headers, tmp_path):
    if not is_gcc():
        pytest.skip("needs gcc 10 or newer")
    run(compiler(), *FREESTANDING, *STRICT, "-O2", "-fanalyzer", *includes(headers), "-c", source, "-o",
        tmp_path / "x.o")


@needs_zig
@pytest.mark.parametrize("source", DRIVER, ids=lambda path: path.name)
def test_clang_s_analyzer_finds_nothing(source, headers):
    run(*analyze_command(TARGETS[0]), *includes(headers), source)


WRONG = "int f(const int *p, int k);\nint f(const int *p, int k) { int a[3] = {0}; return p ? a[k ? 3 : 0] : *p; }\n"


def test_gcc_s_analyzer_would_find_something(tmp_path):
    (tmp_path / "wrong.c").write_text(WRONG)
    if not is_gcc():
        pytest.skip("needs gcc 10 or newer")
    with pytest.raises(AssertionError, match="analyzer-null-dereference"):
        run(compiler(), *FREESTANDING, *STRICT, "-O2", "-fanalyzer", "-c", "wrong.c", folder=tmp_path)


@needs_zig
def test_clang_s_analyzer_would_find_something(tmp_path):
    (tmp_path / "wrong.c").write_text(WRONG)
    with pytest.raises(AssertionError, match="NullDereference"):
        run(*analyze_command(TARGETS[0]), "wrong.c", folder=tmp_path)


def is_gcc() -> bool:
    version = re.search(r"gcc.* (\d+)\.", run(compiler(), "--version").splitlines()[0])
    return version is not None and int(version[1]) >= 10


def test_targets_are_named_once():
    assert len({target.name for target in TARGETS}) == len(TARGETS) == 3 and isinstance(SIXTEEN_BITS, Target)
