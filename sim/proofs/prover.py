"""Proofs about generated hardware: bounded from reset, and by induction, by an SMT solver within a limit of time.

A harness is an Amaranth component around real components: what it asserts (`amaranth.hdl.Assert`) must follow from what
it assumes (`Assume`) in every clock, whatever its inputs are, and whatever is read from memories, whose contents are
cut away. `inside.Tracked` gives one word of a memory back.

Induction of length k: if k clocks in a row, none like another in all registers, keep every assertion, so does the next
one; and the first k clocks after reset do. That holds for ever. There is no reset but the one at the beginning. Where a
harness has the name of a submodule as `anywhere`, that begins in any state whatever instead, all registers arbitrary.
"""

import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import ClockDomain, Module, Value
from amaranth.lib import wiring

from spikeloom import check, tools
from spikeloom.errors import SpikeloomError, ToolError
from spikeloom.sim.proofs import unrolled

RESULTS = ("proven", "bounded", "refuted", "unknown")
CONTRADICTION = "what is assumed can never be"
SCRIPT = """read_rtlil top.il; hierarchy -top top; proc -norom; flatten; {anywhere}; opt_clean
memory_nordff; memory_collect; cutpoint t:$mem_v2; delete t:$mem_v2
{optimize}; async2sync; chformal -lower; opt_clean; dffunmap; write_smt2 -stbv -wires top.smt2
"""
ANYWHERE = "setattr -unset init w:top.{}.*"      # and no `opt_dff`, which takes what such registers hold for granted


class Late(SpikeloomError):
    """There is no time left."""


class Deadline:
    """So many seconds from now on."""

    def __init__(self, seconds: float):
        self.seconds, self._end = seconds, time.perf_counter() + seconds

    @property
    def over(self) -> bool:
        return time.perf_counter() > self._end

    def check(self) -> None:
        """Raises `Late` afterwards."""
        if self.over:
            raise Late(f"it was not decided within {self.seconds:g} s")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came out of a proof.

    Parameters
    ----------
    result : "proven" for ever; "bounded" for `depth` clocks after reset, and no more is known; "refuted" by `trace`;
        "unknown" where the solver gave up before anything was known.
    depth : length of the induction, or clocks after reset.
    seconds : of wall time.
    trace : text: which assertion fails, and the signals of each clock up to there; with "bounded" how the longest
        induction fails, from a state that reset may never lead to.
    reason : why it is not proven, where nothing is refuted.
    """

    result: str
    depth: int
    seconds: float
    trace: str = ""
    reason: str = ""

    def __post_init__(self):
        check.choice("result", self.result, RESULTS)

    @property
    def method(self) -> str:
        """How, in words."""
        return {"proven": f"induction, k = {self.depth}", "bounded": f"bounded, {self.depth} clocks",
                "refuted": f"counterexample, {self.depth} clocks", "unknown": "-"}[self.result]


def prove(harness: wiring.Component, *, depth: int = 8, start: int = 1, bound: int = 20,
          timeout: float = 60) -> Verdict:
    """What can be proven of the assertions of `harness`, whose signature has inputs only.

    Parameters
    ----------
    depth : longest induction that is tried, from `start` on, each half as long again as the one before.
    bound : clocks after reset that are tried where induction does not succeed.
    timeout : seconds for everything together.

    Raises `ToolError` if a tool is missing or fails.
    """
    check.integer("depth", depth, 1, 1000)
    began = time.perf_counter()
    left = lambda: timeout - (time.perf_counter() - began)      # noqa: E731
    design = translated(harness, left())
    reason = f"no induction up to {depth} clocks"
    tried, known, step = start, 0, None     # length of the induction; clocks after reset that keep the assertions
    try:
        while tried <= depth:
            step = design.violated(tried + 1, reset=False, timeout=left())
            if trace := design.violated(tried, reset=True, timeout=left()):
                return Verdict(result="refuted", depth=trace.clocks, seconds=_since(began), trace=str(trace))
            if step is None and not design.possible(tried + 1, left()):
                return Verdict(result="unknown", depth=0, seconds=_since(began), reason=CONTRADICTION)
            if step is None:
                return Verdict(result="proven", depth=tried, seconds=_since(began))
            known, tried = tried, max(tried + 1, min(tried * 3 // 2, depth))
        if known < bound:
            if trace := design.violated(bound, reset=True, timeout=left()):
                return Verdict(result="refuted", depth=trace.clocks, seconds=_since(began), trace=str(trace))
            known = bound
    except subprocess.TimeoutExpired:
        reason = f"the solver did not answer within {timeout:g} s"
    if known:
        return Verdict(result="bounded", depth=known, seconds=_since(began), trace=str(step or ""), reason=reason)
    return Verdict(result="unknown", depth=0, seconds=_since(began), reason=reason)


def translated(harness: wiring.Component, timeout: float = 60) -> unrolled.Design:
    """`harness` as formulas."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = to_rtlil(harness)
        (folder / "top.il").write_text(text)
        place = getattr(harness, "anywhere", "")
        (folder / "top.ys").write_text(SCRIPT.format(
            anywhere=ANYWHERE.format(place) if place else "", optimize="opt_expr; opt_clean" if place else "opt -full"))
        try:
            tools.run(tools.find("yosys"), ["top.ys"], folder=folder, log="log")
        except ToolError as error:
            raise ToolError(str(error).partition(" (see")[0]) from None
        return unrolled.Design((folder / "top.smt2").read_text(), messages(text))


def to_rtlil(component: wiring.Component) -> str:
    """The component below a module `top` with its ports, in registers that only begin, and are never reset."""
    m = Module()
    m.domains.sync = clock = ClockDomain(reset_less=True)
    m.submodules.top = component
    ports = [clock.clk, *(Value.cast(member) for _, _, member in component.signature.flatten(component))]
    return rtlil.convert(m, name="top", ports=ports, emit_src=False)


def messages(text: str) -> dict[str, str]:
    """The message of each assertion in RTLIL, by the name that its cell has when everything is one module."""
    found, module, cell = {}, "", ""
    for line in text.splitlines():
        if match := re.match(r"module \\(\S+)", line):
            module = match[1]
        elif match := re.match(r"  cell \$check (\S+)", line):
            cell = match[1]
        elif match := re.match(r'    parameter \\FORMAT "(.+)"', line):
            found[f"{module}.{cell}".removeprefix("top.")] = match[1]
    return found


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 3)


