"""Whether a mutant can be told from the original at all: a miter of both, decided by ABC for all inputs and all time.

Both get the same inputs: any frames, any pauses, resets at any time. `Legal` turns whatever comes into a stream that
keeps the rules of `rtl_gen.events`, words padded with 0, and leaves such streams as they are: what the contract
excludes costs no assumption, and random inputs are legal ones. What a mutant must not change, in any cycle: valid and
ready; the payload of a valid result (`best` where it means something, at the last output); of a valid trace, group,
spikes and membranes of those lanes that are neurons. From the state after power-up, ABC sweeps what is the same in both
by induction (`scorr`), looks for a counterexample at random (`sim3`) and by unrolling (`bmc3`), and for an invariant
(`pdr`).
"""

import math
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Instance, Module, Mux, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikeloom import tools
from spikeloom.errors import ToolError
from spikeloom.rtl_gen import verilog, words
from spikeloom.rtl_gen.encoders import first_value
from spikeloom.rtl_gen.events import event_layout
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.readout import result_layout
from spikeloom.sim.aiger import Aiger
from spikeloom.sim.mutants import SELECT_BITS, Mutant, Mutated

SECONDS = 20
_BUSY, _SELDOM = {"i__valid": 2, "o__ready": 2}, 7
FRAMES = 4000    # clock cycles of random inputs, before the next begin at rare states
_PORT = re.compile(r"^  wire (?:width (\d+) )?(input|output) \d+ \\(\S+)$", re.MULTILINE)
TRACE = ("valid", "group", "spikes", "membranes")
_MAP = ("read_rtlil mutated.il; rename core mutated; read_rtlil core.il; read_rtlil miter.il; hierarchy -top miter; "
        "proc; flatten; delete */t:$scopeinfo; memory_map; setundef -zero; setundef -undriven -zero -init; "
        "opt -full; techmap; opt -fast; dfflegalize -cell $_DFF_P_ 01; aigmap; setundef -zero; "
        "opt_clean -purge; write_aiger -zinit -symbols all.aig")
