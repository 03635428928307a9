"""The manual is built with warnings as errors, its reference is that of the code, and what is dead in it is noticed."""

import importlib
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from spikeloom import plugins

pytest.importorskip("myst_parser")
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module", name="manual")
def manual_fixture():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs"))
        yield importlib.import_module("manual")


@pytest.fixture(scope="module", name="html")
def html_fixture(tmp_path_factory):
    output = tmp_path_factory.mktemp("manual")
    done = subprocess.run([sys.executable, "-W", "error", ROOT / "docs" / "manual.py", "-o", output / "built"],
                          capture_output=True, text=True, check=False, timeout=600)
    assert (done.returncode, done.stderr) == (0, "")
    return output / "built" / "html"


class Loaded(HTMLParser):
    """Addresses that a browser fetches by itself."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if value and (
            name == "src" or (name == "href" and tag == "link"))]


def test_every_page_is_there_and_fetches_nothing_from_elsewhere(html):
    pages = {str(page.relative_to(html)) for page in html.rglob("*.html")}
    assert {"docs/README.html", "docs/how-to/board.html", "docs/reference/components.html", "README.html"} <= pages
    parser = Loaded()
    for page in html.rglob("*.html"):
        parser.feed(page.read_text())
    assert len(parser.found) > 100
    assert [one for one in parser.found if re.match(r"(?:\w+:)?//", one)] == []
    styles = [path.read_text() for path in html.rglob("*.css")]
    assert styles and not any(re.search(r"@import|url\(\s*['\"]?(?:https?:)?//", style) for style in styles)


def test_the_reference_has_every_command_and_the_ports_of_the_core(html):
    commands = (html / "docs/reference/commands.html").read_text()
    for name in plugins.names("spikeloom.commands"):
        assert f"usage: spikeloom {name}" in commands
    components = (html / "docs/reference/components.html").read_text()
    for name in ("core.Core", "population.Population", "synaptic.SynapticCurrent", "strategies.sparse.Integrator",
                 "skip.Skip", "parallel.chain.ParallelChain", "link.host_link.HostLink", "axi.AxiCore",
                 "aer.AerReceiver"):
        assert f"spikeloom.rtl_gen.{name}<" in components, name


def tree(folder: Path, pages: dict[str, str]) -> Path:
    """A small manual: its map and `pages`."""
    for name, text in {"README.md": "# Map\n\n## All\n\n* [A](a.md)\n", "conf.py": (ROOT / "docs/conf.py").read_text(),
                       **pages}.items():
        (folder / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "docs" / name).write_text(text)
    return folder


def test_what_is_dead_is_noticed(manual, tmp_path, capfd):
    good = {"a.md": "# A\n\n[itself](#a), [map](README.md#all), [a file](conf.py), [a folder](../docs)\n"}
    assert manual.build(tree(tmp_path / "good", good), tmp_path / "html", reference=False) == 0
    assert capfd.readouterr().err == ""
    bad = {"a.md": "# A\n\n[x](none.md)\n\n[y](README.md#none)\n\n![z](none.svg)\n\n[v](none.py)\n",
           "b.md": "# B\n"}
    assert manual.build(tree(tmp_path / "bad", bad), tmp_path / "html", reference=False) != 0
    told = capfd.readouterr().err
    for line, what in ((3, "none.md"), (5, "'none'"), (7, "none.svg"), (9, "none.py")):
        assert re.search(rf"a\.md:{line}: WARNING: .*{re.escape(what)}", told), told
    assert "b.md: WARNING: document isn't included in any toctree" in told


def test_docstrings_become_markdown(manual):
    docstrings = importlib.import_module("docstrings")
    text = "Adds <b> * c.\n\nParameters\n----------\nb, c : `a * b`\n    and <more>\n\nNo list: d.\n\n    x * y"
    expected = "Adds \\<b> \\* c.\n\n**Parameters**\n\n* `b, c`: `a * b`\n    and \\<more>\n\nNo list: d.\n\n    x * y"
    assert docstrings.markdown(text) == expected


def test_ports_are_those_of_the_component(manual):
    from amaranth.lib import data, stream, wiring
    from amaranth.lib.wiring import In, Out
    ports = importlib.import_module("ports")
    layout = data.StructLayout({"index": 3, "value": 4})
    inner = wiring.Signature({"a": In(5)})
    signature = wiring.Signature({"i": In(stream.Signature(layout)), "o": Out(2), "p": Out(inner)})
    assert list(ports.ports(signature)) == [("i", "in", 7, "stream of `index` 3, `value` 4"), ("o", "out", 2, ""),
                                            ("p", "out", "", "`a` 5 in")]


def test_a_public_name_without_a_docstring_is_noticed(manual, monkeypatch):
    reference = importlib.import_module("reference")
    from spikeloom.rtl_gen import words
    monkeypatch.setattr(words.pack, "__doc__", None)
    with pytest.raises(SystemExit, match="^spikeloom.rtl_gen.words.pack must have a docstring$"):
        list(reference.names({"spikeloom.rtl_gen.words": ("pack",)}))
