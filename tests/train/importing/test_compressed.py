"""Imported graphs through methods of compression: the road, the network, and that each check can fail."""

import dataclasses
import functools

import numpy as np
import pytest
import torch

from spikeloom import Decay, SpikeloomError, plugins
from spikeloom.sim.reference import simulate
from spikeloom.train import compress, datasets, exactness
from spikeloom.train.export import export
from spikeloom.train.fit import Schedule
from spikeloom.train.importing import (
    Conventions,
    Material,
    Quantization,
    Samples,
    bring,
    bring_compressed,
    from_module,
    lower,
    trainable,
)
from spikeloom.train.importing import compressed as module

STEPS, TRAIN = 12, 600
SHORT = Schedule(epochs=2, batch=20, frozen_epochs=0)
SMALL = {"imp": {"rounds": 1, "epochs": 1}, "agmm": {"epochs": 1, "layers": "hidden"},
         "bso": {"epochs": 1, "layers": "hidden"}}


@functools.cache
def digits():
    """snnTorch's Leaky, trained for seconds on rate-coded digits: the graph, and samples, test images kept back."""
    snntorch = pytest.importorskip("snntorch")
    torch.manual_seed(0)
    data, rng = datasets.load("digits"), np.random.default_rng(0)
    images = np.concatenate((data.train_images[:TRAIN], data.test_images[:120])).reshape(-1, 64)
    labels = np.concatenate((data.train_labels[:TRAIN], data.test_labels[:120])).astype(np.int64)
    frames = (rng.random((len(images), STEPS, 64)) * 256 < images[:, None]).astype(np.uint8)
    net = torch.nn.Sequential(torch.nn.Linear(64, 32), snntorch.Leaky(beta=0.875), torch.nn.Linear(32, 10),
                              snntorch.Leaky(beta=0.875))
    adam, x = torch.optim.Adam(net.parameters(), 5e-3), torch.tensor(frames[:TRAIN]).float()
    for _ in range(8):
        for part in torch.randperm(TRAIN).split(50):
            one, two, counts = net[1].reset_mem(), net[3].reset_mem(), 0
            for t in range(STEPS):
                spikes, one = net[1](net[0](x[part, t]), one)
                spikes, two = net[3](net[2](spikes), two)
                counts = counts + spikes
            adam.zero_grad()
            torch.nn.functional.cross_entropy(counts / 2, torch.tensor(labels[part])).backward()
            adam.step()
    return *from_module(net, (64,)), Material(kept=Samples(frames=frames[TRAIN:], labels=labels[TRAIN:]),
                                              frames=frames[:TRAIN], labels=labels[:TRAIN], note="of digits")


@functools.cache
def pruned():
    graph, conventions, material = digits()
    return bring_compressed(graph, conventions, [compress.parse("osbc:sparsity=0.5,bits=0"),
                                                 compress.parse("inq:bits=4,portions=0.5/1")], material,
                            schedule=Schedule(epochs=4, batch=50))


def test_pruned_then_powers_of_two():
    """Half of the weights and 4 bits cost little; plain ternary rounding of the same graph costs more."""
    made = pruned()
    assert [stage.name for stage in made.stages] == ["float", "osbc:sparsity=0.5,bits=0", "inq:portions=0.5/1",
                                                     "integer"]
    weights = 64 * 32 + 32 * 10
    assert [stage.bits for stage in made.stages] == [32 * weights, 32 * weights, 4 * weights, 4 * weights]
    assert made.stages[0].nonzero == weights and made.stages[-1].nonzero <= weights // 2 + 1
    sets = [layer.synapses for layer in made.network.layers]
    assert sum(int(np.count_nonzero(one.weights)) for one in sets) == made.stages[-1].nonzero
    assert all(one.codebook.exponents == 4 for one in sets)
    close = made.closeness
    assert close.samples == 120 and close.accuracy_graph > 0.85
    assert close.accuracy_network > close.accuracy_graph - 0.06
    assert made.network.provenance["accuracy"] == {"float": close.accuracy_graph, "integer": close.accuracy_network}
    assert made.network.provenance["method"] == "import, then osbc:sparsity=0.5,bits=0 then inq:portions=0.5/1"
    assert made.assumptions[-1] == "of digits" and made.names == ("1", "3")
    assert made.network.provenance["split"] == {"train": 500, "calibration": 200, "validation": 100}


