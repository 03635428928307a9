import dataclasses

import numpy as np
import pytest

from spikeloom import Decay, Dense, Input, Layer, Lif, Network, Residual, codebooks
from spikeloom.errors import FileError, SpikeloomError
from spikeloom.sim.random_maps import random_conv_network
from spikeloom.sim.random_networks import random_network
from spikeloom.sim.reference import simulate
from spikeloom.synapses.conv import Conv
from spikeloom.synapses.max_pool import MaxPool
from spikeloom.synapses.sum_pool import SumPool
from spikeloom.train.exporting import to_nir, write_nir
from spikeloom.train.importing import Conventions, Samples, bring, floating, read, restore

nir = pytest.importorskip("nir")
BOOK = codebooks.make("integer", bits=5)


def mixed(reset: str, *, leak: Decay | None = None, held: Decay | None = None) -> Network:
    """A convolution, a pool, a recurrent layer, a delay, a residual and membranes to be read."""
    rng = np.random.default_rng(3)

    def weights(*shape):
        return rng.integers(-7, 9, shape)

    def lif(count, **more):
        own = {} if held is None else {"synaptic_decay": held, "synaptic_bits": 30}
        return Lif(neurons=count, decay=leak or Decay(), membrane_bits=30, bias=int(rng.integers(0, 3)),
                   **({"threshold": rng.integers(8, 20, count), "reset": reset} | own | more))
    return Network(input=Input(shape=(2, 6, 6)), timesteps=15, readout="membrane-max", labels=("a", "b", "c"), layers=(
        Layer(synapses=Conv(weights=weights(3, 2, 3, 3), codebook=BOOK, input=(2, 6, 6), padding=1), neurons=lif(108)),
        Layer(synapses=SumPool(input=(3, 6, 6), kernel=3), neurons=None),
        Layer(synapses=Dense(weights=weights(10, 12), codebook=BOOK), neurons=lif(10), delay=2,
              recurrent=Dense(weights=weights(10, 10), codebook=BOOK)),
        Layer(synapses=Dense(weights=weights(10, 10), codebook=BOOK), neurons=lif(10)),
        Layer(synapses=Dense(weights=weights(10, 10), codebook=BOOK), neurons=lif(10),
              residual=Residual(source=2, weight=-4)),
        Layer(synapses=Dense(weights=weights(3, 10), codebook=BOOK), neurons=lif(3, threshold=None, reset="zero"))))


def frames(network: Network) -> np.ndarray:
    return (np.random.default_rng(1).random((3, network.timesteps, *network.input.shape)) < 0.4).astype(int)


@pytest.mark.parametrize("reset", ["zero", "subtract", "subtract-late"])
def test_the_graph_says_what_the_network_does(tmp_path, reset):
    """Without a leak nothing is rounded: the graph over the reals has each spike and each membrane of the integers."""
    network = mixed(reset)
    graph = read(write_nir(network, tmp_path / "x.nir"))
    real = floating.simulate(graph, Conventions(dt=1.0, reset=reset, fires="at"), frames(network), trace=True)
    whole = simulate(network, frames(network).reshape(3, 15, -1), trace=True)
    for k, layer in enumerate(network.layers):
        if layer.neurons is not None and layer.fires:
            np.testing.assert_array_equal(real.spikes[f"n{k}"], whole.spikes[k], err_msg=str(k))
            assert 0.02 < whole.spikes[k].mean() < 0.98
    np.testing.assert_array_equal(real.output, whole.membranes[-1])
    if reset == "zero":
        above = floating.simulate(graph, Conventions(dt=1.0), frames(network))
        np.testing.assert_array_equal(above.output, real.output)


@pytest.mark.parametrize("held", [None, Decay(num=1, shift=1, rounding="nearest")])
def test_leaks_are_the_graph_s_but_for_rounding(tmp_path, held):
    network = mixed("zero", leak=Decay(num=7, shift=3, rounding="nearest"), held=held)
    graph = read(write_nir(network, tmp_path / "x.nir"))
    assert {node.kind for node in graph.nodes if node.neurons} == (
        {"LIF", "LI"} if held is None else {"CubaLIF", "CubaLI"})
    real = floating.simulate(graph, Conventions(dt=1.0, fires="at"), frames(network), trace=True)
    whole = simulate(network, frames(network).reshape(3, 15, -1), trace=True)
    both, either = (real.spikes["n0"] & whole.spikes[0]).sum(), (real.spikes["n0"] | whole.spikes[0]).sum()
    assert either > 100 and both / either > 0.8


def test_the_same_network_again(tmp_path):
    for network in (mixed("subtract"), mixed("zero", leak=Decay.shift_leak(3), held=Decay(num=3, shift=2))):
        path = write_nir(network, tmp_path / "x.nir")
        assert nir.read(path).nodes.keys() >= {"w0", "n0", "w1", "f2", "w2", "n2", "r2", "d2", "s4", "output"}
        again = restore(read(path))
        assert again.digest == network.digest and again.labels == network.labels


