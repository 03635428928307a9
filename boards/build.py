"""From a design to a bitstream: Amaranth, Yosys, nextpnr and the packer, and a report of what came out."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from amaranth.hdl import ClockDomain, Elaboratable, Module
from amaranth.lib import io

from spikeloom import aside, tools
from spikeloom.boards import swappable as swaps
from spikeloom.boards.board import Board
from spikeloom.boards.clock import ClockSource
from spikeloom.boards.contents import without_contents
from spikeloom.boards.parts import nextpnr_options
from spikeloom.boards.pll import EcpPll, IcePll, pll
from spikeloom.boards.report import BuildReport, overflow, read_fmax_mhz, read_resources
from spikeloom.check import integer
from spikeloom.errors import SpikeloomError, ToolError
from spikeloom.rtl_gen.collisions import declare_collision_free

STAGES = ("elaborate", "synthesise", "place and route", "pack")
_TOOLS = {"ice40": ("yosys", "nextpnr-ice40", "icepack"), "ecp5": ("yosys", "nextpnr-ecp5", "ecppack")}
# Synapses shift and add: no multiplier is meant, and one that Yosys finds would only cost a DSP block.
_SYNTHESIS = {"ice40": "-spram", "ecp5": "-nodsp"}


class BoardTop(Elaboratable):
    """A component with `rx : In(1)` and `tx : Out(1)` on a board's UART pins; a `busy : Out(1)` lights the first LED.

    Or, without a UART, one with `leds : Out(n)` on the board's LEDs 0 to n - 1. `rx` arrives unsynchronised: its
    flip-flops belong to the component.
    """

    def __init__(self, component, clock_hz: int, pll: IcePll | EcpPll | None = None):
        self.component = component
        self.clock_hz = clock_hz
        self.pll = pll

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain()
        m.submodules.clock = ClockSource(self.pll, self.clock_hz)
        m.submodules.design = self.component
        if hasattr(self.component, "rx"):
            uart = platform.request("uart", 0, dir="-")
            m.submodules.rx = rx = io.Buffer("i", uart.rx)
            m.submodules.tx = tx = io.Buffer("o", uart.tx)
            m.d.comb += [self.component.rx.eq(rx.i), tx.o.eq(self.component.tx)]
        lights = getattr(self.component, "leds", getattr(self.component, "busy", ()))
        for number, light in enumerate(lights):
            led = io.Buffer("o", platform.request("led", number, dir="-"))
            m.submodules[f"led{number}" if number else "led"] = led
            m.d.comb += led.o.eq(light)
        return m


def build(
    top_factory: Callable[[int], Elaboratable],
    board: Board,
    folder: Path,
    *,
    seed: int = 1,
    clock_hz: int | None = None,
    swappable: bool = False,
    progress: Callable[[str], None] | None = None,
) -> BuildReport:
    """Build `top_factory(clock_hz)` for `board` inside `folder`, which afterwards holds the bitstream and every log.

    Parameters
    ----------
    top_factory : called once with the frequency in Hz that the design will run at; see `BoardTop` for its ports.
    seed : nextpnr's, from 0 to 2**31 - 1. The same seed, design and tools give the same bitstream.
    clock_hz : the frequency to run at, the board's default if None; through the PLL if it is not the oscillator's,
        then at most 1 % off.
    swappable : leave what `spikeloom.boards.swap` needs. No memory in block RAM is simplified by its contents then.
    progress : called with the name of each of `STAGES` when it begins.

    Raises `FitError` (too big, or too slow: the resource, needed and available), `ToolError`, `SpikeloomError`.
    """
    integer("seed", seed, 0, 2**31 - 1)
    folder = aside.folder(folder)
    yosys, nextpnr, packer = (tools.find(name) for name in _TOOLS[board.family])
    for stale in (_bitstream(board, folder), folder / "route.json", folder / "routed.json",
                  folder / "swap.npz"):
        stale.unlink(missing_ok=True)
    seconds: dict[str, float] = {}

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        if progress:
            progress(name)
        began = time.perf_counter()
        yield
        seconds[name] = round(time.perf_counter() - began, 2)

    with stage("elaborate"):
        files, clock_hz = sources(top_factory, board, clock_hz)
        for name, text in files.items():
            (folder / name).write_text(text)
    with stage("synthesise"):
        if swappable:
            swaps.synthesise(yosys, board.family, folder, _SYNTHESIS[board.family])
        else:
            tools.run(yosys, ["-q", "-l", "synthesis.log", "top.ys"], folder=folder, log="synthesis.err")
    with stage("place and route"):
        _route(nextpnr, board, folder, seed=seed, clock_hz=clock_hz)
        report = json.loads((folder / "route.json").read_text())
        fmax_mhz = read_fmax_mhz(board, report)
    with stage("pack"):
        if swappable:
            swaps.locate(board.family, folder)
            swaps.fill(board.family, folder, files["top.il"], folder)
        bitstream = pack(board, folder)
    return BuildReport(
        board=board.name,
        device=f"{board.device}-{board.package}",
        seed=seed,
        clock_hz=clock_hz,
        fmax_mhz=round(fmax_mhz, 2),
        resources=read_resources(board, report, folder / "top.json"),
        bitstream=bitstream,
        seconds=seconds,
        versions=tools.versions(yosys, nextpnr, packer),
    )


def sources(top_factory: Callable[[int], Elaboratable], board: Board,
            clock_hz: int | None = None) -> tuple[dict[str, str], int]:
    """`top.il`, `top.ys`, the pin constraints and Verilog that components added, as amaranth's platform writes them,
    and the clock in Hz."""
    wanted = board.default_hz if clock_hz is None else clock_hz
    made = None if wanted == board.clock_hz else pll(board.family, board.clock_hz, wanted, pad=board.pll_pad)
    clock_hz = round(made.hz) if made else board.clock_hz
    component = top_factory(clock_hz)
    for port in () if hasattr(component, "leds") else ("rx", "tx"):
        if not hasattr(component, port):
            raise SpikeloomError(f"design must have a port {port}, {type(component).__name__} has none")
    plan = board.make_platform().prepare(BoardTop(component, clock_hz, made), "top", emit_src=False,
                                         synth_opts=_SYNTHESIS[board.family],
                                         script_after_read=swaps.AFTER_READ[board.family])
    wanted = ("top.il", "top.ys", "top.pcf", "top.lpf")
    files = {name: text for name, text in plan.files.items()
             if name in wanted or (name.endswith(".v") and not name.startswith("top."))}
    return files | {"top.il": without_contents(declare_collision_free(files["top.il"]))}, clock_hz


def pack(board: Board, folder: Path) -> Path:
    """The bitstream of the routed design in `folder`."""
    bitstream = _bitstream(board, folder)
    aside = f"{bitstream.name}.part"
    arguments = ["top.asc", aside] if board.family == "ice40" else ["--compress", "top.config", aside]
    tools.run(tools.find(_TOOLS[board.family][2]), arguments, folder=folder, log="pack.log")
    os.replace(folder / aside, bitstream)
    return bitstream


def _bitstream(board: Board, folder: Path) -> Path:
    return folder / ("top.bin" if board.family == "ice40" else "top.bit")


def _route(nextpnr: tools.Tool, board: Board, folder: Path, *, seed: int, clock_hz: int) -> None:
    part = nextpnr_options(board.device, board.package, board.speed)
    if board.family == "ice40":
        files = ["--pcf", "top.pcf", "--asc", "top.asc"]
    else:
        files = ["--lpf", "top.lpf", "--textcfg", "top.config", "--write", "routed.json"]
    options = ["--seed", str(seed), "--freq", f"{clock_hz / 1e6:.6f}", "--timing-allow-fail", "--report", "route.json"]
    try:
        tools.run(nextpnr, [*part, "--json", "top.json", *files, *options], folder=folder, log="route.log")
    except ToolError as error:
        raise overflow(board, (folder / "route.log").read_text()) or error from None
