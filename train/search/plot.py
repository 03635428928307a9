"""The picture of a search: accuracy against cost, the front, the drop that is allowed, what was chosen."""

from pathlib import Path

from spikeloom.errors import ToolError
from spikeloom.train.search.runner import Findings

COLOURS = {"truncate": "#b3541e", "nearest": "#1f5fa8", "stochastic": "#3d8b57"}
MARKS = {"ptq": "o", "itq": "^"}
UNITS = {"bits": "memory, KiB", "packed": "memories of the board, KiB", "ram": "block RAMs", "cells": "logic cells",
         "cycles": "clock cycles an inference"}
KIB = 8192
LOWEST = 10     # drops below the limit that are shown; what is worse lies at the edge


def draw(findings: Findings, path: Path, *, title: str, cost: str, names: dict) -> list[Path]:
    """Write the picture as `path` with .svg and .png, the same bytes for the same findings.

    `names`: of trials' candidates that are labelled.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ToolError(f"{error.name} must be installed to draw: pip install 'spikeloom[search]'") from None
    scale = KIB if cost in ("bits", "packed") else 1
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    floor = findings.least - LOWEST * max(findings.accuracy - findings.least, 1e-3)
    for scheme, mark in MARKS.items():
        for rounding, colour in COLOURS.items():
            some = [trial for trial in findings.trials
                    if (trial.candidate.scheme, trial.candidate.rounding) == (scheme, rounding)]
            if some:
                axes.scatter([trial.cost / scale for trial in some],
                             [100 * max(trial.accuracy, floor) for trial in some], s=22, marker=mark, c=colour,
                             alpha=0.6, linewidths=0, label=f"{scheme.upper()}, {rounding}")
    axes.step([trial.cost / scale for trial in findings.front],
              [100 * max(trial.accuracy, floor) for trial in findings.front], where="post", color="#444444",
              linewidth=1.2, label="front")
    axes.axhline(100 * findings.accuracy, color="#888888", linewidth=0.8, linestyle=":", label="real numbers")
    axes.axhline(100 * findings.least, color="#c0392b", linewidth=0.8, linestyle="--", label="least accuracy")
    if findings.chosen is not None:
        axes.scatter([findings.chosen.cost / scale], [100 * findings.chosen.accuracy], s=170, marker="*", c="#f1b500",
                     edgecolors="#222222", linewidths=0.8, zorder=5, label="chosen")
    for trial in findings.front:
        if trial.accuracy >= floor and trial.candidate in names:
            axes.annotate(names[trial.candidate], (trial.cost / scale, 100 * trial.accuracy), xytext=(3, -11),
                          textcoords="offset points", fontsize=8)
    axes.set_xscale("log")
    ticks = matplotlib.ticker.LogLocator(subs=(1, 1.5, 2, 3, 5, 7))
    axes.xaxis.set_major_locator(ticks)
    axes.xaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes.set_xlabel(f"{UNITS[cost]} (logarithmic)")
    axes.set_ylabel("accuracy on validation images, %, or less at the lower edge")
    axes.set_title(title)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    made = []
    with matplotlib.rc_context({"svg.hashsalt": "spikeloom"}):
        for kind, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
            made.append(path.with_suffix(f".{kind}"))
            figure.savefig(made[-1], dpi=150, metadata=metadata)
    return made
