"""Layers with recurrent synapses, residuals and current-based neurons, in whole cores: every spike and membrane."""

from dataclasses import replace

import numpy as np
import pytest

from spikeloom import codebooks
from spikeloom.decay import Decay
from spikeloom.network import Dense, Residual
from spikeloom.rtl_gen import core, skip
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.rtl_gen.queue import Queue
from spikeloom.sim import naive

from .cores import frames_of, run
from .small import network
from .streams import STALLS, BrokenRule


def recurrent(neurons: int, seed: int = 0) -> Dense:
    weights = np.random.default_rng([neurons, seed]).integers(-2, 3, (neurons, neurons))
    return Dense(weights=weights, codebook=codebooks.make("pow2", exponents=2))


def changed(net, changes: dict[int, dict]):
    """`net` with other fields of some layers; those of the neurons under "neurons"."""
    layers = list(net.layers)
    for k, fields in changes.items():
        neurons = replace(layers[k].neurons, **fields.get("neurons", {}))
        layers[k] = replace(layers[k], **{**fields, "neurons": neurons})
    return replace(net, layers=tuple(layers))


CURRENT = {"synaptic_decay": Decay(num=3, shift=2, rounding="zero"), "synaptic_bits": 5}
DEEP = network((9, 6, 5, 6, 4, 6, 3), timesteps=5)
CASES = {
    "recurrent after a constant input": changed(
        network((9, 6, 3), bits=4, encoder="direct", timesteps=5), {0: {"recurrent": recurrent(6)}}),
    "recurrent everywhere": changed(network((9, 6, 5), timesteps=5, delay=1), {
        0: {"recurrent": recurrent(6)}, 1: {"recurrent": recurrent(5)}}),
    "recurrent, first spike": changed(network((9, 4), timesteps=5, readout="first-spike"), {
        0: {"recurrent": recurrent(4)}}),
    "recurrent, one timestep": changed(network((9, 6, 3), timesteps=1), {0: {"recurrent": recurrent(6)}}),
    "a recurrent neuron": changed(network((3, 1), timesteps=4), {0: {"recurrent": recurrent(1, 3)}}),
    "current-based": changed(network((9, 6, 3), timesteps=5, readout="membrane-sum"), {
        0: {"neurons": {**CURRENT, "refractory": 2}}, 1: {"neurons": CURRENT}}),
    "residual": changed(DEEP, {2: {"residual": Residual(source=0)}, 4: {"residual": Residual(source=0, weight=-4)}}),
    "residuals that overlap": changed(network((9, 6, 6, 6, 6), timesteps=5), {
        2: {"residual": Residual(source=0, weight=2)}, 3: {"residual": Residual(source=1)}}),
    "residuals around delays": changed(network((9, 6, 5, 6, 6, 3), timesteps=5, delay=2), {
        2: {"residual": Residual(source=0, weight=2)}, 3: {"residual": Residual(source=0)}}),
    "all at once": changed(network((9, 6, 6, 6), bits=3, encoder="direct", timesteps=6, delay=1), {
        0: {"recurrent": recurrent(6), "neurons": CURRENT},
        2: {"recurrent": recurrent(6, 1), "neurons": CURRENT, "residual": Residual(source=0, weight=-1)}}),
}