def test_the_model_began_as_the_graph_and_ends_as_the_network():
    made = pruned()
    assert all(layer.common == layer.graph == layer.network > 10 for layer in made.begin)
    frames = digits()[2].kept.frames
    assert made.level0 == exactness.compare(made.model, made.network, frames) and made.level0.mismatches == 0
    assert made.level0.compared_spikes == 120 * STEPS * 42
    first, *rest = made.network.layers
    moved = dataclasses.replace(first, neurons=dataclasses.replace(first.neurons, bias=first.neurons.bias + 1))
    wrong = dataclasses.replace(made.network, layers=(moved, *rest))
    assert exactness.compare(made.model, wrong, frames).mismatches > 100


def test_rtl_computes_it():
    from spikeloom.sim.verify import verify
    network = pruned().network
    assert [record.mismatches for record in verify(network, network.frames(digits()[2].kept.frames[:10]),
                                                   paths=("volume",))] == [0] * 2


def test_osbc_prunes_better_than_magnitudes():
    """Of 8 in 10 weights: closer to the graph's classes, on samples that neither saw, than by magnitudes alone."""
    graph, conventions, material = digits()
    agree = [bring_compressed(graph, conventions, [compress.make("osbc", sparsity=0.8, bits=0, hessian=kind)],
                              material).closeness.agree for kind in ("membrane", "identity")]
    assert agree[0] > agree[1] + 0.1


@pytest.fixture
def convolutional(chain):
    rng = np.random.default_rng(3)
    return chain(
        ("Input", {"shape": [1, 6, 6]}),
        ("Conv2d", {"dilation": [1, 1], "groups": 1, "weight": rng.normal(size=(3, 1, 3, 3)), "bias": np.zeros(3),
                    "stride": [1, 1], "padding": [1, 1], "input_shape": [6, 6]}),
        ("IF", {"r": np.ones((3, 6, 6)), "v_threshold": np.ones((3, 6, 6))}),
        ("SumPool2d", {"kernel_size": [2, 2], "stride": [2, 2], "padding": [0, 0]}),
        ("Flatten", {"start_dim": 0, "end_dim": -1}),
        ("Affine", {"weight": rng.normal(size=(4, 27)), "bias": np.ones(4)}),
        ("LIF", {"tau": np.full(4, 4e-4), "r": np.full(4, 4.0), "v_leak": np.zeros(4), "v_threshold": np.ones(4),
                 "v_reset": np.zeros(4)}), ("Output", {"shape": [4]}))


@pytest.fixture
def recurrent(chain):
    """Current-based neurons that lead back to themselves, and membranes that are read."""
    rng = np.random.default_rng(4)

    def cuba(count, **more):
        return {name: np.full(count, value) for name, value in
                {"tau_mem": 1e-3, "tau_syn": 3e-4, "r": 8.0, "v_leak": 0.0, "w_in": 3.0, **more}.items()}
    graph = chain(("Input", {"shape": [5]}), ("Affine", {"weight": rng.normal(size=(9, 5)), "bias": np.zeros(9)}),
                  ("CubaLIF", cuba(9, v_threshold=1.0)), ("Linear", {"weight": rng.normal(size=(9, 9)) / 2}),
                  ("Linear", {"weight": rng.normal(size=(4, 9))}), ("CubaLI", cuba(4)), ("Output", {"shape": [4]}),
                  more_edges=(("n2", "n4"),))
    edges = tuple(edge for edge in graph.edges if edge != ("n3", "n4")) + (("n3", "n2"),)
    return type(graph)(nodes=graph.nodes, edges=edges)


