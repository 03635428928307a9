"""The road of a compression: what each stage kept and how good it was, and what its method says."""

from spikeloom.page import methods, parts
from spikeloom.page.facts import Facts
from spikeloom.page.figures import called, duration, percent, plural, real, rows, share, table
from spikeloom.page.markup import Markup, tag
from spikeloom.page.pareto import COSTS, KIB, Point, drawn

MOST, UNITS = 40, {"bits": COSTS["bits"], "nonzero": "weights that are not 0"}


def section(facts: Facts) -> Markup | None:
    """Charts and a table of the stages that the network's file tells of, and what each method has to tell; None for an
    import that went no such road."""
    provenance, title = facts.network.provenance, "Compression, stage by stage"
    stages = rows(provenance.get("stages"))[:MOST]
    charts = [chart for what in UNITS if (chart := _chart(stages, what)) is not None]
    told = [part for stage in stages if (part := methods.drawn(stage)) is not None]
    candidate = _candidate(table(provenance.get("candidate")))
    if not charts and not told and candidate is None:
        if facts.imported:
            return None
        recipe = provenance.get("recipe")
        method = provenance.get("method")
        how = f": it was made by {called(method)}" if isinstance(method, str) else ""
        return parts.section("compression", title, parts.missing(
            f"The network's file tells of no compression{how}.",
            f"spikeloom compress {recipe if isinstance(recipe, str) else 'RECIPE'} inq:bits=4 -o compressed.qsnn"))
    lines = [_line(stage) for stage in stages if real(stage.get("bits")) and share(stage.get("validation")) is not None]
    summary = parts.rows_of(("stage", "KiB", "not 0", "validation", "took"), lines,
                            numbers=(1, 2, 3, 4)) if lines else None
    return parts.section("compression", title, summary, tag("div", charts, class_="two") if charts else None,
                         candidate, *told)


def _chart(stages: list[dict], what: str) -> Markup | None:
    """Accuracy against a cost, in the order of the stages; None if that never changes."""
    unit = KIB if what == "bits" else 1
    points = [Point(cost=cost / unit, accuracy=reached, name=called(stage.get("name")), tone="trial front")
              for stage in stages if (cost := real(stage.get(what))) and cost >= 1
              and (reached := share(stage.get("validation"))) is not None]
    if len({point.cost for point in points}) < 2:
        return None
    noun = {"bits": "Bits", "nonzero": "Weights"}[what]
    caption = {"bits": "Memory of weights", "nonzero": "Weights that are not 0"}[what]
    return parts.figure(f"{caption}, and accuracy on validation samples, of each stage; the line goes from the first "
                        "to the last.", drawn(points, [], f"{noun} against accuracy of {plural(len(points), 'stage')}",
                                              UNITS[what], floor=0.0, route=True))


def _line(stage: dict) -> tuple[str, ...]:
    weights, left, seconds = (real(stage.get(name)) for name in ("weights", "nonzero", "seconds"))
    kept = "-" if left is None or not weights else percent(left / weights, 1)
    return (called(stage.get("name")), f"{real(stage['bits']) / KIB:,.1f}", kept, percent(share(stage["validation"])),
            "-" if seconds is None else duration(max(seconds, 0)))


def _candidate(found: dict) -> Markup | None:
    """The widths that a search chose, layer by layer."""
    layers = rows(found.get("layers"))[:MOST]
    return methods.records("Widths that the search chose", layers) if layers else None
