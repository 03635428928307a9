"""The trainable model against the graph, spike for spike, and what it refuses."""

import dataclasses

import numpy as np
import pytest
import torch

from spikeloom.decay import Decay
from spikeloom.errors import SpikeloomError
from spikeloom.train.export import export
from spikeloom.train.importing import Conventions, Quantization, floating, lower, trainable
from spikeloom.train.importing.trainable import RealLeak, closeness, contractual, scale_loss

RNG = np.random.default_rng(7)


def normal(*shape):
    return RNG.normal(size=shape)


def cuba(count, **more):
    """Current-based neurons."""
    return {name: np.full(count, value) for name, value in
            {"tau_mem": 1.1e-3, "tau_syn": 3e-4, "r": 9.0, "v_leak": 0.0, "w_in": 2.5, **more}.items()}


CONVOLUTION = {"groups": 1, "dilation": [1, 1]}
GRAPHS = {
    "dense": (("Input", {"shape": [9]}), ("Affine", {"weight": normal(12, 9), "bias": normal(12) / 5}),
              ("LIF", {"tau": np.full(12, 1.3e-3), "r": np.linspace(8, 14, 12), "v_leak": np.full(12, 0.03),
                       "v_threshold": np.linspace(0.6, 1.4, 12), "v_reset": np.zeros(12)}),
              ("Linear", {"weight": normal(5, 12)}),
              ("IF", {"r": np.ones(5), "v_threshold": np.full(5, 1.1)}), ("Output", {"shape": [5]})),
    "convolution": (("Input", {"shape": [2, 9, 8]}),
                    ("Conv2d", {**CONVOLUTION, "weight": normal(4, 2, 3, 2) / 2, "bias": normal(4) / 9,
                                "stride": [2, 1], "padding": [1, 0], "input_shape": [9, 8]}),
                    ("IF", {"r": np.ones((4, 5, 7)), "v_threshold": np.ones((4, 5, 7))}),
                    ("AvgPool2d", {"kernel_size": [2, 2], "stride": [2, 2], "padding": [0, 0]}),
                    ("Conv2d", {**CONVOLUTION, "weight": 3 * normal(3, 4, 2, 2) + 0.5, "bias": np.ones(3) / 5,
                                "stride": [1, 1], "padding": [0, 0], "input_shape": [2, 3]}),
                    ("IF", {"r": np.ones((3, 1, 2)), "v_threshold": np.ones((3, 1, 2))}),
                    ("SumPool2d", {"kernel_size": [1, 2], "stride": [1, 1], "padding": [0, 0]}),
                    ("Flatten", {"start_dim": 0, "end_dim": -1}), ("Affine", {"weight": normal(4, 3),
                                                                              "bias": normal(4) / 9}),
                    ("LI", {"tau": np.full(4, 2e-3), "r": np.full(4, 20.0), "v_leak": np.zeros(4)}),
                    ("Output", {"shape": [4]})),
    "row": (("Input", {"shape": [2, 12]}),
            ("Conv1d", {"groups": 1, "dilation": 1, "weight": normal(3, 2, 3), "bias": np.zeros(3), "stride": 2,
                        "padding": 1, "input_shape": 12}),
            ("IF", {"r": np.ones((3, 6)), "v_threshold": np.ones((3, 6))}),
            ("Flatten", {"start_dim": 0, "end_dim": -1}),
            ("Delay", {"delay": np.full(18, 3e-4)}), ("Linear", {"weight": normal(4, 18)}),
            ("Threshold", {"threshold": np.full(4, 0.4)}), ("Output", {"shape": [4]})),
    "current": (("Input", {"shape": [8]}), ("Affine", {"weight": normal(10, 8), "bias": normal(10) / 9}),
                ("CubaLIF", cuba(10, v_threshold=0.9)), ("Affine", {"weight": normal(10, 10), "bias": normal(10) / 9}),
                ("Linear", {"weight": normal(4, 10)}), ("CubaLI", cuba(4)), ("Output", {"shape": [4]})),
}


def build(chain, kind):
    if kind != "current":
        return chain(*GRAPHS[kind])
    nodes = GRAPHS[kind]                            # the second matrix leads back to the neurons before it
    graph = chain(*nodes, more_edges=(("n2", "n4"),))
    edges = tuple(edge for edge in graph.edges if edge != ("n3", "n4")) + (("n3", "n2"),)
    return type(graph)(nodes=graph.nodes, edges=edges)


def made(graph, conventions, frames, **more):
    real = lower(graph, conventions)
    model = trainable(real, conventions, timesteps=frames.shape[1], **more)
    return model, tuple(layer.name for layer in real.layers)


def some(graph, steps=40, share=0.3, most=2):
    shape = tuple(graph.only("Input")["shape"])
    rng = np.random.default_rng(1)
    return (rng.random((4, steps, *shape)) < share) * rng.integers(1, most, (4, steps, *shape)).astype(np.uint8)


