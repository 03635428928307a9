"""A small chart of some values one after the other, joined by a line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spikeloom.page.figures import percent, short
from spikeloom.page.markup import Markup, tag
from spikeloom.page.svg import WIDTH, Scale, bottom_axis, chart, left_axis, line, words

HEIGHT, LEFT, REACHED = 190, 56, 40


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What is along an axis, and how a value of it is written."""

    name: str
    write: Callable[[float], str] = short


def shares(name: str) -> Axis:
    """An axis of shares, in percent."""
    return Axis(name=name, write=lambda value: f"{100 * value:.4g}%")


def curve(points: Sequence[tuple[float, float]], label: str, across: Axis, up: Axis) -> Markup:
    """Points `(x, y)`, in order; each tells its values, and the keyboard reaches them where they are few."""
    xs, ys = zip(*points, strict=True)
    pad = 0.08 * (max(ys) - min(ys)) or 0.01 * abs(max(ys)) or 0.01
    over = Scale(low=min(xs), high=max(xs), start=LEFT + 8, stop=WIDTH - 14)
    high = Scale(low=min(ys) - pad, high=max(ys) + pad, start=HEIGHT - 44, stop=12)
    marks = [*left_axis(high, LEFT, WIDTH - 10, 4, up.write),
             *bottom_axis(over, HEIGHT - 44, 6, across.write),
             words(WIDTH - 10, HEIGHT - 8, across.name, anchor="end", class_="soft")]
    if len(points) > 1:
        marks.append(line([(over(x), high(y)) for x, y in points], "joined"))
    reached = "0" if len(points) <= REACHED else None
    for x, y in points:
        told = f"{across.name} {across.write(x)}: {_exactly(y, up)}"
        marks.append(tag("g", tag("title", told), tag("circle", cx=over(x), cy=high(y), r="4", class_="trial front"),
                         class_="tip", tabindex=reached))
    return chart(label, HEIGHT, marks, role="group")


def _exactly(value: float, axis: Axis) -> str:
    return percent(value) if axis.write(1) == "100%" else axis.write(value)