def plan_of(net, shape: str) -> Plan:
    layers = []
    for k, one in enumerate(net.layers):
        update = 1 if k == len(net.layers) - 1 else 2
        lanes = -(-one.size // update) * update
        layers.append(LayerPlan(lanes=min(2, lanes) if shape == "many passes" else lanes, update_lanes=update))
    return Plan(network=net, layers=tuple(layers))


@pytest.mark.parametrize(("shape", "stalls"), [("one pass", {}), ("many passes", {}), ("many passes", STALLS[3])])
@pytest.mark.parametrize("case", CASES)
def test_inferences_without_a_gap(case, shape, stalls):
    net = CASES[case]
    run(plan_of(net, shape), frames_of(net, 4), seed=3, **stalls)


def everyone_fires(delay: int, timesteps: int = 4) -> Plan:
    """Residuals around two layers and around one, every neuron firing in every timestep, three passes a layer."""
    net = network((5, 12, 12, 12, 12, 3), timesteps=timesteps, delay=delay)
    awake = {"neurons": {"threshold": 1, "bias": 100}}
    net = changed(net, {0: awake, 1: awake, 2: awake | {"residual": Residual(source=0)},
                        3: awake | {"residual": Residual(source=0, weight=2)}})
    return Plan(network=net, layers=(*[LayerPlan(lanes=4, update_lanes=2)] * 4, LayerPlan(lanes=1, update_lanes=1)))


@pytest.mark.parametrize("delay", [0, 3, 9])
def test_the_two_ways_never_wait_for_each_other(delay):
    plan = everyone_fires(delay)
    for stalls in ({}, {"stall_in": 0.3, "stall_out": 0.9}):
        run(plan, frames_of(plan.network, 3), seed=delay, **stalls)


@pytest.mark.parametrize(("module", "delay"), [(skip, 0), (core, 6)])
def test_a_queue_too_short_for_a_timestep_is_caught(module, delay, monkeypatch):
    monkeypatch.setattr(module, "Queue", lambda layout, capacity, memories: Queue(layout, capacity=3))
    plan = everyone_fires(delay, timesteps=8)
    with pytest.raises(BrokenRule):
        run(plan, frames_of(plan.network, 2))


def pace(plan: Plan, frames: np.ndarray) -> list[int]:
    """Clocks between the first layer's timesteps in one inference."""
    watched = run(plan, frames).watched
    starts = [clock for clock, (valid, group) in enumerate(zip(watched[0, "valid"], watched[0, "group"], strict=True))
              if valid and group == 0]
    return [after - before for before, after in zip(starts, starts[1:], strict=False)]


def loop(neurons: int, **fields):
    return changed(network((9, neurons, 3), bits=4, encoder="direct", timesteps=8), {
        0: {"recurrent": recurrent(neurons), "neurons": {"threshold": 6} | fields}})


def serialized(spikes: list[int], update: int) -> int:
    """Clocks of the serializer for a timestep."""
    groups = [sum(spikes[n:n + update]) for n in range(0, len(spikes), update)]
    return sum(max(count, 1) for count in groups) + (groups[-1] > 0)


@pytest.mark.parametrize("fields", [{}, CURRENT])
@pytest.mark.parametrize(("neurons", "update"), [(1, 1), (3, 1), (6, 1), (8, 2), (8, 4)])
def test_a_timestep_of_the_loop_to_the_clock(neurons, update, fields):
    """Serializer, then 7 clocks more, or 11 of current-based neurons, as docs/core.md has it."""
    net = loop(neurons, **fields)
    plan = Plan(network=net, layers=(LayerPlan(lanes=-(-neurons // update) * update, update_lanes=update),
                                     LayerPlan(lanes=3, update_lanes=1)))
    frames = frames_of(net, 1)
    spikes = naive.infer(net, frames[0].tolist()).spikes[0]
    more = 11 if fields else 7
    assert pace(plan, frames) == [serialized(step, update) + more for step in spikes[:-1]]


@pytest.mark.parametrize(("neurons", "lanes", "update"), [(12, 4, 1), (12, 3, 1), (24, 12, 2), (40, 20, 1)])
def test_a_timestep_of_the_loop_in_several_passes(neurons, lanes, update):
    net = loop(neurons, threshold=10)
    plan = Plan(network=net, layers=(LayerPlan(lanes=lanes, update_lanes=update), LayerPlan(lanes=3, update_lanes=1)))
    frames = frames_of(net, 1)
    events = [sum(step) for step in naive.infer(net, frames[0].tolist()).spikes[0]]
    drain, passes = lanes // update, neurons // lanes
    clocks = pace(plan, frames)
    assert min(clocks) >= (passes - 1) * (max(min(events) + 1, drain + 3)) + drain + 9
    assert max(clocks) <= (passes - 1) * (max(max(events) + 1, drain + 3)) + drain + 16
