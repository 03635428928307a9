"""Which class is taken for which."""

import numpy as np

from spikeloom.page import parts
from spikeloom.page.facts import Facts
from spikeloom.page.figures import named, percent, plural
from spikeloom.page.markup import Markup, tag
from spikeloom.page.svg import box, chart, words

MOST, NUMBERED = 40, 20


def section(facts: Facts) -> Markup:
    """A square matrix: rows are truth, columns answers."""
    found, outputs, title = facts.samples, facts.network.outputs, "What is taken for what"
    if found.labels is None or not len(found.labels):
        return parts.section("confusion", title, parts.missing(
            "The samples at hand have no labels.", f"spikeloom report {facts.file} --images IDX --labels IDX"))
    if outputs > MOST or found.labels.min() < 0 or found.labels.max() >= outputs:
        return parts.section("confusion", title, parts.note(f"A matrix of {outputs:,} classes is not drawn."))
    matrix = counts(found.labels, found.classes, outputs)
    labels = [named(facts.network.labels, k) for k in range(outputs)]
    right = int(np.trace(matrix))
    caption = (f"{plural(len(found.labels), 'sample')}, {found.origin}: {right:,} right, "
               f"{percent(right / len(found.labels))}. Rows are what it is, columns what the network says.")
    worst = _worst(matrix, labels)
    mistakes = parts.rows_of(("is", "taken for", "times", "of its class"), worst, numbers=(2, 3),
                             caption="Most frequent mistakes") if worst else parts.note(
        "None of these samples is taken for another class.")
    return parts.section("confusion", title, tag(
        "div", parts.figure(caption, _drawn(matrix, labels)), mistakes, class_="two"))


def counts(labels: np.ndarray, classes: np.ndarray, outputs: int) -> np.ndarray:
    """Int `(truth, answer)`."""
    matrix = np.zeros((outputs, outputs), np.int64)
    np.add.at(matrix, (labels, classes), 1)
    return matrix


def _drawn(matrix: np.ndarray, labels: list[str]) -> Markup:
    size, long = len(matrix), max(map(len, labels)) > 2
    left, top = (92, 8) if long else (30, 8)
    cell = (400 - left - 4) / size
    of_class = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    marks = []
    for truth in range(size):
        if size <= NUMBERED:
            marks.append(words(left - 6, top + cell * (truth + 0.5) + 4, _short(labels[truth], 13), anchor="end",
                               class_="tick"))
        for answer in range(size):
            marks.append(_cell(left + cell * answer, top + cell * truth, cell, int(matrix[truth, answer]),
                               float(of_class[truth, answer]), truth == answer, labels[truth], labels[answer]))
    bottom = top + cell * size
    if size <= NUMBERED:
        marks += [words(left + cell * (k + 0.5) + 4, bottom + 12, _short(labels[k], 13), anchor="end", class_="tick",
                        slant=-45) if long else
                  words(left + cell * (k + 0.5), bottom + 15, labels[k], anchor="middle", class_="tick")
                  for k in range(size)]
    return chart(f"Confusion matrix of {size} classes", bottom + (64 if long else 22), marks, role="group")


def _cell(x: float, y: float, size: float, count: int, share: float, right: bool, truth: str, answer: str) -> Markup:
    back = box(x + 0.75, y + 0.75, size - 1.5, size - 1.5, "cell-none")
    if not count:
        return back
    shade = box(x + 0.75, y + 0.75, size - 1.5, size - 1.5, "cell-right" if right else "cell-wrong",
                fill_opacity=0.15 + 0.85 * share if right else min(0.1 + 2 * share, 1.0))
    dark = share > (0.45 if right else 0.2)
    figure = words(x + size / 2, y + size / 2 + 4, f"{count:,}", anchor="middle", class_="cell-text on" if dark
                   else "cell-text") if size >= 7 * len(f"{count:,}") else None
    return tag("g", tag("title", f"{truth} taken for {answer}: {count:,}, {percent(share)} of its class"), back, shade,
               figure, class_="tip")


def _worst(matrix: np.ndarray, labels: list[str]) -> list[tuple]:
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:8]
    pairs = [divmod(int(k), len(matrix)) for k in order if wrong.flat[k]]
    return [(labels[a], labels[b], f"{wrong[a, b]:,}", percent(wrong[a, b] / matrix[a].sum())) for a, b in pairs]


def _short(label: str, most: int) -> str:
    return label if len(label) <= most else label[:most - 1] + "."
