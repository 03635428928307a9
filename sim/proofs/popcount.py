"""Population counts: a word's term is weights times spikes, and no sum of terms wraps."""

import re
from collections.abc import Iterable, Iterator

import numpy as np
from amaranth.hdl import Assert, Assume, Const, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In

from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen import codebooks
from spikeloom.rtl_gen.bit_count import LEVELS, registers
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.strategies.popcount import FLAGS, Integrator, uniform_planes
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.exact import WIDE, budget
from spikeloom.sim.proofs.forms import Form, Variable, summed
from spikeloom.sim.proofs.inside import signals
from spikeloom.sim.proofs.linear import Claim, LinearProof, Sums, coded
from spikeloom.sim.proofs.parts import parts, used

LANES = 2       # more are not proven at once


def counted(dut: Integrator) -> Sums:
    """The claims: each lane's term, and the count that all lanes share, are those of the word of spikes that left the
    vector so many clocks before, with the codes that memory gave a clock later; the word's flags come with them.

    Memory holds anything that is a weight.
    """
    book, planes, latency = dut.synapses.codebook, _planes(dut), _latency(dut)
    inner = signals(used(dut).elaborate(None))
    weights = {code: _rest(dut, weight) for code, weight in meanings(book).items()}
    spikes = [Variable(f"spike{k}") for k in range(dut.width)]
    flags = {name: Variable(name) for name in FLAGS.members}
    codes, claims, memory = [], [], []
    for lane in range(dut.built):
        terms = []
        for k in range(dut.width):
            bits = [Variable(f"code{lane}_{k}_{bit}") for bit in range(book.bits)]
            memory += [(bit, 1, False) for bit in bits]
            aged = [bit._replace(age=latency - 1) for bit in bits]
            codes.append((aged, list(weights)))
            terms.append(Form.of(spikes[k]).later(latency).times(coded(aged, weights)))
        register = inner[_term(inner, lane)]
        claims.append(_claim(f"lane {lane}'s term", register, summed(terms).scaled(-1 if planes == 1 else 1)))
    if dut.uniform:
        register = inner[_common(inner)]
        claims.append(_claim("the common count", register, summed(Form.of(x).later(latency) for x in spikes)))
    form = summed(Form.of(flags[name]).scaled(1 << k) for k, name in enumerate(FLAGS.members)).later(latency)
    claims.append(_claim("the flags", inner[f"s{latency}_flags"], form))
    shown = [spikes, [flags[name] for name in ("end", "final", "last")]]
    return Sums(
        component=dut, claims=claims, codes=codes, moves={"top.step": 1}, stands=[({"top.step": 0}, None)],
        leaves={"top.vector.o__payload": [(bit, 1, False) for bits in shown for bit in bits],
                "top.vector.o__valid": [(flags["valid"], 1, False)], "top.weights": memory})


