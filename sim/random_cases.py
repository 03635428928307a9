"""Random cases: networks, plans, extras of the host link and frames, from all that the contract and the Plan admit.

A draw is a function of its seed alone. Networks and plans are those of `random_networks` and `random_maps`, most of
them small, because a small core takes a second to compile; here come the corners that those leave out: long inferences,
delays that outlast one, the widest currents, many dimensions, loaded weights, other memory rules, the planner's plans.
"""

import math
from dataclasses import replace

import numpy as np

from spikeloom.decay import Decay
from spikeloom.errors import SpikeloomError
from spikeloom.network import Dense, Input, Layer, Network, Residual
from spikeloom.rtl_gen import planner
from spikeloom.rtl_gen.link.extras import PLAIN, Extras
from spikeloom.rtl_gen.linked import loaded_layers, no_stream
from spikeloom.rtl_gen.memories import MemoryRules
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.rtl_gen.probe import probed_layers
from spikeloom.rtl_gen.roomy import roomy
from spikeloom.sim import random_maps
from spikeloom.sim.cases import Case
from spikeloom.sim.random_maps import random_conv_network
from spikeloom.sim.random_networks import ENCODERS, adaptive, random_frames, random_network, random_plan
from spikeloom.synapses import LIMIT

SIZES = (10, 40, 90)
CORNERS = ("all zero", "all greatest", "all least", "one-hot", "alternating")
_FRAMES, _MOST_VALUES = 3, 4000
_MOST_PARALLEL = 1600       # synapses of a parallel layer: more take the C++ compiler minutes


def draw(seed: int) -> Case:
    """The case of a seed."""
    rng = np.random.default_rng([0xCA5E, seed])
    maps = rng.random() < 0.3
    most = SIZES[rng.choice(len(SIZES), p=[0.78, 0.17, 0.05])]
    network = random_conv_network(seed, kinds=ENCODERS) if maps else random_network(seed, most=most)
    network = _stretched(rng, network)
    if np.random.default_rng([0xA11F, seed]).random() < 0.08:     # of its own, so that other cases stay what they were
        network = adaptive(network, seed)
    plan = _varied(rng, _planned(rng, random_plan(network, seed)))
    frames = np.concatenate([random_frames(network, seed, _FRAMES), _corners(rng, network)])
    return Case(network=network, layers=plan.layers, source=plan.source, memories=plan.memories, frames=frames,
                extras=_extras(rng, plan), stalls=int(rng.integers(1, 1 << 31)), seed=seed)