def seen(graph, count=36, steps=16, most=2):
    rng = np.random.default_rng(5)
    shape = (count, steps, *graph.only("Input")["shape"])
    frames = ((rng.random(shape) < 0.3) * rng.integers(1, most, shape)).astype(np.uint8)
    return Material(kept=Samples(frames=frames[30:]), frames=frames[:30], labels=None, note="random")


@pytest.mark.parametrize("kind", ["convolutional", "recurrent"])
@pytest.mark.parametrize("name", plugins.names("spikeloom.train.compress"))
def test_every_method_works_on_it(request, kind, name):
    """Pools, a convolution, graded inputs; current-based recurrent neurons: model and network agree on everything."""
    graph, method = request.getfixturevalue(kind), compress.make(name, **SMALL.get(name, {}))
    material = seen(graph, most=4 if kind == "convolutional" else 2)
    made = bring_compressed(graph, Conventions(reset="subtract"), [method], material, schedule=SHORT, seed=1)
    assert made.level0.mismatches == 0 and made.level0.samples == 6
    assert made.names == (("n2", None, "n6") if kind == "convolutional" else ("n2", "n5"))
    assert [stage.name for stage in made.stages][:2] == ["float", compress.write(method)]
    assert made.stages[0].validation == 1      # the labels are the graph's own classes
    assert "samples have the classes that the graph gives them" in made.assumptions
    told = f"{compress.write(method)} trains new weights: of the graph its layers, neurons and leaks are left"
    assert (told in made.assumptions) == (method.start == "initial")
    neurons = [layer.neurons for layer in made.network.layers if layer.neurons is not None]
    assert all(type(one.decay) is Decay for one in neurons)
    if kind == "recurrent":
        assert all(one.current_based and type(one.synaptic_decay) is Decay for one in neurons)
    else:
        assert made.network.input.bits == 2 and made.network.layers[1].synapses.pools


def test_what_no_method_quantizes_is_rounded(convolutional):
    material = seen(convolutional)
    made = bring_compressed(convolutional, Conventions(reset="subtract"), [compress.parse("osbc:bits=0,sparsity=0.5")],
                            material, options=Quantization(weights="integer:6", precision=5, readout="first-spike"))
    assert [stage.name for stage in made.stages][2:] == ["rounding", "integer"]
    assert made.network.layers[0].synapses.codebook.bits == 6 and made.network.readout == "first-spike"
    assert made.closeness.agree >= 0.5


def test_the_same_seed_the_same_network(recurrent):
    material = seen(recurrent)
    one, two = (bring_compressed(recurrent, Conventions(), [compress.parse("inq:bits=4,portions=0.5/1")], material,
                                 schedule=SHORT, seed=3).network.digest for _ in range(2))
    assert one == two


@pytest.mark.parametrize("kind", ["convolutional", "recurrent"])
def test_samples_that_do_not_run_together(request, kind, monkeypatch):
    """Whatever fits into memory, one sample at a time or all: the same network and the same stages."""
    graph = request.getfixturevalue(kind)

    def road():
        made = bring_compressed(graph, Conventions(reset="subtract"), [compress.parse("osbc:sparsity=0.4,bits=4")],
                                seen(graph))
        return made.network.digest, [(stage.validation, stage.nonzero) for stage in made.stages], made.level0, [
            pytest.approx(stage.rates, rel=1e-4) for stage in made.stages]
    together = road()
    monkeypatch.setattr("spikeloom.train.model.VALUES", 1)
    monkeypatch.setattr("spikeloom.train.hessian.VALUES", 1)
    apart = road()
    assert apart[:3] == together[:3]
    assert [rates.expected for rates in apart[3]] == together[3]


