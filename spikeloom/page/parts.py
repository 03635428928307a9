"""Pieces of the page that several sections use."""

from spikeloom.page.markup import Markup, tag
from spikeloom.page.svg import meter

Cell = object


def section(name: str, title: str, *children: object) -> Markup:
    """A section of the page; `name` is its id."""
    return tag("section", tag("h2", title, id=f"{name}-title"), *children, id=name, aria_labelledby=f"{name}-title")


def note(*children: object) -> Markup:
    return tag("p", *children, class_="note")


def missing(what: str, command: str) -> Markup:
    """Says that something is not known, and what finds it out."""
    return tag("p", what, " To find out: ", tag("code", command), class_="missing")


def figure(caption: object, *children: object, class_: str | None = None) -> Markup:
    return tag("figure", *children, tag("figcaption", caption), class_=class_)


def rows_of(columns: tuple[str, ...], rows: list[tuple[Cell, ...]], *, numbers: tuple[int, ...] = (),
            caption: str | None = None) -> Markup:
    """A table; columns of `numbers` are set to the right. It scrolls by itself where it is too wide."""
    def cell(name: str, k: int, value: Cell, **attributes: object) -> Markup:
        return tag(name, value, class_="number" if k in numbers else None, **attributes)
    head = tag("tr", [cell("th", k, title, scope="col") for k, title in enumerate(columns)])
    body = [tag("tr", [cell("td", k, value) for k, value in enumerate(row)]) for row in rows]
    wide = tag("div", tag("table", tag("thead", head), tag("tbody", body)), class_="wide", tabindex="0", role="region",
               aria_label=caption or ", ".join(columns))
    return tag("div", tag("p", caption, class_="caption") if caption else None, wide)


def facts_of(rows: list[tuple[object, object]]) -> Markup:
    """Names and values, one pair a line."""
    return tag("dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in rows], class_="facts")


def bar(name: object, part: float, amount: object, value: object, tone: str = "meter-main") -> Markup:
    """A line with a bar filled by `part`, 0 to 1, and what it amounts to; lines go into a `div` of class `bars`."""
    return tag("div", tag("span", name, class_="name"), meter(part, tone), tag("span", amount, class_="amount"), tag(
        "span", value, class_="amount soft"), class_="row")
