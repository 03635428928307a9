"""What is listed for packaging is what is in the tree, and every dependency is pinned."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LISTED = PROJECT["tool"]["setuptools"]["packages"]
FOLDERS = PROJECT["tool"]["setuptools"]["package-dir"]


def packages_in(root: Path) -> list[str]:
    """The dotted name of every folder below the packaged ones that holds an `__init__.py`."""
    found = []
    for package, folder in FOLDERS.items():
        for marker in (root / folder).rglob("__init__.py"):
            inner = marker.parent.relative_to(root / folder).parts
            found.append(".".join([package, *inner]))
    return sorted(found)


def unpinned(requirements: list[str], pins: dict[str, str]) -> list[str]:
    """Everything `requirements` pulls in, directly or not, that `pins` lacks or holds at another version."""
    wrong, seen, queue = [], set(), [Requirement(text) for text in requirements]
    while queue:
        requirement = queue.pop()
        name = canonicalize_name(requirement.name)
        if name in seen or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        seen.add(name)
        try:
            installed = version(name).partition("+")[0]
        except PackageNotFoundError:
            installed = "not installed"
        if pins.get(name) != installed:
            wrong.append(f"{name}: installed {installed}, pinned {pins.get(name)}")
        if installed != "not installed":
            queue += [Requirement(text) for text in requires(name) or []]
    return sorted(wrong)


def all_requirements() -> list[str]:
    extras = PROJECT["project"]["optional-dependencies"].values()
    return [*PROJECT["project"]["dependencies"], *(text for extra in extras for text in extra)]


def pins() -> dict[str, str]:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    return {canonicalize_name(name): pinned for name, _, pinned in (line.partition("==") for line in lines)}


def test_the_packages_listed_are_those_in_the_tree():
    assert packages_in(ROOT) == sorted(LISTED)


def test_a_package_that_is_not_listed_is_noticed(tmp_path):
    for name in ("rtl_gen", "rtl_gen/neurons", "rtl_gen/no_package"):
        (tmp_path / name).mkdir()
    for name in ("rtl_gen", "rtl_gen/neurons"):
        (tmp_path / name / "__init__.py").touch()
    assert packages_in(tmp_path) == ["spikeloom.rtl_gen", "spikeloom.rtl_gen.neurons"]


def test_every_folder_with_modules_is_a_package():
    folders = {path.parent for folder in FOLDERS.values() for path in (ROOT / folder).rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_every_dependency_is_pinned_at_the_installed_version():
    assert unpinned(all_requirements(), pins()) == []


def test_a_missing_pin_is_noticed():
    pinned = pins()
    del pinned["jschon"]
    pinned["rich"] = "1.0"
    assert unpinned(all_requirements(), pinned) == [
        f"jschon: installed {version('jschon')}, pinned None",
        f"rich: installed {version('rich')}, pinned 1.0",
    ]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy of what is packaged, so that nothing else gets in."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    for name in ["pyproject.toml", *FOLDERS.values()]:
        source = ROOT / name
        for path in [source] if source.is_file() else source.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                target = tree / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", "..", "."]
    subprocess.run(command, cwd=tree, check=True)
    (built,) = folder.glob("spikeloom-*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_holds_every_package(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    files = {
        f"{package.replace('.', '/')}/{path.name}"
        for package in LISTED
        for path in ROOT.joinpath(*_folder(package)).iterdir()
        if path.is_file()
    }
    assert files <= names
    assert {name.split("/")[0] for name in names} <= {"spikeloom", f"{wheel.name.rsplit('-py3', 1)[0]}.dist-info"}


@pytest.mark.slow
def test_the_wheel_works_in_an_empty_environment(wheel, tmp_path):
    """With its own dependencies only: what needs more says what to install."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    bin_ = tmp_path / "venv" / "bin"
    install = [bin_ / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "-c",
               ROOT / "constraints.txt", wheel]
    subprocess.run(install, check=True)

    def run(*words: object) -> tuple[int, str, str]:
        done = subprocess.run([bin_ / "spikeloom", *words], cwd=tmp_path, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    network = ROOT / "examples" / "mnist-icebreaker.qsnn"
    assert run("--help")[0] == 0
    code, output, errors = run("show", network, "--json")
    assert (code, errors) == (0, "") and json.loads(output)["timesteps"] > 0
    assert run("completion", "bash")[0] == 0
    for verb in ("plan", "verify"):
        code, output, errors = run(verb, network)
        assert (code, output) == (2, "")
        assert re.fullmatch(rf"spikeloom {verb}: torch must be installed: pip install 'spikeloom\[[a-z,]+\]'\n", errors)


def _folder(package: str) -> list[str]:
    parts = package.split(".")
    return parts[1:] if f"spikeloom.{'.'.join(parts[1:2])}" in FOLDERS else parts
