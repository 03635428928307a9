import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.events import event_layout
from spikeloom.rtl_gen.fork import Fork

from .streams import STALLS, Bench, BrokenRule, gaps, timesteps

LAYOUT = event_layout(16)
SENT = [{"index": n} for n in range(14)] + [{"mark": 1, "last": 1}]


class OneOf(wiring.Component):
    """A fork seen from one consumer, while the others take what they get in clocks of their own."""

    def __init__(self, fork, seen, *, lazy=True):
        self.fork, self.seen, self.lazy = fork, seen, lazy
        self.others = [o for k, o in enumerate(fork.o) if k != seen]
        super().__init__({"i": In(stream.Signature(LAYOUT)), "o": Out(stream.Signature(LAYOUT))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.fork = self.fork
        wiring.connect(m, wiring.flipped(self.i), self.fork.i)
        wiring.connect(m, self.fork.o[self.seen], wiring.flipped(self.o))
        noise = Signal(7, init=1)
        m.d.sync += noise.eq((noise << 1) | (noise[6] ^ noise[5]))
        for k, other in enumerate(self.others):
            m.d.comb += other.ready.eq(noise[2 * k] if self.lazy else 1)
        return m

    def taken(self, bench) -> list[list[int]]:
        """Indices that each of the others took."""
        return [[index for index, valid, ready in zip(*(bench.watched[k, name] for name in ("index", "valid", "ready")),
                                                      strict=True) if valid and ready]
                for k in range(len(self.others))]

    def watch(self) -> dict:
        return {(k, name): signal for k, o in enumerate(self.others)
                for name, signal in (("index", o.p.index), ("valid", o.valid), ("ready", o.ready))}


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize(("consumers", "seen"), [(2, 0), (2, 1), (3, 1)])
def test_each_gets_each_transfer_once(consumers, seen, stalls):
    dut = OneOf(Fork(LAYOUT, consumers=consumers), seen)
    bench = Bench(dut, seed=seen, **stalls)
    got = bench.run(SENT, expect=len(SENT), watch=dut.watch())
    assert timesteps(got) == [(dict.fromkeys(range(14), 1), 1)]
    assert all(one == [*range(14), 0] for one in dut.taken(bench))


def test_no_bubble():
    dut = OneOf(Fork(LAYOUT, consumers=2), 0, lazy=False)
    bench = Bench(dut)
    bench.run(SENT, expect=len(SENT))
    assert bench.o.clocks == bench.i.clocks
    assert gaps(bench.o.clocks) == 0


def test_a_fork_that_forgets_who_took_is_caught():
    class Forgetful(Fork):
        def elaborate(self, platform):
            m = Module()
            for o in self.o:
                m.d.comb += [o.valid.eq(self.i.valid), o.payload.eq(self.i.payload)]
            m.d.comb += self.i.ready.eq(self.o[0].ready & self.o[1].ready)
            return m

    with pytest.raises(BrokenRule):
        Bench(OneOf(Forgetful(LAYOUT, consumers=2), 0)).run(SENT, expect=len(SENT))
