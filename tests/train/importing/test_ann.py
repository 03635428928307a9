"""Conversion of networks without spikes: rates against activations, and classes against those of torch."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from spikeloom import load, save
from spikeloom.errors import SpikeloomError
from spikeloom.sim.reference import simulate
from spikeloom.train import datasets
from spikeloom.train.importing import Balance, Quantization, ann, convert, floating


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits")


@pytest.fixture(scope="module")
def net(digits) -> nn.Sequential:
    """Trained for a second; left in training mode."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Sequential(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()),
                        nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(0.1), nn.Linear(128, 32), nn.ReLU(),
                        nn.Linear(32, 10))
    x, y = torch.tensor(digits.train_images[:, None] / 255).float(), torch.tensor(digits.train_labels.astype(int))
    adam = torch.optim.Adam(net.parameters(), 5e-3)
    for _ in range(8):
        for part in torch.randperm(len(x)).split(64):
            adam.zero_grad()
            nn.functional.cross_entropy(net(x[part]), y[part]).backward()
            adam.step()
    return net


def on(digits, net, *, images=120, options=None, **balance):
    return convert(net, digits.test_images[:images, None], digits.test_labels[:images], options=options,
                   calibration=digits.train_images[:60, None], balance=Balance(scale=1 / 255, **balance))


@pytest.mark.parametrize("shift", [True, False])
def test_counts_of_a_steady_input(shift):
    """n = clip(floor(T a / s + 1/2), 0, T), without the half where there is no shift."""
    rng, steps = np.random.default_rng(0), 20
    net = nn.Sequential(nn.Linear(6, 40), nn.ReLU(), nn.Linear(40, 2))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor(rng.normal(size=(40, 6))))
        net[0].bias.copy_(torch.tensor(rng.normal(size=40)))
    images = rng.integers(0, 256, (8, 6))
    balance = Balance(timesteps=steps, scale=0.01, percentile=95, shift=shift)
    graph, thresholds = ann.balanced(ann.flat(net), images, balance)
    got = net[0](torch.tensor(images * 0.01).float()).detach().double().numpy()
    assert thresholds["1"] == pytest.approx(np.percentile(np.maximum(got, 0), 95), rel=1e-6)
    wanted = np.clip(np.floor(steps * got / thresholds["1"] + shift / 2), 0, steps)
    frames = np.broadcast_to(images[:, None], (8, steps, 6))
    found = floating.simulate(graph, ann.CONVENTIONS, frames, trace=True)
    assert (wanted == steps).any() and (wanted == 0).any() and len(np.unique(wanted)) > 10
    np.testing.assert_array_equal(found.spikes["1"].sum(axis=1), wanted)
    sums = net[2](torch.tensor(wanted * thresholds["1"] / steps).float()).detach().numpy() * steps
    np.testing.assert_allclose(found.output[:, -1], sums, rtol=1e-5, atol=1e-4)


def test_counts_where_a_membrane_meets_the_threshold():
    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1))
    nn.init.ones_(net[0].weight)
    images = np.array([[3], [2], [1], [0]])
    graph, _ = ann.balanced(ann.flat(net), images, Balance(timesteps=6, percentile=100, shift=False))
    found = floating.simulate(graph, ann.CONVENTIONS, np.broadcast_to(images[:, None], (4, 6, 1)), trace=True)
    assert found.spikes["1"].sum(axis=1).ravel().tolist() == [6, 4, 2, 0]


def test_digits(digits, net, tmp_path):
    before = copy.deepcopy(net.state_dict())
    made = on(digits, net, timesteps=32)
    assert net.training and all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    with torch.no_grad():
        answers = copy.deepcopy(net).eval()(torch.tensor(digits.test_images[:120, None] / 255).float()).argmax(1)
    assert made.accuracy_ann == (answers.numpy() == digits.test_labels[:120]).mean() > 0.9
    close = made.made.closeness
    assert min(close.accuracy_graph, close.accuracy_network) > made.accuracy_ann - 0.03
    classes = simulate(made.network, digits.test_images[:120, None]).classes
    assert made.agree == (classes == answers.numpy()).mean() > 0.95
    assert (classes == digits.test_labels[:120]).mean() == close.accuracy_network
    assert [layer.name for layer in made.layers] == ["0.2", "5"] and made.network.readout == "membrane-last"
    assert all(0 < layer.rate < 1 and layer.clipped < 0.002 and layer.error_network < 0.06 for layer in made.layers)
    again = load(save(made.network, tmp_path / "x.qsnn"))
    assert again == made.network and again.provenance["conversion"]["thresholds"]["5"] == made.layers[1].threshold


