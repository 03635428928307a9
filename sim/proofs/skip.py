"""The term of a residual: what an earlier layer sent, times the shortcut's weight."""

from collections.abc import Iterator

from amaranth.hdl import Assert, Assume

from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.skip import Skip
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.harness import Harness
from spikeloom.sim.proofs.parts import parts


class Weighted(Harness):
    """A shortcut whose queue holds anything. Claimed: each item that leaves is the weight times what was gathered, for
    all that the earlier layer may send; and that leaves with it."""

    def __init__(self, dut: Skip, values: tuple[int, int]):
        super().__init__(dut)
        self.values = values

    def elaborate(self, platform):
        m, opened = self.around()
        dut, groups = self.dut, opened.submodules.deserializer.o
        low, high = min(*self.values, 0), max(*self.values, 0)
        for lane in range(dut.lanes):
            value = groups.p.item[lane]
            m.d.comb += [
                Assume((value >= low) & (value <= high)),
                Assert(dut.o.p.item[lane] == dut.residual.weight * value, f"lane {lane}: the term"),
            ]
        m.d.comb += [
            Assert((dut.o.valid == groups.valid) & (groups.ready == dut.o.ready), "terms leave with their group"),
            Assert((dut.o.p.end == groups.p.end) & (dut.o.p.last == groups.p.last), "the ends"),
        ]
        return m


def proofs(plan: Plan) -> Iterator[Proof]:
    """One for each shortcut."""
    network = plan.network
    for part in parts(plan):
        dut = part.component
        if isinstance(dut, Skip):
            values = network.skipped_range(part.layers[0])
            yield Proof(
                claim="every term is weight times value", component=part.name, layers=part.layers, depth=1,
                size=f"{dut.term_shape.width} bits, {dut.lanes} lanes",
                make=lambda dut=dut, values=values: Weighted(dut, values))
