"""What a plan will take of a part, before synthesis: logic cells by a model fitted to builds, block RAMs exactly.

`benchmarks/cost_model.py` compares it with placed and routed designs.
"""

from spikeloom.network import Network
from spikeloom.rtl_gen import parallel, presynaptic, strategies, words
from spikeloom.rtl_gen.events import index_shape, range_shape
from spikeloom.rtl_gen.memories import MemoryRules, block_rams
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.rtl_gen.readout import score_shape
from spikeloom.rtl_gen.strategies import Cost

LINK = Cost(cells=850, ram=1)   # host link, UART and board top


def total(parts: list[Cost]) -> Cost:
    """The sum of costs."""
    return Cost(cells=sum(p.cells for p in parts), ram=sum(p.ram for p in parts), spram=sum(p.spram for p in parts))


def of(plan: Plan, family: str) -> Cost:
    """The cost of `plan` on a part of `family`, host link included."""
    layers = [layer(plan.network, k, how, family, plan.memories) for k, how in enumerate(plan.layers)]
    return total([LINK, ends(plan.network, plan.passes(0), family, plan.memories), *layers])


def ends(network: Network, passes: int, family: str, memories: MemoryRules) -> Cost:
    """Source and readout, for a first layer that wants each timestep `passes` times."""
    ram, page = 0, words.per_page(network)
    constant = network.encoder is None or network.encoder.constant
    if passes > 1 and constant or not constant:
        ram += block_rams(family, page, words.BITS)
    scores = score_shape(network).width
    if network.readout != "membrane-last" and network.timesteps > 1:
        ram += _ram(family, network.outputs, scores, memories.ram)
    lanes = words.values(network)
    return Cost(cells=60 + 6 * lanes + 4 * scores, ram=ram)


def layer(network: Network, k: int, how: LayerPlan, family: str, memories: MemoryRules) -> Cost:
    """One layer, with what repeats or delays its events."""
    if how.strategy == "parallel":
        return parallel.cost(network, k, family=family)
    built, update = network.layers[k], how.update_lanes
    sums, value = network.sum_range(k), presynaptic.value(network, k)
    integrator = strategies.load(how.strategy).cost(
        built.synapses, lanes=how.lanes, groups_of=update, value=value, sums=sums, family=family, **how.options)
    cells, ram = integrator.cells, integrator.ram
    groups, width = -(-built.size // update), range_shape(min(sums[0], -1), sums[1]).width
    if presynaptic.hold(network, k) > 1:
        ram += block_rams(family, groups, update * width)
        cells += 20 + 2 * index_shape(groups).width
    if how.passes(built.size) > 1 and (k > 0 or (network.encoder is not None and not network.encoder.constant)):
        ram += block_rams(family, built.synapses.inputs + 1, index_shape(built.synapses.inputs).width)
        cells += 20 + 4 * index_shape(built.synapses.inputs).width
    cells += update * 6 + 3 * index_shape(groups).width + 12     # serializer
    if built.neurons is None:
        return Cost(cells=cells + update * width, ram=ram, spram=integrator.spram)
    neurons = built.neurons
    state = neurons.membrane_bits + neurons.refractory.bit_length() + (neurons.reset == "subtract-late")
    if neurons.current_based:
        state += neurons.synaptic_bits
    ram += _ram(family, groups, update * state, memories.ram)
    digits = max(len(neurons.decay.signed_digits) - 1, 0)
    cells += update * ((6 + digits) * neurons.membrane_bits + 2 * width + 16)
    if neurons.current_based:
        cells += update * (5 + len(neurons.synaptic_decay.signed_digits)) * neurons.synaptic_bits
    for values in (neurons.threshold, neurons.bias):
        if values is not None and values.min() != values.max():
            bits = range_shape(int(values.min()), int(values.max())).width
            ram += _ram(family, groups, update * bits, memories.rom)
            cells += built.size * bits // 10 if memories.rom else 0
    return Cost(cells=cells, ram=ram, spram=integrator.spram)


def _ram(family: str, depth: int, width: int, logic: int) -> int:
    """Block RAMs of a memory, none if its bits are few enough to be built of logic."""
    return block_rams(family, depth, width) if depth * width > logic else 0
