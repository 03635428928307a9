import copy
import json

import numpy as np
import pytest
import torch

from spikeloom import SpikeloomError, codebooks
from spikeloom.train import binary, compress, gates, pipeline
from spikeloom.train.exactness import compare
from spikeloom.train.export import export
from spikeloom.train.settle import settle

BOOK = codebooks.make("pow2", exponents=3)


@pytest.mark.parametrize("gate", ["channel", "shift", "constant", "backward", "off"])
def test_from_new_weights_to_an_exact_binary_network(gate, four_layers, few_digits, frames):
    """Convolution, dense and recurrent layers; all but the last binary."""
    begun, given = four_layers(recurrent=BOOK), few_digits(epochs=6)
    state = copy.deepcopy(begun.state_dict())
    made = compress.make("agmm", gate=gate, layers="hidden", edge_bits=5).compress(begun, given)
    assert all(torch.equal(state[name], value) for name, value in begun.state_dict().items())
    assert type(begun.layers[1].gate) is type(None)

    assert not made.model.quantized
    assert [type(layer.gate) for layer in made.model.layers] == (
        [type(gates.make(gate, begun.layers[0].config, 2)) if gate != "backward" else type(None)] * 3 + [type(None)])
    integer = settle(made.model, frames)
    network = export(integer)
    assert compare(integer, network, frames).mismatches == 0
    for layer in network.layers[:3]:
        book = layer.synapses.codebook
        assert codebooks.kind(book) == "binary"
        assert set(np.unique(np.abs(layer.synapses.weights))) == {1 << book.fraction}
    assert set(np.unique(np.abs(network.layers[1].recurrent.weights))) == {
        1 << network.layers[1].recurrent.codebook.fraction}
    last = network.layers[3].synapses
    assert last.codebook.bits == 5 and codebooks.kind(last.codebook) == "integer"

    facts = json.loads(json.dumps(made.facts))
    assert len(json.dumps(facts)) < 2000
    assert len(facts["flips"]["epochs"]) == len(facts["validation"]) == 6
    assert 0 < facts["flips"]["mean"] < 0.5
    assert facts["validation"][-1] > 0.7
    assert all(0.01 < rate < 0.9 for rate in facts["rates"]) and len(facts["rates"]) == 3
    stage = pipeline.stage("agmm", made.model, given, 0.0)
    assert stage.bits == sum(s.latent.numel() for layer in made.model.layers[:3] for s in layer.all_synapses()) + \
        5 * made.model.layers[3].synapses.latent.numel()
    if gate == "shift":
        assert all(layer.gate.alpha == 1 for layer in made.model.layers[:3])
    assert ("alpha" in facts) == (gate == "channel")
    if gate == "channel":
        assert facts["alpha"] == [[round(float(layer.gate.alpha.detach()), 4)] for layer in made.model.layers[:3]]
        assert all(alpha != [1.0] for alpha in facts["alpha"])


def test_a_sample_gate_is_trained_but_not_exported(four_layers, few_digits, frames):
    given = few_digits(epochs=4)
    made = compress.make("agmm", gate="sample").compress(four_layers(), given)
    assert [len(alpha) for alpha in made.facts["alpha"]] == [2, 2]
    assert made.facts["validation"][-1] > 0.6
    integer = settle(made.model, frames)
    with pytest.raises(SpikeloomError) as error:
        export(integer)
    assert str(error.value) == "gate of layer 1 must be one that a threshold can take in, not 'sample'"
    for layer in integer.layers:
        layer.gate = None
    assert compare(integer, export(integer), frames).mismatches == 0


def test_a_seed_says_everything_and_gates_differ(four_layers, few_digits):
    def weights(seed: int, gate: str) -> torch.Tensor:
        made = compress.make("agmm", gate=gate, epochs=1, rate=0.05).compress(four_layers(), few_digits(seed=seed))
        return torch.cat([s.latent.flatten() for s in made.model.all_synapses()])
    base = weights(0, "channel")
    assert torch.equal(base, weights(0, "channel"))
    assert not torch.equal(base, weights(1, "channel"))
    assert not torch.equal(base, weights(0, "off"))


def test_half_the_gradient_is_half_the_rate(four_layers, frames):
    """Why a smaller rate has to stand beside a gate: in plain gradient descent the two are one."""
    def trained(rate: float, share: float) -> list[torch.Tensor]:
        made = four_layers()
        watched = binary.prepare(made, "inner", 8, binary.Signs)
        others = [p for n, p in made.named_parameters() if not any(p is s.latent for s in watched)]
        for parameter in others:
            parameter.requires_grad_(False)
        optimizer = torch.optim.SGD([s.latent for s in watched], lr=rate, momentum=0.9)
        for k in range(5):
            optimizer.zero_grad()
            (share * made(frames[20 * k:20 * k + 20]).logits.square().mean()).backward()
            optimizer.step()
        return [s.latent.detach() for s in watched]
    for a, b in zip(trained(0.1, 0.5), trained(0.05, 1.0), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-5)


def test_command_line_text():
    assert compress.parse("agmm:gate=off,rate=0.2") == compress.make("agmm", gate="off", rate=0.2)
    assert compress.write(compress.make("agmm", gate="sample", epochs=3)) == "agmm:gate=sample,epochs=3"
    assert compress.make("agmm").start == compress.make("bso").start == "initial"


@pytest.mark.parametrize("name", ["agmm", "bso"])
@pytest.mark.parametrize(("parameters", "message"), [
    ({"epochs": 0}, "epochs must be an integer from 1 to 100000, not 0"),
    ({"rate": 0}, "rate must be a number from 1e-09 to below 1, not 0"),
    ({"rate": True}, "rate must be a number from 1e-09 to below 1, not True"),
    ({"momentum": 1.0}, "momentum must be a number from 0 to below 1, not 1.0"),
    ({"layers": "all"}, "layers must be one of inner, hidden, not 'all'"),
    ({"edge_bits": 1}, "edge_bits must be an integer from 2 to 8, not 1"),
])
def test_refusals(name, parameters, message):
    with pytest.raises(SpikeloomError) as error:
        compress.make(name, **parameters)
    assert str(error.value) == message


def test_gate_refused():
    with pytest.raises(SpikeloomError) as error:
        compress.make("agmm", gate="spatial")
    assert str(error.value) == "gate must be one of channel, shift, sample, backward, constant, off, not 'spatial'"
