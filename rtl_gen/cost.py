"""What a plan will take of a part, before synthesis: logic cells by a model fitted to builds, block RAMs exactly.

`benchmarks/cost_model.py` compares it with placed and routed designs.
"""

from spikeloom.network import Network
from spikeloom.rtl_gen import parallel, paths, presynaptic, strategies, words
from spikeloom.rtl_gen.events import index_shape, range_shape
from spikeloom.rtl_gen.memories import MemoryRules, ram_blocks, rom_blocks
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.rtl_gen.readout import score_shape
from spikeloom.rtl_gen.strategies import Cost

LINK = {"ice40": Cost(cells=640, ram=1), "ecp5": Cost(cells=500, ram=1)}    # host link, UART and board top


def total(parts: list[Cost]) -> Cost:
    """The sum of costs."""
    return Cost(cells=sum(p.cells for p in parts), ram=sum(p.ram for p in parts), spram=sum(p.spram for p in parts))


def of(plan: Plan, family: str) -> Cost:
    """The cost of `plan` on a part of `family`, host link included."""
    layers = [layer(plan.network, k, how, family, plan.memories) for k, how in enumerate(plan.layers)]
    return total([LINK[family], ends(plan.network, plan.passes(0), family, plan.memories), *layers])


def ends(network: Network, passes: int, family: str, memories: MemoryRules) -> Cost:
    """Source and readout, for a first layer that wants each timestep `passes` times."""
    ram, page = 0, words.per_page(network)
    constant = network.encoder is None or network.encoder.constant
    if network.encoder is not None and network.encoder.sequence:
        ram += ram_blocks(family, page, words.values(network) * network.input.bits)     # what was last sent
    elif passes > 1 or not constant:
        ram += ram_blocks(family, page, words.BITS)
    scores = score_shape(network).width
    if network.readout != "membrane-last" and network.timesteps > 1:
        ram += ram_blocks(family, network.outputs, scores, memories.ram)
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
        ram += ram_blocks(family, groups, update * width)
        cells += 20 + 2 * index_shape(groups).width
    if how.passes(built.size) > 1 and (k > 0 or (network.encoder is not None and not network.encoder.constant)):
        ram += ram_blocks(family, built.synapses.inputs + 1, index_shape(built.synapses.inputs).width)
        cells += 20 + 4 * index_shape(built.synapses.inputs).width
    cells += update * 6 + 3 * index_shape(groups).width + 12     # serializer
    if built.neurons is None:
        return Cost(cells=cells + update * width, ram=ram, spram=integrator.spram)
    neurons = built.neurons
    state = neurons.membrane_bits + neurons.refractory.bit_length() + (neurons.reset == "subtract-late")
    ram += ram_blocks(family, groups, update * state, memories.ram)
    cells += _memory_cells(family, groups, update * state, memories.ram)
    digits = max(len(neurons.decay.signed_digits) - 1, 0)
    cells += update * ((6 + digits) * neurons.membrane_bits + 2 * width + 16)
    for values in (neurons.threshold, neurons.bias):
        if values is not None and values.min() != values.max():
            bits = range_shape(int(values.min()), int(values.max())).width
            ram += rom_blocks(family, groups, update * bits) if groups * update * bits > memories.rom else 0
            cells += built.size * bits // 10 if memories.rom else 0
    around = paths.cost(network, k, how, family, memories)
    return total([Cost(cells=cells, ram=ram, spram=integrator.spram), around])


def _memory_cells(family: str, depth: int, width: int, logic: int) -> int:
    """Cells of a memory that is built of flip-flops or, on ECP5, of LUT RAM of 16 words of 4 bits."""
    if ram_blocks(family, depth, width, logic):
        return 0
    if family == "ice40":
        return depth * width * 5 // 4
    return 4 * -(-depth // 16) * -(-width // 4) + width * (-(-depth // 16) - 1)