class Summed(wiring.Component):
    """An integrator beside exact sums of the terms that `counted` is about.

    Assumed: each input comes at most once a scan, so that sums of terms, common counts and both together are never
    beyond those of all negative weights, or all positive ones. Claimed: every accumulator is its exact sum in every
    clock, and the sums at the end of a scan leave as they were, group after group.
    """

    def __init__(self, dut: Integrator):
        self.dut = dut
        super().__init__({"valid": In(1), "payload": In(dut.i.payload.shape()), "ready": In(1)})

    def elaborate(self, platform):
        m = Module()
        dut, uniform, fraction = self.dut, self.dut.uniform, self.dut.synapses.codebook.fraction
        m.submodules.dut = inner = dut.elaborate(platform)
        self.inside = inside = signals(inner)
        m.d.comb += [dut.i.valid.eq(self.valid), dut.i.payload.eq(self.payload), dut.o.ready.eq(self.ready)]
        flags = data.View(FLAGS, inside[f"s{_latency(dut)}_flags"])
        left, sends = inside["groups_left"], dut.o.valid & self.ready
        self.came = flags.valid & ~(flags.end & left.any())
        self.ends = self.came & flags.end

        ones = (1 << uniform) - 1
        common, left_common = Const(0), Const(0)
        if uniform:
            left_common = Signal(signed(WIDE), name="left_common")
            common = self.total(m, "common", inside[_common(inside)], (0, dut.synapses.inputs))
            with m.If(self.ends):
                m.d.sync += left_common.eq(common)
            m.d.comb += Assert(inside["drained_common"] == left_common, "the common count that leaves")
        sign, weights = -1 if _planes(dut) == 1 else 1, dut.synapses.weights
        least, greatest = budget(weights >> fraction, (0, 1))
        waiting = [Signal(signed(WIDE), name=f"waiting{lane}") for lane in range(dut.lanes)]
        for lane, register in enumerate(waiting):
            behind = waiting[lane + dut.groups_of] if lane + dut.groups_of < dut.lanes else register
            now: Value = Const(0)
            if lane < dut.built:
                term = sign * inside[_term(inside, lane)]
                part = self.total(m, str(lane), term, budget(_rest(dut, weights), (0, 1)))
                now = (part << uniform) + common * ones
                m.d.comb += Assume(~self.came | (now >= least) & (now <= greatest))
            with m.If(self.ends):
                m.d.sync += register.eq(now)
            with m.Elif(sends):
                m.d.sync += register.eq(behind)
            there = left > lane // dut.groups_of
            waits = (inside[f"drain{lane}"] << uniform) + left_common * ones
            m.d.comb += Assert(~there | (waits == register) & (register >= least) & (register <= greatest),
                               f"lane {lane}: what waits to leave")
            if lane < dut.groups_of:
                leaves = dut.o.p.item[lane] == register << fraction
                m.d.comb += Assert(~dut.o.valid | leaves, f"lane {lane}: what leaves")
        m.d.comb += [
            Assert(left <= dut.lanes // dut.groups_of, "groups that leave"),
            Assert(inside["step"] == ~(flags.valid & flags.end & left.any()), "the stages stand"),
            Assert(~self.ends | ~left.any(), "no sum is lost"),
        ]
        return m

    def total(self, m: Module, name: str, term: Value, totals: tuple[int, int]) -> Value:
        """The exact sum of a scan's terms so far, with the one that comes; what is added up is claimed to be that."""
        total, added = (Signal(signed(WIDE), name=f"{what}_{name}") for what in ("exact", "with"))
        m.d.comb += [
            added.eq(total + term),
            Assume(~self.came | (added >= totals[0]) & (added <= totals[1])),
            Assert((total >= totals[0]) & (total <= totals[1]), f"{name}: the budget"),
            Assert(self.inside[f"sum_{name}"] == total, f"{name}: the accumulator"),
        ]
        with m.If(self.came):
            m.d.sync += total.eq(Mux(self.ends, 0, added))
        return added


def proofs(plan: Plan) -> Iterator[Proof]:
    """Two for each integrator by population counts."""
    for part in parts(plan):
        if not isinstance(part.component, Integrator):
            continue
        dut = part.component
        made, lanes = dut, f"{dut.lanes} lanes"
        if dut.lanes > LANES:
            narrow = max(LANES // dut.groups_of, 1) * dut.groups_of
            made, lanes = with_lanes(dut, narrow), f"{narrow} lanes instead of {dut.lanes}: all are alike"
        yield LinearProof(
            claim="every word's term is exact", component=part.name, layers=part.layers,
            size=f"{dut.width} inputs, {lanes}", make=lambda made=made: counted(made))
        yield Proof(
            claim="every sum is exact", component=part.name, layers=part.layers, depth=2,
            size=f"{dut.sum_shape.width} bits, {lanes}", make=lambda made=made: Summed(made))


def with_lanes(dut: Integrator, lanes: int) -> Integrator:
    """The same with fewer lanes."""
    shape = dut.sum_shape
    ends = (-(1 << shape.width - 1), (1 << shape.width - 1) - 1)
    return used(Integrator(dut.synapses, lanes=lanes, groups_of=dut.groups_of, value=None, sums=ends, width=dut.width))


def _planes(dut: Integrator) -> int:
    """Planes of a weight that are counted for each lane."""
    book = dut.synapses.codebook
    return len(codebooks.planes(book, Signal(book.bits))) - uniform_planes(book)


def _latency(dut: Integrator) -> int:
    """Clocks from a word of spikes to its terms."""
    return 1 + registers(dut.width) + -(-(_planes(dut) - 1).bit_length() // LEVELS)


def _rest(dut: Integrator, weights: np.ndarray | int) -> np.ndarray | int:
    """What is left of weights without the uniform planes."""
    return ((weights >> dut.synapses.codebook.fraction) - (1 << dut.uniform) + 1) >> dut.uniform


def meanings(book: object) -> dict[int, int]:
    """The weight of each code that has one."""
    found = {}
    for code in range(1 << book.bits):
        try:
            found[code] = int(book.decode(np.array([code]))[0])
        except SpikeloomError:
            continue
    return found


def _term(names: Iterable[str], lane: int) -> str:
    """The register of a lane's term."""
    merged = _last(names, rf"term{lane}_(\d+)_0")
    return merged or _last(names, rf"count{lane}_0_level(\d+)_0") or f"count{lane}_0_three0"


def _common(names: Iterable[str]) -> str:
    """The register of the common count."""
    return _last(names, r"common(\d+)") or _last(names, r"common_level(\d+)_0") or "common_three0"


def _last(names: Iterable[str], pattern: str) -> str | None:
    found = [(int(match[1]), name) for name in names if (match := re.fullmatch(pattern, name))]
    return max(found)[1] if found else None


def _claim(name: str, register: Signal, form: Form) -> Claim:
    shape = Shape.cast(register.shape())
    return Claim(name=name, net=f"top.{register.name}", width=shape.width, signed=shape.signed, form=form)
