"""The pins of a board: a LinkedTop's RTL, compiled by CXXRTL, with a serial port at `rx` and `tx`, cycle for cycle."""

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from spikeloom import check
from spikeloom.firmware.transport import Transport
from spikeloom.rtl_gen import verilog
from spikeloom.rtl_gen.link import uart
from spikeloom.rtl_gen.link.extras import PLAIN, Extras
from spikeloom.rtl_gen.linked import LinkedTop
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim import cxxrtl
from spikeloom.sim.volume import FOLDER

DRIVER = Path(__file__).with_name("pins.h")
_ROOM, _STRIDE = 4096, 20_000


@dataclass(frozen=True, kw_only=True)
class Exchanged:
    """What came of some clock cycles.

    Parameters
    ----------
    received : bytes from the device.
    cycles : clock cycles that went by.
    waiting : bytes that the port has yet to send.
    busy : the device works on a request.
    quiet : nothing moves: until something is sent, further cycles change nothing.
    """

    received: bytes
    cycles: int
    waiting: int
    busy: bool
    quiet: bool


@dataclass(frozen=True, kw_only=True)
class Top:
    """A compiled LinkedTop, its clock in Hz and its baud rate. `build` makes it, `start` gives one power."""

    library: Path
    clock_hz: int
    baud: int

    def start(self) -> "Pins":
        """A device after its reset."""
        return Pins(self)


class Pins:
    """One device under power, and the serial port at its pins."""

    def __init__(self, top: Top):
        self.top = top
        self._library = ctypes.CDLL(str(top.library.resolve()))
        self._library.design0_open.restype = ctypes.c_void_p
        self._device: int | None = self._library.design0_open()
        self._room = ctypes.create_string_buffer(_ROOM)

    def exchange(self, data: bytes, cycles: int, *, baud: float | None = None) -> Exchanged:
        """Hand `data` to the port and let at most `cycles` clock cycles pass, fewer if nothing moves any more.

        `baud` is the port's, by default the device's own.
        """
        told = _Exchange(sent=data, count=len(data), received=ctypes.addressof(self._room), room=_ROOM, cycles=cycles,
                         period=self.top.clock_hz / (baud or self.top.baud))
        self._library.design0_run(ctypes.c_void_p(self._device), ctypes.byref(told))
        return Exchanged(received=self._room.raw[:told.filled], cycles=told.cycles, waiting=told.waiting,
                         busy=bool(told.busy), quiet=bool(told.quiet))

    def close(self) -> None:
        """Take the power away. It may be called twice."""
        if self._device is not None:
            self._library.design0_close(ctypes.c_void_p(self._device))
            self._device = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class PinsLine(Transport):
    """`Pins` as a line for the host driver, without a clock on the wall: a second is `clock_hz` cycles, and silence in
    which nothing moves is over at once. The same calls give the same answers, cycle for cycle.

    `cycles` counts those that went by; `baud` is the port's, None for the device's own.
    """

    def __init__(self, top: Top, *, baud: float | None = None):
        self.name, self.cycles = "the simulator", 0
        self.pins = top.start()
        self.baud, self._sent = baud, b""

    def now(self) -> float:
        return self.cycles / self.pins.top.clock_hz

    def write(self, data: bytes) -> None:
        self._sent += data

    def read(self, timeout: float) -> bytes:
        left = timeout * self.pins.top.clock_hz
        while left > 0:
            sent, self._sent = self._sent, b""
            found = self.pins.exchange(sent, _STRIDE, baud=self.baud)
            self.cycles += found.cycles
            if found.received or found.quiet:
                return found.received
            if not found.waiting:
                left -= found.cycles
        return b""

    def close(self) -> None:
        self.pins.close()


def build(plan: Plan, *, clock_hz: int, baud: int = 1_000_000, extras: Extras = PLAIN, folder: Path = FOLDER,
          effort: str = "run") -> Top:
    """The compiled LinkedTop of `plan` with `extras`. Raises `SpikeloomError` for a baud rate that the clock cannot
    make, `ToolError` without Yosys or a C++ compiler; see `cxxrtl.library` for `folder` and `effort`."""
    uart.divisor(check.integer("clock_hz", clock_hz, 1, 1 << 30), baud)
    design = cxxrtl.Design(rtlil=verilog.to_rtlil(LinkedTop(plan, clock_hz, baud, extras=extras), "core"), layers=0)
    library = cxxrtl.library([design], folder=folder, effort=effort, driver=DRIVER)
    return Top(library=library, clock_hz=clock_hz, baud=baud)


class _Exchange(ctypes.Structure):
    """`Exchange` of pins.h."""

    _fields_ = [
        ("sent", ctypes.c_char_p), ("count", ctypes.c_int64), ("received", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("room", "filled", "cycles")), ("period", ctypes.c_double),
        *((name, ctypes.c_int64) for name in ("waiting", "busy", "quiet")),
    ]
