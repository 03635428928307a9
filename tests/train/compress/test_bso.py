import copy
import json

import numpy as np
import pytest
import torch
from torch.nn import functional

from spikeloom import SpikeloomError, codebooks
from spikeloom.train import binary, compress
from spikeloom.train.compress import bso
from spikeloom.train.exactness import compare
from spikeloom.train.export import export
from spikeloom.train.settle import settle

BOOK = codebooks.make("pow2", exponents=3)
PARAMETERS = {False: {}, True: {"gamma": 1.0, "temporal": True}}


@pytest.mark.parametrize("temporal", [False, True])
def test_from_new_signs_to_an_exact_binary_network(temporal, four_layers, few_digits, frames):
    begun, given = four_layers(recurrent=BOOK), few_digits(epochs=6)
    state = copy.deepcopy(begun.state_dict())
    method = compress.make("bso", layers="hidden", **PARAMETERS[temporal])
    made = method.compress(begun, given)
    assert all(torch.equal(state[name], value) for name, value in begun.state_dict().items())
    assert all(layer.tap is None for layer in made.model.layers)
    integer = settle(made.model, frames)
    network = export(integer)
    assert compare(integer, network, frames).mismatches == 0
    for layer in network.layers[:3]:
        assert codebooks.kind(layer.synapses.codebook) == "binary"
        assert set(np.unique(np.abs(layer.synapses.weights))) == {1 << layer.synapses.codebook.fraction}
    assert codebooks.kind(network.layers[1].recurrent.codebook) == "binary"
    assert codebooks.kind(network.layers[3].synapses.codebook) == "integer"
    facts = json.loads(json.dumps(made.facts))
    assert 0 < facts["flips"]["mean"] < 0.5 and facts["validation"][-1] > 0.6
    again = method.compress(begun, given)
    assert again.facts == made.facts


def naive(weights: np.ndarray, gradients: list[list[np.ndarray]], method: bso.Bso) -> list[np.ndarray]:
    """The paper's update, weight by weight."""
    w, m, v, history = weights.copy(), np.zeros_like(weights), np.zeros(len(gradients[0])), []
    for step in gradients:
        for t, g in enumerate(step):
            square = 0.0
            for value in g.flat:
                square += value * value / g.size
            v[t] = (1 - method.slowness2) * v[t] + method.slowness2 * square
            for k in np.ndindex(w.shape):
                m[k] = (1 - method.slowness) * m[k] + method.slowness * g[k]
                gamma = method.gamma * np.sqrt(v[t] + 1e-20) if method.temporal else method.gamma
                w[k] = -np.sign(w[k] * m[k] - gamma) * w[k] if w[k] * m[k] != gamma else w[k]
        history.append(w.copy())
    return history


@pytest.mark.parametrize("temporal", [False, True])
def test_turns_are_the_papers(temporal, four_layers):
    method = bso.Bso(gamma=0.05 if temporal else 2e-3, temporal=temporal, slowness=0.02, slowness2=0.3)
    made = four_layers()
    binary.prepare(made, "inner", 8, binary.Coded)
    layer = made.layers[2]
    turns = bso.Turns(method, [layer], 2)
    synapses, random = layer.synapses, np.random.default_rng(0)
    begun = synapses.latent.detach().double().numpy()
    assert set(np.unique(begun)) == {-1, 1}
    gradients = [[random.normal(size=begun.shape) for _ in range(2 if temporal else 1)] for _ in range(8)]
    seen = []
    for step in gradients:
        given = [torch.tensor(g, dtype=torch.float32) for g in step]
        synapses.latent.grad = sum(given)
        if temporal:
            turns._shares[id(synapses)] = given
        turns.step()
        assert synapses.latent.grad is None
        seen.append(synapses.latent.detach().double().numpy())
    expected = naive(begun, gradients, method)
    for a, b in zip(seen, expected, strict=True):
        assert (a != b).mean() < 0.004      # single against double precision, right at a threshold
    flipped = [(a != b).mean() for a, b in zip(expected, expected[1:], strict=False)]
    assert 0.001 < np.mean(flipped) < 0.3


