"""For how many clocks a core can be at work: the bound that a watchdog is set by.

A core never stands still before its last result: in each clock at least one of its parts does some of its work, or
hands something on. So no inference takes longer than all parts would one after the other, each with as much to do as it
can have: every input and every neuron fires in every timestep. (That all fire is not enough without the sum: a layer
whose input is silent until its end begins late.)
"""

import numpy as np

from spikeloom.rtl_gen import strategies, words
from spikeloom.rtl_gen.parallel import timing as parallel_timing
from spikeloom.rtl_gen.plan import Plan

HANDED_ON = 32      # clocks, more than the pipelines of source, integrator, neurons, serializer and readout are long


def clocks(plan: Plan) -> int:
    """Clock cycles that no inference takes, from the first word to the last result."""
    network = plan.network
    page = words.per_page(network) + network.layers[0].synapses.inputs + HANDED_ON
    each = plan.passes(0) * page + sum(_layer(plan, k) for k in range(len(network.layers)))
    return words.per_frame(network) + network.timesteps * each + network.outputs + HANDED_ON


def _layer(plan: Plan, k: int) -> int:
    """Clocks of layer number `k` for a timestep in which all fires."""
    layer, how = plan.network.layers[k], plan.layers[k]
    inputs, size = layer.synapses.inputs, layer.size
    handed = size * (2 if layer.residual else 1) + HANDED_ON
    if how.strategy == "parallel":
        first = next(first for first, last in plan.stages if first <= k <= last)
        return inputs + parallel_timing.layer_latency(plan.network, k, fan=plan.fan(first)) + handed
    busy = strategies.load(how.strategy).occupancy(
        layer.synapses, lanes=how.lanes, groups_of=how.update_lanes, events=np.ones((1, inputs), np.int64),
        **how.options)[0]
    own = plan.passes(k) * (size + HANDED_ON) if layer.recurrent else 0
    return int(busy) + -(-size // how.update_lanes) + handed + plan.passes(k) * HANDED_ON + own


def watchdog_limit(plan: Plan, score_words: int) -> int:
    """Clocks, a power of two, for which a core behind a host link that takes its scores a word a clock is not at work.

    Some timesteps of an inference take no longer (STREAM), nor what is left of it after the result (PROBE).
    """
    return 1 << (clocks(plan) + plan.network.outputs * score_words).bit_length()
