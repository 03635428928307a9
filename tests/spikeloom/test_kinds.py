"""Convolution, pooling, recurrence, residuals and current-based neurons in the contract and in its file."""

import dataclasses
import hashlib
import json
import re

import numpy as np
import pytest

from spikeloom import (
    Conv,
    Decay,
    Dense,
    FileError,
    Input,
    Layer,
    Lif,
    MaxPool,
    Network,
    Residual,
    SpikeloomError,
    SumPool,
    codebooks,
    neurons,
    qsnn,
    synapses,
)

BOOK = codebooks.make("ternary")


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, int)


def conv(**change) -> Conv:
    parameters = {"weights": ones(4, 1, 3, 3), "codebook": BOOK, "input": (2, 8, 6), "stride": (2, 1), "padding": 1,
                  "groups": 2}
    return Conv(**{**parameters, **change})


def lif(count: int, **change) -> Lif:
    return Lif(**{"neurons": count, "threshold": 5, **change})


def whole(**change) -> Network:
    """Every kind of synapse, and all that a layer can remember."""
    first = conv()
    pool = SumPool(input=first.output, kernel=2)
    ors = MaxPool(input=first.output, kernel=(2, 3), stride=1)
    hidden = lif(first.outputs, synaptic_decay=Decay.shift_leak(2), synaptic_bits=9)
    last = Dense(weights=ones(3, ors.outputs), codebook=BOOK)
    again = Conv(weights=ones(4, 4, 1, 1), codebook=BOOK, input=first.output)
    layers = (
        Layer(synapses=first, neurons=hidden),
        Layer(synapses=again, neurons=lif(again.outputs), delay=2),
        Layer(synapses=again, neurons=lif(again.outputs), residual=Residual(source=0, weight=-4)),
        Layer(synapses=ors, neurons=None),
        Layer(synapses=last, neurons=lif(3), recurrent=Dense(weights=ones(3, 3), codebook=BOOK)),
    )
    assert pool.outputs == 4 * 2 * 3
    fields = {"input": Input(shape=(2, 8, 6), bits=2), "layers": layers, "readout": "count", "timesteps": 3}
    return Network(**{**fields, **change})


def test_shapes():
    assert conv().output == (4, 4, 6) and conv().outputs == 96 and conv().inputs == 96 and conv().kernel == (3, 3)
    line = Conv(weights=ones(2, 3, 4), codebook=BOOK, input=(3, 11), stride=3)
    assert line.output == (2, 3) and line.stride == (3,) and line.padding == (0,)
    assert SumPool(input=(2, 7), kernel=2).output == (2, 3)
    assert MaxPool(input=(2, 7, 5), kernel=3, stride=(2, 1)).output == (2, 3, 3)


def test_ranges():
    assert conv().sum_range((0, 3)) == (0, 27)
    assert SumPool(input=(1, 4, 4), kernel=2).sum_range((-1, 3)) == (-4, 12)
    network = whole()
    assert network.sum_range(2) == (-4, 4) and network.skipped_range(2) == (0, 1)
    assert network.output_range(3) == (0, 1) and network.sum_range(4) == (0, network.layers[3].size + 3)
    pooled = whole(input=Input(shape=(2, 8, 6), bits=3), layers=(
        Layer(synapses=SumPool(input=(2, 8, 6), kernel=2), neurons=None),
        Layer(synapses=Dense(weights=ones(2, 24), codebook=BOOK), neurons=lif(2))))
    assert pooled.presynaptic_range(1) == (0, 28) and pooled.state_bits(0) == 6 and pooled.state_bits(1) == 16


def test_files_hold_it_all():
    network = whole()
    data = qsnn.pack(network)
    assert data[4:6] == b"\2\0"
    again = qsnn.unpack(data)
    assert again == network and qsnn.pack(again) == data and again.digest == network.digest
    assert again.layers[0].synapses.stride == (2, 1) and again.layers[0].neurons.synaptic_decay == Decay.shift_leak(2)
    assert again.layers[2].residual == Residual(source=0, weight=-4) and again.layers[3].neurons is None


def test_what_version_1_knows_is_written_as_version_1():
    layer = Layer(synapses=Dense(weights=ones(2, 96), codebook=BOOK), neurons=lif(2))
    assert qsnn.pack(whole(layers=(layer,)))[4:6] == b"\1\0"
    recurrent = dataclasses.replace(layer, recurrent=Dense(weights=ones(2, 2), codebook=BOOK))
    assert qsnn.pack(whole(layers=(recurrent,)))[4:6] == b"\2\0"


