"""Docstrings of this house as Markdown."""

import re


def markdown(doc: str) -> str:
    """A docstring of this house as Markdown: underlined sections with `name : text` become lists."""
    found, inside = [], False
    lines = doc.splitlines()
    for number, line in enumerate(lines):
        if re.fullmatch(r"-{3,}", line):
            continue
        if number + 1 < len(lines) and re.fullmatch(r"-{3,}", lines[number + 1]):
            inside = True
            found.append(f"**{line}**\n")
        elif inside and (entry := re.match(r"(\S[^:`]*) : (.*)", line)):
            found.append(f"* `{entry[1]}`: {_plain(entry[2])}")
        else:
            inside = inside and (not line or line.startswith(" "))
            found.append(line if not inside and line.startswith("    ") else _plain(line))
    return "\n".join(found)


def _plain(text: str) -> str:
    """Text whose stars and angle brackets outside of `code` mean themselves."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([*<])", r"\\\1", part) for part in parts)
