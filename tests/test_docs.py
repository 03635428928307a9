"""What the documents show is true: their Python runs, their commands parse, their links lead somewhere."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from spikeloom import cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")),
         *sorted((ROOT / "examples").glob("*.md")), *sorted((ROOT / "benchmarks").glob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.M | re.S)


PYTHON = [pytest.param(text, id=f"{name}-{k}") for name, page in zip(NAMES, PAGES, strict=True)
          for k, text in enumerate(blocks(page, "python"))]
COMMANDS = sorted({line.strip() for page in PAGES for text in blocks(page, "(?:sh|console)")
                   for line in text.replace("\\\n", " ").splitlines() if line.startswith("spikeloom ")})


def test_there_is_something_to_check():
    assert PYTHON
    assert COMMANDS


@pytest.mark.parametrize("text", PYTHON)
def test_python_blocks_run(text, tmp_path):
    for shared in ("examples",):
        (tmp_path / shared).symlink_to(ROOT / shared)
    result = subprocess.run([sys.executable, "-W", "error", "-c", text], cwd=tmp_path, capture_output=True, text=True,
                            check=False, timeout=300)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_parse(line):
    words = shlex.split(line, comments=True)[1:]
    if words[0] in ("--help", "--version"):
        return
    assert cli.parser().parse_args(words).verb == words[0]
    for word in words:
        if word.startswith("examples/"):
            assert (ROOT / word).exists(), word


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target
