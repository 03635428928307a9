"""Cases tried in a process of their own: one that dies, or answers no more, takes nothing else with it."""

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Self

from spikeloom.sim import cases
from spikeloom.sim.attempts import Verdict, attempt
from spikeloom.sim.cases import Case, Failure

PATIENCE = 1200.0       # seconds for a batch, far more than any takes
_TURNS = 40             # batches until a fresh process: libraries of compiled cores stay in memory


class Isolated:
    """`attempts.attempt` in another process, from `with` to its end.

    Where that process dies or is silent, the cases are tried one by one and way by way, and what brings it down is a
    failure of that way.

    Parameters
    ----------
    patience : seconds of silence that a batch may take.
    attempt : what the process does; it must be importable there.
    """

    def __init__(self, *, patience: float = PATIENCE,
                 attempt: Callable[[Sequence[Case], Sequence[str]], list[Verdict]] = attempt):
        self._patience, self._attempt = patience, attempt
        self._process, self._line, self._turns = None, None, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop()

    def __call__(self, batch: Sequence[Case], ways: Sequence[str]) -> list[Verdict]:
        if not batch:
            return []
        verdicts, how = self._ask(batch, ways)
        if verdicts is not None:
            return verdicts
        if len(batch) > 1:
            return [self([case], ways)[0] for case in batch]
        if len(ways) > 1:
            found = (self(batch, (way,))[0] for way in ways)
            return [next((verdict for verdict in found if verdict != Verdict()), Verdict())]
        way = ways[0] if ways else "reference"
        return [Verdict(failure=Failure(way=way, kind=how, text="the process that tried it had to be replaced"))]

    def _ask(self, batch: Sequence[Case], ways: Sequence[str]) -> tuple[list[Verdict] | None, str]:
        """The verdicts; or None, and how the process ended."""
        if self._process is None or self._turns >= _TURNS:
            self._stop()
            self._start()
        self._turns += 1
        try:
            self._line.send(([cases.pack(case) for case in batch], tuple(ways)))
            if self._line.poll(self._patience):
                return self._line.recv(), ""
            how = "no answer"
        except (EOFError, OSError):
            self._process.join()
            how = f"exit code {self._process.exitcode}"
        except BaseException:
            self._stop()
            raise
        self._stop()
        return None, how

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._line, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, self._attempt), daemon=True)
        self._process.start()
        other.close()
        self._turns = 0

    def _stop(self) -> None:
        """End the process and whatever it started."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.join()
        self._line.close()
        self._process = None


def _serve(line: Connection, attempt: Callable[[Sequence[Case], Sequence[str]], list[Verdict]]) -> None:
    """The other process: batch after batch. It leads its own group, so that an interrupt is the first one's affair."""
    os.setsid()
    with contextlib.suppress(EOFError):
        while True:
            packed, ways = line.recv()
            line.send(attempt([cases.unpack(data)[0] for data in packed], ways))
