"""Shrinking: what it tries is valid, less complex and means the same; what it ends with fails as before."""

from dataclasses import replace

import numpy as np
import pytest

from spikeloom import codebooks
from spikeloom.errors import SpikeloomError
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.neurons import Model, kind
from spikeloom.rtl_gen.plan import LayerPlan
from spikeloom.sim import cutting
from spikeloom.sim.attempts import Verdict
from spikeloom.sim.cases import Case, Failure
from spikeloom.sim.random_cases import draw
from spikeloom.sim.reference import simulate
from spikeloom.sim.shrink import shrink, way_of
from spikeloom.sim.simpler import PASSES, complexity
from spikeloom.synapses.conv import Conv

FAILURE = Failure(way="volume", kind="mismatch", text="first")


@pytest.fixture(scope="module")
def cases():
    return [draw(seed) for seed in range(60)]


def attempt_where(fails):
    """Stands for hardware that is wrong where `fails(case)`."""
    def attempt(batch, ways):
        assert ways == ("volume",)
        return [Verdict(failure=replace(FAILURE, text="later") if fails(case) else None) for case in batch]
    return attempt


def neurons(case: Case) -> list[Model]:
    return [layer.neurons for layer in case.network.layers if layer.neurons is not None]


@pytest.mark.parametrize(("fails", "size"), [
    (lambda case: True, 2),
    (lambda case: any(getattr(n, "refractory", 0) for n in neurons(case)), 2),
    (lambda case: any(kind(n) == "alif" for n in neurons(case)), 2),
    (lambda case: any(n.decay.rounding == "zero" for n in neurons(case)), 2),
    (lambda case: any(how.strategy == "sparse" for how in case.layers), 2),
    (lambda case: any(layer.recurrent is not None for layer in case.network.layers), 2),
    (lambda case: any(isinstance(layer.synapses, Conv) for layer in case.network.layers), 2),
    (lambda case: any(layer.residual and case.network.layers[layer.residual.source].neurons
                      for layer in case.network.layers), 4),
    (lambda case: any(layer.neurons is None for layer in case.network.layers), 3),
    (lambda case: len(case.network.layers) > 1 and case.network.timesteps > 3, 3),
], ids=["anything", "refractory", "adaptive", "rounding", "sparse", "recurrent", "conv", "residual", "pool",
        "two layers"])
def test_nothing_is_left_but_what_is_needed(cases, fails, size):
    failing = [case for case in cases if fails(case)][:1]
    assert failing
    for large in failing:
        case, failure = shrink(large, FAILURE, attempt=attempt_where(fails))
        assert fails(case) and complexity(case) < complexity(large) and failure.text == "later"
        network = case.network
        assert network.input.size + sum(layer.size for layer in network.layers) <= size
        assert len(case.frames) == 1 and network.timesteps <= 4 and network.encoder is None
        assert complexity(case)[3] <= 4, case


def test_neurons_become_lif(cases):
    large = next(case for case in cases if {kind(n) for n in neurons(case)} == {"alif"})
    case, _ = shrink(large, FAILURE, attempt=attempt_where(lambda case: True))
    assert {kind(n) for n in neurons(case)} == {"lif"}


@pytest.mark.parametrize("seed", range(0, 60, 20))
def test_candidates_are_whole_cases(cases, seed):
    """Their networks obey the contract, by which they are made; their plans and frames belong to them."""
    case, seen = cases[seed], 0
    for simpler in PASSES:
        for one in simpler(case, FAILURE):
            seen += 1
            assert one.plan.network.digest == one.network.digest
            assert one.frames.shape[1:] == one.network.frame_shape
    assert seen > 20


def simulated(case: Case):
    return simulate(case.network, case.frames[:2], trace=True, device="cpu")


def short(cases) -> list[Case]:
    return [case for case in cases if case.network.timesteps < 10]