def test_widths_of_currents_are_measured(recurrent):
    """As wide as samples ask for: none is clipped, while two bits less clip; and finer for a leak's rounding."""
    made = bring_compressed(recurrent, Conventions(reset="subtract"), [], seen(recurrent))
    network, frames = made.network, seen(recurrent).frames
    first, last = network.layers

    def with_bits(change):
        neurons = dataclasses.replace(first.neurons, synaptic_bits=first.neurons.synaptic_bits + change)
        other = dataclasses.replace(network, layers=(dataclasses.replace(first, neurons=neurons), last))
        return simulate(other, frames, trace=True).membranes[0]
    membranes = with_bits(0)
    assert (with_bits(4) == membranes).all() and (with_bits(-2) != membranes).any()
    assert np.quantile(first.neurons.threshold, 0.05) >= 1 << 8 + 3     # 0.5 LSB of rounding / (1 - 0.9)
    plain = bring(recurrent, Conventions(reset="subtract"), samples=Samples(frames=frames)).network.layers[0]
    assert abs(first.synapses.codebook.fraction - plain.synapses.codebook.fraction) <= 1


def test_currents_are_what_arrives(recurrent):
    """Of neurons that remember nothing but what they owe: V is I less the threshold of a spike before."""
    model = bring_compressed(recurrent, Conventions(reset="subtract-late"), [], seen(recurrent)).model
    layer = model.layers[0]
    layer.config = dataclasses.replace(layer.config, neurons=dataclasses.replace(
        layer.config.neurons, decay=Decay(num=0), synaptic_decay=Decay(num=0)))
    with torch.no_grad():
        output = model(seen(recurrent).frames)
        spikes, threshold = output.spikes[0], layer.integers().threshold
        before = torch.cat([torch.zeros_like(spikes[:, :1]), spikes[:, :-1]], 1)
        assert before.any() and (before @ layer.integers().recurrent.T).any()
        assert torch.equal(layer.currents(output.inputs[0], spikes), output.membranes[0] + threshold * before)


def test_a_narrow_current_is_found_by_level_0(recurrent):
    made = bring_compressed(recurrent, Conventions(reset="subtract"), [], seen(recurrent))
    layer = made.model.layers[0]
    neurons = layer.config.neurons
    layer.config = dataclasses.replace(layer.config, neurons=dataclasses.replace(
        neurons, synaptic_bits=neurons.synaptic_bits - 3))
    frames = seen(recurrent).frames
    assert exactness.compare(made.model, made.network, frames).mismatches > 0
    assert exactness.compare(made.model, export(made.model), frames).mismatches == 0


def test_a_model_that_is_not_the_graph_is_refused(convolutional):
    conventions, frames = Conventions(reset="subtract"), seen(convolutional).frames
    real = lower(convolutional, conventions)
    names = tuple(layer.name for layer in real.layers)
    model = trainable(real, conventions, timesteps=16)
    assert all(layer.overlap == 1 for layer in module._begin(model, convolutional, conventions, names, frames[:4]))
    with torch.no_grad():
        model.layers[0].synapses.latent *= 1.5
    with pytest.raises(SpikeloomError,
                       match=r"^model must fire the spikes of the graph, not \d+\.\d% of those of 'n2'$"):
        module._begin(model, convolutional, conventions, names, frames[:4])


def test_refusals(convolutional):
    material, inq, ticket = seen(convolutional), compress.parse("inq"), compress.parse("ticket")
    with pytest.raises(SpikeloomError, match=r"^ticket must be the first method: it trains from new weights$"):
        bring_compressed(convolutional, Conventions(), [inq, ticket], material)
    wrong = dataclasses.replace(material, labels=np.full(30, 4), kept=Samples(
        frames=material.kept.frames, labels=np.zeros(6, int)))
    with pytest.raises(SpikeloomError, match=r"^labels must be from 0 to 3, as the graph has 4 outputs, not 4$"):
        bring_compressed(convolutional, Conventions(), [inq], wrong)
