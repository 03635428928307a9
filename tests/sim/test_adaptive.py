"""ALIF neurons in whole networks: reference, naive loop and RTL of every strategy, and what only LIF neurons can do."""

import re
from dataclasses import replace

import numpy as np
import pytest

from spikeloom import SpikeloomError, codebooks
from spikeloom.decay import Decay
from spikeloom.network import Dense, Input, Layer, Network
from spikeloom.neurons import kind
from spikeloom.neurons.alif import Alif
from spikeloom.rtl_gen import planner
from spikeloom.rtl_gen.plan import LayerPlan, Plan, obstacle
from spikeloom.rtl_gen.roomy import roomy
from spikeloom.sim import flipped, naive, proofs, volume
from spikeloom.sim.mismatch import compare
from spikeloom.sim.random_maps import random_conv_network
from spikeloom.sim.random_networks import adaptive, random_frames, random_network
from spikeloom.sim.reference import simulate

SLOW = Decay(num=7, shift=3)


def synapses(inputs: int, outputs: int) -> Dense:
    weights = np.random.default_rng([inputs, outputs]).integers(-1, 2, (outputs, inputs))
    return Dense(weights=weights, codebook=codebooks.make("ternary"))


def network(recurrent: bool = False) -> Network:
    hidden = Alif(neurons=11, threshold=np.arange(11) % 4 + 2, bias=1, membrane_bits=8, decay=SLOW, reset="subtract",
                  adaptation_step=2, adaptation_decay=SLOW, adaptation_bits=5)
    last = Alif(neurons=5, threshold=2, membrane_bits=7, adaptation_step=1, adaptation_decay=Decay(num=1, shift=1),
                adaptation_bits=2)
    return Network(input=Input(shape=(7,)), readout="count", timesteps=12, layers=(
        Layer(synapses=synapses(7, 11), neurons=hidden, recurrent=synapses(11, 11) if recurrent else None),
        Layer(synapses=synapses(11, 5), neurons=last)))


@pytest.mark.parametrize("draw", [random_network, random_conv_network])
def test_reference_equals_naive(draw):
    spikes, plain = 0, 0
    for seed in range(60):
        made = adaptive(draw(seed), seed)
        assert made == adaptive(draw(seed), seed)
        frames = random_frames(made, seed, 2)
        seen = simulate(made, frames, trace=True, device="cpu")
        for b, frame in enumerate(frames.tolist()):
            answer = naive.infer(made, frame)
            assert (answer.best, answer.scores) == (seen.classes[b], seen.scores[b].tolist()), seed
            assert answer.membranes == [v[b].tolist() for v in seen.membranes], seed
            assert answer.spikes == [s[b].tolist() for s in seen.spikes], seed
        for k, layer in enumerate(made.layers):
            if layer.neurons is not None and kind(layer.neurons) == "alif":
                spikes += int(seen.spikes[k].sum())
                lif = simulate(draw(seed), frames, trace=True, device="cpu").spikes[k]
                plain += not np.array_equal(lif, seen.spikes[k])
    assert spikes > 500 and plain > 20


def test_the_naive_loop_is_a_second_definition(monkeypatch):
    right, frames = naive._leak, random_frames(network(), 0, 4)
    answers = simulate(network(), frames, device="cpu").scores.tolist()
    assert [naive.infer(network(), frame).scores for frame in frames.tolist()] == answers
    monkeypatch.setattr(naive, "_leak", lambda v, decay: right(v, decay) + (decay == SLOW and v > 0))
    assert [naive.infer(network(), frame).scores for frame in frames.tolist()] != answers


def test_a_model_without_a_second_definition_is_refused(monkeypatch):
    monkeypatch.delitem(naive._MODELS, "alif")
    with pytest.raises(SpikeloomError, match="^neurons must be of a model that is defined here, not 'alif'$"):
        naive.infer(network(), random_frames(network(), 0, 1)[0].tolist())


@pytest.mark.slow
def test_rtl_of_every_strategy():
    """Every spike and membrane, frame after frame and without a gap, with stalls."""
    maps = next(made for made in (adaptive(random_conv_network(seed), seed) for seed in range(99)) if any(
        layer.neurons is not None and kind(layer.neurons) == "alif" and hasattr(layer.synapses, "stride")
        for layer in made.layers))
    plans = [
        Plan(network=network(), layers=(LayerPlan(lanes=8, update_lanes=4), LayerPlan(strategy="sparse"))),
        Plan(network=network(True), layers=(LayerPlan(strategy="popcount", lanes=4, update_lanes=2, width=4),
                                            LayerPlan(strategy="dense", lanes=2))),
        planner.make(maps),
    ]
    for built in volume.build_many(plans):
        made = built.plan.network
        frames = random_frames(made, 3, 6)
        expected = simulate(made, frames, trace=True, device="cpu")
        for pipelined, stalls in ((False, 0), (True, 5)):
            assert not compare(expected, built.run(frames, pipelined=pipelined, stalls=stalls)).mismatches
    other = replace(network(), layers=tuple(
        replace(layer, neurons=replace(layer.neurons, adaptation_step=3)) for layer in network().layers))
    frames = random_frames(network(), 3, 6)
    assert not np.array_equal(simulate(other, frames).scores, simulate(network(), frames).scores)


def test_what_only_lif_can_do_is_refused():
    made = network()
    assert obstacle(made, 0, "parallel") == "its neurons are alif, and this strategy knows only lif"
    assert "parallel" not in {how.strategy for how in planner.make(made).layers}
    rule = "^layer 0 neurons must be lif to leave room for other constants, not alif$"
    with pytest.raises(SpikeloomError, match=rule):
        roomy(made, constants=True)
    assert roomy(made).layers[0].neurons is made.layers[0].neurons
    assert not flipped.fits(made, made)
    from spikeloom.train.exporting.nir_graph import to_nir
    with pytest.raises(SpikeloomError, match=re.escape("layer 0 neurons must be lif, not alif: NIR has no such node")):
        to_nir(made)
    from spikeloom.train.exporting.single_file import write_module
    with pytest.raises(SpikeloomError, match="^layer 0 neurons must be lif to be written as torch code, not alif$"):
        write_module(made, "net.py")


def test_what_is_not_proven_is_said():
    plan = Plan(network=network(), layers=(LayerPlan(), LayerPlan()))
    assert proofs.gaps(plan) == []
    about = {(proof.component, proof.layers) for proof in proofs.all_of(plan)}
    assert {("neurons.alif", (0,)), ("neurons.alif", (1,))} <= about
    leaks = [proof for proof in proofs.all_of(plan) if proof.component == "stateful.decay" and 0 in proof.layers]
    assert {proof.size for proof in leaks} == {"8 bits", "6 bits"}
    first, last = plan.network.layers
    other = type("Other", (Alif,), {"__module__": "elsewhere.other"})(**vars(first.neurons))
    unknown = replace(plan.network, layers=(replace(first, neurons=other), last))
    assert proofs.gaps(replace(plan, network=unknown)) == [
        "layer 0: the update of its other neurons is not proven: no proof knows this model"]
