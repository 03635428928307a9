"""The serial line of the system as two registers for bytes and one for their state."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.link.uart import UartReceiver, UartTransmitter
from spikeloom.rtl_gen.soc.bus import BUS
from spikeloom.rtl_gen.soc.registers import SERIAL


class Serial(wiring.Component):
    """The block SERIAL of `registers`. Answers in the clock after `valid`, a SEND when the byte has been taken.

    Parameters
    ----------
    divisor : clocks a bit.

    Members
    -------
    bus : In(BUS)
    rx : In(1), asynchronous
    tx : Out(1)
    """

    def __init__(self, divisor: int):
        self._divisor = divisor
        super().__init__({"bus": In(BUS), "rx": In(1, init=1), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.transmitter = transmitter = UartTransmitter(self._divisor)
        m.submodules.receiver = receiver = UartReceiver(self._divisor)
        bus = self.bus
        send, status, receive = (bus.address[2:4] == SERIAL.offset(name) >> 2
                                 for name in ("SEND", "STATUS", "RECEIVE"))
        byte = Signal(8)
        received = Signal()
        begins = Signal()
        m.d.comb += [
            begins.eq(bus.valid & ~bus.ready & ~(send & bus.write & ~transmitter.i.ready)),
            transmitter.i.valid.eq(bus.valid & ~bus.ready & send & bus.write),
            transmitter.i.payload.eq(bus.data),
            receiver.rx.eq(self.rx),
            self.tx.eq(transmitter.tx),
        ]
        m.d.sync += bus.ready.eq(begins)
        with m.If(begins):
            m.d.sync += bus.answer.eq(Mux(status, Cat(transmitter.i.ready, received), Mux(receive, byte, 0)))
        with m.If(receiver.o.valid):
            m.d.sync += [byte.eq(receiver.o.payload), received.eq(1)]
        with m.Elif(begins & receive & ~bus.write):
            m.d.sync += received.eq(0)
        return m
