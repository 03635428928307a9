"""Cost against accuracy: the candidates of a search, with their front."""

from dataclasses import dataclass

from spikeloom.page import parts
from spikeloom.page.facts import Facts
from spikeloom.page.figures import called, percent, plural, real, rows, share, table, whole
from spikeloom.page.markup import Markup, tag
from spikeloom.page.svg import WIDTH, Scale, bottom_axis, chart, left_axis, line, words

KIB, MOST = 8192, 400
LOWEST = 10         # drops below the limit that are drawn in their place; what is worse lies at the lower edge
COSTS = {"bits": "memory, KiB", "packed": "memories of the board, KiB", "ram": "block RAMs", "cells": "logic cells",
         "cycles": "clock cycles an inference"}
LEFT, HEIGHT = 52, 260


@dataclass(frozen=True, kw_only=True)
class Point:
    """Something that costs so much and is so good."""

    cost: float
    accuracy: float
    name: str
    tone: str = "trial"


def search(facts: Facts) -> Markup | None:
    """The candidates of a search; those on the front are joined. None for an import: it has no recipe to search."""
    title, found = "The front of the search", facts.search
    cost = found.get("cost") if found.get("cost") in COSTS else "bits"
    unit = KIB if cost in ("bits", "packed") else 1
    points = []
    for row in rows(found.get("candidates"))[:MOST]:
        size, reached = real(row.get("cost")), share(row.get("accuracy"))
        if size and size >= 1 and reached is not None:
            kind = next((f"trial {key}" for key in ("chosen", "front") if row.get(key) is True), "trial")
            points.append(Point(cost=size / unit, accuracy=reached, name=called(row.get("text")), tone=kind))
    if not points:
        if facts.imported:
            return None
        recipe = facts.network.provenance.get("recipe")
        recipe = recipe if isinstance(recipe, str) else "RECIPE"
        return parts.section("search", title, parts.missing(
            "No search was found beside the network.", f"spikeloom search {recipe} -o FOLDER, then "
            f"spikeloom report {facts.file} --search FOLDER"))
    limits = [(value, name) for name, key in (("real numbers", "float"), ("least allowed", "least"))
              if (value := share(table(found.get("accuracy")).get(key))) is not None]
    by_name = {name: value for value, name in limits}
    floor = 0.0
    if len(by_name) == 2:
        floor = max(0.0, by_name["least allowed"] - LOWEST * max(
            by_name["real numbers"] - by_name["least allowed"], 1e-3))
    front = sorted((point for point in points if point.tone != "trial"), key=lambda point: point.cost)
    lines = [(point.name + (", chosen" if "chosen" in point.tone else ""),
              f"{point.cost:,.1f}" if unit == KIB else whole(point.cost), percent(point.accuracy)) for point in front]
    return parts.section("search", title, tag("div", parts.figure(
        f"{plural(len(points), 'candidate')} of {called(found.get('recipe'))}: accuracy on validation samples "
        f"against {COSTS[cost]}. The front is joined, the star was chosen"
        + (f"; what is below {percent(floor)} lies at the lower edge." if floor else "."),
        drawn(points, limits, f"Search: {plural(len(points), 'candidate')}", COSTS[cost], floor=floor)),
        parts.rows_of(("on the front", COSTS[cost].rpartition(", ")[2], "accuracy"), lines[:16], numbers=(1, 2)),
        class_="two"))


def drawn(points: list[Point], limits: list[tuple[float, str]], label: str, unit: str, *, floor: float,
           route: bool = False) -> Markup:
    """Points by cost and accuracy; joined in order if they are a `route`, else those on the front are."""
    costs = [point.cost for point in points]
    seen = [max(point.accuracy, floor) for point in points] + [value for value, _ in limits]
    low, high = min(seen), max(seen)
    pad = max(0.06 * (high - low), 0.002)
    wide = max(costs) > 2 * min(costs)
    room = 1.15 if wide else (max(costs) / min(costs)) ** 0.15 * 1.001
    across = Scale(low=min(costs) / room, high=max(costs) * room, start=LEFT, stop=WIDTH - 10, logarithmic=wide)
    up = Scale(low=max(low - pad, 0), high=min(high + pad, 1), start=HEIGHT - 44, stop=12)
    marks = [*left_axis(up, LEFT, WIDTH - 10, 5, lambda value: f"{100 * value:.4g}%"),
             *bottom_axis(across, HEIGHT - 44, 6), words(
                 WIDTH - 10, HEIGHT - 10, unit + ", logarithmic" * wide, anchor="end", class_="soft")]
    for value, name in limits:
        marks += [line([(LEFT, up(value)), (WIDTH - 10, up(value))], "limit"),
                  words(LEFT + 4, up(value) - 4, name, class_="soft")]
    place = {id(point): (across(point.cost), up(max(point.accuracy, floor))) for point in points}
    joined = points if route else sorted((p for p in points if p.tone != "trial"), key=lambda p: (p.cost, p.accuracy))
    if len(joined) > 1:
        marks.append(line([place[id(point)] for point in joined], "joined"))
    for point in sorted(points, key=lambda p: ("front" in p.tone, "chosen" in p.tone)):
        x, y = place[id(point)]
        size = "6" if "chosen" in point.tone else "4" if "front" in point.tone else "3"
        told = f"{point.name}: {percent(point.accuracy)}, {point.cost:,.4g} {unit.rpartition(', ')[2]}"
        shape = _star(x, y) if "chosen" in point.tone else tag("circle", cx=x, cy=y, r=size, class_=point.tone)
        marks.append(tag("g", tag("title", told), shape, class_="tip", tabindex="0" if point.tone != "trial" else None))
    return chart(label, HEIGHT, marks, role="group")


def _star(x: float, y: float) -> Markup:
    spikes = ((0, -8), (2, -2.6), (7.6, -2.5), (3.2, 1), (4.7, 6.5), (0, 3.3), (-4.7, 6.5), (-3.2, 1), (-7.6, -2.5),
              (-2, -2.6))
    return tag("polygon", points=" ".join(f"{x + dx:.2f},{y + dy:.2f}" for dx, dy in spikes), class_="trial chosen")
