"""How figures are written, and how values that came from a file are read: what is of the wrong type is not there."""

import json
import math

from spikeloom.page.markup import Markup

THIN = "\u00a0"     # keeps a unit beside its number
LONGEST = 160


def real(value: object) -> float | None:
    """A finite number from a file, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15 or math.isnan(value):
        return None
    return float(value)


def share(value: object) -> float | None:
    """A share, 0 to 1, from a file, or None."""
    found = real(value)
    return found if found is not None and 0 <= found <= 1 else None


def table(value: object) -> dict:
    """A JSON object from a file; empty for anything else."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[dict]:
    """The JSON objects in a list from a file."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def percent(value: float, decimals: int = 2) -> str:
    return f"{100 * value:.{decimals}f}{THIN}%"


def whole(value: float) -> str:
    return f"{round(value):,}"


def short(value: float) -> str:
    """Three figures at most: 1.29 k, 43.1, 0.25."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / float({'G': 1e9, 'M': 1e6, 'k': 1e3}[unit]):.3g}{THIN}{unit}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """A short time in the unit that suits it."""
    for limit, unit in ((1, "s"), (1e-3, "ms"), (1e-6, "\u00b5s")):
        if seconds >= limit:
            return f"{seconds / limit:.3g}{THIN}{unit}"
    return f"{seconds * 1e9:.3g}{THIN}ns"


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def named(labels: tuple[str, ...], output: int) -> str | Markup:
    """The label of an output, or its number."""
    return labels[output] if labels else str(output)


def called(value: object) -> str:
    """A name from a file, cut short."""
    return value[:80] if isinstance(value, str) else "-"


def said(value: object) -> str:
    """Whatever a file says, cut short: numbers for people, words as they are, all else as JSON."""
    number = real(value)
    if number is not None:
        return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"
    try:
        words = value if isinstance(value, str) else json.dumps(value)
    except RecursionError:
        return "nested too deep"
    return words if len(words) <= LONGEST else words[:LONGEST] + " ..."
