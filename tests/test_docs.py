"""What the documents show is true: code runs or says why not, commands parse, links lead somewhere."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from spikeloom import boards, cli
from tests import documents
from tests.documents import ROOT

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")),
         *sorted((ROOT / "examples").rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
RUNNING = [name for name, page in zip(NAMES, PAGES, strict=True)
           if any(block.runs for block in documents.blocks(page.read_text()))]
COMMANDS = sorted({line for page in PAGES for line in documents.commands(page.read_text())})
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
BOARDS = {*(board.name for board in boards.boards()), "BOARD"}
TARGETS = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)


def wrong(line: str) -> str | None:
    """What is wrong with a shell line, without running it."""
    program, *words = shlex.split(line, comments=True)
    if program == "spikeloom":
        if words[0] in ("--help", "--version"):
            return None
        try:
            cli.parser().parse_args(words)
        except SystemExit:
            return f"spikeloom must take {words}"
        absent = [word for word in words if word.startswith("examples/") and not (ROOT / word).exists()]
        unknown = [name for option, name in zip(words, words[1:], strict=False) if option == "--board"
                   and name not in BOARDS]
        return f"{[*absent, *unknown][0]} must exist" if absent or unknown else None
    if program == "make":
        return next((f"make must have a target {word}" for word in words if "=" not in word and word not in TARGETS),
                    None)
    if program == "python":
        return None if (ROOT / words[0]).exists() else f"{words[0]} must exist"
    named = {extra for group in re.findall(r"\[([^\]]+)\]", line) for extra in group.split(",")}
    return f"extras must be among those of pyproject.toml, not {sorted(named - set(EXTRAS))}" \
        if named - set(EXTRAS) else None


def test_there_is_something_to_check():
    assert "README.md" in RUNNING and len([name for name in RUNNING if name.startswith("docs/how-to/")]) >= 6
    assert {line.split()[0] for line in COMMANDS} == {"spikeloom", "make", "python", "pip"}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_block_runs_or_says_why_not(page):
    assert documents.problems(page.read_text()) == []


@pytest.mark.parametrize("name", RUNNING)
def test_the_blocks_of_a_page_run_in_order(name, tmp_path):
    assert documents.run((ROOT / name).read_text(), tmp_path) == []


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_parse(line):
    assert wrong(line) is None


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("name", [name for name in NAMES if "```c\n" in (ROOT / name).read_text()])
def test_c_blocks_are_compiled_by_their_test(name):
    assert Path(name).name in (ROOT / documents.ELSEWHERE["c"]).read_text()


MARKED = "*Not run by the tests: needs a board.*\n\n```sh\nfalse\n```\n"


@pytest.mark.parametrize(("text", "expected"), [
    ("```sh\ntrue\n```\n", []),
    (MARKED, []),
    ("```console\n$ true\n```\n", ["line 1: a block of console must run, be a file or say why not"]),
    ("```verilog\nmodule x; endmodule\n```\n", ["line 1: a block of verilog must run, be a file or say why not"]),
    ("```verilog\n// top.v\nmodule x; endmodule\n```\n", []),
    (MARKED.replace("needs a board", "it is long"), [f"line 3: the reason must begin with one of "
                                                     f"{', '.join(documents.REASONS)}, not 'it is long'"]),
    ("text\n```python\nprint(1)\n", ["a block must end"]),
])
def test_blocks_that_nobody_runs_are_noticed(text, expected):
    assert documents.problems(text) == expected


@pytest.mark.parametrize(("text", "expected"), [
    ("```python\nprint(1)\nprint('a  b')\n```\n\n    1\n    a b\n", []),
    ("```python\n1 / 0\n```\n", ["line 1: exit code 1\n"]),
    ("```python\nimport warnings\nwarnings.warn('old')\n```\n", ["line 1: exit code 1\n"]),
    ("```sh\nfalse\ntrue\n```\n", ["line 1: exit code 1\n"]),
    ("```python\n# one.py\nx = 3\n```\n\n```python\nimport one\nprint(one.x, 'of', 4)\n```\n\n    3 .. 4\n", []),
    ("```sh\necho 1\necho 2\n```\n\n    2\n    1\n", ["line 1: the output must have '1' there\n"]),
    ("```sh\necho 12\n```\n\n    1\n", ["line 1: the output must have '1' there\n"]),
    (MARKED, []),
])
def test_blocks_that_are_broken_are_noticed(text, expected, tmp_path):
    found = documents.run(text, tmp_path)
    assert [line[:len(start)] for line, start in zip(found, expected, strict=True)] == expected


@pytest.mark.parametrize(("line", "expected"), [
    ("spikeloom verify x.qsnn --wave", None),
    ("spikeloom verify x.qsnn --waves", "spikeloom must take ['verify', 'x.qsnn', '--waves']"),
    ("spikeloom show examples/none.qsnn   # gone", "examples/none.qsnn must exist"),
    ("spikeloom plan x.qsnn --board icebraker", "icebraker must exist"),
    ("make tests", "make must have a target tests"),
    ("make fuzz SECONDS=1", None),
    ("python benchmarks/none.py", "benchmarks/none.py must exist"),
    ("pip install 'spikeloom[sim,silicon]'", "extras must be among those of pyproject.toml, not ['silicon']"),
])
def test_commands_that_do_not_exist_are_noticed(line, expected):
    assert documents.commands(f"```sh\n{line}\n```\n") == documents.commands(f"    {line}\n") == [line]
    assert wrong(line) == expected
