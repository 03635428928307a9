"""The adders of a parallel layer: what leaves is weights times inputs and bias, exactly, for all inputs."""

from collections.abc import Iterator

from amaranth.hdl import Shape

from spikeloom.rtl_gen.parallel.adder import Adder
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim.proofs import Proof
from spikeloom.sim.proofs.forms import Form, Variable, summed
from spikeloom.sim.proofs.linear import Claim, LinearProof, Sums
from spikeloom.sim.proofs.parts import parts


def added(dut: Adder, weights, bias) -> Sums:
    """The claims: each current, `latency` clocks after its inputs; nothing moves without `go`, no current without
    `load`."""
    shape = Shape.cast(dut.i.shape().elem_shape)
    inputs = [Variable(f"x{index}", *dut.inputs) for index in range(weights.shape[1])]
    claims, first = [], 0
    for n, row in enumerate(weights.tolist()):
        one = Shape.cast(dut.o[str(n)].shape())
        terms = [Form.of(x).scaled(weight) for x, weight in zip(inputs, row, strict=True) if weight]
        form = summed(terms).later(dut.latency) + int(bias[n]) - int(dut.constants[n])
        claims.append(Claim(name=f"current {n}", net="o", first=first, width=one.width, signed=one.signed, form=form))
        first += one.width
    currents = [f"top.current{n}" for n in range(len(claims))]
    return Sums(
        component=dut, claims=claims, moves={"go": 1, "load": 1},
        leaves={"i": [(x, shape.width, shape.signed) for x in inputs]},
        stands=[({"go": 0}, None), ({"go": 1, "load": 0}, currents)])


def proofs(plan: Plan) -> Iterator[Proof]:
    """One for each parallel layer."""
    for part in parts(plan):
        dut = part.component
        if isinstance(dut, Adder):
            k = int(part.path[-1].removeprefix("adder"))
            layer = plan.network.layers[k]
            terms = sum(1 for row in layer.synapses.weights for weight in row if weight)
            yield LinearProof(
                claim="every sum is exact", component=part.name, layers=(k,),
                size=f"{dut.o.shape().size // len(layer.neurons.bias)} bits on average, {len(layer.neurons.bias)} "
                     f"neurons, {terms} synapses",
                make=lambda dut=dut, layer=layer: added(dut, layer.synapses.weights, layer.neurons.bias))