def _stretched(rng: np.random.Generator, network: Network) -> Network:
    """`network`, sometimes with what lies at an edge of the contract."""
    width = sum(layer.size for layer in network.layers) + network.input.size
    if rng.random() < 0.15:
        longest = max(min(300, _MOST_VALUES // width), 1)
        network = replace(network, timesteps=int(rng.choice([1, rng.integers(1, longest + 1), longest])))
    if rng.random() < 0.1:
        shape = network.input.shape
        ones = int(rng.integers(9 - len(shape)))
        network = replace(network, input=replace(network.input, shape=(1,) * ones + shape))
    if rng.random() < 0.1:
        network = replace(network, labels=tuple(f"класс {n}" for n in range(network.outputs)))
    layers = list(network.layers)
    if len(layers) > 1 and rng.random() < 0.1:
        k, steps = int(rng.integers(len(layers) - 1)), network.timesteps
        layers[k] = replace(layers[k], delay=int(rng.choice([255, min(steps, 255), max(min(steps, 256) - 1, 0)])))
    for k, layer in enumerate(layers):
        if layer.neurons is None:
            continue
        if not isinstance(layer.synapses, Dense) and rng.random() < 0.2:
            decay = Decay.shift_leak(int(rng.integers(1, 5)))
            layer = replace(layer, neurons=replace(layer.neurons, synaptic_decay=decay,
                                                   synaptic_bits=int(rng.choice([2, 32, rng.integers(2, 33)]))))
        layers[k] = _widest(rng, network, k, layer) if rng.random() < 0.02 else layer
    pools = [k for k, layer in enumerate(layers) if layer.neurons is None]
    if pools and not any(layer.residual for layer in layers) and rng.random() < 0.15:
        layers = _around_pool(rng, network, layers, int(rng.choice(pools)))
    return replace(network, layers=tuple(layers))


def _around_pool(rng: np.random.Generator, network: Network, layers: list[Layer], pool: int) -> list[Layer]:
    """With two convolutions of the pool's own shape behind it, and a residual around them."""
    shape = layers[pool].synapses.output
    inner = random_maps._conv(rng, shape, network.output_range(pool), alike=True)
    outer = random_maps._conv(rng, shape, (0, 1), alike=True)
    outer = replace(outer, residual=Residual(source=pool, weight=int(rng.choice([-2, -1, 1, 4]))))
    return [*layers[:pool + 1], inner, outer, *layers[pool + 1:]]


def _widest(rng: np.random.Generator, network: Network, k: int, layer: Layer) -> Layer:
    """With one bias that takes the current to the end of its range."""
    low, high = layer.sum_range(network.presynaptic_range(k), network.skipped_range(k))
    bias = layer.neurons.bias.copy()
    bias[rng.integers(len(bias))] = LIMIT - high if rng.random() < 0.5 else -LIMIT - low
    wide = replace(layer, neurons=replace(layer.neurons, bias=bias))
    least, greatest = wide.current_range(network.presynaptic_range(k), network.skipped_range(k))
    return wide if max(-least, greatest) <= LIMIT else layer


def _planned(rng: np.random.Generator, plan: Plan) -> Plan:
    """`plan`, or sometimes what the planner would make of its network."""
    if rng.random() > 0.08:
        return plan
    family = (None, "ice40", "ecp5")[rng.integers(3)]
    goal = planner.GOALS[rng.integers(len(planner.GOALS))]
    return planner.make(plan.network, family=family, goal=goal, source=plan.source)


def _varied(rng: np.random.Generator, plan: Plan) -> Plan:
    layers = list(plan.layers)
    fan = None if rng.random() < 0.5 else int(rng.choice([2, 3, 4, 7, 16, 64]))
    wide, loads = rng.random() < 0.15, rng.random() < 0.2
    for k, how in enumerate(layers):
        layer = plan.network.layers[k]
        if how.strategy == "parallel":
            if layer.synapses.weights.size > _MOST_PARALLEL:
                how = LayerPlan()
            elif fan is not None:
                how = replace(how, width=fan)
        if wide and how.strategy in ("dense", "sparse") and k < len(layers) - 1 and layer.size > 8:
            update = int(rng.choice([16, 32, 64]))
            how = replace(how, lanes=update * (1 + int(layer.size > update and rng.random() < 0.5)),
                          update_lanes=update)
        if loads and how.strategy == "dense" and layer.recurrent is None and rng.random() < 0.8:
            how = _loadable(rng, plan.network, k, how)
        layers[k] = how
    memories = plan.memories
    if rng.random() < 0.3:
        memories = MemoryRules(rom=int(rng.choice([0, 64, 4096])), ram=int(rng.choice([0, 16, 256, 4096])))
    loaded = [k for k, how in enumerate(layers) if how.weights != "rom"]
    network = roomy(plan.network, only=loaded) if loaded else plan.network
    return Plan(network=network, layers=tuple(layers), source=plan.source, memories=memories)


def _loadable(rng: np.random.Generator, network: Network, k: int, how: LayerPlan) -> LayerPlan:
    try:
        roomy(network, only=[k])
    except SpikeloomError:      # the widest sums do not fit
        return how
    return replace(how, weights=str(rng.choice(["ram", "spram"])))


def _extras(rng: np.random.Generator, plan: Plan) -> Extras:
    """Of what the plan admits, anything."""
    if plan.source != "words":
        return PLAIN
    streams = no_stream(plan.network) is None
    return Extras(
        probe=bool(probed_layers(plan)) and bool(rng.random() < 0.5),
        readback=bool(loaded_layers(plan)) and bool(rng.random() < 0.5),
        stream=int(rng.integers(1, plan.network.timesteps + 1)) if streams and rng.random() < 0.5 else 0,
        queue=int(rng.choice([0, 0, 16, 100, 1024])),
        guard=bool(loaded_layers(plan)) and bool(rng.random() < 0.5),
        watchdog=bool(rng.random() < 0.3),
    )


def _corners(rng: np.random.Generator, network: Network) -> np.ndarray:
    """Two frames of `CORNERS`."""
    kinds = rng.choice(CORNERS, 2, replace=False)
    return np.stack([corner(rng, network.input, network.frame_shape, str(kind)) for kind in kinds])


def corner(rng: np.random.Generator, source: Input, shape: tuple[int, ...], kind: str) -> np.ndarray:
    """One frame of a kind of `CORNERS`; alternating ones do so from value to value and from timestep to timestep."""
    low, high = source.range
    if kind == "alternating":
        return np.where(np.indices(shape).sum(axis=0) % 2, high, low)
    frame = np.full(shape, {"all greatest": high, "all least": low}.get(kind, 0))
    if kind == "one-hot":
        frame.flat[rng.integers(math.prod(shape))] = high
    return frame
