"""Rate encoding: a shift register that leaps a whole word's draws in one clock."""

from amaranth.hdl import Cat, Mux, Signal, Value

from spikeloom.encoders.rate import TAP, WIDTH
from spikeloom.rtl_gen.encoders import Encoder, lanes_of_last_word


def leap(state: Value, bits: int) -> Value:
    """`spikeloom.encoders.rate.step`: the register `bits` steps later."""
    new = state[WIDTH - bits:] ^ state[TAP - bits:TAP]
    return Cat(new, state)[:WIDTH]


class Rate(Encoder):
    """`present` where the value is above its lane's draw. The register starts anew with every inference."""

    def present(self, m, values):
        bits, encoder = self.network.input.bits, self.network.encoder
        partial = lanes_of_last_word(self.network)
        state = Signal(WIDTH, init=encoder.seed)
        after = Signal(WIDTH)
        whole, short = leap(state, self.lanes * bits), leap(state, partial * bits)
        m.d.comb += after.eq(Mux(self.i.p.end, short, whole))
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += state.eq(after)
            with m.If(self.i.p.end & self.i.p.last):
                m.d.sync += state.eq(encoder.seed)

        def draw(count: int, lane: int) -> Value:
            low = max(count - 1 - lane, 0) * bits
            return after[low:low + bits]

        return [value > Mux(self.i.p.end, draw(partial, k), draw(self.lanes, k)) for k, value in enumerate(values)]


build = Rate
