"""The network with a host link on a serial line: what goes onto a board."""

from amaranth import Module, ResetInserter
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom.errors import SpikeloomError
from spikeloom.network import READOUTS
from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.link import uart
from spikeloom.rtl_gen.link.host_link import HostLink
from spikeloom.rtl_gen.protocol import Identity
from spikeloom.rtl_gen.readout import result_layout


def identity(plan) -> Identity:
    """What a device made from `plan` answers to IDENTIFY."""
    network = plan.network
    return Identity(
        digest=bytes.fromhex(network.digest)[:8],
        inputs=network.input.size,
        value_bits=network.input.bits,
        value_signed=int(network.input.signed),
        frame_words=words.per_frame(network),
        timesteps=network.timesteps,
        outputs=network.outputs,
        score_words=-(-plan.score_bits // 16),
        readout=READOUTS.index(network.readout),
    )


class LinkedCore(wiring.Component):
    """A core and its host link, with the bytes of any line.

    Parameters
    ----------
    plan : `spikeloom.rtl_gen.plan.Plan` with source "words".
    core : a component with the members `i` and `o` of `Core(plan)` to use in its place.

    Members
    -------
    i : In(stream.Signature(8, always_ready=True))
    o : Out(stream.Signature(8))
        Bytes of the line.
    busy : Out(1)
        A request is under way.
    """

    def __init__(self, plan, *, core=None):
        if plan.source != "words":
            raise SpikeloomError(f"plan source must be 'words' for a host link, not {plan.source!r}")
        self._core = Core(plan) if core is None else core
        self._link = HostLink(identity(plan), result=result_layout(plan.network))
        super().__init__({
            "i": In(stream.Signature(8, always_ready=True)),
            "o": Out(stream.Signature(8)),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.link = link = self._link
        m.submodules.core = ResetInserter(link.abort)(self._core)
        wiring.connect(m, wiring.flipped(self.i), link.i)
        wiring.connect(m, link.words, self._core.i)
        wiring.connect(m, self._core.o, link.scores)
        wiring.connect(m, link.o, wiring.flipped(self.o))
        m.d.comb += self.busy.eq(link.busy)
        return m


class LinkedTop(wiring.Component):
    """A core, its host link and a UART.

    Parameters
    ----------
    plan : `spikeloom.rtl_gen.plan.Plan` with source "words".
    clock_hz : frequency of the clock, Hz.
    baud : bits a second; the clock divided by an integer, within 1 %.

    Members
    -------
    rx : In(1)
    tx : Out(1)
        The line, seen from here.
    busy : Out(1)
        A request is under way.
    """

    def __init__(self, plan, clock_hz, baud=1_000_000):
        self._divisor = uart.divisor(clock_hz, baud)
        self._linked = LinkedCore(plan)
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1), "busy": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver = receiver = uart.UartReceiver(self._divisor)
        m.submodules.transmitter = transmitter = uart.UartTransmitter(self._divisor)
        m.submodules.linked = linked = self._linked
        wiring.connect(m, receiver.o, linked.i)
        wiring.connect(m, linked.o, transmitter.i)
        m.d.comb += [receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx), self.busy.eq(linked.busy)]
        return m
