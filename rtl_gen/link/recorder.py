"""The output spikes of some timesteps, kept until the host link sends them."""

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.protocol import Identity


def recorder_signature(identity: Identity) -> wiring.Signature:
    """Signature of a `Recorder`, seen from the link.

    `restart`: forget all rows. `steps`: rows that are there. A clock with `read` looks up number `row`; in those after
    it, `word` is its 16-bit word number `part`.
    """
    return wiring.Signature({
        "restart": Out(1),
        "steps": In(range(identity.stream_steps + 1)),
        "read": Out(1),
        "row": Out(range(max(identity.stream_steps, 2))),
        "part": Out(range(max(identity.spike_words, 2))),
        "word": In(16),
    })


class Recorder(wiring.Component):
    """A row of spikes a timestep, from the trace of the last layer; it takes whatever comes, and never holds it up.

    A row is there in the clock after its last group. Rows beyond `identity.stream_steps` are ignored: the link feeds no
    more timesteps before it restarts. A row is never read and written at once, because the link reads only when all are
    there.

    Parameters
    ----------
    identity : `spikeloom.rtl_gen.protocol.Identity` with `stream_steps` of at least 1.
    lanes : neurons in a group of the trace.

    Members
    -------
    valid : In(1)
    spikes : In(lanes)
        A group of the last layer, as its trace says, in ascending order.
    link : In(recorder_signature(identity))
    """

    def __init__(self, identity: Identity, *, lanes: int):
        self._steps, self._outputs, self._lanes = identity.stream_steps, identity.outputs, lanes
        super().__init__({"valid": In(1), "spikes": In(lanes), "link": In(recorder_signature(identity))})

    def elaborate(self, platform):
        m = Module()
        link, lanes = self.link, self._lanes
        groups = -(-self._outputs // lanes)
        m.submodules.rows = rows = Memory(shape=self._outputs, depth=max(self._steps, 2), init=[])
        read = rows.read_port()
        write = rows.write_port()
        group = Signal(range(max(groups, 2)))
        before = Signal((groups - 1) * lanes)
        row = Cat(before, self.spikes)
        padded = Signal(16 * -(-self._outputs // 16))
        whole = Signal()

        m.d.comb += [
            whole.eq(self.valid & (group == groups - 1)),
            write.addr.eq(link.steps), write.data.eq(row), write.en.eq(whole & (link.steps != self._steps)),
            read.addr.eq(link.row), read.en.eq(link.read),
            padded.eq(read.data), link.word.eq(padded.word_select(link.part, 16)),
        ]
        with m.If(self.valid):
            m.d.sync += [before.eq(row[lanes:]), group.eq(group + 1)]
        with m.If(whole):
            m.d.sync += group.eq(0)
        with m.If(write.en):
            m.d.sync += link.steps.eq(link.steps + 1)
        with m.If(link.restart):
            m.d.sync += link.steps.eq(0)
        return m
