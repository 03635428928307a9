"""The contract refuses what it does not admit, word for word, and cannot be changed afterwards."""

import dataclasses
import re

import numpy as np
import pytest

from spikeloom import Dense, Input, Layer, Lif, SpikeloomError, codebooks, encoders

BINARY = codebooks.make("binary")


def readout(inputs: int, **changes) -> Layer:
    return Layer(synapses=Dense(weights=np.ones((2, inputs), int), codebook=BINARY),
                 neurons=Lif(**({"neurons": 2, "threshold": None} | changes)))


@pytest.mark.parametrize(("make", "message"), [
    (lambda: Input(shape=[3]), "input shape must be a tuple of 1 to 8 integers, not [3]"),
    (lambda: Input(shape=(0,)), "input shape must be an integer from 1 to 65536, not 0"),
    (lambda: Input(shape=(3,), bits=17), "input bits must be an integer from 1 to 16, not 17"),
    (lambda: Input(shape=(3,), bits=1, signed=True), "input bits must be an integer from 2 to 16, not 1"),
    (lambda: Dense(weights=np.ones((2, 3)), codebook=BINARY),
     "weights must be integers (outputs, inputs), not float64 (2, 3)"),
    (lambda: Dense(weights=np.zeros((2, 3), int), codebook=BINARY),
     "binary weights must be -1 or +1 times 1, not hold 0"),
    (lambda: Lif(neurons=2, threshold=0), "threshold must lie within 1 to 32768, not hold 0"),
    (lambda: Lif(neurons=2, threshold=[1, 2, 3]), "threshold must have shape (2,), not (3,)"),
    (lambda: Lif(neurons=2, threshold=1.5), "threshold must hold integers, not float64"),
    (lambda: Lif(neurons=2, threshold=9, membrane_bits=4), "threshold must lie within 1 to 8, not hold 9"),
    (lambda: Lif(neurons=2, threshold=1, membrane_bits=1), "membrane bits must be an integer from 2 to 32, not 1"),
    (lambda: Lif(neurons=2, threshold=1, floor=1), "floor must be an integer from -32768 to 0, not 1"),
    (lambda: Lif(neurons=2, threshold=1, floor=0, v_reset=-1), "v_reset must be an integer from 0 to 32767, not -1"),
    (lambda: Lif(neurons=2, threshold=1, reset="subtract", v_reset=1),
     "v_reset must be 0 with reset 'subtract', not 1"),
    (lambda: Lif(neurons=2, threshold=1, reset="hard"),
     "reset must be one of zero, subtract, subtract-late, not 'hard'"),
    (lambda: Lif(neurons=2, threshold=1, refractory=-1), "refractory must be an integer from 0 to 255, not -1"),
    (lambda: Lif(neurons=2, threshold=None, refractory=1),
     "readout neurons must have reset 'zero' and no refractory time: they never fire"),
    (lambda: Lif(neurons=2, threshold=1, decay=0.9), "decay must be a Decay, not 0.9"),
    (lambda: readout(3, neurons=3), "neurons must be as many as the synapses have outputs, 2, not 3"),
    (lambda: dataclasses.replace(readout(3), delay=256), "delay must be an integer from 0 to 255, not 256"),
])
def test_parts_name_what_is_wrong(make, message):
    with pytest.raises(SpikeloomError, match=f"^{re.escape(message)}$"):
        make()


