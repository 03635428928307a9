import numpy as np
import pytest
from amaranth.hdl import Module, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.events import group_layout
from spikeloom.rtl_gen.fork import Fork
from spikeloom.rtl_gen.group_sum import GroupSum
from spikeloom.rtl_gen.queue import Queue

from .streams import STALLS, Bench

ITEM = group_layout(item=data.ArrayLayout(signed(4), 2))


class Late(wiring.Component):
    """A stream plus itself, and plus itself again, one of them by way of a queue."""

    def __init__(self, count, total):
        self.count, self.total = count, total
        super().__init__({"i": In(stream.Signature(ITEM)),
                          "o": Out(stream.Signature(group_layout(item=data.ArrayLayout(total, 2))))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.fork = fork = Fork(ITEM, consumers=self.count)
        m.submodules.queue = queue = Queue(ITEM, capacity=4)
        m.submodules.total = total = GroupSum(terms=[signed(4)] * self.count, total=self.total, lanes=2)
        wiring.connect(m, wiring.flipped(self.i), fork.i)
        wiring.connect(m, fork.o[-1], queue.i)
        for source, i in zip([*list(fork.o)[:-1], queue.o], total.inputs, strict=True):
            wiring.connect(m, source, i)
        wiring.connect(m, total.o, wiring.flipped(self.o))
        return m


def run(dut, count, **stalls):
    values = np.random.default_rng(count).integers(-8, 8, (40, 2)).tolist()
    sent = [{"item": pair, "end": k % 3 == 2, "last": k % 12 == 11} for k, pair in enumerate(values)]
    got = Bench(dut, **stalls).run(sent, expect=40)
    assert [(list(one.item), one.end, one.last) for one in got] == [
        ([count * x for x in pair], int(k % 3 == 2), int(k % 12 == 11)) for k, pair in enumerate(values)]


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_sums(count, stalls):
    run(Late(count, signed(6)), count, seed=count, **stalls)


def test_too_narrow_a_sum_is_caught():
    with pytest.raises(AssertionError):
        run(Late(3, signed(5)), 3)
