import dataclasses

import numpy as np
import pytest

from spikeloom import codebooks
from spikeloom.errors import SpikeloomError
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.sim import flipped
from spikeloom.sim.reference import simulate
from spikeloom.synapses.sum_pool import SumPool


def network() -> Network:
    """4-3-2; all weights of the first layer 1, of the second -1."""
    weights = [np.ones((3, 4), int), -np.ones((2, 3), int)]
    books = [codebooks.make("ternary"), codebooks.make("binary")]
    neurons = [Lif(neurons=3, threshold=2, membrane_bits=8), Lif(neurons=2, threshold=None, membrane_bits=8)]
    layers = tuple(Layer(synapses=Dense(weights=w, codebook=b), neurons=n)
                   for w, b, n in zip(weights, books, neurons, strict=True))
    return Network(input=Input(shape=(4,)), layers=layers, readout="membrane-last", timesteps=2)


@pytest.mark.parametrize(("kind", "parameters", "weights"), [
    ("binary", {"fraction": 2}, [-4, 4]),
    ("ternary", {}, [0, 1, 0, -1]),
    ("pow2", {"exponents": 2}, [0, 1, 2, 0, 0, -1, -2, 0]),
    ("integer", {"bits": 3}, [0, 1, 2, 3, -4, -3, -2, -1]),
])
def test_every_code_is_worth_something(kind, parameters, weights):
    """By hand; a code that stands for no weight adds nothing in `dense`, which `test_faults` sees in the RTL."""
    assert flipped.decoded(codebooks.make(kind, **parameters), np.arange(len(weights))).tolist() == weights


def test_damage():
    net = network()
    assert flipped.weight_bits(net) == [24, 6]
    other = flipped.damaged(net, np.array([[0, 5, 1], [1, 2, 0], [0, 0, 0]]))
    assert other.layers[0].synapses.weights.tolist() == [[0, 1, 1, 1], [1, -1, 1, 1], [1, 1, 1, 1]]
    assert other.layers[1].synapses.weights.tolist() == [[-1, -1, 1], [-1, -1, -1]]
    assert flipped.damaged(net, np.array([[0, 5, 1], [0, 5, 1]])) == net == flipped.damaged(net, np.zeros((0, 3)))


@pytest.mark.parametrize(("flip", "message"), [
    ([2, 0, 0], "^layer must lie within 0 to 1, not hold 2$"),
    ([0, 12, 0], "^synapse must lie within 0 to 11, not hold 12$"),
    ([1, 0, 1], "^bit must lie within 0 to 0, not hold 1$"),
])
def test_damage_that_cannot_be(flip, message):
    with pytest.raises(SpikeloomError, match=message):
        flipped.damaged(network(), np.array([flip]))


def test_pools_have_no_weights():
    pool = Layer(synapses=SumPool(input=(1, 2, 2), kernel=(2, 1)), neurons=None)
    last = network().layers[1]
    tail = Dense(weights=-np.ones((2, 2), int), codebook=last.synapses.codebook)
    net = Network(input=Input(shape=(1, 2, 2)), layers=(pool, dataclasses.replace(last, synapses=tail)), timesteps=2,
                  readout="membrane-last")
    assert flipped.weight_bits(net) == [0, 4]
    assert set(flipped.draw(net, 4, np.random.default_rng(0))[:, 0].tolist()) == {1}
    with pytest.raises(SpikeloomError, match="^layer 0 must have weights to flip bits of, not pool$"):
        flipped.damaged(net, np.array([[0, 0, 0]]))


def test_draws_are_different_bits_of_the_right_place():
    net, rng = network(), np.random.default_rng(0)
    whole = flipped.draw(net, 30, rng)
    assert sorted(map(tuple, whole.tolist())) == [
        *((0, s, b) for s in range(12) for b in range(2)), *((1, s, 0) for s in range(6))]
    assert sorted(map(tuple, flipped.draw(net, 12, rng, layer=0, bit=1).tolist())) == [(0, s, 1) for s in range(12)]
    assert sorted(map(tuple, flipped.draw(net, 6, rng, layer=1).tolist())) == [(1, s, 0) for s in range(6)]
    with pytest.raises(SpikeloomError, match="^flips must be an integer from 0 to 30, not 31$"):
        flipped.draw(net, 31, rng)


def test_widths_that_others_need():
    """Sums of the first layer reach 0 .. 4, which takes four bits with a sign: -8 .. 7 fit, neither -12 nor 8 does."""
    net = network()

    def first(weights, book) -> Network:
        layer = dataclasses.replace(net.layers[0], synapses=Dense(weights=np.array(weights), codebook=book))
        return dataclasses.replace(net, layers=(layer, net.layers[1]))
    book = codebooks.make("integer", bits=3)
    assert flipped.fits(net, first(-np.ones((3, 4), int), net.layers[0].synapses.codebook))
    assert not flipped.fits(net, first(np.full((3, 4), -3), book))
    assert not flipped.fits(net, first(np.full((3, 4), 2), book))
    exact = [flipped.accuracies(first(np.ones((3, 4), int), book), np.zeros((1, 2, 4), int), np.zeros(1), flips=12,
                                seeds=range(3), layer=0, bit=bit).exact for bit in (0, 2)]
    assert exact == [3, 0]


def test_accuracies():
    """Against the same, drawn and counted here; without flips the network's own accuracy."""
    net, rng = network(), np.random.default_rng(2)
    frames, labels = rng.integers(0, 2, (40, 2, 4)), rng.integers(0, 2, 40)
    calls = []
    found = flipped.accuracies(net, frames, labels, flips=4, seeds=[3, 7], done=lambda: calls.append(1))
    expected = []
    for seed in (3, 7):
        other = flipped.damaged(net, flipped.draw(net, 4, np.random.default_rng([4, seed])))
        expected.append(float((simulate(other, frames).classes == labels).mean()))
    assert found.values == tuple(expected) and found.flips == 4 and len(calls) == 2 and 0 <= found.exact <= 2
    assert found.mean == pytest.approx(sum(expected) / 2)
    assert found.spread == pytest.approx(abs(expected[0] - expected[1]) / 2 ** 0.5)
    none = flipped.accuracies(net, frames, labels, flips=0, seeds=[0])
    assert none.values == (float((simulate(net, frames).classes == labels).mean()),) and none.exact == 1
    assert none.spread == 0 and none.row() == {"flips": 0, "values": none.values, "exact": 1, "mean": none.values[0],
                                               "spread": 0.0}
