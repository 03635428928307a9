"""The virtual board: a LinkedTop's RTL, compiled, behind a serial port of this computer.

Whoever opens the port cannot tell it from a board: bytes take as long as on the line, by the baud rate that the port
was set to; another than the device's gives what it gives there. The device's clock stands still while nothing moves.
"""

import os
import queue
import select
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Self

from spikeloom.errors import SpikeloomError
from spikeloom.firmware.noise import Noise
from spikeloom.sim.pins import Pins, Top
from spikeloom.sim.pseudo_terminal import PseudoTerminal

_SLICES = 500       # a second of the device's is simulated in so many parts
_AHEAD = 256        # bytes that are taken from the host before the line has carried them
_FOREVER = 1 << 62


class VirtualBoard:
    """A board at the serial port `port`, from `start` to `stop`, or as a context manager.

    Parameters
    ----------
    top : what is on it; see `pins.build`.
    link : name of the port to make; by default one in a new temporary folder.
    out, back : noise on bytes to the device, and from it.

    It runs in a thread of its own, at most as fast as the board would; `cycles` counts those that went by, and
    `lost` bytes of replies that nobody read in time. Errors within it are raised by the next call of a method.
    """

    def __init__(self, top: Top, *, link: Path | None = None, out: Noise | None = None, back: Noise | None = None):
        self.top, self.cycles, self.lost = top, 0, 0
        self._link, self._folder = Path(link) if link else None, None
        self._to, self._from = _Lane(out, top.clock_hz), _Lane(back, top.clock_hz)
        self._terminal: PseudoTerminal | None = None
        self._pins: Pins | None = None
        self._orders: queue.SimpleQueue[tuple[Callable[[], None], threading.Event]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._running = False
        self._anchor: tuple[float, int] | None = None    # a moment, and the cycle of then

    @property
    def port(self) -> str:
        """The name to open, from `start` on."""
        return str(self._link)

    def start(self) -> None:
        """Give it power, and plug it in. Raises `FileError` if there is something of the port's name."""
        if self._link is None:
            self._folder = Path(tempfile.mkdtemp(prefix="spikeloom-"))
            self._link = self._folder / "board"
        self._wake = os.pipe()
        self._running, self._error = True, None
        self._thread = threading.Thread(target=self._serve, name=f"virtual board {self.port}", daemon=True)
        self._thread.start()
        try:
            self.plug()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Unplug it and let go of everything. It may be called twice."""
        if self._thread is None:
            return
        try:
            if self._thread.is_alive():
                self._order(self._end)
        finally:
            self._thread.join()
            self._thread = None
            self._unplug()
            for descriptor in self._wake:
                os.close(descriptor)
            if self._folder:
                shutil.rmtree(self._folder, ignore_errors=True)

    def unplug(self) -> None:
        """Pull the cable: the port is gone, and the device's power."""
        self._order(self._unplug)

    def plug(self) -> None:
        """Put the cable in: the device starts anew, and the port is there."""
        self._order(self._plug)

    def set_noise(self, *, out: Noise | None = None, back: Noise | None = None) -> None:
        """Other noise from now on."""
        def change() -> None:
            self._to.noise, self._from.noise = out, back
        self._order(change)

    def wait(self) -> None:
        """Serve until somebody interrupts."""
        self._check()
        self._thread.join()
        self._check()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
        if self._thread is None:
            raise SpikeloomError("virtual board must be started before it is used")

    def _order(self, action: Callable[[], None]) -> None:
        """Have `action` done by the thread that serves."""
        self._check()
        failed: list[BaseException] = []

        def guarded() -> None:
            try:
                action()
            except SpikeloomError as error:
                failed.append(error)

        done = threading.Event()
        self._orders.put((guarded, done))
        os.write(self._wake[1], b"!")
        while not done.wait(0.1):
            if not self._thread.is_alive():
                break
        if failed:
            raise failed[0]
        if self._error is not None:
            raise self._error

    def _end(self) -> None:
        self._unplug()
        self._running = False

    def _plug(self) -> None:
        if self._terminal is None:
            self._terminal = PseudoTerminal(self._link)
            self._pins = self.top.start()

    def _unplug(self) -> None:
        if self._terminal is not None:
            self._terminal.close()
            self._pins.close()
            self._terminal = self._pins = None
        self._to.clear()
        self._from.clear()

    def _serve(self) -> None:
        try:
            idle, waiting = True, 0
            while self._running:
                idle, waiting = self._turn(idle, waiting)
        except BaseException as error:
            self._error = error

    def _turn(self, idle: bool, waiting: int) -> tuple[bool, int]:
        """One look around and one slice of the device's time; whether nothing moves now, and bytes not yet sent."""
        terminal, room = self._terminal, _AHEAD - waiting - self._to.size
        watched = [self._wake[0], *([terminal] if terminal is not None and room > 0 else [])]
        ready = select.select(watched, [], [], None if idle else 0)[0]
        if idle:
            self._anchor = None
        if self._wake[0] in ready:
            os.read(self._wake[0], 1)
            order, done = self._orders.get()
            order()
            done.set()
            return self._terminal is None or idle, 0 if self._terminal is None else waiting
        if terminal in ready:
            self._to.put(terminal.read(room), self.cycles)
        if terminal is None:
            return True, 0
        due = min(self._to.due, self._from.due)
        cycles = max(1, min(self.top.clock_hz // _SLICES, due - self.cycles if due > self.cycles else _FOREVER))
        self._anchor = self._anchor or (time.perf_counter(), self.cycles)
        found = self._pins.exchange(self._to.take(self.cycles), cycles, baud=terminal.baud)
        # While nothing moves, cycles need no simulation.
        pending = min(self._to.due, self._from.due) < _FOREVER
        self.cycles += cycles if found.quiet and pending else found.cycles
        self._from.put(found.received, self.cycles)
        self.lost += terminal.write(self._from.take(self.cycles))
        self._keep_pace()
        return found.quiet and min(self._to.due, self._from.due) == _FOREVER, found.waiting

    def _keep_pace(self) -> None:
        """Wait until a board would be as far."""
        moment, cycle = self._anchor
        ahead = (self.cycles - cycle) / self.top.clock_hz - (time.perf_counter() - moment)
        if ahead > 0.001:
            time.sleep(ahead)


class _Lane:
    """Bytes under way in one direction, each with the cycle in which it is due."""

    def __init__(self, noise: Noise | None, clock_hz: int):
        self.noise, self._clock_hz = noise, clock_hz
        self._pieces: deque[tuple[int, bytes]] = deque()
        self.size = 0

    @property
    def due(self) -> int:
        """The cycle in which the next bytes are due."""
        return self._pieces[0][0] if self._pieces else _FOREVER

    def put(self, data: bytes, now: int) -> None:
        """`data` comes in."""
        at = max(now, self._pieces[-1][0]) if self._pieces else now
        for pause, piece in self.noise.pieces(data) if self.noise else [(0.0, data)] if data else []:
            at += round(pause * self._clock_hz)
            self._pieces.append((at, piece))
            self.size += len(piece)

    def take(self, now: int) -> bytes:
        """What is due by now."""
        taken = b""
        while self._pieces and self._pieces[0][0] <= now:
            taken += self._pieces.popleft()[1]
        self.size -= len(taken)
        return taken

    def clear(self) -> None:
        """All of it is lost."""
        self._pieces.clear()
        self.size = 0
