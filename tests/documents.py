"""Code blocks of the Markdown pages: what each is, how it runs, and what it may not be.

A page's blocks run in order, in one empty folder with `examples` in it. A block whose first line is a comment with a
file name alone is written there; `python` and `sh` blocks run. An indented block right after one that ran is its
output: its lines must come out, in this order, where `..` stands for anything. A block that does not run has to say
why, in the line before it: *Not run by the tests: REASON.*
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REASONS = ("takes minutes", "needs a board", "needs a cluster", "needs a download", "installs packages", "needs a file",
           "goes on until it is stopped", "opens a browser")
PLAIN = ("", "text", "{toctree}")                       # output and drawings, not code
ELSEWHERE = {"c": "tests/firmware/test_c_docs.py"}      # what runs the blocks of a language that do not run here
FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```[ ]*$", re.M | re.S)
MARK = re.compile(r"\*Not run by the tests: ([^*]+?)\.\*\s*\Z")
NAMED = re.compile(r"(?:#|//) (?P<name>[\w./-]+\.\w+)\n")
ASKED = re.compile(r"(spikeloom [a-z-]+( |$)|make |python \S+\.py|pip install )")
OUTPUT = re.compile(r"\n+((?:    [^\n]*\n|\n(?=    ))+)")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block: the line it begins in, its language, text, why it does not run, and the output shown after it."""

    line: int
    language: str
    text: str
    reason: str | None
    output: tuple[str, ...]

    @property
    def file(self) -> str | None:
        """The file that it is, if it is one."""
        found = NAMED.match(self.text)
        return found["name"] if found else None

    @property
    def made(self) -> bool:
        """Targets of the Makefile and nothing else: what CI and tests/spikeloom/test_demo.py call."""
        return self.language == "sh" and all(line.startswith("make ") for line in self.text.splitlines())

    @property
    def runs(self) -> bool:
        return self.language in ("python", "sh") and self.reason is None and self.file is None and not self.made


def blocks(text: str) -> Iterator[Block]:
    """All fenced blocks of a page."""
    for found in FENCE.finditer(text):
        mark = MARK.search(text[:found.start()])
        shown = OUTPUT.match(text, found.end())
        yield Block(line=text[:found.start()].count("\n") + 1, language=found[1], text=found[2],
                    reason=mark and " ".join(mark[1].split()),
                    output=tuple(line.strip() for line in shown[1].splitlines() if line.strip()) if shown else ())


def problems(text: str) -> list[str]:
    """What is wrong with the blocks of a page before any runs."""
    found = []
    for block in blocks(text):
        known = block.runs or block.made or block.language in (*PLAIN, *ELSEWHERE) or block.file
        if block.reason is not None and not block.reason.startswith(REASONS):
            found.append(f"line {block.line}: the reason must begin with one of {', '.join(REASONS)}, "
                         f"not {block.reason!r}")
        elif block.reason is None and not known:
            found.append(f"line {block.line}: a block of {block.language} must run, be a file or say why not")
    if len(re.findall(r"^```", text, re.M)) % 2:
        found.append("a block must end")
    return found


def run(text: str, folder: Path) -> list[str]:
    """Run a page's blocks in `folder`; what went wrong, by line. It stops at the first failure."""
    (folder / "examples").symlink_to(ROOT / "examples")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for block in blocks(text):
        if block.file and block.reason is None:
            (folder / block.file).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.file).write_text(block.text)
        if not block.runs:
            continue
        command = [sys.executable, "-W", "error", "-c"] if block.language == "python" else ["bash", "-e", "-c"]
        done = subprocess.run([*command, block.text], cwd=folder, env=environment, check=False, timeout=600, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            return [f"line {block.line}: exit code {done.returncode}\n{done.stdout}"]
        missing = absent(block.output, done.stdout)
        if missing is not None:
            return [f"line {block.line}: the output must have {missing!r} there\n{done.stdout}"]
    return []


def absent(shown: tuple[str, ...], printed: str) -> str | None:
    """The first line of `shown` that does not come, in this order, among the lines of `printed`."""
    lines = iter([" ".join(line.split()) for line in printed.splitlines()])
    for line in shown:
        pattern = ".*".join(re.escape(" ".join(part.split())) for part in line.split(".."))
        if not any(re.fullmatch(pattern, one) or (".." in line and re.match(pattern, one)) for one in lines):
            return line
    return None


def commands(text: str) -> list[str]:
    """The shell lines of a page, in blocks of `sh` and indented, that begin with a program that a test can ask."""
    shell = "\n".join(block.text for block in blocks(text) if block.language == "sh")
    indented = "\n".join(line[4:] for line in FENCE.sub("", text).splitlines() if line.startswith("    "))
    lines = f"{shell}\n{indented}".replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if ASKED.match(line)]