def test_without_front_the_rest_sees_the_same(cases):
    compared = 0
    for case in short(cases)[:12]:
        network, whole = case.network, simulated(case)
        for count in range(len(network.layers)):
            if any(layer.residual and layer.residual.source < count for layer in network.layers[count:]):
                continue
            found = simulated(cutting.without_front(case, count))
            assert np.array_equal(found.scores, whole.scores), (case.seed, count)
            assert all(map(np.array_equal, found.membranes, whole.membranes[count:])), (case.seed, count)
            compared += 1
    assert compared > 12


def test_a_convolution_written_out_computes_the_same(cases):
    compared = 0
    for case in short(cases):
        for k, layer in enumerate(case.network.layers):
            if isinstance(layer.synapses, Conv) and compared < 5:
                found, expected = simulated(cutting.as_dense(case, k)), simulated(case)
                assert all(map(np.array_equal, found.membranes, expected.membranes)), (case.seed, k)
                compared += 1
    assert compared == 5


def test_neurons_that_stay_do_what_they_did(cases):
    """A neuron of the first layer is on its own, whatever others there are; so is a channel."""
    compared = 0
    for case in short(cases):
        layer = case.network.layers[0]
        if layer.recurrent is not None or layer.neurons is None:
            continue
        channels = len(layer.synapses.weights)
        kept = np.arange(channels)[::2]
        try:
            less = cutting.with_neurons(case, (0,), kept)
        except SpikeloomError:      # groups, or a convolution behind it
            continue
        before, after = simulated(case).membranes[0], simulated(less).membranes[0]
        before = before.reshape(*before.shape[:2], channels, -1)[:, :, kept]
        assert np.array_equal(after, before.reshape(after.shape)), case.seed
        compared += 1
    assert compared > 20


def test_inputs_that_stay_mean_what_they_meant(cases):
    """What is left out could as well have been 0, where nothing is encoded."""
    compared = 0
    for case in short(cases):
        if not isinstance(case.network.layers[0].synapses, Dense) or case.network.encoder is not None:
            continue
        kept = np.arange(case.network.input.size)[::2]
        zeroed = case.frames.copy()
        zeroed[..., 1::2] = 0
        less, same = simulated(cutting.with_inputs(case, kept)), simulated(replace(case, frames=zeroed))
        assert all(map(np.array_equal, less.membranes, same.membranes)), case.seed
        compared += 1
    assert compared >= 3


def test_it_stops_in_time(cases):
    attempts = []

    def attempt(batch, ways):
        attempts.append(len(batch))
        return [Verdict(failure=FAILURE) for _ in batch]

    case = cases[1]
    assert shrink(case, FAILURE, seconds=0.0, attempt=attempt) == (case, FAILURE) and not attempts


def test_another_failure_is_not_followed(cases):
    case = cases[2]
    other = Verdict(failure=replace(FAILURE, kind="LinkError"))
    assert shrink(case, FAILURE, attempt=lambda batch, ways: [other] * len(batch)) == (case, FAILURE)


@pytest.mark.parametrize(("way", "again"), [("elaborate", "volume"), ("compile", "volume"), ("link", "link")])
def test_the_way_to_see_it_again(way, again):
    assert way_of(replace(FAILURE, way=way)) == again


def test_complexity_counts_what_is_there():
    book = codebooks.make("integer", bits=2)
    network = Network(input=Input(shape=(1,)), readout="count", timesteps=1, layers=(
        Layer(synapses=Dense(weights=np.array([[1]]), codebook=book),
              neurons=Lif(neurons=1, threshold=1, membrane_bits=2)),))
    least = Case(network=network, layers=(LayerPlan(),), frames=np.zeros((1, 1, 1), int))
    assert complexity(least)[:4] == (2, 1, 1, 0)
    for more in (replace(least, source="events"), replace(least, frames=np.ones((1, 1, 1), int)),
                 replace(least, frames=np.zeros((2, 1, 1), int)),
                 replace(least, network=replace(network, readout="first-spike", labels=("a",))),
                 replace(least, layers=(LayerPlan(strategy="parallel"),))):
        assert complexity(more) > complexity(least)
