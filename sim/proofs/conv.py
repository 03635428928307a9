# amaranth: UnusedElaboratable=no
"""The way of a convolution's weight: each event walks the windows that see it, with the words of their weights; what is
at a channel's place in a word becomes the channel's term. Of pools, the walk."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Array, Assert, Assume, Cat, Const, Signal, signed
from amaranth.sim import Simulator

from spikeloom.rtl_gen.footprint import Footprint
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.strategies import conv, pool
from spikeloom.sim.proofs import TIMEOUT, Proof
from spikeloom.sim.proofs.harness import Harness, moves
from spikeloom.sim.proofs.inside import Tracked, steady
from spikeloom.sim.proofs.parts import parts, used
from spikeloom.sim.proofs.popcount import meanings
from spikeloom.sim.proofs.prover import Deadline, Late, Verdict

SPARE = 64      # clocks beyond the taps: the pipeline


class TermsChosen(Harness):
    """A convolution's integrator, of which one arbitrary word of weights is followed, whatever it holds.

    Claimed: two steps after a tap that names the word, the term of each bank is the weight of the channel that has its
    sum there, times the event's value; and no more than the channels that there are have weights.
    """

    def __init__(self, dut: conv.Integrator):
        self.words, self.built = conv.weight_words(dut.synapses, dut.layout)
        super().__init__(dut, address=range(max(len(self.words), 2)), content=self.built * dut.synapses.codebook.bits)

    def elaborate(self, platform):
        m, opened = self.around()
        dut, layout, book = self.dut, self.dut.layout, self.dut.synapses.codebook
        sums, taps = opened.submodules.sums, opened.submodules.footprint.o
        address, content = steady(m, self.address), steady(m, self.content)
        track = Tracked(m, opened.submodules.weights, address, word=content)
        low, high = int(dut.synapses.weights.min()), int(dut.synapses.weights.max())
        weights = {code: weight for code, weight in meanings(book).items() if low <= weight <= high}
        codes = [content.word_select(k, book.bits) for k in range(self.built)]
        m.d.comb += [Assume(code.matches(*weights)) for code in codes]

        here, places = [], []
        now, place = moves(taps) & ~taps.p.mark & ~taps.p.none & (taps.p.word == address), taps.p.place[:sums.split]
        value, values = Const(1) if dut.value is None else taps.p.value, []
        for stage in (1, 2):
            here.append(Signal(name=f"here{stage}"))
            places.append(Signal(max(sums.split, 1), name=f"place{stage}"))
            values.append(Const(1) if dut.value is None else Signal(dut.value, name=f"value{stage}"))
            with m.If(sums.enable):
                m.d.sync += [here[-1].eq(now), places[-1].eq(place)]
                m.d.sync += values[-1].eq(value) if dut.value is not None else []
            now, place, value = here[-1], places[-1], values[-1]
        m.d.comb += Assert(~here[0] | track.ready & (sums.low == places[0]), "the word and its place")
        for stage in (1, 2) if dut.value is not None else ():
            m.d.comb += Assert(opened[f"s{stage}_value"] == values[stage - 1], f"the value in stage {stage}")
        if dut.value is not None:
            m.d.comb += Assert(opened["s2_negated"] == -values[1], "the negated value")
        shape = signed(1 + max(abs(weight).bit_length() for weight in weights.values()))
        for bank in range(layout.banks):
            channel, weight, code = Signal(range(max(layout.banks, 2))), Signal(shape), Signal(book.bits)
            padded = [*codes, *[Const(0, book.bits)] * (layout.banks - self.built)]
            m.d.comb += [channel.eq(bank ^ places[1]), code.eq(Array(padded)[channel])]
            with m.Switch(code):
                for number, one in weights.items():
                    with m.Case(number):
                        m.d.comb += weight.eq(one)
            within = channel < self.built
            m.d.comb += [
                Assert(~here[1] | (opened[f"s2_code{bank}"] == code), f"bank {bank}: the code"),
                Assert(~(here[1] & within) | (sums.terms[bank] == weight * values[1]), f"bank {bank}: the term"),
            ]
        return m


@dataclass(frozen=True, kw_only=True)
class WalkVerdict(Verdict):
    """A verdict by going through all that there is."""

    @property
    def method(self) -> str:
        return "-" if self.result == "unknown" else f"all {self.depth} taps"


@dataclass(frozen=True, kw_only=True)
class Walks(Proof):
    """The event of each input names each output whose window sees it, once, and the word with the weight between them.

    `make` makes the integrator, whose footprint is gone through, an event after the other, without stalls.
    """

    make: Callable[[], conv.Integrator | pool.Integrator]

    def prove(self, timeout: float = TIMEOUT) -> Verdict:
        began, dut, deadline, reason = time.perf_counter(), self.make(), Deadline(timeout), ""
        try:
            wrong = astray(dut, walked(used(Footprint(dut.windows, None)), deadline))
        except Late as late:
            wrong, reason = "", str(late)
        return WalkVerdict(result="refuted" if wrong else "unknown" if reason else "proven", reason=reason,
                           depth=int(dut.windows.cycles.sum()), trace=wrong,
                           seconds=round(time.perf_counter() - began, 3))


def walked(footprint: Footprint, deadline: Deadline) -> list[list[tuple[int, int]]]:
    """For each input, the places and words of its event's taps."""
    inputs, found, ended = footprint.shape.inputs, [[]], []
    i, o = footprint.i, footprint.o

    async def events(context):
        context.set(i.valid, 1)
        for index in range(inputs):
            for mark in (0, 1):         # a mark tells where the taps of one end
                context.set(i.p.index, index)
                context.set(i.p.mark, mark)
                while not context.get(i.ready):
                    await context.tick()
                await context.tick()
        context.set(i.valid, 0)

    async def taps(context):
        context.set(o.ready, 1)
        shown = Cat(o.valid, o.p.mark, o.p.none, o.p.place, o.p.word)
        width = len(o.p.place)
        for _ in range(int(footprint.shape.cycles.sum()) + 2 * inputs + SPARE):
            if deadline.over:
                break
            now = context.get(shown)
            if now & 3 == 3:
                ended.append(1)
                found.append([])
            elif now & 5 == 1:
                found[-1].append((now >> 3 & (1 << width) - 1, now >> 3 + width))
            await context.tick()

    simulator = Simulator(footprint)
    simulator.add_clock(1e-6)
    simulator.add_testbench(events, background=True)
    simulator.add_testbench(taps)
    simulator.run()
    deadline.check()
    return found[:len(ended)]