def test_a_tie_does_not_turn(four_layers):
    made = four_layers()
    binary.prepare(made, "inner", 8, binary.Coded)
    layer = made.layers[2]
    turns = bso.Turns(bso.Bso(gamma=0.5, slowness=0.5), [layer], 2)
    before = layer.synapses.latent.detach().clone()
    layer.synapses.latent.grad = before.clone()
    turns.step()
    assert torch.equal(layer.synapses.latent, before)
    layer.synapses.latent.grad = before.clone()
    turns.step()
    assert torch.equal(layer.synapses.latent, -before)


def test_gamma_has_a_default_of_its_own_for_timesteps():
    given = [(compress.make("bso", temporal=temporal), gamma) for temporal, gamma in ((False, 3e-6), (True, 0.1))]
    for method, gamma in [*given, (compress.make("bso", gamma=0.0), 0.0)]:
        assert bso.Turns(method, [], 2).gamma == gamma
    assert compress.write(given[1][0]) == "bso:temporal=true"


@pytest.mark.parametrize("kind", ["convolution", "dense"])
def test_the_shares_of_timesteps_are_the_gradient(kind, four_layers):
    made = four_layers()
    binary.prepare(made, "hidden", 8, binary.Coded)
    made = made.double()
    layer = made.layers[0 if kind == "convolution" else 1]
    bso.Turns(bso.Bso(), [layer], 3)
    with torch.no_grad():
        layer.gain[:2] *= -1
    generator = torch.Generator().manual_seed(0)
    inputs = 64 if kind == "convolution" else layer.synapses.latent.shape[1]
    x = (torch.rand(6, 3, inputs, generator=generator) < 0.5).double()
    kept = {}

    def tap(seen: torch.Tensor, sums: torch.Tensor) -> None:
        sums.retain_grad()
        kept["sums"] = sums
    layer.tap = tap
    fired, _ = layer(x, 3)
    (fired * torch.randn(fired.shape, generator=generator)).sum().backward()
    gradient = kept["sums"].grad
    shares = bso.by_time(layer, x, gradient)
    assert torch.allclose(sum(shares), layer.synapses.latent.grad, atol=1e-10)
    assert not torch.allclose(shares[0], shares[1])

    signs = torch.where(layer.gain < 0, -1.0, 1.0).detach()
    for t, share in enumerate(shares):
        if kind == "dense":
            expected = torch.einsum("bo,bi->oi", gradient[:, t], x[:, t]) * signs[:, None]
        else:
            columns = functional.unfold(x[:, t].reshape(6, 1, 8, 8), 3, stride=2)
            maps = gradient[:, t].reshape(6, 6, -1)
            expected = (torch.einsum("bop,bkp->ok", maps, columns) * signs[:, None]).view_as(share)
        assert torch.allclose(share, expected, atol=1e-10)


def test_shares_are_taken_while_training_and_recurrent_ones_are_equal(four_layers, frames):
    """What a tap hands to `step`, against the whole gradient."""
    made = four_layers(recurrent=BOOK)
    binary.prepare(made, "inner", 8, binary.Coded)
    turns = bso.Turns(bso.Bso(temporal=True), binary.chosen(made, "inner"), 2)
    with torch.no_grad():
        made(frames[:20])
    assert turns._shares == {}
    made(frames[:20]).logits.square().mean().backward()
    for layer in made.layers[1:3]:
        whole = layer.synapses.latent.grad
        one, other = turns._gradients(layer.synapses)
        assert not torch.allclose(one, other)
        assert torch.allclose(one + other, whole, atol=1e-6 * float(whole.abs().max()) + 1e-9)
    recurrent = made.layers[1].recurrent
    one, other = turns._gradients(recurrent)
    assert torch.equal(one, other) and torch.allclose(one + other, recurrent.latent.grad)
    assert recurrent.latent.grad.abs().max() > 0


@pytest.mark.parametrize(("parameters", "message"), [
    ({"gamma": -1e-7}, "gamma must be a number from 0 to 1e+06, not -1e-07"),
    ({"slowness": 0}, "slowness must be a number from 1e-09 to 1, not 0"),
    ({"slowness2": 1.5}, "slowness2 must be a number from 1e-09 to 1, not 1.5"),
    ({"temporal": 1}, "temporal must be true or false, not 1"),
])
def test_refusals(parameters, message):
    with pytest.raises(SpikeloomError) as error:
        compress.make("bso", **parameters)
    assert str(error.value) == message
