"""For how many clocks a core can be at work: the bound that a watchdog is set by."""

import numpy as np

from spikeloom.rtl_gen import timing
from spikeloom.rtl_gen.plan import Plan


def clocks(plan: Plan) -> int:
    """Clock cycles of the longest inference by the timing model: every input and every neuron fires in every timestep.

    Less activity takes no longer: in the model every time is a sum or a maximum of counts of events.
    """
    network = plan.network
    timesteps = network.timesteps
    first = np.ones((1, timesteps, network.layers[0].synapses.inputs), bool)
    spikes = tuple(np.ones((1, timesteps, layer.size), bool) for layer in network.layers)
    return int(timing.latency(plan, timing.Activity(first=first, spikes=spikes))[0])


def watchdog_limit(plan: Plan, score_words: int) -> int:
    """Clocks, a power of two, after which a core behind a host link has gone wrong: twice as long as an inference can
    take, and the link for its scores; the model is not exact to the clock.

    Some timesteps of it take no longer (STREAM), nor what is left of them after the result (PROBE).
    """
    return 1 << (2 * (clocks(plan) + plan.network.outputs * score_words)).bit_length()
