# amaranth: UnusedElaboratable=no
"""The queue of further requests: bytes wait, in their order; what is dropped found no room."""

from collections.abc import Iterator

from amaranth.hdl import Assert, Signal
from amaranth.lib import data

from spikeloom.rtl_gen.link.request_queue import RequestQueue
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.protocol import RESET
from spikeloom.rtl_gen.queue import Queue
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.carried import QueueCarries
from spikeloom.sim.proofs.framing import FLAG
from spikeloom.sim.proofs.harness import Harness, moves

CAPACITY = 256      # bytes; more are deeper, and no different: the proof is of one arbitrary place


class RequestsWait(Harness):
    """A `RequestQueue` around its `Queue`, which is proven on its own.

    Claimed: each byte that comes is offered to the queue, and each that leaves it goes to the link, as it is, in that
    clock. The first waits only while the link is busy, its frame has not begun, and it is neither a flag nor, while the
    core works, the first byte of a RESET.
    """

    def __init__(self, dut: RequestQueue):
        super().__init__(dut)

    def elaborate(self, platform):
        m, opened = self.around()
        dut, queue = self.dut, opened.submodules.waiting
        byte, begun = queue.o.p.byte, Signal(name="begun")
        with m.If(dut.o.valid):
            m.d.sync += begun.eq(dut.o.payload != FLAG)
        waits = dut.busy & ~begun & (byte != FLAG) & ~(dut.running & (byte == RESET.code))
        m.d.comb += [
            Assert((queue.i.valid == dut.i.valid) & (queue.i.p.byte == dut.i.payload), "each byte goes into the queue"),
            Assert(dut.o.valid == moves(queue.o), "each byte that leaves the queue goes to the link, and no other"),
            Assert(~dut.o.valid | (dut.o.payload == byte), "as it is"),
            Assert(~queue.o.valid | (dut.o.valid == ~waits), "when it waits"),
            Assert(opened["in_frame"] == begun, "a frame has begun"),
        ]
        return m


def proofs(plan: Plan) -> Iterator[Proof]:
    """The same for every plan."""
    layout = data.StructLayout({"byte": 8})
    yield Proof(claim="first in, first out; nothing is dropped while there is room", component="queue.Queue",
                size=f"{CAPACITY} bytes of requests", depth=2,
                make=lambda: QueueCarries(Queue(layout, capacity=CAPACITY)))
    yield Proof(claim="further requests wait, but for RESET", component="link.request_queue.RequestQueue",
                size=f"{CAPACITY} bytes", depth=2, make=lambda: RequestsWait(RequestQueue(CAPACITY)))
