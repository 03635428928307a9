"""The system on the chip with its compiled program, run by CXXRTL: what it prints, and whether that is right."""

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen import verilog
from spikeloom.rtl_gen.collisions import poison_collisions
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.soc import cpu as cpus
from spikeloom.rtl_gen.soc.top import Soc
from spikeloom.sim import cxxrtl, pins, volume
from spikeloom.sim.reference import simulate
from spikeloom.sim.volume import FOLDER, HardwareError

END = b"\x04"
_STRIDE = 1000
_LINE = re.compile(r"sample (\d+): class (\d+), cycles (\d+), scores((?: -?\d+)+)")


@dataclass(frozen=True, kw_only=True)
class Printed:
    """What a program printed from reset until its main ended, and the clock cycles until then."""

    text: str
    cycles: int


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One line of the application: what the hardware made of a sample."""

    label: int
    cycles: int
    scores: tuple[int, ...]


def build(plan: Plan, program: tuple[int, ...], *, clock_hz: int, baud: int = 1_000_000, cpu: str = "serv",
          folder: Path = FOLDER, effort: str = "run") -> pins.Top:
    """The compiled system, the Verilog of the processor included; see `Soc` and `cxxrtl.library`.

    Reads that collide with writes give wrong data in it, as nothing is promised of them in block RAM.
    """
    rtlil = poison_collisions(verilog.to_rtlil(Soc(plan, program, clock_hz, baud, cpu=cpu), "core"))
    design = cxxrtl.Design(rtlil=_joined(rtlil, cpus.sources(cpu)), layers=0)
    library = cxxrtl.library([design], folder=folder, effort=effort, driver=pins.DRIVER)
    return pins.Top(library=library, clock_hz=clock_hz, baud=baud)


def run(top: pins.Top, *, limit: int = 100_000_000, progress: Callable[[str], None] | None = None) -> Printed:
    """Let the program run once, from reset until its main ends. `progress` is called with the text so far.

    Raises `HardwareError` where main has not ended after `limit` clock cycles, or the system stands still.
    """
    received, cycles = b"", 0
    with top.start() as device:
        while END not in received:
            found = device.exchange(b"", min(_STRIDE, limit - cycles))
            received, cycles = received + found.received, cycles + found.cycles
            if found.quiet or cycles >= limit and END not in received:
                said = received.decode("latin-1")[-80:]
                raise HardwareError(f"program must end within {limit} cycles, but has not; it printed {said!r} last")
            if progress:
                progress(received.decode("latin-1"))
    return Printed(text=received.partition(END)[0].decode("latin-1"), cycles=cycles)


def parse(text: str) -> list[Sample]:
    """The samples in what the application printed. Raises `SpikeloomError` at a line that it does not print."""
    network, *lines = text.splitlines() or [""]
    if not re.fullmatch(r"network [0-9a-f]{8}", network):
        raise SpikeloomError(f"first line must be 'network ' and 8 digits, not {network!r}")
    found = []
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None or int(match[1]) != len(found):
            raise SpikeloomError(f"line of sample {len(found)} must give its class, cycles and scores, not {line!r}")
        scores = tuple(int(score) for score in match[4].split())
        found.append(Sample(label=int(match[2]), cycles=int(match[3]), scores=scores))
    return found


def expected(plan: Plan, frames: np.ndarray, *, folder: Path = FOLDER, effort: str = "run") -> list[Sample]:
    """What the application must print: class and scores of the integer reference, and the clock cycles of the bare core
    in the volume path, one frame after the other.

    The first frame is run once before: right after reset some cores are still busy with clearing their memories, and no
    program is as quick as that.
    """
    answers = simulate(plan.network, frames)
    cycles = volume.build(plan, folder=folder, effort=effort).run(np.concatenate([frames[:1], frames])).cycles[1:]
    return [Sample(label=int(label), cycles=int(clocks), scores=tuple(scores))
            for label, clocks, scores in zip(answers.classes, cycles, answers.scores.tolist(), strict=True)]


def differences(found: list[Sample], right: list[Sample]) -> list[str]:
    """A line for each value that is not what it must be."""
    if len(found) != len(right):
        return [f"{len(found)} samples instead of {len(right)}"]
    return [f"sample {k}: {name} is {getattr(one, name)} instead of {getattr(other, name)}"
            for k, (one, other) in enumerate(zip(found, right, strict=True)) for name in ("label", "scores", "cycles")
            if getattr(one, name) != getattr(other, name)]


def _joined(rtlil: str, sources: dict[str, str]) -> str:
    """A design and the Verilog of its open instances as one RTLIL text."""
    with tempfile.TemporaryDirectory(prefix="spikeloom-", dir=".") as folder:
        Path(folder, "open.il").write_text(rtlil)
        for name, text in sources.items():
            Path(folder, name).write_text(text)
        reads = "; ".join(f"read_verilog {name}" for name in sources)
        verilog.yosys(f"{reads}; read_rtlil open.il; hierarchy -check -top core; proc; opt_clean; "
                      "write_rtlil whole.il", folder)
        return Path(folder, "whole.il").read_text()
