import numpy as np
import pytest

from spikeloom.decay import Decay
from spikeloom.errors import SpikeloomError
from spikeloom.sim.reference import simulate
from spikeloom.train.importing import Conventions, Quantization, Samples, bring, floating, lower, quantize
from spikeloom.train.importing.quantize import decay, fit, nearest

BOOKS = ["integer:8", "integer:3", "pow2:4", "ternary", "binary"]


@pytest.mark.parametrize("text", BOOKS)
def test_steps_are_the_best_of_many(text):
    """By brute force over steps that `fit` did not try."""
    book, rng = Quantization(weights=text).book, np.random.default_rng(0)
    rows = rng.normal(size=(3, 40)) * np.array([[1e-3], [1], [50]])
    steps = fit(rows, book, together=False)
    for row, step in zip(rows, steps, strict=True):
        def error(s, row=row):
            return float(((nearest(row / s, book) * s - row) ** 2).sum())
        assert error(step) <= 1.1 * min(error(s) for s in step * np.geomspace(0.2, 5, 400))
    together = fit(rows, book, together=True)
    assert np.ptp(together) == 0
    assert fit(np.zeros((2, 3)), book, together=False).tolist() == fit(np.zeros((2, 3)), book, together=True).tolist()


def test_no_weight_moves_by_more_than_half_a_step():
    rows = np.random.default_rng(1).normal(size=(4, 30))
    book = Quantization(weights="integer:8").book
    step = fit(rows, book, together=False)[:, None]
    kept = abs(rows) <= 127 * step
    assert (abs(nearest(rows / step, book) * step - rows)[kept] <= step.repeat(30, 1)[kept] / 2 + 1e-12).all()


@pytest.mark.parametrize("kept, tolerance, expected", [
    (1.0, 0.01, Decay()),
    (0.0, 0.01, Decay(num=0, shift=0, rounding="nearest")),
    (0.75, 0.01, Decay(num=3, shift=2, rounding="nearest")),
    (0.96, 0.03, Decay(num=123, shift=7, rounding="nearest")),
    (0.96, 0.002, Decay(num=983, shift=10, rounding="nearest")),
    (1 - 2**-20, 1e-3, Decay()),
])
def test_leaks(kept, tolerance, expected):
    assert decay(kept, tolerance) == expected


def brought(graph, conventions, frames, **options):
    return bring(graph, conventions, samples=Samples(frames=frames), options=Quantization(**options))


def test_by_hand(chain):
    """A weight of 1 and a threshold of 2.5 at four bits: 7 LSB a spike in steps of 1/7, and 17.5 become 18."""
    graph = chain(("Input", {"shape": [1]}), ("Affine", {"weight": [[1.0]], "bias": [0.4]}),
                  ("IF", {"r": [1.0], "v_threshold": [2.5]}), ("Output", {"shape": [1]}))
    layer, = brought(graph, Conventions(), np.ones((1, 8, 1), int), weights="integer:4", precision=1).network.layers
    assert layer.synapses.weights.tolist() == [[7]] and layer.synapses.codebook.fraction == 0
    assert (layer.neurons.threshold.tolist(), layer.neurons.bias.tolist()) == ([18], [3])
    exact = chain(("Input", {"shape": [1]}), ("Linear", {"weight": [[1.0]]}),
                  ("IF", {"r": [1.0], "v_threshold": [2.0]}), ("Output", {"shape": [1]}))
    for fires, threshold in (("above", 15), ("at", 14)):
        layer, = brought(exact, Conventions(fires=fires), np.ones((1, 8, 1), int), weights="integer:4",
                         precision=1).network.layers
        assert layer.neurons.threshold.tolist() == [threshold]
    finer, = brought(exact, Conventions(), np.ones((1, 8, 1), int), weights="integer:4", precision=9).network.layers
    assert finer.synapses.codebook.fraction == 6 and finer.synapses.weights.tolist() == [[7 << 6]]
    assert finer.neurons.threshold.tolist() == [(14 << 6) + 1]


@pytest.mark.parametrize("text", BOOKS)
def test_weights_are_rounded_and_nothing_else(chain, text):
    """Against a graph whose weights are on the grid already: then every spike is the same."""
    rng, book = np.random.default_rng(2), Quantization(weights=text).book
    codes = nearest(rng.normal(size=(6, 5)) * 3, book)
    codes[:, 0] = nearest(np.full(6, 1e9), book)
    graph = chain(("Input", {"shape": [5]}), ("Linear", {"weight": codes * 0.25}),
                  ("IF", {"r": np.ones(6), "v_threshold": np.full(6, 1.125)}), ("Output", {"shape": [6]}))
    frames = rng.integers(0, 2, (2, 40, 5))
    made = brought(graph, Conventions(reset="subtract", fires="at"), frames, weights=text)
    assert made.closeness.layers[0].overlap == 1 and made.closeness.agree == 1
    weights = made.network.layers[0].synapses.weights
    np.testing.assert_array_equal(weights >> made.network.layers[0].synapses.codebook.fraction, codes)


