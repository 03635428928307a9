"""What a plan will take of a part, before synthesis: logic cells by a model fitted to builds, block RAMs exactly.

`benchmarks/cost_model.py` compares it with placed and routed designs.
"""

from spikeloom.network import Network
from spikeloom.neurons import Model
from spikeloom.rtl_gen import neurons as models
from spikeloom.rtl_gen import parallel, paths, presynaptic, strategies, words
from spikeloom.rtl_gen.events import index_shape, range_shape
from spikeloom.rtl_gen.memories import MemoryRules, ram_cost, rom_blocks
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.rtl_gen.readout import score_shape
from spikeloom.rtl_gen.source import PLACES
from spikeloom.rtl_gen.strategies import Cost, total

LINK = {"ice40": Cost(cells=640, ram=1), "ecp5": Cost(cells=500, ram=1)}    # host link, UART and board top


def of(plan: Plan, family: str) -> Cost:
    """The cost of `plan` on a part of `family`, host link included."""
    layers = [layer(plan.network, k, how, family, plan.memories) for k, how in enumerate(plan.layers)]
    return total([LINK[family], ends(plan.network, plan.passes(0), family, plan.memories), *layers])


def ends(network: Network, passes: int, family: str, memories: MemoryRules) -> Cost:
    """Source and readout, for a first layer that wants each timestep `passes` times."""
    page, values, scores = words.per_page(network), words.values(network), score_shape(network).width
    parts = [Cost(cells=60 + 6 * values + 4 * scores, ram=0)]
    constant = network.encoder is None or network.encoder.constant
    if network.encoder is not None and network.encoder.sequence:
        parts.append(ram_cost(family, page, values * network.input.bits))       # what was last sent
    elif passes > 1 or not constant:
        parts.append(ram_cost(family, page, words.BITS))
    if network.readout != "membrane-last" and network.timesteps > 1:
        parts.append(ram_cost(family, network.outputs, scores, memories.ram))
    return total(parts)


def layer(network: Network, k: int, how: LayerPlan, family: str, memories: MemoryRules) -> Cost:
    """One layer, with what repeats or delays its events."""
    if how.strategy == "parallel":
        return parallel.cost(network, k, family=family, fan=how.width)
    built, update = network.layers[k], how.update_lanes
    sums, value = network.sum_range(k), presynaptic.value(network, k)
    groups, width = -(-built.size // update), range_shape(min(sums[0], -1), sums[1]).width
    inputs, index = built.synapses.inputs, index_shape(built.synapses.inputs).width
    parts = [strategies.load(how.strategy).cost(
        built.synapses, lanes=how.lanes, groups_of=update, value=value, sums=sums, family=family, **how.options)]
    if k == 0:
        word = words.values(network) + (0 if value is None else words.BITS) + index_shape(words.per_page(network)).width
        parts.append(Cost(cells=(PLACES + 1) * (word + 2), ram=0))      # words that wait in the source
    if presynaptic.hold(network, k) > 1:
        parts += [Cost(cells=20 + 2 * index_shape(groups).width, ram=0), ram_cost(family, groups, update * width)]
    if how.passes(built.size) > 1 and (k > 0 or (network.encoder is not None and not network.encoder.constant)):
        parts += [Cost(cells=20 + 4 * index, ram=0), ram_cost(family, inputs + 1, index)]
    parts.append(Cost(cells=update * 6 + 3 * index_shape(groups).width + 12, ram=0))     # serializer
    if built.neurons is None:
        return total([*parts, Cost(cells=update * width, ram=0)])
    return total([*parts, _neurons(built.neurons, update, width, family, memories),
                  paths.cost(network, k, how, family, memories)])


def _neurons(neurons: Model, update: int, width: int, family: str, memories: MemoryRules) -> Cost:
    """Neurons of which `update` are updated a clock, with sums of `width` bits: their state, constants and logic."""
    groups, model = -(-neurons.neurons // update), models.load(neurons)
    state = model.state(neurons).size
    cells, ram = update * model.cells(neurons, width), 0
    for values in (getattr(neurons, name) for name in neurons.vector_names()):
        if values is not None and values.min() != values.max():
            bits = range_shape(int(values.min()), int(values.max())).width
            ram += rom_blocks(family, groups, update * bits) if groups * update * bits > memories.rom else 0
            cells += neurons.neurons * bits // 10 if memories.rom else 0
    return total([Cost(cells=cells, ram=ram), ram_cost(family, groups, update * state, memories.ram)])