@pytest.mark.parametrize("kind", GRAPHS)
@pytest.mark.parametrize("reset", ["zero", "subtract", "subtract-late"])
@pytest.mark.parametrize("leak", ["euler", "exact"])
def test_every_spike_is_the_graphs(chain, kind, reset, leak):
    graph, conventions = build(chain, kind), Conventions(dt=1e-4, reset=reset, leak=leak)
    frames = some(graph)
    model, names = made(graph, conventions, frames)
    real = floating.simulate(graph, conventions, frames, trace=True)
    found = closeness(model, real.spikes, names, frames)
    assert [layer.name for layer in found] == [name for name in names if name in real.spikes]
    for layer in found:
        assert layer.graph == layer.network == layer.common > 20
    with torch.no_grad():
        output = model(frames)
    lsb = float(model.layers[-1].synapses.lsb)
    if names[-1] not in real.spikes:
        np.testing.assert_allclose(output.membranes[-1].numpy() * lsb, real.output, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("fault", ["weight", "threshold", "bias", "leak", "reset", "delay", "recurrent", "pool"])
def test_a_fault_is_seen(chain, fault):
    """One number beside the graph's, and spikes differ."""
    kind = {"delay": "row", "recurrent": "current", "pool": "convolution"}.get(fault, "dense")
    graph, conventions = build(chain, kind), Conventions(dt=1e-4, reset="subtract")
    frames = some(graph)
    model, names = made(graph, conventions, frames)
    if fault == "reset":
        model, _ = made(graph, Conventions(dt=1e-4, reset="subtract-late"), frames)
    layer, more = model.layers[0], model.layers[1]
    with torch.no_grad():
        match fault:
            case "weight":
                layer.synapses.latent[:, 2] += 0.1
            case "threshold":
                layer.gain[4] *= 1.05
            case "bias":
                layer.shift[:6] += 0.05
            case "leak":
                replace(layer, decay=RealLeak(num=layer.config.neurons.decay.num - 1e-2))
            case "delay":
                layer.config = changed(layer.config, delay=2)
            case "recurrent":
                layer.recurrent.latent[2] *= 1.1
            case "pool":
                more.config = changed(more.config, pools=(changed(more.config.pools[0], stride=(2, 1), kernel=(2, 5)),))
    found = closeness(model, floating.simulate(graph, conventions, frames, trace=True).spikes, names, frames)
    assert any(layer.common < max(layer.graph, layer.network) for layer in found)


def changed(config, **fields):
    return dataclasses.replace(config, **fields)


def replace(layer, **fields):
    layer.config = changed(layer.config, neurons=changed(layer.config.neurons, **fields))


@pytest.mark.parametrize("fires", ["above", "at"])
def test_exactly_at_the_threshold(chain, fires):
    """Weights and a threshold that sums meet, over the reals and, after float32, in integers."""
    graph = chain(("Input", {"shape": [3]}), ("Linear", {"weight": [[0.5, 0.25, 0.75], [0.25, 0.25, -0.5]]}),
                  ("IF", {"r": np.ones(2), "v_threshold": np.full(2, 0.75)}), ("Output", {"shape": [2]}))
    conventions, frames = Conventions(reset="subtract", fires=fires), some(graph, share=0.5)
    model, names = made(graph, conventions, frames, options=Quantization(weights="pow2:4"))
    real = floating.simulate(graph, conventions, frames, trace=True).spikes
    other = floating.simulate(graph, Conventions(reset="subtract", fires="at" if fires == "above" else "above"), frames,
                              trace=True).spikes
    assert (real["n2"] != other["n2"]).any()
    found, = closeness(model, real, names, frames)
    assert found.graph == found.network == found.common
    assert closeness(model, other, names, frames)[0].overlap < 1
    layer = model.float().double().layers[0]
    contractual(model, conventions, 2e-3)
    layer.synapses.recode(layer.synapses.book, torch.tensor(0.25))
    with torch.no_grad():
        layer.variance.copy_(((layer.variance + 1e-3) * (_lsb(lower(graph, conventions)) / 0.25)**2) - 1e-3)
        layer.quantized = True
        assert layer.integers().threshold.tolist() == [4 if fires == "above" else 3] * 2


def _lsb(real):
    model = trainable(real, Conventions(reset="subtract"), timesteps=1, options=Quantization(weights="pow2:4"))
    return float(model.layers[0].synapses.lsb)


def test_leaks_become_the_contracts(chain):
    graph, conventions = build(chain, "current"), Conventions(dt=1e-4)
    model, _ = made(graph, conventions, some(graph))
    model.quantized = True
    first = model.layers[0].config.neurons
    assert first.decay.num == pytest.approx(1 - 1e-4 / 1.1e-3, rel=1e-12)
    with pytest.raises(SpikeloomError) as error:
        export(model)
    assert str(error.value) == f"leak of layer 0 must be one of integers, not {first.decay.num} over the reals"
    contractual(model, conventions, 2e-3)
    first, last = (layer.config.neurons for layer in model.layers)
    assert type(first.decay) is Decay and first.decay.num / 2**first.decay.shift == pytest.approx(1 - 1 / 11, rel=2e-4)
    assert first.synaptic_decay.num / 2**first.synaptic_decay.shift == pytest.approx(2 / 3, rel=1e-3)
    assert last.current_based and type(last.synaptic_decay) is Decay
    with pytest.raises(SpikeloomError, match=r"^leak must leave 0 to 1 of a membrane, not 1.5$"):
        RealLeak(num=1.5)


def test_the_loss_is_scaled(chain):
    graph, conventions = build(chain, "dense"), Conventions(dt=1e-4, reset="subtract")
    frames = some(graph)
    model, _ = made(graph, conventions, frames)
    labels = model(frames).classes.numpy()

    def loss(scale):
        with torch.no_grad():
            return float(torch.nn.functional.cross_entropy(model(frames).logits * scale, torch.from_numpy(labels)))
    scale_loss(model, frames, labels)
    assert loss(1) <= min(loss(2**0.25), loss(2**-0.25))
    before = float(model.log_scale.detach())
    with torch.no_grad():
        model.log_scale.add_(3)
    scale_loss(model, frames, labels)
    assert abs(float(model.log_scale.detach()) - before) < 0.2


@pytest.mark.parametrize("parts, message", [
    ((("Input", {"shape": [2, 3, 3]}),
      ("Conv2d", {"dilation": [1, 1], "groups": 2, "weight": np.ones((2, 1, 2, 2)), "bias": np.zeros(2),
                  "stride": [1, 1], "padding": [0, 0], "input_shape": [3, 3]}),
      ("IF", {"r": np.ones((2, 2, 2)), "v_threshold": np.ones((2, 2, 2))}), ("Output", {"shape": [2, 2, 2]})),
     "layer 'n2' must have weights in one group to be trained, not in 2: methods compress the weights of all neurons "
     "together"),
    ((("Input", {"shape": [2]}), ("Linear", {"weight": np.ones((2, 2))}),
      ("LIF", {"tau": np.ones(2), "r": np.ones(2), "v_leak": np.zeros(2), "v_threshold": np.ones(2),
               "v_reset": np.full(2, 0.25)}), ("Output", {"shape": [2]})),
     "layer 'n2' v_reset must be 0 to be trained, not 0.25"),
    ((("Input", {"shape": [1, 2, 2]}),
      ("Conv2d", {"dilation": [1, 1], "groups": 1, "weight": np.ones((1, 1, 1, 1)), "bias": np.zeros(1),
                  "stride": [1, 1], "padding": [0, 0], "input_shape": [2, 2]}),
      ("IF", {"r": np.ones((1, 2, 2)), "v_threshold": np.arange(1, 5.0).reshape(1, 2, 2)}),
      ("Output", {"shape": [1, 2, 2]})),
     "layer 'n2' threshold must be one for all of a channel to be trained, not 1 to 4 in channel 0"),
])
def test_refusals(chain, parts, message):
    graph = chain(*parts)
    with pytest.raises(SpikeloomError) as error:
        made(graph, Conventions(), some(graph))
    assert str(error.value) == message


def test_training_sees_the_thresholds_of_evaluation(chain):
    """There is no batch norm: what a batch holds changes nothing, and nothing is learned of it but by gradients."""
    graph, conventions = build(chain, "dense"), Conventions(dt=1e-4, reset="subtract")
    frames = some(graph)
    model, _ = made(graph, conventions, frames)
    with torch.no_grad():
        wanted, before = model.eval()(frames).membranes, model.layers[0].variance.clone()
        assert all((a == b).all() for a, b in zip(wanted, model.train()(frames).membranes, strict=True))
    assert (model.layers[0].variance == before).all()
    model(frames).logits.square().sum().backward()
    first = model.layers[0]
    assert all(bool(p.grad.any()) for p in (first.synapses.latent, first.gain, first.shift))


@pytest.mark.parametrize("fault", ["current", "pool"])
def test_floats_that_could_round_are_refused(chain, fault):
    kind = {"current": "current", "pool": "convolution"}[fault]
    graph, conventions = build(chain, kind), Conventions(dt=1e-4)
    model, _ = made(graph, conventions, some(graph))
    contractual(model, conventions, 2e-3)
    for layer in model.layers:
        replace(layer, membrane_bits=10, **({"synaptic_bits": 10} if layer.config.neurons.current_based else {}))
    model.float().check_exact()
    if fault == "current":
        replace(model.layers[0], synaptic_bits=20)
    else:
        layer = model.layers[1]
        whole = 2.0**24 / float(layer.integers().weights.detach().abs().sum((1, 2, 3)).max())
        layer.config = changed(layer.config, pools=(changed(layer.config.pools[0], kernel=2, stride=2),))
        layer.synapses.latent.data *= whole / 2
    with pytest.raises(SpikeloomError, match="^sums of a layer must stay below 16777216 to be exact in torch.float32,"):
        model.check_exact()
