"""snnTorch's modules against what snnTorch itself computes, spike for spike."""

import numpy as np
import pytest
import torch
from torch import nn

from spikeloom.errors import SpikeloomError
from spikeloom.train.importing import Conventions, Quantization, Samples, bring, floating, from_module

snn = pytest.importorskip("snntorch")


def run(net: nn.Sequential, frames: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Spikes of each layer of neurons `(batch, timesteps, neurons)` and the last one's membranes, in float64."""
    net, spikes, membranes = net.double().eval(), {}, []
    for part in net:
        if isinstance(part, snn.SpikingNeuron):
            part.reset_mem()
    with torch.no_grad():
        for t in range(frames.shape[1]):
            x = torch.tensor(frames[:, t]).double()
            for k, part in enumerate(net):
                x = part(x)
                if isinstance(x, tuple):
                    spikes.setdefault(k, []).append(x[0].flatten(1).numpy() != 0)
                    membrane, x = x[-1].flatten(1).numpy().copy(), x[0].double()
                    part.spk = x    # snnTorch's spikes are float32 whatever arrives
            membranes.append(membrane)
    return [np.stack(part, axis=1) for part in spikes.values()], np.stack(membranes, axis=1)


def dense(*neurons, inputs=8, seed=0) -> nn.Sequential:
    """Layers of 12, 9, .. neurons."""
    torch.manual_seed(seed)
    parts, sizes = [], [inputs, 12, 9, 7]
    for k, one in enumerate(neurons):
        parts += [nn.Linear(sizes[k], sizes[k + 1]), one]
    net = nn.Sequential(*parts)
    with torch.no_grad():
        for part in net:
            if isinstance(part, nn.Linear):
                part.weight.mul_(2.5)
    return net


def agrees(net: nn.Sequential, shape: tuple[int, ...], *, steps=60, share=0.4, seed=1) -> Conventions:
    """Both fire the same spikes, some and not all."""
    frames = (np.random.default_rng(seed).random((5, steps, *shape)) < share).astype(np.uint8)
    graph, conventions = from_module(net, shape)
    found = floating.simulate(graph, conventions, frames, trace=True).spikes
    for ours, theirs in zip(found.values(), run(net, frames)[0], strict=True):
        assert 0.01 < theirs.mean() < 0.9
        np.testing.assert_array_equal(ours, theirs)
    return conventions


@pytest.mark.parametrize(("settings", "reset"), [
    ({}, "subtract-late"), ({"reset_mechanism": "zero"}, "zero"),
    ({"reset_mechanism": "zero", "reset_delay": False}, "zero"),
])
@pytest.mark.parametrize("beta", [0.9, 1.0, 0.0])
def test_leaky(settings, reset, beta):
    net = dense(snn.Leaky(beta=beta, **settings), snn.Leaky(beta=beta, threshold=0.7, **settings))
    assert agrees(net, (8,)).reset == reset


def test_leaks_beyond_0_and_1_are_cut_off_as_there():
    agrees(dense(snn.Leaky(beta=1.5), snn.Leaky(beta=-0.5)), (8,))


def test_leaky_without_delay_below_twice_the_threshold():
    """Above it snnTorch takes a threshold off for the comparison alone; see the next test."""
    net = dense(snn.Leaky(beta=0.8, threshold=torch.linspace(2, 3, 12), reset_delay=False))
    assert agrees(net, (8,)).reset == "subtract"


def test_leaky_without_delay_above_twice_the_threshold():
    """What the documents say of it: a membrane that stays above the threshold fires later in snnTorch."""
    net = nn.Sequential(snn.Leaky(beta=1.0, reset_delay=False))
    frames = np.array([[[5], [0], [0], [0], [0]]], np.uint8)
    ours = floating.simulate(*from_module(net, (1,)), frames, trace=True).spikes["0"]
    assert ours.ravel().tolist() == [True, True, True, True, False]
    assert run(net, frames)[0][0].ravel().tolist() == [True, True, True, False, False]


@pytest.mark.parametrize("settings", [{}, {"reset_delay": False}, {"reset_mechanism": "zero", "reset_delay": False}])
def test_synaptic(settings):
    high = torch.linspace(6, 9, 12)
    agrees(dense(snn.Synaptic(alpha=0.6, beta=0.85, threshold=high, **settings)), (8,))


@pytest.mark.parametrize("make", [
    lambda **more: snn.RLeaky(beta=0.85, linear_features=12, **more),
    lambda **more: snn.RLeaky(beta=0.85, all_to_all=False, V=torch.linspace(-1, 1, 12), **more),
    lambda **more: snn.RSynaptic(alpha=0.4, beta=0.7, linear_features=12, **more),
    lambda **more: snn.RSynaptic(alpha=0.4, beta=0.7, all_to_all=False, V=0.5, **more),
])
def test_recurrent(make):
    assert agrees(dense(make(threshold=2.0), snn.Leaky(beta=0.5)), (8,)).reset == "subtract-late"


def test_recurrent_convolution():
    torch.manual_seed(3)
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), snn.RLeaky(beta=0.7, conv2d_channels=2, kernel_size=3),
                        nn.Flatten(), nn.Linear(50, 4), snn.Leaky(beta=0.9))
    agrees(net, (1, 5, 5), share=0.6)


