"""Whether a mutant can be told from the original at all: a miter of both, decided by ABC for all inputs and all time.

Both get the same inputs: any frames, any pauses, resets at any time, as long as the stream rules of `rtl_gen.events`
are kept and words are padded with 0. What a mutant must not change, in any cycle: valid and ready; the payload of a
valid result (`best` where it means something, at the last output); of a valid trace, group, spikes and membranes of
those lanes that are neurons. ABC sweeps what is the same in both by induction (`scorr`), then looks for a
counterexample (`bmc3`) and for an invariant (`pdr`), from the state after power-up.
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

from amaranth.hdl import Cat, ClockSignal, Instance, Module, Mux, ResetSignal, Signal, Value
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
_PORT = re.compile(r"^  wire (?:width (\d+) )?(input|output) \d+ \\(\S+)$", re.MULTILINE)
TRACE = ("valid", "group", "spikes", "membranes")
_MAP = ("read_rtlil mutated.il; rename core mutated; read_rtlil core.il; read_rtlil miter.il; hierarchy -top miter; "
        "proc; flatten; delete */t:$scopeinfo; memory_map; setundef -zero; setundef -undriven -zero -init; "
        "opt -full; techmap; opt -fast; dfflegalize -cell $_DFF_P_ 01; aigmap; setundef -zero; "
        "opt_clean -purge; write_aiger -zinit -symbols all.aig")
_SWEEP = "read {number}.aig; strash; scorr; scorr -F 2; scorr -F 4; write_aiger left.aig"
_SEARCHES = "read left.aig; strash; bmc3 -T {seconds}", "read left.aig; strash; pdr -T {seconds}"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What came of one mutant.

    Parameters
    ----------
    verdict : "equivalent" (proven), "different" (some legal inputs show it) or "unknown" (no answer in time).
    cycles : after which a difference shows, None unless different.
    """

    verdict: str
    cycles: int | None = None


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
    (folder / "left.aig").unlink(missing_ok=True)
    for script in (_SWEEP.format(number=number), *(one.format(seconds=seconds) for one in _SEARCHES)):
        try:
            text = subprocess.run([str(program), "-c", script], cwd=folder, capture_output=True, text=True,
                                  check=False, timeout=60 + 5 * seconds).stdout
        except subprocess.TimeoutExpired:
            break
        if not (folder / "left.aig").exists():
            break
        if Aiger(folder / "left.aig").constants == [0] or "Property proved" in text:
            return Decision(verdict="equivalent")
        if frame := re.search(r"asserted in frame (\d+)", text):
            return Decision(verdict="different", cycles=int(frame[1]))
    return Decision(verdict="unknown")


class Miter(wiring.Component):
    """The original and the mutant side by side; `bad` says that they can be told apart.

    Members
    -------
    as those that go into a Core, of which `rtlil` says the widths, and
    mutant : In(16), which mutant it is
    bad : Out(1), never 1 if they are equivalent
    """

    def __init__(self, plan: Plan, rtlil: str):
        self.plan = plan
        ports = {name: (side, int(width or 1)) for width, side, name in _PORT.findall(rtlil)}
        self.drives = {name: width for name, (side, width) in ports.items()
                       if side == "input" and name not in ("clk", "rst")}
        self.shows = {name: width for name, (side, width) in ports.items() if side == "output"}
        super().__init__({**{name: In(width) for name, width in self.drives.items()}, "mutant": In(SELECT_BITS),
                          "bad": Out(1)})

    def elaborate(self, platform):
        m = Module()
        ports = {f"i_{name}": getattr(self, name) for name in self.drives}
        ports |= {"i_clk": ClockSignal(), "i_rst": ResetSignal()}
        one, other = ({name: Signal(width, name=f"{side}__{name}") for name, width in self.shows.items()}
                      for side in ("original", "mutated"))
        m.submodules.original = Instance("core", **ports, **{f"o_{name}": s for name, s in one.items()})
        m.submodules.mutated = Instance("mutated", **ports, i_mutant=self.mutant,
                                        **{f"o_{name}": s for name, s in other.items()})
        m.submodules.rules = rules = Rules(self.plan)
        m.d.comb += [rules.valid.eq(self.i__valid), rules.ready.eq(one["i__ready"]), rules.payload.eq(self.i__payload)]
        differs = [one["i__ready"] != other["i__ready"], *self.results(one, other)]
        for k in range(len(self.plan.layers)):
            differs += self.trace(k, one, other)
        m.d.comb += self.bad.eq(rules.kept & ~ResetSignal() & Cat(differs).any())
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


class Rules(wiring.Component):
    """Watches the stream that goes into a Core.

    Members
    -------
    valid, ready, payload : In, of that stream
    kept : Out(1), 1 as long as no stream rule was ever broken
    """

    def __init__(self, plan: Plan):
        self.network, self.events = plan.network, plan.source == "events"
        shape = event_layout(self.network.input.size, first_value(self.network)) if self.events else words.BITS
        super().__init__({"valid": In(1), "ready": In(1), "payload": In(shape), "kept": Out(1)})

    def elaborate(self, platform):
        m = Module()
        waiting, broken = Signal(), Signal(reset_less=True)
        before = Signal.like(Value.cast(self.payload))
        payload = Value.cast(self.payload)
        wrong = waiting & (~self.valid | (payload != before))
        wrong |= self.valid & (self.unordered(m) if self.events else self.unpadded(m))
        m.d.sync += [waiting.eq(self.valid & ~self.ready), before.eq(payload)]
        with m.If(wrong & ~ResetSignal()):
            m.d.sync += broken.eq(1)
        m.d.comb += self.kept.eq(~broken & ~wrong)
        return m

    def unpadded(self, m: Module):
        """The last word of a page with something where no value is."""
        page, lanes = words.per_page(self.network), words.values(self.network)
        used = (self.network.input.size - (page - 1) * lanes) * words.slot(self.network.input.bits)
        word = Signal(range(max(page, 2)))
        with m.If(self.valid & self.ready):
            m.d.sync += word.eq(Mux(word == page - 1, 0, word + 1))
        return (word == page - 1) & (self.payload >> used).any()

    def unordered(self, m: Module):
        """An event that must not come now."""
        size, last = self.network.input.size, self.network.timesteps - 1
        p, step = self.payload, Signal(range(last + 1))
        seen = Signal(1 << len(p.index))
        with m.If(self.valid & self.ready):
            with m.If(p.mark):
                m.d.sync += [seen.eq(0), step.eq(Mux(step == last, 0, step + 1))]
            with m.Else():
                m.d.sync += seen.bit_select(p.index, 1).eq(1)
        return Mux(p.mark, p.last != (step == last), (p.index >= size) | seen.bit_select(p.index, 1))


def abc() -> Path:
    """The ABC that comes with Yosys. Raises `ToolError` if there is none."""
    beside = tools.yosys_share(tools.find("yosys")).parent / "yosys-abc"
    found = beside if beside.is_file() else shutil.which("yosys-abc")
    if not found:
        raise ToolError("yosys-abc was not found: pip install pyosys, or install Yosys with its ABC")
    return Path(found)
