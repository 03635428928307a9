"""A peer's module on a board: its inputs from a shift register behind the UART's pin, its outputs in one to the other.

Then Spikeloom's own build does the rest: the same Yosys, nextpnr, packer, board, clock and constraints as for itself.
"""

import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from amaranth.hdl import Cat, ClockSignal, Const, Elaboratable, Instance, Module, ResetSignal, Signal

from spikeloom import boards
from spikeloom.boards.build import build


@dataclass(frozen=True, kw_only=True)
class Core:
    """A Verilog module with a clock.

    `inputs` and `outputs` are names and widths in bits; `constants` names and values; `resets` name and polarity
    (True: active high) or none.
    """

    module: str
    inputs: dict[str, int]
    outputs: dict[str, int]
    clock: str = "clk"
    reset: tuple[str, bool] | None = None
    constants: dict[str, int] | None = None

    @property
    def flip_flops(self) -> int:
        """Of the frame around it: the shift registers and the counter that loads one of them."""
        out = sum(self.outputs.values())
        return sum(self.inputs.values()) + out + out.bit_length()


class Frame(Elaboratable):
    """`core`, of which `verilog` is the text, between pins `rx` and `tx`: a bit a clock in, and out."""

    def __init__(self, core: Core, verilog: str):
        self.core = core
        self.verilog = verilog
        self.rx = Signal()
        self.tx = Signal()

    def elaborate(self, platform):
        core = self.core
        platform.add_file("peer.v", self.verilog)
        m = Module()
        taken = Signal(sum(core.inputs.values()))
        shown = Signal(sum(core.outputs.values()))
        left = Signal(range(len(shown) + 1))
        m.d.sync += [taken.eq(Cat(self.rx, taken)), left.eq(left - 1)]
        ports, at = {}, 0
        for name, width in core.inputs.items():
            ports[f"i_{name}"] = taken[at:at + width]
            at += width
        results = {name: Signal(width, name=name) for name, width in core.outputs.items()}
        ports |= {f"o_{name}": value for name, value in results.items()}
        ports |= {f"i_{name}": Const(value, 1) for name, value in (core.constants or {}).items()}
        if core.reset:
            name, active_high = core.reset
            reset = ResetSignal("sync", allow_reset_less=True)
            ports[f"i_{name}"] = reset if active_high else ~reset
        m.submodules.peer = Instance(core.module, **{f"i_{core.clock}": ClockSignal("sync")}, **ports)
        with m.If(left == 0):
            m.d.sync += [shown.eq(Cat(*results.values())), left.eq(len(shown))]
        with m.Else():
            m.d.sync += shown.eq(shown[1:])
        m.d.comb += self.tx.eq(shown[0])
        return m


def place(core: Core, verilog: str, board: str, folder: Path, *, clock_mhz: float, seed: int = 1,
          progress: Callable[[str], None] | None = None) -> dict:
    """Resources, Fmax and seconds of `core` on `board`. Raises `FitError` or `ToolError`."""
    unlimited_stack()
    report = build(lambda clock_hz: Frame(core, verilog), boards.board(board), folder, seed=seed,
                   clock_hz=round(clock_mhz * 1e6), progress=progress)
    return {key: value for key, value in report.to_json().items() if key != "bitstream"}


def unlimited_stack() -> None:
    """For the programs started from now on: Yosys recurses deeply where logic is wide."""
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    resource.setrlimit(resource.RLIMIT_STACK, (hard, hard))
