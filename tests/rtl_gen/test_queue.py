import pytest

from spikeloom.rtl_gen.events import event_layout
from spikeloom.rtl_gen.queue import Queue, words

from .streams import STALLS, Bench, BrokenRule, gaps

LAYOUT = event_layout(64)
SENT = [{"index": n, "mark": n % 7 == 6} for n in range(60)]


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("capacity", [3, 4, 9, 100])
def test_first_in_first_out(capacity, stalls):
    got = Bench(Queue(LAYOUT, capacity=capacity), seed=capacity, **stalls).run(SENT, expect=60)
    assert [(one.index, one.mark) for one in got] == [(n, int(n % 7 == 6)) for n in range(60)]


@pytest.mark.parametrize("capacity", [3, 4, 5, 6, 9, 10, 17, 18, 60])
def test_it_holds_what_it_promises_and_no_more(capacity):
    dut = Queue(LAYOUT, capacity=capacity)
    assert dut.depth == words(capacity)
    assert capacity <= dut.depth + 1 <= max(2 * (capacity - 1), 3)
    Bench(dut, stall_out=1.0).run(SENT[:dut.depth + 1], expect=0)
    with pytest.raises(BrokenRule):
        Bench(Queue(LAYOUT, capacity=capacity), stall_out=1.0).run(SENT + SENT, expect=0)


def test_timing():
    bench = Bench(Queue(LAYOUT, capacity=5))
    bench.run(SENT, expect=60)
    assert [o - i for i, o in zip(bench.i.clocks, bench.o.clocks, strict=True)] == [2] * 60
    assert gaps(bench.i.clocks) == 0
