"""A peer's module on a board: its inputs from a shift register behind the UART's pin, its outputs in one to the other.

Sources, scripts and constraints are those of Spikeloom's own build: the same Yosys, nextpnr, packer, board and clock.
"""

import json
import resource
from dataclasses import asdict, dataclass
from pathlib import Path

from amaranth.hdl import Cat, ClockSignal, Const, Elaboratable, Instance, Module, ResetSignal, Signal

from spikeloom import boards, tools
from spikeloom.boards.build import pack, sources
from spikeloom.boards.parts import nextpnr_options
from spikeloom.boards.report import read_resources


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


def synthesise(core: Core, verilog: str, board: str, folder: Path, clock_mhz: float) -> dict:
    """The netlist of `core` on `board` in `folder`, at a clock to be asked for."""
    unlimited_stack()
    folder.mkdir(parents=True, exist_ok=True)
    files, clock_hz = sources(lambda clock_hz: Frame(core, verilog), boards.board(board), round(clock_mhz * 1e6))
    for name, text in files.items():
        (folder / name).write_text(text)
    yosys = tools.find("yosys")
    tools.run(yosys, ["-q", "-l", "synthesis.log", "top.ys"], folder=folder, log="synthesis.err")
    return {"clock_hz": clock_hz, "versions": tools.versions(yosys)}


def place(board: str, folder: Path, clock_hz: int, seed: int = 1) -> dict:
    """Resources and Fmax of the netlist in `folder`, and its bitstream, also where it is slower than asked for."""
    part, nextpnr = boards.board(board), tools.find("nextpnr-ecp5")
    files = ["--json", "top.json", "--lpf", "top.lpf", "--textcfg", "top.config", "--report", "route.json"]
    tools.run(nextpnr, [*nextpnr_options(part.device, part.package, part.speed), *files, "--seed", str(seed),
                        "--freq", f"{clock_hz / 1e6:.6f}", "--timing-allow-fail"], folder=folder, log="route.log")
    report = json.loads((folder / "route.json").read_text())
    resources = read_resources(part, report, folder / "top.json")
    pack(part, folder)
    return {"resources": {name: asdict(use) for name, use in resources.items()}, "fmax_mhz": read_fmax(report),
            "versions": tools.versions(nextpnr)}


def read_fmax(report: dict) -> float:
    """MHz that the clock of nextpnr's report reaches, the slowest if it has several."""
    return round(min(clock["achieved"] for clock in report["fmax"].values()), 2)


def unlimited_stack() -> None:
    """For the programs started from now on: Yosys recurses deeply where logic is wide."""
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    resource.setrlimit(resource.RLIMIT_STACK, (hard, hard))