@pytest.mark.parametrize(("changes", "message"), [
    ({"timesteps": 0}, "timesteps must be an integer from 1 to 4096, not 0"),
    ({"readout": "argmax"}, "readout must be one of count, first-spike, membrane-last, membrane-max, membrane-sum, "
                            "not 'argmax'"),
    ({"readout": "count"}, "the last layer must fire for readout 'count'"),
    ({"layers": ()}, "layers must be a tuple of 1 to 64 layers"),
    ({"layers": (readout(63),)}, "layer 0 weights must have 64 inputs, not 63"),
    ({"layers": (readout(64), readout(2))}, "layer 0 must fire: only the last layer may be a readout layer"),
    ({"layers": (dataclasses.replace(readout(64), delay=1),), "labels": ()},
     "the last layer's delay must be 0, not 1: no layer comes after it"),
    ({"layers": (readout(64, bias=(1 << 31) - 1),), "labels": ()},
     "layer 0 current must lie within +-2147483647, not reach 2147483647 .. 2147484607"),
    ({"labels": ("a",)}, "labels must be one for each of 10 outputs, not 1"),
    ({"labels": ["a"]}, "labels must be a tuple of strings of at most 100 characters, not ['a']"),
    ({"provenance": {"a": float("nan")}}, None),
    ({"provenance": {"a": {1, 2}}}, None),
    ({"encoder": encoders.make("rate"), "input": Input(shape=(8, 8), bits=4, signed=True)},
     "rate encoder input must be unsigned, not signed"),
])
def test_networks_name_what_is_wrong(small, changes, message):
    with pytest.raises(SpikeloomError, match=f"^{re.escape(message)}$" if message else "^provenance must be JSON"):
        small(**changes)


def test_nothing_can_be_changed(small):
    network = small()
    with pytest.raises(dataclasses.FrozenInstanceError):
        network.timesteps = 5
    with pytest.raises(ValueError, match="read-only"):
        network.layers[0].synapses.weights[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        network.layers[0].neurons.bias[0] = 1


def test_equality_and_digest(small):
    assert small() == small()
    assert hash(small()) == hash(small())
    assert small() != small(timesteps=5)
    assert small(labels=()) != small()
    assert small(labels=(), provenance={}).digest == small().digest
    assert len({small(timesteps=t).digest for t in range(1, 9)}) == 8


def test_digest_sees_every_weight_bias_and_threshold(small):
    network, seen = small(), set()
    hidden, output = network.layers
    for row, column in np.ndindex(3, 3):
        weights = hidden.synapses.weights.copy()
        weights[row, column] *= -1
        changed = dataclasses.replace(hidden, synapses=Dense(weights=weights, codebook=BINARY))
        seen.add(small(layers=(changed, output)).digest)
    for field in ("bias", "threshold"):
        values = getattr(hidden.neurons, field) + (np.arange(20) == 3)
        neurons = dataclasses.replace(hidden.neurons, **{field: values})
        seen.add(small(layers=(dataclasses.replace(hidden, neurons=neurons), output)).digest)
    assert len(seen | {network.digest}) == 12


def test_current_range_is_reached_and_never_passed(small):
    layer = small().layers[0]
    low, high = layer.current_range((0, 15))
    weights, bias = layer.synapses.weights, layer.neurons.bias
    most = [(row @ np.where(row > 0, 15, 0), row @ np.where(row < 0, 15, 0)) for row in weights]
    assert low <= min(m[1] + b for m, b in zip(most, bias, strict=True))
    assert high >= max(m[0] + b for m, b in zip(most, bias, strict=True))
    sums = layer.sum_range((0, 15))
    assert sums == (min(m[1] for m in most), max(m[0] for m in most))


def test_frames_are_checked_and_reshaped(small):
    network = small()
    assert network.frames(np.ones((3, 8, 8), int)).shape == (3, 64)
    assert network.frames(np.ones((0, 64), int)).shape == (0, 64)
    assert small(encoder=None).frames(np.ones((2, 4, 8, 8), int)).shape == (2, 4, 64)
    for values, message in [
        (np.full((1, 64), 16), "input values must lie within 0 to 15, not hold 16"),
        (np.full((1, 64), -1), "input values must lie within 0 to 15, not hold -1"),
        (np.ones((1, 63), int), "input must have shape (batch, 64), not (1, 63)"),
        (np.ones(64, int), "input must have shape (batch, 64), not (64,)"),
        (np.ones((1, 64)), "input values must be integers, not float64"),
    ]:
        with pytest.raises(SpikeloomError, match=f"^{re.escape(message)}$"):
            network.frames(values)