def astray(dut: conv.Integrator | pool.Integrator, walks: list[list[tuple[int, int]]]) -> str:
    """How the taps are not those of the synapses' definition; nothing if they are."""
    inputs = dut.synapses.inputs
    if len(walks) != inputs:
        return f"{inputs} events must be walked, not {len(walks)}"
    for index, (taps, wanted) in enumerate(zip(walks, seen(dut.synapses), strict=True)):
        got = [named for place, word in taps for named in outputs_of(dut, place, word)]
        if sorted(got) != sorted(wanted):
            return f"input {index} must reach (output, weight) {sorted(wanted)[:8]}, not {sorted(got)[:8]}"
    return ""


def outputs_of(dut: conv.Integrator | pool.Integrator, place: int, word: int) -> Iterator[tuple[int, int]]:
    """The outputs whose sums a tap adds to, and the weights of its word; of a pool, 1."""
    layout = dut.layout
    if isinstance(dut, pool.Integrator):
        yield place // layout.pitch * layout.positions + place % layout.pitch, 1
        return
    book, (words, built) = dut.synapses.codebook, conv.weight_words(dut.synapses, layout)
    block, position = divmod(place, layout.pitch)
    group, of_group = divmod(block, layout.blocks)
    for k in range(built):
        channel = of_group * layout.banks + k
        if channel < layout.channels:
            code = words[word] >> k * book.bits & (1 << book.bits) - 1
            output = (group * layout.channels + channel) * layout.positions + position
            yield output, int(book.decode(np.array([code]))[0])


def seen(synapses) -> Iterator[list[tuple[int, int]]]:
    """For each input, the outputs whose windows see it, and the weight between them, by the definition of torch."""
    kernel, stride = synapses.kernel, synapses.stride
    padding = getattr(synapses, "padding", (0,) * len(kernel))
    weights = getattr(synapses, "weights", None)
    channels_in, channels_out, sizes = synapses.input[0], synapses.output[0], synapses.output[1:]
    groups = synapses.groups if weights is not None else channels_in
    for channel, *at in np.ndindex(*synapses.input):
        found, group = [], channel * groups // channels_in
        for window in np.ndindex(*sizes):
            tap = tuple(a + pad - w * step for a, pad, w, step in zip(at, padding, window, stride, strict=True))
            if all(0 <= one < most for one, most in zip(tap, kernel, strict=True)):
                for out in range(group * channels_out // groups, (group + 1) * channels_out // groups):
                    weight = 1 if weights is None else int(weights[(out, channel % (channels_in // groups), *tap)])
                    found.append((int(np.ravel_multi_index((out, *window), synapses.output)), weight))
        yield found


def proofs(plan: Plan) -> Iterator[Proof]:
    """Of each convolution, and of the walks of pools."""
    for part in parts(plan):
        dut = part.component
        if isinstance(dut, conv.Integrator):
            yield Proof(claim="a weight's way from its word to its channel's term", component=part.name,
                        layers=part.layers, depth=2, size=f"{dut.layout.banks} channels at once",
                        make=lambda dut=dut: TermsChosen(dut))
        if isinstance(dut, conv.Integrator | pool.Integrator):
            yield Walks(claim="each event reaches the outputs that see it, with their weights", component=part.name,
                        layers=part.layers, size=f"{dut.synapses.inputs} inputs", make=lambda dut=dut: dut)
