"""A serial peripheral interface, seen from the device: mode 0, the most significant bit first."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from spikeloom.rtl_gen.protocol import FLAG


class SpiTarget(wiring.Component):
    """Bytes from and to a controller that clocks both ways at once, with up to a quarter of the clock.

    Flags fill the line while there is nothing to send. The chip select marks where bytes begin: a byte that it cuts off
    is dropped, and what the device was sending in it is lost; between bytes it may come and go as it likes.
    `cipo` changes 2 to 3 clocks after a rising edge of `sck`, in time for the next one, rather than after the falling
    edge, which would be too late at a quarter of the clock.

    Members
    -------
    sck, cs_n, copi : In(1), asynchronous to the clock
        Each level of `sck` lasts two clocks at least; `cs_n` falls three clocks before the first edge.
    cipo : Out(1)
    o : Out(stream.Signature(8, always_ready=True))
        Bytes of the controller, each offered for one clock.
    i : In(stream.Signature(8))
        Bytes for it. One that is valid too late has a flag put before it: those of a frame must not be later than 8
        bits after each other.
    """

    sck: In(1)
    cs_n: In(1, init=1)
    copi: In(1)
    cipo: Out(1)
    o: Out(stream.Signature(8, always_ready=True))
    i: In(stream.Signature(8))

    def elaborate(self, platform):
        m = Module()
        sck = Signal()
        copi = Signal()
        cs_n = Signal(init=1)
        m.submodules.sck_sync = FFSynchronizer(self.sck, sck)
        m.submodules.cs_n_sync = FFSynchronizer(self.cs_n, cs_n, init=1)
        m.submodules.copi_sync = FFSynchronizer(self.copi, copi)

        before = Signal()
        rises = Signal()
        bit = Signal(3)
        came = Signal(7)
        leaves = Signal(8, init=FLAG)
        m.d.comb += [
            rises.eq(sck & ~before & ~cs_n),
            self.cipo.eq(leaves[7]),
            self.o.payload.eq(Cat(copi, came)),
            self.o.valid.eq(rises & (bit == 7)),
            self.i.ready.eq(self.o.valid),
        ]
        m.d.sync += before.eq(sck)
        with m.If(cs_n):
            m.d.sync += bit.eq(0)
            with m.If(bit != 0):
                m.d.sync += leaves.eq(FLAG)
        with m.Elif(rises):
            m.d.sync += [bit.eq(bit + 1), came.eq(self.o.payload), leaves.eq(leaves << 1)]
            with m.If(bit == 7):
                m.d.sync += leaves.eq(Mux(self.i.valid, self.i.payload, FLAG))
        return m
