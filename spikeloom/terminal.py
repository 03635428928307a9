"""What a person sees: progress on the error stream, one short table on the output; or JSON alone for a script."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

Row = tuple[object, ...]


@contextmanager
def progress(label: str, seconds: dict[str, float] | None = None) -> Iterator[Callable[..., None]]:
    """A stage of work: a bar on a terminal, a line when it ends elsewhere.

    Yields `update(done, total, note="")`. What it took is left in `seconds[label]`.
    """
    console, began = Console(stderr=True), time.perf_counter()
    columns = (TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TextColumn("{task.fields[note]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(label, total=None, note="")
        yield lambda done, total, note="": bars.update(task, completed=done, total=total, note=note)
    took = time.perf_counter() - began
    if seconds is not None:
        seconds[label] = round(seconds.get(label, 0) + took, 2)
    print(f"{label:<22} {took:7.1f} s", file=sys.stderr, flush=True)


def show(rows: list[Row], *, columns: tuple[str, ...] = (), title: str = "") -> None:
    """Print a table; numbers are set to the right."""
    table = Table(title=title or None, title_justify="left", show_header=bool(columns), box=None, pad_edge=False)
    width = len(columns) or max(map(len, rows), default=0)
    for k in range(width):
        numbers = all(isinstance(row[k], int | float) for row in rows if k < len(row) and row[k] not in ("", "-"))
        right = bool(columns) and bool(rows) and numbers
        table.add_column(columns[k] if columns else "", justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False)
    console.print(table)


def dump(value: object) -> None:
    """Print one JSON object."""
    print(json.dumps(value, indent=2, default=str))