def test_convolutions_pools_and_normalization():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Sequential(nn.Conv2d(2, 4, 3, stride=1, padding=1, bias=False), nn.BatchNorm2d(4),
                      snn.Leaky(beta=0.9, threshold=torch.linspace(0.6, 0.9, 4).reshape(4, 1, 1))),
        nn.AvgPool2d(2), nn.Dropout(), nn.Flatten(), nn.Linear(64, 6), nn.BatchNorm1d(6), snn.Leaky(beta=0.8))
    flat = nn.Sequential(*net[0], *net[1:])
    for norm in (flat[1], flat[7]):
        norm.running_mean.uniform_(-0.2, 0.2)
        norm.running_var.uniform_(0.02, 0.05)
        norm.weight.data.uniform_(0.5, 1.5)
        norm.bias.data.uniform_(-0.1, 0.1)
    agrees(flat, (2, 8, 8))
    names = [node.name for node in from_module(net, (2, 8, 8))[0].nodes]
    assert names == ["input", "0.0", "0.2", "1", "3", "4", "6", "output"]
    with pytest.raises(AssertionError):
        flat[1].eps = 0.01
        changed = from_module(flat, (2, 8, 8))
        flat[1].eps = 1e-5
        frames = (np.random.default_rng(1).random((5, 60, 2, 8, 8)) < 0.4).astype(np.uint8)
        ours = floating.simulate(*changed, frames, trace=True).spikes
        np.testing.assert_array_equal(ours["2"], run(flat, frames)[0][0])


@pytest.mark.parametrize("last", [snn.Leaky(beta=0.9, reset_mechanism="none"),
                                  snn.Leaky(beta=1.0, reset_mechanism="none"),
                                  snn.Synaptic(alpha=0.5, beta=0.9, reset_mechanism="none")])
def test_membranes_are_read_of_a_last_layer_that_never_resets(last):
    net = dense(snn.Leaky(beta=0.9), last)
    frames = (np.random.default_rng(1).random((5, 30, 8)) < 0.4).astype(np.uint8)
    graph, conventions = from_module(net, (8,))
    np.testing.assert_allclose(floating.simulate(graph, conventions, frames).output, run(net, frames)[1], atol=1e-9)
    assert bring(graph, conventions, samples=Samples(frames=frames)).network.readout == "membrane-last"


def test_a_surrogate_that_fires_at_the_threshold():
    graph, conventions = from_module([snn.Leaky(beta=1.0, spike_grad=lambda x: (x >= 0).float())], (1,), dt=0.5)
    assert conventions == Conventions(dt=0.5, reset="subtract-late", fires="at") and graph["0"].kind == "IF"


def test_dt_changes_no_spike():
    net = dense(snn.Synaptic(alpha=0.6, beta=0.85, threshold=2.0), snn.Leaky(beta=0.9))
    frames = (np.random.default_rng(1).random((2, 40, 8)) < 0.4).astype(np.uint8)
    slow, fast = (floating.simulate(*from_module(net, (8,), dt=dt), frames, trace=True).spikes for dt in (1.0, 1e-6))
    assert all((slow[name] == fast[name]).all() and slow[name].any() for name in ("1", "3"))
    assert from_module(net, (8,), dt=1e-6)[0]["3"]["tau"][0] == pytest.approx(1e-5)


