"""Fault injection in a whole device: what its guard and its watchdog notice, and whether the host can cure it.

The host driver talks to the RTL of core and link over a serial port; the bits of either flip meanwhile.
"""

import ctypes
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeloom.errors import LinkError, SpikeloomError
from spikeloom.firmware.device import Device
from spikeloom.rtl_gen import verilog
from spikeloom.rtl_gen.link.extras import Extras
from spikeloom.rtl_gen.linked import LinkedTop
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim import cxxrtl
from spikeloom.sim.faults import stores_of
from spikeloom.sim.pins import Exchanged, Pins, PinsLine, Top
from spikeloom.sim.reference import simulate
from spikeloom.sim.volume import FOLDER

DRIVER = Path(__file__).with_name("fault_link.h")
ENDINGS = ("right", "wrong score", "wrong class", "damage reported", "recovery reported", "no answer", "refused")
"""What the host was told: an answer, right or wrong; that weights are damaged; that the watchdog has reset the core;
nothing that it understands, however often it asked; any other error."""
_TIMEOUT, _TRIES = 0.004, 3
_STRIDE = 400       # clock cycles: a guard never rests, so that the end of a reply does not show


class FaultyPins(Pins):
    """`Pins` whose bits can be flipped, at once or when `at` clock cycles have gone by since `keep` or `restore`."""

    def __init__(self, top: Top):
        super().__init__(top)
        self.stores = stores_of(self._library, self._device)
        self.cycle, self._flips = 0, []
        self.busy: list[int] = []       # cycles after which the device was at work, where it was looked at

    def flip(self, store: int, row: int, bit: int, at: int = 0) -> None:
        """Flip a bit in cycle `at`, or now if that is over."""
        self._flips = sorted([*self._flips, (at, store, row, bit)])
        self._due()

    def exchange(self, data: bytes, cycles: int, *, baud: float | None = None) -> Exchanged:
        before = self._flips[0][0] - self.cycle if self._flips else cycles
        done = super().exchange(data, min(cycles, before), baud=baud)
        self.cycle += done.cycles
        self.busy += [self.cycle] * done.busy
        if done.quiet and self._flips and not data:      # nothing moves: the time until the flip passes at once
            self.cycle = max(self.cycle, self._flips[0][0])
        self._due()
        return done

    def _due(self) -> None:
        while self._flips and self._flips[0][0] <= self.cycle:
            self._library.design0_flip(ctypes.c_void_p(self._device), *map(ctypes.c_int64, self._flips.pop(0)[1:]))

    def keep(self) -> None:
        """Remember this state; nothing may be on the line."""
        self._library.design0_keep(ctypes.c_void_p(self._device))
        self.cycle = 0

    def restore(self) -> None:
        """Be in the state that `keep` has remembered."""
        self._library.design0_restore(ctypes.c_void_p(self._device))
        self.cycle, self._flips = 0, []


class FaultyLine(PinsLine):
    """`PinsLine` over `FaultyPins`, which looks at the device every `stride` clock cycles."""

    stride = _STRIDE

    def __init__(self, top: Top):
        self.name, self.cycles, self.baud, self._sent = "the simulator", 0, None, b""
        self.pins = FaultyPins(top)

    def read(self, timeout: float) -> bytes:
        left = timeout * self.pins.top.clock_hz
        while left > 0:
            sent, self._sent = self._sent, b""
            found = self.pins.exchange(sent, self.stride)
            if found.received or found.quiet:
                return found.received
            left -= 0 if found.waiting else found.cycles
        return b""


@dataclass(frozen=True, kw_only=True)
class Story:
    """What a host met after one flip: the numbers are of `ENDINGS`.

    Parameters
    ----------
    now : the request during which, or before which, the bit flipped.
    next : the same request again, nothing else done.
    cured : the same once more, after the host has done what the manual says: weights loaded again if the device holds
        loaded ones and there was anything but a right answer, else a reset.
    reported : the guard or the watchdog counted something, by the device's STATUS at the end of `next`.
    """

    now: int
    next: int
    cured: int
    reported: bool


class Host:
    """A device that holds its weights and has answered rightly, and a host that asks it for one frame.

    Parameters
    ----------
    top : from `build`.
    plan : what it was built from.
    frame : what is asked.

    Members
    -------
    cycles : clock cycles of an undisturbed question and its answer.
    working : the first and the last of them in which the core is at work.
    """

    def __init__(self, top: Top, plan: Plan, frame: np.ndarray):
        self.plan, self.frame = plan, frame
        self.line = FaultyLine(top)
        self.pins: FaultyPins = self.line.pins
        self.loads = any(layer.weights != "rom" for layer in plan.layers)
        self._right = simulate(plan.network, frame[None], device="cpu")
        self._device = Device(self.line, plan.network, timeout=_TIMEOUT, tries=_TRIES)
        self._device.identify_any()
        if self.loads:
            self._device.load(plan)
        self.identity = self._device.identify()
        if self._ask():
            raise SpikeloomError("the undisturbed device must answer as the reference does, but does not")
        self._device.reset()
        self.pins.keep()
        self.pins.busy.clear()
        self.line.stride = 1
        self._ask()
        self.line.stride, self.cycles = _STRIDE, self.pins.cycle
        self.working = self.pins.busy[0], self.pins.busy[0] + self._device.read().cycles

    def tell(self, store: int, row: int, bit: int, *, at: int, wait: int = 0) -> Story:
        """The story of one flip, `at` cycles after the host begins to ask; with `wait`, at once and so many cycles
        before it asks."""
        self.pins.restore()
        self._device = Device(self.line, self.plan.network, timeout=_TIMEOUT, tries=_TRIES)
        self._device._identity = self.identity
        self.pins.flip(store, row, bit, 0 if wait else at)
        if wait:
            self.pins.exchange(b"", wait)
        now, then, reported = self._ask(), self._ask(), self._reported()
        cured = then
        if now or then:
            cured = self._cure() or self._ask()
        return Story(now=now, next=then, cured=cured, reported=reported)

    def _cure(self) -> int:
        try:
            self._device.reset()
            if self.loads:
                self._device.load(self.plan)
        except LinkError as error:
            return _ending(error)
        return 0

    def _reported(self) -> bool:
        try:
            counters = self._device.status()
        except LinkError:
            return False
        return bool(counters.damaged or counters.recovered)

    def _ask(self) -> int:
        """An inference and its scores."""
        try:
            self._device.run(self.frame)
            result = self._device.read()
        except LinkError as error:
            return _ending(error)
        except SpikeloomError:
            return ENDINGS.index("refused")
        if result.label != self._right.classes[0]:
            return ENDINGS.index("wrong class")
        return 0 if result.scores == tuple(map(int, self._right.scores[0])) else ENDINGS.index("wrong score")

    def close(self) -> None:
        self.pins.close()


def build(plan: Plan, *, clock_hz: int, baud: int, extras: Extras, folder: Path = FOLDER, effort: str = "run") -> Top:
    """The compiled LinkedTop of `plan` with `extras`, for a `Host`."""
    design = cxxrtl.Design(rtlil=verilog.to_rtlil(LinkedTop(plan, clock_hz, baud, extras=extras), "core"), layers=0)
    library = cxxrtl.library([design], folder=folder, effort=effort, waves=True, driver=DRIVER)
    return Top(library=library, clock_hz=clock_hz, baud=baud)


def _ending(error: LinkError) -> int:
    text = str(error)
    for words, ending in (("must be loaded again", "damage reported"), ("has been reset", "recovery reported"),
                          ("must answer", "no answer")):
        if words in text:
            return ENDINGS.index(ending)
    return ENDINGS.index("refused")
