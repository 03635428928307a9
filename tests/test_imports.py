"""The import rules of the house: who may import whom, for every file of every package."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

ALLOWED = {
    "spikeloom": set(),
    "rtl_gen": {"spikeloom"},
    "boards": {"spikeloom", "rtl_gen"},
    "firmware": {"spikeloom", "rtl_gen"},
    "sim": {"spikeloom", "rtl_gen", "boards", "firmware"},
    "train": {"spikeloom", "rtl_gen", "boards", "sim"},
}
TORCH = {"sim", "train"}


def imported(path: Path, package: str) -> list[tuple[str, bool]]:
    """(absolute dotted name, at module level) of every import in the file, which is a module of `package`."""
    tree = ast.parse(path.read_text())
    inside = {id(node) for outer in ast.walk(tree) if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
              for node in ast.walk(outer)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) not in inside) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*package.split(".")[: len(package.split(".")) - node.level + 1], base]).strip(".")
            found += [(f"{base}.{alias.name}", id(node) not in inside) for alias in node.names]
    return found


def violations(root: Path) -> list[str]:
    """One line for each import in the folders of `root` that the table does not allow."""
    found = []
    for folder, allowed in ALLOWED.items():
        for path in sorted((root / folder).rglob("*.py")):
            where = path.relative_to(root)
            parents = where.parent.parts if folder == "spikeloom" else ("spikeloom", *where.parent.parts)
            command = folder == "spikeloom" and where.parts[1].startswith(("cli", "commands"))
            for name, at_module_level in imported(path, ".".join(parents)):
                first, *rest = name.split(".")
                if first in ALLOWED and first != "spikeloom":
                    found.append(f"{where} imports {name}: write spikeloom.{name}")
                elif first == "torch" and folder not in TORCH and not (command and not at_module_level):
                    found.append(f"{where} imports torch")
                elif first == "spikeloom":
                    target = rest[0] if rest and rest[0] in ALLOWED else "spikeloom"
                    if target not in {folder, *allowed} and not (command and not at_module_level):
                        found.append(f"{where} imports spikeloom.{target}")
    return found


def test_every_file_keeps_the_rules():
    assert violations(ROOT) == []


def test_every_folder_is_looked_at():
    for folder in ALLOWED:
        assert list((ROOT / folder).rglob("*.py")), folder


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("rtl_gen/a.py", "import torch", ["rtl_gen/a.py imports torch"]),
        ("rtl_gen/deep/a.py", "def f():\n    import torch.nn", ["rtl_gen/deep/a.py imports torch"]),
        ("rtl_gen/a.py", "from spikeloom.sim import x", ["rtl_gen/a.py imports spikeloom.sim"]),
        ("rtl_gen/deep/a.py", "from ...sim import x", ["rtl_gen/deep/a.py imports spikeloom.sim"]),
        ("boards/a.py", "import spikeloom.train.fit", ["boards/a.py imports spikeloom.train"]),
        ("sim/a.py", "from spikeloom import train", ["sim/a.py imports spikeloom.train"]),
        ("sim/a.py", "import rtl_gen", ["sim/a.py imports rtl_gen: write spikeloom.rtl_gen"]),
        ("spikeloom/a.py", "def f():\n    from . import boards", ["spikeloom/a.py imports spikeloom.boards"]),
        ("spikeloom/cli.py", "from spikeloom import boards", ["spikeloom/cli.py imports spikeloom.boards"]),
        ("spikeloom/cli.py", "def f():\n    from spikeloom import boards, train", []),
        ("spikeloom/commands/a.py", "def f():\n    import torch", []),
        ("train/a.py", "import torch\nfrom spikeloom.sim import x\nfrom . import b", []),
        ("spikeloom/a.py", "from spikeloom.errors import SpikeloomError\nimport numpy", []),
    ],
)
def test_the_rules_can_be_broken(tmp_path, path, text, expected):
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert violations(tmp_path) == expected
