"""Latency encoding: the values that spike in a timestep lie between two bounds, which move on with it."""

from amaranth.hdl import Mux, Signal

from spikeloom.rtl_gen.encoders import Encoder


class Latency(Encoder):
    """`present` where the value spikes in this timestep.

    With d = 2^bits - 1 - value, which is the value inverted, the time d * T >> bits is t where c(t) <= d < c(t + 1) for
    c(t) = ceil(t * 2^bits / T). `begin` is c(t), `until` c(t + 1), `excess` c(t + 1) * T - (t + 1) * 2^bits: like a
    line on a raster, a timestep moves them by one of two constants.
    """

    def present(self, m, values):
        bits, timesteps = self.network.input.bits, self.network.timesteps
        level = self.network.encoder.level
        least, rest = divmod(1 << bits, timesteps)
        first = -(-(1 << bits) // timesteps)

        begin = Signal(range((1 << bits) + 1))
        until = Signal(range((1 << bits) + 1), init=first)
        excess = Signal(range(timesteps), init=first * timesteps - (1 << bits))
        more = Signal()
        m.d.comb += more.eq(excess < rest)
        with m.If(self.i.valid & self.i.ready & self.i.p.end):
            m.d.sync += [begin.eq(until), until.eq(until + least + more)]
            m.d.sync += excess.eq(excess - rest + Mux(more, timesteps, 0))
            with m.If(self.i.p.last):
                m.d.sync += [begin.eq(0), until.eq(until.init), excess.eq(excess.init)]
        return [(~value >= begin) & (~value < until) & (value >= level) for value in values]


build = Latency
