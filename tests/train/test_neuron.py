import dataclasses
import itertools

import pytest
import torch

from spikeloom import Decay, Lif
from spikeloom.decay import ROUNDINGS
from spikeloom.train import neuron


def drive(neurons: Lif, currents: list[int], threshold: int | None, exact: bool = True) -> tuple[list, list]:
    """Spikes and membranes of one neuron."""
    level = None if threshold is None else torch.tensor([float(threshold)])
    state, spikes, membranes = neuron.start(torch.zeros(1, 1)), [], []
    for current in currents:
        fired, state = neuron.step(torch.full((1, 1), float(current)), state, neurons, level, exact)
        spikes.append(int(fired))
        membranes.append(float(state.v))
    return spikes, membranes


def lif(**fields) -> Lif:
    return Lif(neurons=1, **{"threshold": 1, "membrane_bits": 6, **fields})


# By hand from the equations at the top of spikeloom/network.py.
GOLDEN = [
    (lif(reset="zero"), [7, 7, 7], 10, [0, 1, 0], [7, 0, 7]),
    (lif(reset="zero", v_reset=-3), [7, 7, 7], 10, [0, 1, 0], [7, -3, 4]),
    (lif(reset="subtract"), [7, 7, 7], 10, [0, 1, 1], [7, 4, 1]),
    (lif(reset="subtract-late"), [7, 7, 7, 7], 10, [0, 1, 1, 0], [7, 14, 11, 8]),
    (lif(reset="subtract"), [40, 0, -90, 0], 10, [1, 1, 0, 0], [21, 11, -32, -32]),
    (lif(reset="zero", floor=0), [5, -90, 12], 10, [0, 0, 1], [5, 0, 0]),
    (lif(reset="zero", refractory=2), [12, 12, 12, 12, 5], 10, [1, 0, 0, 1, 0], [0, 0, 0, 0, 0]),
    (lif(reset="subtract-late", refractory=1), [12, 9, 1, 9], 10, [1, 0, 0, 1], [12, 12, 3, 12]),
    (lif(decay=Decay(num=3, shift=2), reset="zero"), [-5, 0, 0, 0], 10, [0] * 4, [-5, -4, -3, -3]),
    (lif(decay=Decay.shift_leak(2), reset="zero"), [5, 0, 0, 0, 0], 10, [0] * 5, [5, 4, 3, 3, 3]),
    (lif(threshold=None), [20, 20, -7], None, [0, 0, 0], [20, 31, 24]),
]


@pytest.mark.parametrize(("neurons", "currents", "threshold", "spikes", "membranes"), GOLDEN)
def test_golden_traces(neurons, currents, threshold, spikes, membranes):
    assert drive(neurons, currents, threshold) == (spikes, membranes)


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_leak_is_the_contracts_for_every_membrane(rounding):
    v = torch.arange(-512, 512)
    for shift, num in itertools.product(range(6), range(33)):
        if num <= 1 << shift:
            decay = Decay(num=num, shift=shift, rounding=rounding)
            assert torch.equal(neuron.leak(v.float(), decay).long(), decay.apply(v)), decay


def test_inexact_is_the_same_over_the_reals():
    neurons = lif(decay=Decay(num=3, shift=2), reset="subtract")
    assert drive(neurons, [5, 5, 5], 9, exact=False) == ([0, 0, 1], [5, 8.75, 2.5625])


def test_gradient_is_a_triangle_around_the_threshold():
    u = torch.tensor([[-1.0, 0, 5, 10, 15, 20, 30]], requires_grad=True)
    threshold = torch.tensor([10.0], requires_grad=True)
    neuron.Spike.apply(u, threshold).sum().backward()
    assert torch.allclose(u.grad, torch.tensor([[0, 0, 0.05, 0.1, 0.05, 0, 0]]))
    assert threshold.grad.item() == pytest.approx(-0.2)


@pytest.mark.parametrize("reset", ["zero", "subtract", "subtract-late"])
def test_gradient_reaches_earlier_timesteps(reset):
    current = torch.full((1, 1), 6.0, requires_grad=True)
    state, neurons = neuron.start(torch.zeros(1, 1)), lif(reset=reset, decay=Decay(num=3, shift=2), refractory=1)
    _, state = neuron.step(current, state, neurons, torch.tensor([10.0]))
    spikes, _ = neuron.step(torch.full((1, 1), 3.0), state, neurons, torch.tensor([10.0]))
    spikes.sum().backward()
    assert current.grad.item() > 0


def test_a_wrong_rounding_is_noticed():
    neurons, currents, threshold, spikes, membranes = GOLDEN[8]
    wrong = dataclasses.replace(neurons, decay=Decay(num=3, shift=2, rounding="ceil"))
    assert drive(wrong, currents, threshold) != (spikes, membranes)
