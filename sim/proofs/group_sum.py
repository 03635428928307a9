"""What several paths bring to the same neurons is added without a wrap."""

from collections.abc import Iterator

from amaranth.hdl import Assert, Assume, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from spikeloom.rtl_gen.group_sum import GroupSum
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.exact import budget, summed
from spikeloom.sim.proofs.parts import parts


class Added(wiring.Component):
    """Streams of any numbers within their ranges. Claimed: whenever a group leaves, it is the sum of one of each."""

    def __init__(self, dut: GroupSum, ranges: list[tuple[int, int]]):
        self.dut, self.ranges = dut, ranges
        streams = {f"i{k}": In(i.payload.shape()) for k, i in enumerate(dut.inputs)}
        super().__init__({**streams, "valid": In(len(ranges)), "ready": In(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.dut = dut = self.dut
        given = [getattr(self, f"i{k}") for k in range(len(self.ranges))]
        m.d.comb += [dut.o.ready.eq(self.ready), Assert(~dut.o.valid | self.valid.all(), "each stream has a group")]
        for k, i in enumerate(dut.inputs):
            m.d.comb += [i.payload.eq(given[k]), i.valid.eq(self.valid[k])]
            m.d.comb += Assert((i.ready & i.valid) == (dut.o.valid & self.ready), f"stream {k} goes with the sum")
        for lane in range(dut.lanes):
            for (low, high), one in zip(self.ranges, given, strict=True):
                m.d.comb += Assume((one.item[lane] >= low) & (one.item[lane] <= high))
            m.d.comb += Assert(dut.o.p.item[lane] == summed([one.item[lane] for one in given]), f"lane {lane}: the sum")
        return m


def proofs(plan: Plan) -> Iterator[Proof]:
    """One for each layer where there is anything to add."""
    network = plan.network
    for part in parts(plan):
        dut = part.component
        if not isinstance(dut, GroupSum) or len(dut.terms) == 1:
            continue
        k = part.layers[0]
        layer = network.layers[k]
        ranges = [layer.synapses.sum_range(network.presynaptic_range(k))]
        if layer.recurrent is not None:
            ranges.append(budget(layer.recurrent.weights, (0, 1)))
        if layer.residual is not None:
            ends = sorted(layer.residual.weight * value for value in network.skipped_range(k))
            ranges.append((min(ends[0], 0), max(ends[1], 0)))
        yield Proof(
            claim="every sum is exact", component=part.name, layers=part.layers, depth=1,
            size=f"{dut.o.p.item[0].shape().width} bits, {dut.lanes} lanes, {len(ranges)} terms",
            make=lambda dut=dut, ranges=ranges: Added(dut, ranges))
