"""What a layer takes of a part beside its integrator, neurons and serializer: loops, shortcuts, synaptic currents."""

from dataclasses import replace

from spikeloom.network import Network
from spikeloom.rtl_gen import queue, strategies
from spikeloom.rtl_gen.events import event_layout, range_shape
from spikeloom.rtl_gen.memories import MemoryRules, ram_cost
from spikeloom.rtl_gen.plan import LayerPlan
from spikeloom.rtl_gen.strategies import Cost, total


def cost(network: Network, k: int, how: LayerPlan, family: str, memories: MemoryRules) -> Cost:
    """Recurrent synapses, a residual into layer number `k`, its synaptic current, and a delay that must be stored."""
    layer, update = network.layers[k], how.update_lanes
    event, width = event_layout(layer.size).size, range_shape(*network.sum_range(k)).width
    parts = []
    if layer.recurrent is not None:
        parts += _recurrent(layer.recurrent, how, family, memories)
        parts.append(Cost(cells=update * width + 3 * event + 20, ram=0))
    if layer.residual is not None:
        low, high = network.skipped_range(k)
        graded = 0 if (low, high) == (0, 1) else range_shape(low, high).width
        parts += _queue(layer.size + 1, event + graded, family, memories)
        parts.append(Cost(cells=update * (width + 3 * max(graded, 1)) + 2 * event + 20, ram=0))
    if stored(network, k):
        waiting = min(layer.delay, network.timesteps) * (layer.size + 1)
        low, high = network.output_range(k)
        parts += _queue(waiting, event + ((low, high) != (0, 1)) * range_shape(low, high).width, family, memories)
    if layer.neurons is not None and layer.neurons.current_based:
        bits, groups = layer.neurons.synaptic_bits, -(-layer.size // update)
        digits = len(layer.neurons.synaptic_decay.signed_digits)
        parts.append(Cost(cells=update * ((5 + digits) * bits + 2 * width) + 60, ram=0))
        parts.append(ram_cost(family, groups, update * bits, memories.ram))
    return total(parts)


def stored(network: Network, k: int) -> bool:
    """True if a residual goes around layer number `k`, which delays its events: then they wait in memory."""
    spans = [(one.residual.source, n) for n, one in enumerate(network.layers) if one.residual]
    return network.layers[k].delay > 0 and any(source < k < target for source, target in spans)


def _recurrent(synapses, how: LayerPlan, family: str, memories: MemoryRules) -> list[Cost]:
    neurons, event = synapses.inputs, event_layout(synapses.inputs)
    index = event["index"].width
    parts = [strategies.load(how.strategy).cost(
        synapses, lanes=how.lanes, groups_of=how.update_lanes, value=None, sums=synapses.sum_range((0, 1)),
        family=family, **replace(how, weights="rom").options)]
    if how.passes(neurons) > 1:
        parts += [Cost(cells=20 + 4 * index, ram=0), ram_cost(family, neurons + 1, index)]
    if how.strategy != "dense" or how.passes(neurons) > 1:
        parts += _queue(neurons + 1, event.size, family, memories)
    return parts


def _queue(capacity: int, width: int, family: str, memories: MemoryRules) -> list[Cost]:
    depth = queue.words(capacity)
    return [Cost(cells=5 * depth.bit_length() + 5, ram=0), ram_cost(family, depth, width, memories.ram)]