def test_current_based_and_recurrent(chain):
    """16-bit weights and fine leaks are the graph itself, spike for spike; three bits are not."""
    rng = np.random.default_rng(4)
    values = {"tau_syn": np.full(8, 4e-4), "tau_mem": np.full(8, 8e-4), "r": np.full(8, 8.0), "v_leak": np.zeros(8),
              "v_threshold": rng.uniform(1, 2, 8), "w_in": np.full(8, 4.0)}
    graph = chain(("Input", {"shape": [5]}), ("Affine", {"weight": rng.normal(size=(8, 5)), "bias": np.full(8, 0.01)}),
                  ("CubaLIF", values), ("Linear", {"weight": rng.normal(size=(3, 8))}),
                  ("CubaLI", {k: v[:3] for k, v in values.items() if k != "v_threshold"}), ("Output", {"shape": [3]}),
                  ("Linear", {"weight": 5 * rng.normal(size=(8, 8))}), more_edges=[("n2", "n6"), ("n6", "n2")])
    graph = type(graph)(nodes=graph.nodes, edges=tuple(e for e in graph.edges if e != ("n5", "n6")))
    frames = rng.integers(0, 2, (3, 60, 5))
    for reset in ("zero", "subtract", "subtract-late"):
        made = brought(graph, Conventions(reset=reset), frames, weights="integer:16", leak=1e-5, precision=12)
        layer, last = made.network.layers
        assert made.closeness.layers[0].overlap > 0.99 and made.closeness.layers[0].graph > 100
        assert layer.neurons.current_based and layer.recurrent is not None and layer.neurons.reset == reset
        assert made.network.readout == "membrane-last" and not last.neurons.fires
        whole = simulate(made.network, frames, trace=True)
        real = floating.simulate(graph, Conventions(reset=reset), frames, trace=True)
        scale = np.abs(real.output).max() / np.abs(whole.membranes[1]).max()
        assert np.abs(whole.membranes[1][0, :20] * scale - real.output[0, :20]).max() < 0.05 * np.abs(real.output).max()
    coarse = brought(graph, Conventions(reset="zero"), frames, weights="integer:3").closeness
    assert coarse.layers[0].overlap < 0.95


def test_recurrent_weights_of_another_size(chain, lif):
    """Both matrices keep to the codebook, and to one LSB a neuron."""
    rng = np.random.default_rng(6)
    small, large = rng.choice([-0.5, 0.25], (4, 3)), rng.choice([-4.0, 8.0], (4, 4))
    graph = chain(("Input", {"shape": [3]}), ("Linear", {"weight": small}),
                  ("IF", {"r": np.ones(4), "v_threshold": np.ones(4)}), ("Linear", {"weight": large}),
                  ("Output", {"shape": [4]}), more_edges=[("n2", "n4"), ("n3", "n2")])
    graph = type(graph)(nodes=graph.nodes, edges=tuple(e for e in graph.edges if e != ("n3", "n4")))
    layer, = brought(graph, Conventions(), np.ones((1, 5, 3), int), weights="pow2:2").network.layers
    ratio = layer.recurrent.weights[:, :1] / large[:, :1]
    np.testing.assert_array_equal(layer.recurrent.weights, ratio * large)
    np.testing.assert_array_equal(layer.synapses.weights, ratio * small)
    assert layer.recurrent.codebook.fraction == layer.synapses.codebook.fraction + 4


def test_biases_take_up_what_rounding_moves(chain):
    """In the mean over the samples, and over a channel, nothing of what arrives is lost."""
    rng = np.random.default_rng(8)
    for parts, shape, count in (
            ([("Linear", {"weight": rng.normal(size=(4, 6))})], [6], 4),
            ([("SumPool2d", {"kernel_size": 2, "stride": 2, "padding": 0}),
              ("Conv2d", {"weight": rng.normal(size=(3, 2, 3, 3)), "bias": np.zeros(3), "stride": 1, "padding": 1,
                          "dilation": 1, "groups": 1})], [2, 4, 4], 12)):
        out = [count] if len(shape) == 1 else [3, 2, 2]
        graph = chain(("Input", {"shape": shape}), *parts,
                      ("IF", {"r": np.ones(out), "v_threshold": np.full(out, 3.0)}), ("Output", {"shape": out}))
        frames = (rng.random((2, 50, *shape)) < 0.3).astype(int)
        arriving = frames.reshape(100, -1)
        real = lower(graph, Conventions())
        calibration = floating.simulate(graph, Conventions(), frames)
        for correct in (True, False):
            network = quantize(real, Conventions(), calibration, timesteps=50,
                               options=Quantization(weights="ternary", precision=12, correct=correct))
            layer, exact = network.layers[-1], real.layers[0]
            lsb = exact.neurons.threshold / layer.neurons.threshold
            sums = []
            for x in arriving.astype(float):
                for pool in exact.pools:
                    x = pool.sums(x)
                whole = layer.synapses.weights
                weights = exact.weights
                rounded = type(weights)(values=whole.astype(float), input=weights.input, stride=weights.stride,
                                        padding=weights.padding, groups=weights.groups)
                sums.append((rounded.sums(x) + layer.neurons.bias) * lsb - exact.weights.sums(x))
            apart = np.abs(np.mean(sums, axis=0).reshape(out[0], -1).mean(1)).max()
            assert (apart < 2e-3) == correct, apart


