"""The leak in adders equals `round(V * num / 2^shift)`, for all V."""

from collections.abc import Iterator

from amaranth.hdl import Assert, Module, Mux, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from spikeloom.decay import Decay
from spikeloom.rtl_gen import stateful
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim.proofs import Proof


class Leaked(wiring.Component):
    """The leak of any number of so many bits."""

    def __init__(self, leak: Decay, bits: int):
        self.leak = leak
        super().__init__({"v": In(signed(bits))})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += Assert(stateful.decay(self.v, self.leak) == rounded(self.v * self.leak.num, self.leak), "the leak")
        return m


def rounded(product: Value, leak: Decay) -> Value:
    """`product / 2^shift`, rounded."""
    if leak.rounding == "ceil":
        return -(-product >> leak.shift)
    if leak.rounding == "nearest":
        return (2 * product + (1 << leak.shift)) >> leak.shift + 1
    if leak.rounding == "zero":
        return Mux(product < 0, -(-product >> leak.shift), product >> leak.shift)
    return product >> leak.shift


def proofs(plan: Plan) -> Iterator[Proof]:
    """One for each leak and width."""
    for k, layer in enumerate(plan.network.layers):
        for leak, bits in () if layer.neurons is None else layer.neurons.leaks:
            yield Proof(
                claim=f"the leak is V * {leak.num} / {1 << leak.shift}, {leak.rounding}", component="stateful.decay",
                layers=(k,), size=f"{bits} bits", make=lambda leak=leak, bits=bits: Leaked(leak, bits),
                key=(leak, bits), depth=1)
