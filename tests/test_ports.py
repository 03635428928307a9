"""Ports in the manual: every component is in the reference, and tables in the pages are those of the components."""

import importlib
import inspect
import pkgutil
import re
from itertools import islice
from pathlib import Path

import pytest
from amaranth.lib import wiring

from spikeloom import rtl_gen

DOCS = Path(__file__).resolve().parents[1] / "docs"
BASES = {"spikeloom.rtl_gen.encoders.Encoder", "spikeloom.rtl_gen.parallel.readout.Gatherer"}    # of others


@pytest.fixture(scope="module", name="ports")
def ports_fixture():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        yield importlib.import_module("ports")


@pytest.fixture(scope="module")
def text(ports):
    """The reference's page of components."""
    return "\n".join(ports.components())


def every_component() -> set[str]:
    """Every component of the hardware, by its class's full name."""
    modules = [importlib.import_module(found.name) for found in
               pkgutil.walk_packages(rtl_gen.__path__, "spikeloom.rtl_gen.")]
    return {f"{kind.__module__}.{kind.__qualname__}" for module in modules for kind in vars(module).values()
            if inspect.isclass(kind) and issubclass(kind, wiring.Component) and kind.__module__ == module.__name__}


def test_the_reference_has_every_component(text):
    listed = re.findall(r"^## `(.*)`$", text, re.MULTILINE)
    assert sorted(every_component() - BASES - set(listed)) == []
    assert len(listed) == len(set(listed)) > 70
    assert text.count("| port | direction | bits | what |") == len(listed)


def test_a_component_that_is_in_no_design_is_missed(ports, monkeypatch):
    every = ports.designs
    monkeypatch.setattr(ports, "designs", lambda: islice(every(), 3))
    listed = re.findall(r"^## `(.*)`$", "\n".join(ports.components()), re.MULTILINE)
    assert "spikeloom.rtl_gen.link.spi.SpiTarget" in every_component() - BASES - set(listed)


def tables(page: str) -> dict[str, list[tuple[str, str, str]]]:
    """Port tables in a page, by the component that heads them: (name, direction, bits) of each port."""
    found, name, heading = {}, None, None
    for line in page.splitlines():
        heading = line[4:-1].rpartition(".")[2] if line.startswith("## `") else heading
        cells = [cell.strip(" `") for cell in line.split("|")[1:-1]]
        if cells[1:] == ["direction", "bits", "what"]:
            name = heading if cells[0] == "port" else cells[0]
            found[name] = []
        elif name and len(cells) == 4 and not cells[1].startswith("---"):
            found[name].append(tuple(cells[:3]))
        elif not cells:
            name = None
    return found


@pytest.mark.parametrize(("page", "names"), [
    ("link.md", ["LinkedTop", "LinkedSpiTop"]), ("soc.md", ["Soc"]), ("standalone.md", ["StandaloneTop"])])
def test_tables_in_the_pages_are_those_of_the_components(text, page, names):
    written, known = tables((DOCS / page).read_text()), tables(text)
    assert list(written) == names
    for name in names:
        assert written[name] == known[name] and written[name]


def test_tables_are_read():
    page = ("## `m.B`\n| port | direction | bits | what |\n| --- | --- | --- | --- |\n| `x` | in | 1 | |\n\n"
            "| y | in | 2 | |")
    assert tables(page) == {"B": [("x", "in", "1")]}
    assert tables(page.replace("port", "`A`")) == {"A": [("x", "in", "1")]}