def test_whatever_nir_has_comes_back(tmp_path):
    """Random networks: the same again, or refused for a reason that NIR gives."""
    refused = same = 0
    for draw in (random_network, random_conv_network):
        for seed in range(20):
            network = draw(seed)
            try:
                path = write_nir(network, tmp_path / "x.nir")
            except SpikeloomError as error:
                assert "NIR" in str(error), seed
                refused += 1
                continue
            assert restore(read(path)).digest == network.digest, seed
            same += 1
    assert same >= 10 and refused > 3


def test_a_graph_is_imported_without_its_settings(tmp_path):
    network = mixed("subtract")
    network = dataclasses.replace(network, layers=(*network.layers[:4], network.layers[5]))
    graph = read(write_nir(network, tmp_path / "x.nir"))
    bare = type(graph)(nodes=graph.nodes, edges=graph.edges)
    assert restore(bare) is None
    made = bring(bare, Conventions(dt=1.0, reset="subtract", fires="at"), samples=Samples(frames=frames(network)))
    assert made.names == ("n0", None, "n2", "n3", "n4") and made.network.layers[2].delay == 2
    # Integers often are at their thresholds exactly, and weights in other steps just miss them.
    assert min(layer.overlap for layer in made.closeness.layers) > 0.5


def test_changed_graphs(tmp_path):
    network = mixed("subtract")
    graph = read(write_nir(network, tmp_path / "x.nir"))

    def changed(name: str, value: object, metadata=graph.metadata):
        nodes = tuple(dataclasses.replace(node, values={**node.values, name: value}) if node.name == "w0" else node
                      for node in graph.nodes)
        return type(graph)(nodes=nodes, edges=graph.edges, metadata=metadata)
    for one, message in (
            (changed("weight", -graph["w0"]["weight"]), "graph must be as it was written, of digest "),
            (changed("weight", graph["w0"]["weight"] + 0.5),
             "settings in the graph's metadata must fit the graph, but Conv2d 'w0' weight must be whole numbers"),
            (changed("weight", graph["w0"]["weight"] * 9),
             "settings in the graph's metadata must fit the graph, but integer weights must lie within"),
            (changed("stride", np.array([1, 1]), {"spikeloom": "{}"}),
             "settings in the graph's metadata must be Spikeloom's, but KeyError("),
            (changed("stride", np.array([1, 1]), {"spikeloom": "x"}),
             "settings in the graph's metadata must be Spikeloom's, but JSONDecodeError(")):
        with pytest.raises(SpikeloomError) as caught:
            restore(one)
        assert str(caught.value).startswith(message)


def one_layer(**changes) -> Network:
    values = {"input": Input(shape=(4,)), "readout": "count", "timesteps": 2}
    neurons = Lif(**({"neurons": 4, "threshold": 3, "membrane_bits": 8} | changes))
    return Network(**values, layers=(Layer(synapses=Dense(weights=np.eye(4, dtype=int), codebook=BOOK),
                                           neurons=neurons),))


def test_what_nir_has_no_node_for(tmp_path):
    pool = Layer(synapses=MaxPool(input=(1, 2, 2), kernel=1), neurons=None)
    line = Layer(synapses=SumPool(input=(1, 4), kernel=1), neurons=None)
    layer = one_layer().layers[0]
    conv = Layer(synapses=Conv(weights=np.ones((1, 1, 1, 1), int), codebook=BOOK, input=(1, 2, 2)),
                 neurons=dataclasses.replace(layer.neurons, bias=np.arange(4)))
    for network, message in (
            (one_layer(refractory=1), "layer 0 refractory time must be 0: NIR's neurons have none"),
            (one_layer(synaptic_decay=Decay()), "layer 0 decays must leak: NIR's current-based neurons do"),
            (dataclasses.replace(one_layer(), layers=(pool, layer)),
             "layer 0 must be synapses that NIR has, not MaxPool over 2 dimensions"),
            (dataclasses.replace(one_layer(), layers=(line, layer)),
             "layer 0 must be synapses that NIR has, not SumPool over 1 dimensions"),
            (dataclasses.replace(one_layer(), layers=(conv, layer)),
             "layer 0 bias must be one a channel: NIR's convolutions have no other"),
            (dataclasses.replace(one_layer(), layers=(layer, dataclasses.replace(conv, neurons=layer.neurons), layer)),
             "layer 1 must see (1, 2, 2), not what layer 0 sends, (4,): NIR only flattens")):
        with pytest.raises(SpikeloomError) as caught:
            to_nir(network)
        assert str(caught.value) == message
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="x.nir must be writable, but .* is a file and no folder$"):
        write_nir(one_layer(), tmp_path / "file" / "x.nir")

