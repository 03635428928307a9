"""What a plan will cost, before synthesis: block RAMs, logic cells, clock cycles. The planner's eyes, not a report."""

from dataclasses import dataclass

from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.events import index_shape, range_shape
from spikeloom.rtl_gen.memories import block_rams
from spikeloom.rtl_gen.readout import score_shape

ACTIVE_INPUTS, ACTIVE_NEURONS = 0.25, 0.2   # assumed shares of events in a timestep
LINK_RAMS, LINK_CELLS = 1, 500


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Block RAMs and logic cells, host link included, and cycles of an inference."""

    ram: int
    cells: int
    cycles: int


def estimate(plan, family: str) -> Estimate:
    """The cost of `plan` on a part of `family`."""
    network, ram, cells, cycles = plan.network, LINK_RAMS, LINK_CELLS + 300, 0
    page = words.per_page(network)
    if plan.passes(0) > 1 or (network.encoder is not None and not network.encoder.constant):
        ram += block_rams(family, page, words.BITS)
    for k, layer in enumerate(network.layers):
        ram += _layer_rams(plan, k, family)
        cells += _layer_cells(plan, k)
        passes, lanes, update = plan.passes(k), plan.layers[k].lanes, plan.layers[k].update_lanes
        inputs, groups = layer.synapses.inputs, -(-layer.neurons.neurons // update)
        active = int(inputs * (ACTIVE_INPUTS if k == 0 else ACTIVE_NEURONS))
        scan = max(active, page) if k == 0 else active
        if plan.hold(k) > 1:
            cycles += passes * (scan + 1) + plan.hold(k) * groups
        else:
            step = max(passes * max(scan + 1, lanes // update), groups)
            cycles = max(cycles, step * network.timesteps) + step
    return Estimate(ram=ram, cells=int(cells), cycles=cycles)


def _layer_rams(plan, k: int, family: str) -> int:
    network, layer = plan.network, plan.network.layers[k]
    passes, update = plan.passes(k), plan.layers[k].update_lanes
    inputs, neurons = layer.synapses.inputs, layer.neurons
    groups = -(-neurons.neurons // update)
    built = min(plan.layers[k].lanes, neurons.neurons)
    total = block_rams(family, passes * inputs, built * layer.synapses.codebook.bits)
    if plan.hold(k) > 1:
        low, high = layer.sum_range(network.presynaptic_range(k))
        total += block_rams(family, groups, update * range_shape(min(low, -1), high).width)
    state = neurons.membrane_bits + neurons.refractory.bit_length() + (neurons.reset == "subtract-late")
    if groups * update * state > plan.memories.ram:
        total += block_rams(family, groups, update * state)
    for values in (neurons.threshold, neurons.bias):
        if values is not None and values.min() != values.max():
            width = range_shape(int(values.min()), int(values.max())).width
            if groups * update * width > plan.memories.rom:
                total += block_rams(family, groups, update * width)
    if passes > 1 and (k > 0 or (network.encoder is not None and not network.encoder.constant)):
        total += block_rams(family, inputs + 1, index_shape(inputs).width)
    if k == len(network.layers) - 1 and network.readout != "membrane-last":
        bits = network.outputs * score_shape(network).width
        total += block_rams(family, network.outputs, score_shape(network).width) if bits > plan.memories.ram else 0
    return total


def _layer_cells(plan, k: int) -> int:
    layer = plan.network.layers[k]
    low, high = layer.sum_range(plan.network.presynaptic_range(k))
    width = range_shape(min(low, -1), high).width
    inputs_width = range_shape(*plan.network.presynaptic_range(k)).width
    lanes, neurons = min(plan.layers[k].lanes, layer.neurons.neurons), layer.neurons
    integrate = lanes * (2 * width + (inputs_width + 1) * layer.synapses.codebook.bits)
    update = plan.layers[k].update_lanes * (7 * neurons.membrane_bits + 2 * width + 20)
    varying = sum(v is not None and v.min() != v.max() for v in (neurons.threshold, neurons.bias))
    constants = varying * neurons.neurons * width // 10 if plan.memories.rom else 0
    return integrate + update + constants + 60