def test_integers_come_close():
    net = dense(snn.Leaky(beta=0.9), snn.Leaky(beta=0.9))
    frames = (np.random.default_rng(1).random((20, 60, 8)) < 0.4).astype(np.uint8)
    overlaps = []
    for bits in (8, 3):
        made = bring(*from_module(net, (8,)), samples=Samples(frames=frames),
                     options=Quantization(weights=f"integer:{bits}"))
        overlaps.append(min(layer.overlap for layer in made.closeness.layers))
    assert overlaps[0] > 0.95 > overlaps[1]
    assert {layer.neurons.reset for layer in made.network.layers} == {"subtract-late"}


def twice() -> nn.Sequential:
    one = snn.Leaky(beta=0.5)
    return nn.Sequential(one, nn.Linear(2, 2), one)


def changed() -> list[nn.Module]:
    one = snn.Leaky(beta=0.5)
    one.reset_mechanism = "zero"
    return [one]


@pytest.mark.parametrize(("make", "message"), [
    (lambda: nn.Linear(2, 2), "module must be an nn.Sequential, or a list of modules in the order in which they are "
     "called, not torch.Linear"),
    (lambda: [nn.ReLU()], "module '0' must be one of Linear, Conv1d, Conv2d, AvgPool2d, Flatten, BatchNorm1d, "
     "BatchNorm2d, Dropout, Identity, or snntorch's Leaky, Synaptic, RLeaky, RSynaptic, not torch.ReLU"),
    (twice, "snntorch.Leaky '2' must be there once: as two layers it would share one state"),
    (changed, "snntorch.Leaky '0' reset_mechanism must be 'subtract', with which it was made and still computes, not "
     "'zero'"),
    (lambda: [snn.Leaky(beta=0.5, state_quant=lambda x: x)], "snntorch.Leaky '0' state_quant must be false: states "
     "become integers when they are imported"),
    (lambda: [snn.Leaky(beta=0.5, graded_spikes_factor=2.0)], "snntorch.Leaky '0' graded_spikes_factor must be 1, "
     "not 2.0"),
    (lambda: [snn.Leaky(beta=0.5, spike_grad=torch.sigmoid)], "snntorch.Leaky '0' spike_grad must be a step at 0 in "
     "the forward direction"),
    (lambda: [snn.Leaky(beta=0.5, reset_mechanism="none"), snn.Leaky(beta=0.5)], "snntorch.Leaky '0' reset_mechanism "
     "must be 'subtract' or 'zero' but in the last layer, whose membranes can be read, not 'none'"),
    (lambda: [snn.Synaptic(alpha=0.5, beta=0.5, reset_mechanism="zero")], "snntorch.Synaptic '0' reset_delay must be "
     "false with reset_mechanism 'zero': with a delay, what arrives in the timestep after a spike is lost"),
    (lambda: [snn.RSynaptic(alpha=0.5, beta=0.5, linear_features=2, reset_delay=False)], "snntorch.RSynaptic '0' "
     "reset_delay must be true: snntorch 1.0.0 cannot compute it otherwise"),
    (lambda: [snn.Synaptic(alpha=0.5, beta=1.0)], "snntorch.Synaptic '0' alpha and beta must be less than 1: time "
     "constants are finite"),
    (lambda: [snn.Leaky(beta=torch.tensor([0.5, 1.0]))], "snntorch.Leaky '0' beta must be 1 for all of a layer or for "
     "none"),
    (lambda: [snn.Leaky(beta=torch.rand(3))], "snntorch.Leaky '0' beta must fit what arrives, (2,), not be (3,)"),
    (lambda: [snn.RLeaky(beta=0.5, linear_features=3)], "Affine '0.recurrent' must get the (3,) that its weight of "
     "(3, 3) says, not (2,)"),
    (lambda: [snn.Leaky(beta=0.5), nn.Linear(2, 2), snn.Leaky(beta=0.5, reset_mechanism="zero")],
     "neurons must all have one reset, not 0: subtract-late, 2: zero"),
    (lambda: [snn.Leaky(beta=0.5), nn.BatchNorm1d(2)], "torch.BatchNorm1d '1' must come directly behind a Linear or a "
     "convolution, not behind LIF '0'"),
])
def test_refused(make, message):
    with pytest.raises(SpikeloomError) as caught:
        from_module(make(), (2,))
    assert str(caught.value) == message