def test_more_timesteps_are_closer(digits, net):
    few, many, plain = (on(digits, net, images=20, **balance).layers for balance in
                        ({"timesteps": 4}, {"timesteps": 24}, {"timesteps": 24, "shift": False}))
    for k in range(2):
        assert many[k].error_graph < few[k].error_graph / 3 and many[k].error_graph < plain[k].error_graph / 1.5
        assert many[k].error_network < few[k].error_network / 3


def test_lower_percentiles_clip(digits, net):
    low, high = (on(digits, net, images=10, timesteps=4, percentile=p).layers for p in (90, 100))
    for a, b in zip(low, high, strict=True):
        assert a.threshold < b.threshold
        assert 0.08 < a.clipped < 0.101 and b.clipped < 1e-4     # some activations are equal, where images are black


def test_coarse_weights_show_in_the_report(digits, net):
    made = on(digits, net, timesteps=16, options=Quantization(weights="ternary", correct=False))
    assert made.layers[1].error_network > 3 * made.layers[1].error_graph
    assert made.agree < on(digits, net, timesteps=16).agree - 0.05


def test_activations_between_pools(digits):
    """A ReLU behind a pool, and a bias that the pool passes on."""
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AvgPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(36, 10))
    layer, = on(digits, net, images=10, timesteps=64).layers
    assert layer.error_graph < 0.06 and layer.error_network < 0.07


@pytest.mark.parametrize(("parts", "message"), [
    ([nn.Linear(2, 2), nn.ReLU()], "module must hold a ReLU and end in weights, not in torch.ReLU"),
    ([nn.Linear(2, 2)], "module must hold a ReLU and end in weights, not in torch.Linear"),
    ([nn.Linear(2, 2), nn.ReLU(), nn.ReLU(), nn.Linear(2, 2)], "ReLU '2' must come behind weights of its own, not "
     "behind Scale '1.scale'"),
    ([nn.Linear(2, 2), nn.Sigmoid()], "module '1' must be one of Linear, Conv1d, Conv2d, AvgPool2d, Flatten, "
     "BatchNorm1d, BatchNorm2d, Dropout, Identity or ReLU, not torch.Sigmoid"),
    ([nn.Linear(3, 2)], "Affine '0' must get the (3,) that its weight of (2, 3) says, not (2,)"),
    ([nn.MaxPool2d(2)], "torch.MaxPool2d '0' must be an average pool: a graph has no maximum over windows"),
])
def test_refused(parts, message):
    for part in parts:
        if isinstance(part, nn.Linear):
            nn.init.ones_(part.bias)
            nn.init.ones_(part.weight)
    with pytest.raises(SpikeloomError) as caught:
        ann.balanced(ann.flat(parts), np.ones((3, 2), int), Balance(timesteps=4))
    assert str(caught.value) == message


def test_a_layer_that_is_never_active():
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    with torch.no_grad():
        net[0].bias.fill_(-100)
    with pytest.raises(SpikeloomError, match="ReLU '1' must be active in more than 0.1 % of what it gets on the "
                                             "calibration images: no threshold fits it"):
        convert(net, np.ones((3, 2), int), calibration=np.ones((3, 2), int), balance=Balance(timesteps=4))


@pytest.mark.parametrize(("make", "message"), [
    (lambda: Balance(timesteps=0), "timesteps must be an integer from 1 to 4096, not 0"),
    (lambda: Balance(timesteps=1, scale=0), "scale must be a number more than 0, not 0"),
    (lambda: Balance(timesteps=1, percentile=101), "percentile must be from 50 to 100, not 101"),
    (lambda: convert([], np.ones((1, 2)), calibration=np.ones((1, 2), int), balance=Balance(timesteps=1)),
     r"images must be integers \(images, \*input shape\), not float64 \(1, 2\)"),
])
def test_wrong_settings(make, message):
    with pytest.raises(SpikeloomError, match=message):
        make()
