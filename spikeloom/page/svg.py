"""Axes, scales and marks of the charts. Colours are classes of `style.css`; a unit is a pixel at full size."""

import math
from dataclasses import dataclass

from spikeloom.page.figures import short
from spikeloom.page.markup import Markup, number, tag

WIDTH = 400


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Values `low` to `high` on coordinates `start` to `stop`."""

    low: float
    high: float
    start: float
    stop: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        low, high = (math.log(self.low), math.log(self.high)) if self.logarithmic else (self.low, self.high)
        value = math.log(value) if self.logarithmic else value
        return self.start + (self.stop - self.start) * ((value - low) / (high - low) if high > low else 0.5)

    def ticks(self, count: int = 5) -> list[float]:
        """Round values within, about `count`."""
        if self.logarithmic:
            steps = (1, 1.5, 2, 3, 4, 5, 7) if self.high < 12 * self.low else (1, 2, 5)
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            found = [step * 10.0 ** e for e in powers for step in steps if self.low <= step * 10.0 ** e <= self.high]
            return found[::-(-len(found) // (count + 1))] if found else [self.low]
        span = self.high - self.low
        if span <= 0:
            return [self.low]
        rough = span / count
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [k * step for k in range(first, math.floor(self.high / step + 1e-9) + 1)]


def chart(label: str, height: float, *children: object, width: float = WIDTH, class_: str = "chart",
          role: str = "img", **attributes: object) -> Markup:
    """An SVG drawing that scales with its column; `label` is what a screen reader says."""
    return tag("svg", *children, viewBox=f"0 0 {number(width)} {number(height)}", class_=class_, role=role,
               aria_label=label, **attributes)


def words(x: float, y: float, value: object, *, anchor: str = "start", class_: str | None = None,
          slant: float = 0) -> Markup:
    """Text at (x, y), turned by `slant` degrees around it."""
    turned = f"rotate({number(slant)} {number(x)} {number(y)})" if slant else None
    return tag("text", value, x=float(x), y=float(y), text_anchor=None if anchor == "start" else anchor, class_=class_,
               transform=turned)


def rule(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return tag("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=class_)


def box(x: float, y: float, width: float, height: float, class_: str, **attributes: object) -> Markup:
    return tag("rect", x=float(x), y=float(y), width=float(max(width, 0)), height=float(max(height, 0)), class_=class_,
               **attributes)


def line(points: list[tuple[float, float]], class_: str) -> Markup:
    return tag("polyline", points=" ".join(f"{number(x)},{number(y)}" for x, y in points), class_=class_)


def left_axis(scale: Scale, x: float, right: float, count: int = 4, write=short) -> list[Markup]:
    """Thin rules across, with their values at the left."""
    return [part for value in scale.ticks(count) for part in (
        rule(x, scale(value), right, scale(value), "rule"),
        words(x - 6, scale(value) + 4, write(value), anchor="end", class_="tick"))]


def bottom_axis(scale: Scale, y: float, count: int = 5, write=short) -> list[Markup]:
    """A rule, with ticks and their values below."""
    return [rule(scale.start, y, scale.stop, y, "axis"), *(part for value in scale.ticks(count) for part in (
        rule(scale(value), y, scale(value), y + 4, "axis"),
        words(scale(value), y + 17, write(value), anchor="middle", class_="tick")))]


def meter(part: float, class_: str) -> Markup:
    """A bar filled by a share; more than all is all."""
    filled = 100 * min(max(part, 0), 1)
    return tag("svg", box(0, 0, 100, 10, "meter-all"), box(0, 0, filled, 10, class_), viewBox="0 0 100 10",
               preserveAspectRatio="none", class_="meter", aria_hidden="true")