_SWEEPS = "scorr", "scorr -F 2; scorr -F 4"
_SEARCHES = f"sim3 -F {FRAMES} -W 2 -T {{seconds}}", "pdr -T {seconds}", "bmc3 -T {seconds}"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What came of one mutant.

    Parameters
    ----------
    verdict : "equivalent" (proven), "different" (some legal inputs show it) or "unknown" (no answer in time).
    cycles : after which a difference shows, None unless different.
    by : ABC's command that decided it, "" if none did.
    """

    verdict: str
    cycles: int | None = None
    by: str = ""


def decide(mutated: Mutated, mutants: Iterable[Mutant], *, seconds: int = SECONDS, limit: float = math.inf,
           progress: Callable[[int, int], None] | None = None) -> dict[int, Decision]:
    """By number, for each of `mutants`; none is begun after `limit` seconds. Raises `ToolError` without ABC."""
    ends = time.monotonic() + limit
    mutants, found = list(mutants), {}
    if not mutants:
        return found
    program = abc()
    with tempfile.TemporaryDirectory(prefix="spikeloom-", dir=".") as name:
        folder = Path(name)
        (folder / "core.il").write_text(mutated.clean)
        (folder / "mutated.il").write_text(mutated.rtlil)
        (folder / "miter.il").write_text(verilog.to_rtlil(Miter(mutated.plan, mutated.clean), "miter"))
        verilog.yosys(_MAP, folder)
        whole = Aiger(folder / "all.aig")
        for k, one in enumerate(mutants):
            if time.monotonic() > ends:
                return found
            whole.write(folder / f"{one.number}.aig",
                        {f"mutant[{bit}]": one.number >> bit & 1 for bit in range(SELECT_BITS)})
            found[one.number] = _ask(program, one.number, seconds, folder)
            if progress:
                progress(k + 1, len(mutants))
    return found


def _ask(program: Path, number: int, seconds: int, folder: Path) -> Decision:
    shutil.copy(folder / f"{number}.aig", folder / "left.aig")
    (sweep, deeper), searches = _SWEEPS, [one.format(seconds=seconds) for one in _SEARCHES]
    for step in (sweep, searches[0], deeper, *searches[1:]):
        script = f"read left.aig; strash; {step}" + "; write_aiger left.aig" * (step in _SWEEPS)
        try:
            text = subprocess.run([str(program), "-c", script], cwd=folder, capture_output=True, text=True, check=False,
                                  timeout=60 + 5 * seconds).stdout
        except subprocess.TimeoutExpired:
            break
        if Aiger(folder / "left.aig").constants == [0] or "Property proved" in text:
            return Decision(verdict="equivalent", by=step)
        if frame := re.search(r"asserted in frame (\d+)", text):
            return Decision(verdict="different", cycles=int(frame[1]), by=step)
    return Decision(verdict="unknown")


class Miter(wiring.Component):
    """The original and the mutant side by side; `bad` says that they can be told apart.

    Members
    -------
    as those that go into a Core, of which `rtlil` says the widths, but
    i__valid, o__ready : In(2), 1 where any bit is, so that random inputs are busy
    rst : In(7), 1 where all bits are, so that random inputs seldom reset
    mutant : In(16), which mutant it is
    bad : Out(1), never 1 if they are equivalent
    """

    def __init__(self, plan: Plan, rtlil: str):
        self.plan = plan
        ports = {name: (side, int(width or 1)) for width, side, name in _PORT.findall(rtlil)}
        self.drives = {name: width for name, (side, width) in ports.items()
                       if side == "input" and name not in ("clk", "rst")}
        self.shows = {name: width for name, (side, width) in ports.items() if side == "output"}
        super().__init__({**{name: In(_BUSY.get(name, width)) for name, width in self.drives.items()}, "clk": In(1),
                          "rst": In(_SELDOM), "mutant": In(SELECT_BITS), "bad": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain()
        m.d.comb += [ClockSignal().eq(self.clk), ResetSignal().eq(self.rst.all())]
        m.submodules.legal = legal = Legal(self.plan)
        m.d.comb += [legal.i_valid.eq(self.i__valid.any()), legal.i_payload.eq(self.i__payload)]
        gets = {name: getattr(self, name) for name in self.drives}
        gets |= {"i__valid": legal.valid, "i__payload": legal.payload, "o__ready": self.o__ready.any()}
        ports = {f"i_{name}": value for name, value in gets.items()} | {"i_clk": ClockSignal(), "i_rst": ResetSignal()}
        one, other = ({name: Signal(width, name=f"{side}__{name}") for name, width in self.shows.items()}
                      for side in ("original", "mutated"))
        m.submodules.original = Instance("core", **ports, **{f"o_{name}": s for name, s in one.items()})
        m.submodules.mutated = Instance("mutated", **ports, i_mutant=self.mutant,
                                        **{f"o_{name}": s for name, s in other.items()})
        m.d.comb += legal.ready.eq(one["i__ready"])
        differs = [one["i__ready"] != other["i__ready"], *self.results(one, other)]
        for k in range(len(self.plan.layers)):
            differs += self.trace(k, one, other)
        m.d.comb += self.bad.eq(~ResetSignal() & Cat(differs).any())
        return m

    def results(self, one: dict, other: dict) -> list:
        """What differs at the results."""
        a, b, valid = one["o__payload"], other["o__payload"], one["o__valid"]
        layout = result_layout(self.plan.network)
        a, b = layout(a), layout(b)
        return [valid != other["o__valid"], valid & ((a.score != b.score) | (a.last != b.last)),
                valid & a.last & (a.best != b.best)]

    def trace(self, k: int, one: dict, other: dict) -> list:
        """What differs at the trace of layer `k`."""
        network = self.plan.network
        lanes, size, bits = self.plan.trace_lanes(k), network.layers[k].size, network.state_bits(k)
        valid, group, spikes, membranes = (one[f"trace{k}__{part}"] for part in TRACE)
        valid2, group2, spikes2, membranes2 = (other[f"trace{k}__{part}"] for part in TRACE)
        found = [valid != valid2, valid & (group != group2)]
        for u in range(lanes):
            groups = size // lanes + (u < size % lanes)    # in which this lane is a neuron
            differs = (spikes[u] != spikes2[u]) | (membranes.word_select(u, bits) != membranes2.word_select(u, bits))
            found.append(valid & (group < groups) & differs)
        return found


class Legal(wiring.Component):
    """Turns anything into a stream that a Core may get; what is one already goes through as it is.

    An offer that is not taken stays; bits of a word's padding become 0; an event out of range or seen before in its
    timestep becomes the mark. What is not valid, and what comes during a reset, is left alone.

    Members
    -------
    i_valid, i_payload : In, anything
    ready : In, of the Core
    valid, payload : Out, to the Core
    """

    def __init__(self, plan: Plan):
        self.network, self.events = plan.network, plan.source == "events"
        self.shape = words.BITS
        if self.events:
            self.shape = event_layout(self.network.input.size, first_value(self.network))
        super().__init__({"i_valid": In(1), "i_payload": In(self.shape), "ready": In(1), "valid": Out(1),
                          "payload": Out(self.shape)})

    def elaborate(self, platform):
        m = Module()
        waiting, before = Signal(), Signal(self.shape)
        m.d.sync += [waiting.eq(self.valid & ~self.ready), before.eq(self.payload)]
        m.d.comb += [self.valid.eq(self.i_valid), self.payload.eq(self.i_payload)]
        made = self.ordered(m) if self.events else self.padded(m)
        with m.If(~ResetSignal() & waiting):
            m.d.comb += [self.valid.eq(1), self.payload.eq(before)]
        with m.Elif(~ResetSignal() & self.i_valid):
            m.d.comb += self.payload.eq(made)
        return m

    def padded(self, m: Module):
        """The word that is offered; the last of a page has nothing where no value is."""
        page, lanes = words.per_page(self.network), words.values(self.network)
        used = (self.network.input.size - (page - 1) * lanes) * words.slot(self.network.input.bits)
        word = Signal(range(max(page, 2)))
        with m.If(self.valid & self.ready):
            m.d.sync += word.eq(Mux(word == page - 1, 0, word + 1))
        return Mux(word == page - 1, self.i_payload[:used], self.i_payload)

    def ordered(self, m: Module):
        """The event that is offered: each once a timestep, and marks that say which is the last."""
        size, last = self.network.input.size, self.network.timesteps - 1
        offered, made, step = self.i_payload, Signal(self.shape), Signal(range(last + 1))
        seen = Signal(1 << len(made.index))
        mark = offered.mark | (offered.index >= size) | seen.bit_select(offered.index, 1)
        m.d.comb += [made.eq(offered), made.mark.eq(mark)]
        with m.If(mark):
            m.d.comb += made.last.eq(step == last)
        with m.If(self.valid & self.ready):
            with m.If(self.payload.mark):
                m.d.sync += [seen.eq(0), step.eq(Mux(step == last, 0, step + 1))]
            with m.Else():
                m.d.sync += seen.bit_select(self.payload.index, 1).eq(1)
        return made


def abc() -> Path:
    """The ABC that comes with Yosys. Raises `ToolError` if there is none."""
    beside = tools.yosys_share(tools.find("yosys")).parent / "yosys-abc"
    found = beside if beside.is_file() else shutil.which("yosys-abc")
    if not found:
        raise ToolError("yosys-abc was not found: pip install pyosys, or install Yosys with its ABC")
    return Path(found)