@pytest.mark.parametrize("change", [
    {"stride": -1}, {"groups": "2"}, {"input": [2, 8]}, {"shape": [4, 1, 3, 1 << 20]}, {"shape": [4]},
    {"kind": "os"}, {"kind": "__init__"}, {"kind": None}, {"stride": {"a": 1}}, {"padding": [9, 9]}, {"extra": 1},
])
def test_hostile_files_get_one_line(change):
    data = qsnn.pack(whole())
    size = int.from_bytes(data[6:10], "little")
    header = json.loads(data[10:10 + size])
    header["layers"][0]["synapses"].update(change)
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    body = data[:6] + len(text).to_bytes(4, "little") + text + data[10 + size:-32]
    with pytest.raises(SpikeloomError) as error:
        qsnn.unpack(body + hashlib.sha256(body).digest())
    assert "\n" not in str(error.value)
    assert not isinstance(error.value, FileError) or "checksum" not in str(error.value)


def dense_layer(**change) -> Layer:
    return Layer(**{"synapses": Dense(weights=ones(2, 96), codebook=BOOK), "neurons": lif(2), **change})


@pytest.mark.parametrize("make, message", [
    (lambda: conv(input=(2, 8, 6, 4)), "synapses input must be (channels, length) or (channels, height, width), "
                                       "not (2, 8, 6, 4)"),
    (lambda: conv(groups=3), "groups must be an integer from 1 to 2, not 3"),
    (lambda: conv(groups=1), "weights must have 2 channels in a group, not 1"),
    (lambda: conv(weights=ones(3, 1, 3, 3)), "channels out must be a multiple of 2 groups, not 3"),
    (lambda: conv(padding=3), "padding must be less than the kernel (3, 3), not (3, 3)"),
    (lambda: conv(stride=0), "stride must be an integer from 1 to 65536, not 0"),
    (lambda: conv(weights=ones(4, 1, 11, 3)), "kernel must fit the padded input, 10 long, not be 11"),
    (lambda: SumPool(input=(1, 4), kernel=5), "kernel must fit the padded input, 4 long, not be 5"),
    (lambda: MaxPool(input=(1, 4), kernel=2).sum_range((0, 2)), "max pooling must see spikes, not values from 0 to 2"),
    (lambda: Residual(source=0, weight=3), "residual weight must be a power of two, or minus one, not 3"),
    (lambda: dense_layer(synapses=SumPool(input=(2, 48), kernel=48)),
     "a pooling layer must have no neurons, no recurrent synapses and no residual"),
    (lambda: dense_layer(recurrent=Dense(weights=ones(2, 3), codebook=BOOK)),
     "recurrent weights must have shape (2, 2), not (2, 3)"),
    (lambda: dense_layer(neurons=lif(2, threshold=None), recurrent=Dense(weights=ones(2, 2), codebook=BOOK)),
     "recurrent synapses must be in a layer that fires"),
    (lambda: dense_layer(synapses=object()), "synapses must be one of conv, dense, max_pool, sum_pool, not object"),
    (lambda: lif(2, synaptic_bits=9), "synaptic bits must be 16 without a synaptic decay, not 9"),
    (lambda: whole(layers=whole().layers[:4]), "the last layer must have neurons, not pool"),
    (lambda: whole(layers=(*whole().layers[:2], dataclasses.replace(
        whole().layers[2], residual=Residual(source=1)))),
     "layer 2 residual source must be a layer before layer 1, not layer 1"),
    (lambda: whole(layers=(*whole().layers[:4], dataclasses.replace(
        whole().layers[4], residual=Residual(source=0)))), "layer 4 residual source must have 3 neurons, not 96"),
])
def test_errors_name_what_is_wrong(make, message):
    with pytest.raises(SpikeloomError, match=f"^{re.escape(message)}$"):
        make()


def test_kinds_are_found_by_name():
    assert synapses.names() == ["conv", "dense", "max_pool", "sum_pool"] and neurons.names() == ["alif", "lif"]
    assert synapses.kind(conv()) == "conv" and synapses.load("max_pool") is MaxPool and neurons.load("lif") is Lif
