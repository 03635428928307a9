"""One HTML page about a network: a verdict first, then what it rests on.

The page is one file that asks nothing of the network: charts are SVG, the script and the style are inside, and its
content security policy lets nothing else run, whatever the names in a file are.
"""

import base64
import hashlib
from collections.abc import Container
from importlib.resources import files

from spikeloom.network import Network
from spikeloom.page import activity, board, closeness, compression, confusion, origin, pareto, road, verdict, weights
from spikeloom.page.facts import Facts
from spikeloom.page.markup import Markup, joined, tag

SECTIONS = {"verdict": verdict.section, "road": road.section, "import": closeness.section, "budget": board.budget,
            "latency": board.latency, "activity": activity.section, "weights": weights.section,
            "compression": compression.section, "search": pareto.search, "confusion": confusion.section,
            "origin": origin.section}
"""By id, in the order of the page; one that returns None is not there."""
LINKS = {"road": "road", "import": "import", "budget": "budget", "latency": "time", "activity": "spikes",
         "weights": "weights", "compression": "compression", "search": "search", "confusion": "confusion",
         "origin": "origin"}


def render(facts: Facts) -> str:
    """The page, ASCII only; the same bytes for the same facts."""
    style, script = _resource("style.css"), _resource("script.js")
    policy = (f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:; "
              "base-uri 'none'; form-action 'none'")
    head = tag("head", tag("meta", charset="utf-8"), tag(
        "meta", http_equiv="Content-Security-Policy", content=policy), tag(
        "meta", name="viewport", content="width=device-width, initial-scale=1"), tag(
        "meta", name="color-scheme", content="light dark"), tag("link", rel="icon", href="data:,"), tag(
        "title", f"{facts.name}: Spikeloom report"), tag("style", Markup(style)))
    sections = {name: made for name, draw in SECTIONS.items() if (made := draw(facts)) is not None}
    body = tag("body", _header(facts, sections), tag("main", list(sections.values())), tag(
        "footer", "Made by ", tag("code", f"spikeloom report {facts.file}"),
        f", Spikeloom {facts.versions.get('spikeloom', '')}."), tag(
        "div", id="tip", role="status", hidden=True), tag("script", Markup(script)))
    page = joined(Markup("<!DOCTYPE html>\n"), tag("html", head, body, lang="en"), Markup("\n"))
    return page.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _header(facts: Facts, sections: Container[str]) -> Markup:
    network = facts.network
    return tag("header", tag("p", "Spikeloom report", class_="kicker"), tag("h1", facts.name), tag(
        "p", _shape(network), class_="shape"), tag("nav", [
            tag("a", words, href=f"#{name}") for name, words in LINKS.items() if name in sections],
            aria_label="sections"))


def _shape(network: Network) -> str:
    sizes = " \u2192 ".join(f"{size:,}" for size in (network.values, *(layer.size for layer in network.layers)))
    dataset = network.provenance.get("dataset")
    about = [sizes, f"{network.timesteps} timestep{'s' * (network.timesteps > 1)}"]
    return ", ".join([*about, dataset] if isinstance(dataset, str) else about)


def _resource(name: str) -> str:
    return files(__name__).joinpath(name).read_text("ascii")


def _hash(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"
