import itertools

import pytest
import torch

from spikeloom import Decay, Lif
from spikeloom.train import neuron
from spikeloom.train.unrolled import unrolled

BATCH, TIMESTEPS, SIZE = 16, 6, 9
RESETS = [{"reset": "zero"}, {"reset": "zero", "v_reset": -3}, {"reset": "subtract"}, {"reset": "subtract-late"},
          {"reset": "subtract", "floor": -4}]
DECAYS = [Decay(), Decay(num=7, shift=3), Decay(num=13, shift=4, rounding="nearest"),
          Decay(num=3, shift=2, rounding="zero"), Decay(num=5, shift=3, rounding="ceil"), Decay(num=0)]
CASES = list(itertools.product(RESETS, DECAYS, [True, False], ["neuron", "layer", "none"]))


def stepped(current, threshold, neurons, exact) -> tuple[torch.Tensor, torch.Tensor]:
    """The same by autograd, timestep after timestep."""
    state, spikes, membranes = neuron.start(current[:, 0]), [], []
    for now in current.unbind(1):
        fired, state = neuron.step(now, state, neurons, threshold, exact)
        spikes.append(fired)
        membranes.append(state.v)
    return torch.stack(spikes, 1), torch.stack(membranes, 1)


def run(how, case: int, *, wanted: tuple[str, ...]) -> tuple[torch.Tensor, ...]:
    """Spikes, membranes, and the gradients of currents and threshold for a random gradient of the `wanted` outputs."""
    fields, decay, exact, thresholds = CASES[case]
    generator = torch.Generator().manual_seed(case)
    neurons = Lif(neurons=SIZE, threshold=None if thresholds == "none" else 1, membrane_bits=6, decay=decay,
                  **(fields if thresholds != "none" else {}))
    current = 8 * torch.randn(BATCH, TIMESTEPS, SIZE, generator=generator) + 1
    current = (current.round() if exact else current).requires_grad_()
    threshold = None
    if thresholds != "none":
        threshold = torch.randint(3, 15, (SIZE if thresholds == "neuron" else 1,), generator=generator).float()
        threshold.requires_grad_()
    spikes, membranes = how(current, threshold, neurons, exact)
    outputs = {"spikes": spikes, "membranes": membranes}
    loss = sum((outputs[name] * torch.randn(current.shape, generator=generator)).sum() for name in wanted)
    loss.backward()
    grad = torch.zeros(()) if threshold is None or threshold.grad is None else threshold.grad
    return spikes, membranes, current.grad, grad


@pytest.mark.parametrize("case", range(len(CASES)))
def test_it_is_the_step_bit_for_bit(case):
    wanted = ("membranes",) if CASES[case][3] == "none" else ("spikes",)
    for mine, theirs in zip(run(unrolled, case, wanted=wanted), run(stepped, case, wanted=wanted), strict=True):
        assert torch.equal(mine, theirs)
    assert CASES[case][3] == "none" or 0.02 < run(unrolled, case, wanted=wanted)[0].mean() < 0.9


@pytest.mark.parametrize("case", [k for k, c in enumerate(CASES) if c[3] != "none"])
@pytest.mark.parametrize("wanted", [("membranes",), ("spikes", "membranes")])
def test_gradients_of_membranes_too(case, wanted):
    """Here autograd may add three terms in another order."""
    for mine, theirs in zip(run(unrolled, case, wanted=wanted), run(stepped, case, wanted=wanted), strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-5, atol=1e-4)


def test_nothing_comes_back_from_a_layer_that_nobody_looks_at():
    current = torch.ones(1, 2, 3, requires_grad=True)
    spikes, membranes = unrolled(current, None, Lif(neurons=3, threshold=None, membrane_bits=6), True)
    assert not spikes.requires_grad and membranes.requires_grad


def test_the_neurons_of_a_wider_float_stay_so():
    current, threshold = torch.full((1, 2, 1), 2.0**30 + 1, dtype=torch.float64), torch.tensor([2.0**40]).double()
    _, membranes = unrolled(current, threshold, Lif(neurons=1, threshold=1, membrane_bits=32), True)
    assert membranes.flatten().tolist() == [2**30 + 1, 2**31 - 1]


def test_constant_currents_need_no_copies():
    current = torch.full((2, 1, 3), 4.0, requires_grad=True)
    neurons, threshold = Lif(neurons=3, threshold=1, membrane_bits=6, reset="subtract"), torch.full((3,), 10.0)
    spikes, _ = unrolled(current.expand(-1, 5, -1), threshold, neurons, True)
    assert spikes[0, :, 0].tolist() == [0, 0, 1, 0, 1]
    spikes.sum().backward()
    other = torch.full((2, 1, 3), 4.0, requires_grad=True)
    stepped(other.expand(-1, 5, -1), threshold, neurons, True)[0].sum().backward()
    assert current.grad.shape == (2, 1, 3) and torch.equal(current.grad, other.grad)
