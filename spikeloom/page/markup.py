"""HTML and SVG as values: elements nest, and every string that is no markup is escaped, whoever wrote it."""

import html
import unicodedata

LONGEST = 400
VOID = frozenset({"meta", "link", "br", "hr", "input"})
ALONE = frozenset({"path", "rect", "line", "circle", "polyline", "polygon"})
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


class Markup(str):
    """Text that is markup already, and is not escaped again."""

    __slots__ = ()


def text(value: object) -> Markup:
    """`value` as escaped text of at most `LONGEST` characters; what cannot be seen (controls, lone surrogates, changes
    of the writing direction) becomes a replacement character."""
    if isinstance(value, Markup):
        return value
    words = str(value)
    return Markup(_escaped(words if len(words) <= LONGEST else words[:LONGEST] + " ..."))


def _escaped(words: str) -> str:
    if not words.isascii() or not words.isprintable():
        words = "".join("\ufffd" if unicodedata.category(c) in HIDDEN and c != "\n" else c for c in words)
    return html.escape(words, quote=True)


def joined(*children: object) -> Markup:
    """Children one after the other; None is left out, and lists are opened."""
    parts = []
    for child in children:
        if isinstance(child, list | tuple):
            parts.append(joined(*child))
        elif child is not None:
            parts.append(text(child))
    return Markup("".join(parts))


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """An element. `class_` is the attribute `class`, `aria_label` is `aria-label`; None is left out."""
    words = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        value = number(value) if isinstance(value, float) else value
        words.append(key if value is True else f'{key}="{_escaped(str(value))}"')
    start = " ".join(words)
    if name in VOID:
        return Markup(f"<{start}>")
    if name in ALONE and not children:
        return Markup(f"<{start}/>")
    return Markup(f"<{start}>{joined(*children)}</{name}>")


def number(value: float) -> str:
    """A coordinate: at most two decimals, no trailing zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else str(int(value))
