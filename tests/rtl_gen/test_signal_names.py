"""Signals have their names in every version of Python.

Amaranth reads a signal's name from the bytecode of its assignment. From Python 3.13 on, one instruction stores two
local variables at once, and what is assigned in `a, b = Signal(), Signal()` has no name.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKERS = ("Signal", "like", "read_port", "write_port", "create")
FILES = sorted(path for folder in ("rtl_gen", "boards") for path in (ROOT / folder).rglob("*.py"))


def nameless(source: str) -> list[int]:
    """Lines that assign several signals to local names at once, and do not name them."""
    return [node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple)
            and any(isinstance(target, ast.Name) and is_nameless(value)
                    for target, value in zip(node.targets[0].elts, node.value.elts, strict=True))]


def is_nameless(value: ast.expr) -> bool:
    return (isinstance(value, ast.Call) and ast.unparse(value.func) .split(".")[-1] in MAKERS
            and not any(keyword.arg == "name" for keyword in value.keywords))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_signal_has_its_name(path):
    assert nameless(path.read_text()) == []


@pytest.mark.parametrize(("source", "lines"), [
    ("a, b = Signal(), Signal(3)", [1]), ("x = 1\na, b = 2, Signal.like(x)", [2]),
    ("r, w = store.read_port(), store.write_port()", [1]), ("self.a, self.b = Signal(), Signal()", []),
    ("a, b = Signal(name='a'), Signal(3, name='b')", []), ("a, b = (Signal(name=n) for n in 'ab')", [])])
def test_what_has_none(source, lines):
    assert nameless(source) == lines