def test_membranes_hold_what_was_seen(chain):
    graph = chain(("Input", {"shape": [2]}), ("Linear", {"weight": [[1.0, -100.0]]}),
                  ("IF", {"r": [1.0], "v_threshold": [1.0]}), ("Output", {"shape": [1]}))
    frames = np.ones((1, 30, 2), int)
    neurons = brought(graph, Conventions(), frames, precision=1).network.layers[0].neurons
    lowest = 30 * 99 / (1.0 / (neurons.threshold[0] - 1))
    assert lowest * 1.4 < 2 ** (neurons.membrane_bits - 1) <= lowest * 4.1


@pytest.mark.parametrize("options, message", [
    ({"weights": "integer"}, "weights must be integer:BITS, pow2:EXPONENTS, ternary or binary, not 'integer'"),
    ({"weights": "ternary:2"}, "weights must be integer:BITS, pow2:EXPONENTS, ternary or binary, not 'ternary:2'"),
    ({"weights": "float:8"}, "weights must be integer:BITS, pow2:EXPONENTS, ternary or binary, not 'float:8'"),
    ({"weights": "integer:x"}, "weights must be integer:BITS, pow2:EXPONENTS, ternary or binary, not 'integer:x'"),
    ({"weights": "integer:99"}, "integer codebook bits must be an integer from 2 to 16, not 99"),
    ({"precision": 0}, "precision must be an integer from 1 to 16, not 0"),
    ({"leak": 0}, "leak must be a part between 0 and 1, not 0"),
    ({"readout": "mean"}, "readout must be one of count, first-spike, membrane-last, membrane-max, membrane-sum, not "
                          "'mean'"),
])
def test_options(options, message):
    with pytest.raises(SpikeloomError) as caught:
        Quantization(**options)
    assert str(caught.value) == message


def test_readouts_fit_the_last_layer(chain, lif):
    graph = chain(("Input", {"shape": [1]}), lif(1), ("Output", {"shape": [1]}))
    with pytest.raises(SpikeloomError) as caught:
        brought(graph, Conventions(), np.ones((1, 3, 1), int), readout="membrane-sum")
    assert str(caught.value) == "readout must be count or first-spike: 'n1' fires, not 'membrane-sum'"
    made = brought(graph, Conventions(), np.ones((1, 3, 1), int), readout="first-spike")
    assert made.network.readout == "first-spike"


def test_channels_share_their_weights(chain):
    r = np.ones((1, 2, 2))
    r[0, 0, 0] = 2
    graph = chain(("Input", {"shape": [1, 2, 2]}), ("Conv2d", {"weight": np.ones((1, 1, 1, 1)), "bias": [0.0],
                                                               "stride": 1, "padding": 0, "dilation": 1, "groups": 1}),
                  ("IF", {"r": r, "v_threshold": np.ones((1, 2, 2))}), ("Output", {"shape": [1, 2, 2]}))
    with pytest.raises(SpikeloomError) as caught:
        brought(graph, Conventions(), np.ones((1, 3, 1, 2, 2), int))
    assert str(caught.value) == ("layer 'n2': neurons of a channel must have one gain, from r and tau: they share "
                                 "their weights")


def test_a_leak_wants_finer_steps(chain, lif):
    """Of 0.5 LSB a timestep that rounding adds, 1 / (1 - 0.96) = 25 are held at once: 12.5 LSB."""
    for tau, finer in ((2.5e-3, 12.5), (1e-4, 1)):
        graph = chain(("Input", {"shape": [1]}), lif(1, tau=tau), ("Output", {"shape": [1]}))
        layer, = brought(graph, Conventions(), np.ones((1, 9, 1), int), precision=8).network.layers
        assert finer <= layer.neurons.threshold[0] / 2**8 < 2 * finer + 0.01
