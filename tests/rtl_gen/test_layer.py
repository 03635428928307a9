"""Layers with recurrent synapses, residuals and current-based neurons, in whole cores: every spike and membrane."""

from dataclasses import replace

import numpy as np
import pytest

from spikeloom import codebooks
from spikeloom.decay import Decay
from spikeloom.network import Dense, Residual
from spikeloom.rtl_gen.plan import LayerPlan, Plan

from .cores import frames_of, run
from .small import network
from .streams import STALLS


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


@pytest.mark.parametrize("stalls", STALLS[::3])
@pytest.mark.parametrize("shape", ["one pass", "many passes"])
@pytest.mark.parametrize("case", CASES)
def test_inferences_without_a_gap(case, shape, stalls):
    net = CASES[case]
    run(plan_of(net, shape), frames_of(net, 4), seed=3, **stalls)
