"""How close an imported network comes to the graph that it was made of, layer by layer, and what was assumed."""

from spikeloom.page import parts
from spikeloom.page.facts import Facts
from spikeloom.page.figures import called, percent, plural, real, rows, share, table, whole
from spikeloom.page.markup import Markup, tag

MOST, ASSUMED = 48, 24


def section(facts: Facts) -> Markup | None:
    """Bars of common spikes and a table; None for a network that is no import."""
    provenance = facts.network.provenance
    found, assumed = table(provenance.get("closeness")), provenance.get("assumptions")
    assumed = [one for one in assumed if isinstance(one, str)] if isinstance(assumed, list) else []
    layers = [one for row in rows(found.get("layers"))[:MOST] if (one := _layer(row)) is not None]
    if not layers and not assumed:
        return None
    return parts.section("import", "The import", _spikes(layers, real(found.get("samples"))),
                         tag("div", _answers(found), _assumptions(assumed), class_="two"))


def _layer(row: dict) -> tuple[str, float, float, float] | None:
    """Name, and spikes of the graph, of the integers, of both; None unless they make sense."""
    counts = [real(row.get(name)) for name in ("graph", "network", "common")]
    if None in counts or min(counts) < 0 or counts[2] > min(counts[:2]):
        return None
    return called(row.get("name")), *counts


def _overlap(graph: float, network: float, common: float) -> float:
    return 2 * common / (graph + network) if graph + network else 1.0


def _spikes(layers: list[tuple[str, float, float, float]], samples: float | None) -> Markup | None:
    if not layers:
        return None
    bars = [parts.bar(name, _overlap(*counts), f"{whole(counts[2])} alike", percent(_overlap(*counts), 1))
            for name, *counts in layers]
    lines = [(name, *map(whole, counts)) for name, *counts in layers]
    on = f" over {plural(int(samples), 'sample')}" if samples else ""
    return tag("div", parts.figure(
        f"Spikes of the same neuron in the same timestep{on}: twice those of both, as a share of those of the graph "
        "and those of the integer network.", tag("div", bars, class_="bars")),
        parts.rows_of(("spikes of", "graph", "integers", "both"), lines, numbers=(1, 2, 3)))


def _answers(found: dict) -> Markup | None:
    named = (("same class", "agree"), ("accuracy of the graph", "accuracy_graph"),
             ("accuracy of the integers", "accuracy_network"))
    lines = [(name, percent(value)) for name, key in named if (value := share(found.get(key))) is not None]
    return parts.facts_of(lines) if lines else None


def _assumptions(assumed: list[str]) -> Markup | None:
    if not assumed:
        return None
    more = f"; {len(assumed) - ASSUMED} more are in the file" if len(assumed) > ASSUMED else ""
    return tag("div", tag("p", f"What the importer assumed{more}:", class_="caption"),
               tag("ul", [tag("li", one) for one in assumed[:ASSUMED]], class_="assumed"))
