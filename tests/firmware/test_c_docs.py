"""docs/firmware.md: its C compiles for small processors, its tables are what is measured and what the header says."""

import json
import re
import runpy
from importlib.util import find_spec
from pathlib import Path

import pytest

from spikeloom import load
from spikeloom.firmware import c_network
from spikeloom.firmware.c_targets import TARGETS, compile_command
from spikeloom.rtl_gen import planner as plans

from .c_driver import SOURCES, STRICT, compiler, run

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "firmware.md").read_text()
BENCHMARK = runpy.run_path(str(ROOT / "benchmarks" / "firmware.py"))
MEASURED = json.loads((ROOT / "benchmarks" / "firmware.json").read_text())
needs_zig = pytest.mark.skipif(find_spec("ziglang") is None, reason="needs ziglang: pip install 'spikeloom[firmware]'")


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The C blocks as one file, with everything that they include beside it."""
    folder = tmp_path_factory.mktemp("docs")
    for name, text in c_network.files(plans.make(load(ROOT / "examples" / "mnist-icebreaker.qsnn"))).items():
        (folder / name).write_text(text)
    blocks = re.findall(r"^```c\n(.*?)^```", PAGE, re.M | re.S)
    assert len(blocks) == 2
    (folder / "shown.c").write_text("\n".join(blocks))
    return folder


def test_the_c_that_is_shown_compiles_here(shown):
    run(compiler(), *STRICT, "-O2", "-c", "shown.c", "-o", "shown.o", folder=shown)


@needs_zig
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_c_that_is_shown_compiles_for_small_processors(target, shown):
    run(*compile_command(target), *STRICT, "-Os", "-c", shown / "shown.c", "-o", shown / "shown.o")


def test_the_sizes_shown_are_those_measured():
    assert BENCHMARK["markdown"](MEASURED) in PAGE
    assert f"compiled by {MEASURED['compiler'].replace('-Os', 'with `-Os`').replace(', with', ' with')} " in PAGE


@needs_zig
def test_the_sizes_are_still_those_measured():
    """Another version of the compiler may differ a little."""
    assert list(MEASURED["targets"]) == [target.name for target in TARGETS]
    found = BENCHMARK["measure"](TARGETS[0])
    told = MEASURED["targets"][TARGETS[0].name]
    assert (found["data"], found["bss"], found["state"]) == (told["data"], told["bss"], told["state"])
    for name in ("text", "run", "stack"):
        assert found[name] == pytest.approx(told[name], rel=0.05)


def test_the_errors_shown_are_the_header_s():
    errors = re.findall(r'X\((SPIKELOOM_\w+), "([^"]*)"\)', (SOURCES / "spikeloom.h").read_text())
    assert len(errors) > 10
    assert re.findall(r"^\| `(SPIKELOOM_\w+)` \| (.*) \|$", PAGE, re.M) == errors


def test_the_files_shown_are_those_written():
    table = PAGE[PAGE.index("| file | holds |"):PAGE.index("`spikeloom_weights.c` and `spikeloom_inspect.c` may")]
    shown = set(re.findall(r"`(\w+\.[ch])`", table))
    hidden = {"spikeloom_request.h", "spikeloom_framing.h"}
    assert shown | hidden == {path.name for path in SOURCES.iterdir()} | {"spikeloom_protocol.h", "network.h",
                                                                         "network.c"}
