import dataclasses

import numpy as np
import pytest

from spikeloom.errors import SpikeloomError
from spikeloom.sim import campaign, faults, flipped, naive
from spikeloom.sim.faults import Flip, Trials
from spikeloom.sim.reference import simulate

from . import small_faults
from .small_faults import INPUTS, STEPS


@pytest.fixture(scope="module")
def core():
    return faults.build(small_faults.plan(), effort="compile")


@pytest.fixture(scope="module")
def frames():
    return small_faults.frames()


@pytest.fixture(scope="module")
def bench(core, frames):
    with faults.Bench(core, frames) as made:
        yield made


def store(bench, name: str) -> int:
    """The store of that name."""
    return next(k for k, one in enumerate(bench.stores) if one.name == name)


def one(bench, *flips: Flip, sample: int = 0, follower: int = -1):
    """What comes of flips in one inference."""
    return bench.inject(Trials.of([list(flips)], samples=[sample], followers=[follower]))


def weight_flip(bench, layer: int, neuron: int, number: int, bit: int) -> Flip:
    """A bit of a weight where strategy `dense` keeps it."""
    lanes, synapses = bench.plan.layers[layer].lanes, bench.plan.network.layers[layer].synapses
    return Flip(cycle=0, store=store(bench, f"layer{layer} currents integrator weights"),
                row=neuron // lanes * synapses.inputs + number, bit=neuron % lanes * synapses.codebook.bits + bit)


def test_nothing_flipped_nothing_changed(bench):
    count = len(bench.frames)
    found = bench.inject(Trials.of([[]] * count, samples=list(range(count)), followers=[3] * count))
    assert (found.now == faults.RIGHT).all() and (found.next == faults.RIGHT).all() and (found.inside == 1).all()
    assert (found.reset == faults.NOT_ASKED).all() and np.array_equal(found.cycles, bench.cycles)
    assert np.array_equal(found.best, bench.expected.classes)


def test_every_weight_bit_does_what_the_reference_predicts(bench, frames):
    """All 408 of them, each seen by every spike and membrane of one sample; most of them change something."""
    changed = 0
    for layer, (outputs, inputs) in enumerate(((8, INPUTS), (3, 8))):
        for synapse in range(outputs * inputs):
            for bit in range(3):
                other = flipped.damaged(bench.plan.network, np.array([[layer, synapse, bit]]))
                assert flipped.fits(bench.plan.network, other)
                sample = (synapse + bit) % len(frames)
                expected = simulate(other, frames[sample:sample + 1], trace=True, device="cpu")
                found = one(bench, weight_flip(bench, layer, synapse // inputs, synapse % inputs, bit), sample=sample)
                assert found.best[0] == expected.classes[0]
                for k in range(2):
                    assert np.array_equal(bench.spikes[k], expected.spikes[k][0])
                    assert np.array_equal(bench.membranes[k], expected.membranes[k][0])
                same = np.array_equal(expected.scores[0], bench.expected.scores[sample])
                assert (found.now[0] == faults.RIGHT) == same
                changed += not found.inside[0]
    assert changed > 100


def test_many_weight_bits_at_once(bench, frames):
    """The accuracy of damaged weights: what the reference says, the RTL does."""
    net = bench.plan.network
    for seed in range(20):
        places = flipped.draw(net, 6, np.random.default_rng(seed))
        other = flipped.damaged(net, places)
        expected = simulate(other, frames, device="cpu")
        flips = [weight_flip(bench, layer, *divmod(synapse, (INPUTS, 8)[layer]), bit)
                 for layer, synapse, bit in places.tolist()]
        count = len(frames)
        found = bench.inject(Trials.of([flips] * count, samples=list(range(count)), followers=[-1] * count))
        if flipped.fits(net, other):
            assert np.array_equal(found.best, expected.classes)
            right = (expected.scores == bench.expected.scores).all(axis=1)
            assert np.array_equal(found.now == faults.RIGHT, right)


@pytest.mark.parametrize("neuron", [0, 3, 7])
@pytest.mark.parametrize("bit", [0, 4, 7])
def test_a_membrane_bit_at_a_known_time(bench, frames, neuron, bit):
    """After timestep 1 of the second inference, against a model with one integer changed there."""
    sample, after = 5, 1
    layers = [naive._Neurons(layer) for layer in bench.plan.network.layers]
    for t in range(STEPS):
        x = frames[sample, t].tolist()
        for layer in layers:
            layer.step(x, None)
            x = layer.output()
        if t == after:
            raw = layers[0].v[neuron] & 0xff ^ 1 << bit
            layers[0].v[neuron] = raw - (raw >> 7 << 8)
    flip = Flip(cycle=int(bench.moments[0][sample, after]) + 1, store=store(bench, "layer0 neurons state"), row=neuron,
                bit=bit)
    one(bench, flip, sample=sample)
    for k, layer in enumerate(layers):
        assert np.array_equal(bench.spikes[k], layer.spikes) and np.array_equal(bench.membranes[k], layer.membranes)
    assert one(bench, flip, sample=sample, follower=2).next[0] == faults.RIGHT


def test_a_lost_mark_hangs_the_core_until_reset(bench):
    """The end of a timestep is forgotten in the pipeline: no result comes, and only a reset helps."""
    mark = store(bench, "layer0 currents integrator s1_mark")
    cycles = int(bench.cycles[0])
    trials = Trials.of([[Flip(cycle=c, store=mark, bit=0)] for c in range(cycles)], samples=[0] * cycles,
                       followers=[1] * cycles)
    found = bench.inject(trials)
    hung = found.now == faults.NO_ANSWER
    assert hung.any() and (found.cycles[hung] == bench.bound).all() and (found.best[hung] == -1).all()
    assert (found.next[hung] != faults.RIGHT).any()
    assert (found.reset[found.next != faults.RIGHT] == faults.RIGHT).all()


def test_too_many_outputs_are_a_bad_answer(bench):
    """The readout counts to its last output; a flip in its counter makes a result of another length."""
    numbers = [k for k, one in enumerate(bench.stores) if one.part == "readout" and one.kind == "control"]
    cycles = int(bench.cycles[0])
    flips = [[Flip(cycle=c, store=k, bit=bit)] for k in numbers for bit in range(bench.stores[k].width)
             for c in range(cycles - 8, cycles)]
    found = bench.inject(Trials.of(flips, samples=[0] * len(flips), followers=[1] * len(flips)))
    assert {faults.RIGHT, faults.NO_ANSWER, faults.BAD_ANSWER} <= set(found.now)
    assert (found.reset[found.next != faults.RIGHT] == faults.RIGHT).all()


def test_a_flip_stays_in_a_memory_that_is_only_read(bench):
    """Neither the next inference nor a reset cures a weight; the next trial begins with all weights whole."""
    flips = [[weight_flip(bench, 1, neuron, number, 2)] for neuron in range(3) for number in range(8)]
    found = bench.inject(Trials.of(flips, samples=[4] * 24, followers=[4] * 24))
    assert (found.now != faults.RIGHT).any() and np.array_equal(found.now, found.next)
    wrong = found.now != faults.RIGHT
    assert np.array_equal(found.reset[wrong], found.now[wrong])
    test_nothing_flipped_nothing_changed(bench)


def test_a_wrong_core_is_noticed(frames):
    """The RTL of one network, the weights of another."""
    core = faults.build(small_faults.plan(), effort="compile")
    with pytest.raises(SpikeloomError, match="^the undisturbed core must answer as the reference does, but sample "):
        faults.Bench(dataclasses.replace(core, plan=small_faults.plan(1)), frames)


def test_upsets_are_drawn_from_all_bits_and_cycles(bench):
    for kind, bits in bench.bits().items():
        trials = bench.upsets(kind, 4000, seed=3)
        cycle, place, row, bit = trials.flips.T
        assert {bench.stores[k].kind for k in place} == {kind} and (trials.counts == 1).all()
        assert (cycle < bench.cycles[trials.samples]).all() and cycle.min() == 0
        assert (cycle > 0.95 * bench.cycles[trials.samples]).any()
        seen = len({tuple(f) for f in trials.flips[:, 1:].tolist()})
        assert seen > 0.95 * bits, kind
        assert np.array_equal(trials.flips, bench.upsets(kind, 4000, seed=3).flips)
        assert not np.array_equal(trials.flips, bench.upsets(kind, 4000, seed=4).flips)


def test_campaign(bench):
    progress = []
    tallies, membranes = campaign.run(bench, flips=80, seed=1, progress=lambda *done: progress.append(done))
    assert [tally.name for tally in tallies] == list(bench.bits()) and progress[-1] == (
        80 * len(tallies), 80 * len(tallies), "control")
    for tally in tallies:
        assert tally.flips == 80 == (tally.right + tally.wrong_score + tally.wrong_class + tally.no_answer
                                      + tally.bad_answer)
        assert tally.unseen <= tally.right and tally.lasting <= tally.next_wrong
    of = {tally.name: tally for tally in tallies}
    assert of["weights"].lasting > 0 == of["membranes"].lasting and of["control"].no_answer > 0 == of["sums"].no_answer
    assert {tally.name for tally in membranes} <= {f"layer {k}, bit {b}" for k in range(2) for b in range(8)}
    assert [tally.bits for tally in membranes if tally.name.startswith("layer 1")][:2] == [3, 3]
    assert sum(tally.flips for tally in membranes) == 80
    few, none = campaign.run(bench, kinds=["scores"], flips=10)
    assert [tally.name for tally in few] == ["scores"] and none == []
    low, high = few[0].share("right")[1:]
    assert 0 <= low < high <= 1


@pytest.mark.parametrize(("flip", "message"), [
    ({"bit": 12}, "^bit of layer0 currents integrator weights must lie within 0 to 11, not be 12$"),
    ({"bit": 0, "row": 28}, "^row of layer0 currents integrator weights must lie within 0 to 27, not be 28$"),
])
def test_what_is_not_there_cannot_be_flipped(bench, flip, message):
    with pytest.raises(SpikeloomError, match=message):
        one(bench, Flip(cycle=0, store=store(bench, "layer0 currents integrator weights"), **flip))


def test_wrong_requests(bench, core, monkeypatch):
    with pytest.raises(SpikeloomError, match="^kind must be one of weights, .*, control, link, not 'cables'$"):
        bench.upsets("cables", 1, 0)
    with monkeypatch.context() as patch:
        patch.setattr(bench, "stores", [one for one in bench.stores if one.kind in ("scores", "weights")])
        with pytest.raises(SpikeloomError, match="^kind must be one that the design has, .*scores, not 'fifos'$"):
            bench.upsets("fifos", 1, 0)
    with pytest.raises(SpikeloomError, match="^frames must be at least one, not none$"):
        faults.Bench(core, bench.frames[:0])
    with pytest.raises(SpikeloomError, match="^sample must lie within 0 to 11, not hold 12$"):
        one(bench, sample=12)


def test_an_error_of_the_caller_stops_the_trials(bench):
    def progress(done, total):
        raise KeyError("enough")
    with pytest.raises(KeyError, match="enough"):
        bench.inject(bench.upsets("weights", 200, 0), progress)
