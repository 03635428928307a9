"""The pins of a board with SPI: a LinkedSpiTop's RTL, compiled by CXXRTL, and a controller, cycle for cycle."""

import ctypes
import random
from pathlib import Path

import numpy as np

from spikeloom import check
from spikeloom.firmware.framing import FillRemover
from spikeloom.firmware.transport import Transport
from spikeloom.rtl_gen import verilog
from spikeloom.rtl_gen.link.extras import PLAIN, Extras
from spikeloom.rtl_gen.linked_spi import LinkedSpiTop
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim import cxxrtl
from spikeloom.sim.volume import FOLDER

DRIVER = Path(__file__).with_name("spi_pins.h")
HALVES, BURSTS = (2, 3, 4, 9), (1, 2, 5, 16, 300)
_ROOM, _STRIDE, _WHOLE = 4096, 20_000, 8


class SpiLine(Transport):
    """A device after its reset, and a controller as a line for the host driver. A second is `clock_hz` cycles; silence
    in which the device has nothing to do is over at once. The same calls give the same answers, cycle for cycle.

    Parameters
    ----------
    library : see `build`.
    half : clock cycles of half a bit, at least 2.
    burst : bytes for which the device is selected.
    """

    def __init__(self, library: Path, *, clock_hz: int, half: int = 2, burst: int = 16):
        self.name, self.cycles = "the simulator", 0
        self._clock_hz, self._usual = clock_hz, (check.integer("half", half, 2, 1000),
                                                 check.integer("burst", burst, 1, 1 << 16))
        self._half, self._burst = self._usual
        self._broken: tuple[random.Random, float] | None = None
        self._library = ctypes.CDLL(str(library.resolve()))
        self._library.design0_open.restype = ctypes.c_void_p
        self._device: int | None = self._library.design0_open()
        self._room = ctypes.create_string_buffer(_ROOM)
        self._sent: list[int] = []
        self._waiting, self._received = 0, b""
        self._fill = FillRemover()

    def now(self) -> float:
        return self.cycles / self._clock_hz

    def write(self, data: bytes) -> None:
        self._sent += [_WHOLE << 8 | byte for byte in data] if self._broken is None else map(self._some_bits, data)

    def read(self, timeout: float) -> bytes:
        left = timeout * self._clock_hz
        while left > 0 and not self._received:
            told = self._run(_STRIDE)
            if told.quiet:
                break
            if not told.waiting:
                left -= told.cycles
        received, self._received = self._received, b""
        return received

    def pause(self, seconds: float) -> None:
        """What was written goes out; then the controller does nothing for a while."""
        while self._sent or self._waiting:
            self._run(1)
        self._run(0, idle=round(seconds * self._clock_hz))

    def _run(self, cycles: int, idle: int = 0) -> "_Exchange":
        words, self._sent = np.array(self._sent, np.uint16), []
        told = _Exchange(sent=words.ctypes.data, count=len(words), received=ctypes.addressof(self._room), room=_ROOM,
                         cycles=cycles, idle=idle, half=self._half, burst=self._burst)
        self._library.design0_run(ctypes.c_void_p(self._device), ctypes.byref(told))
        self.cycles += told.cycles
        self._waiting = told.waiting
        self._received += self._fill.feed(self._room.raw[:told.filled])
        return told

    def close(self) -> None:
        if self._device is not None:
            self._library.design0_close(ctypes.c_void_p(self._device))
            self._device = None

    def vary(self, rng: random.Random) -> None:
        """Another clock, and another number of bytes between two selects."""
        self._half, self._burst = rng.choice(HALVES), rng.choice(BURSTS)

    def disturb(self, rng: random.Random) -> None:
        """Bytes that the chip select cuts off, and edges of the clock too many, until `restore`."""
        self._broken = rng, rng.choice((0.01, 0.1))

    def restore(self) -> None:
        """The usual clock; every byte is whole."""
        self._half, self._burst = self._usual
        self._broken = None

    def _some_bits(self, byte: int) -> int:
        rng, rate = self._broken
        count = rng.choice((*range(1, _WHOLE), *range(_WHOLE + 1, 12))) if rng.random() < rate else _WHOLE
        return count << 8 | byte


def build(plan: Plan, *, extras: Extras = PLAIN, folder: Path = FOLDER, effort: str = "run") -> Path:
    """The library of the compiled LinkedSpiTop of `plan` with `extras`. Raises `ToolError` without Yosys or a C++
    compiler; see `cxxrtl.library` for `folder` and `effort`."""
    design = cxxrtl.Design(rtlil=verilog.to_rtlil(LinkedSpiTop(plan, extras=extras), "core"), layers=0)
    return cxxrtl.library([design], folder=folder, effort=effort, driver=DRIVER)


class _Exchange(ctypes.Structure):
    """`Exchange` of spi_pins.h."""

    _fields_ = [
        ("sent", ctypes.c_void_p), ("count", ctypes.c_int64), ("received", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("room", "filled", "cycles", "idle", "half", "burst", "waiting", "quiet")),
    ]
