"""The file: whole, the same twice, and safe against whatever a stranger put into it."""

import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeloom import Dense, FileError, Input, Layer, Lif, Network, codebooks, load, qsnn, save


def sealed(body: bytes) -> bytes:
    return body + hashlib.sha256(body).digest()


def rewritten(data: bytes, change) -> bytes:
    """A file whose header `change` has edited, with lengths and checksum put right again."""
    size = int.from_bytes(data[6:10], "little")
    header = json.loads(data[10:10 + size])
    changed = change(header)
    text = json.dumps(header if changed is None else changed).encode()
    return sealed(data[:6] + len(text).to_bytes(4, "little") + text + data[10 + size:-32])


def test_there_and_back_and_the_same_twice(small, tmp_path):
    network = small()
    first, second = save(network, tmp_path / "a.qsnn"), save(load(tmp_path / "a.qsnn"), tmp_path / "b.qsnn")
    assert first.read_bytes() == second.read_bytes()
    assert load(second) == network
    assert np.array_equal(load(second).layers[1].synapses.weights, network.layers[1].synapses.weights)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.qsnn", "b.qsnn"]


def test_the_largest_numbers_of_neurons_come_back():
    top = 1 << 31
    neurons = Lif(neurons=2, threshold=np.array([top, 1]), membrane_bits=32, bias=np.array([2 - top, top - 2]))
    layer = Layer(synapses=Dense(weights=np.ones((2, 1), int), codebook=codebooks.make("binary")), neurons=neurons)
    network = Network(input=Input(shape=(1,)), readout="count", timesteps=1, layers=(layer,))
    assert qsnn.unpack(qsnn.pack(network)) == network


def test_binary_weights_take_one_bit(small):
    network = small(provenance={}, labels=())
    header = len(qsnn.pack(network)) - 20 * 64 // 8 - 10 * 20 * 3 // 8 - 2 * 4 * 20
    assert 0 < header < 1200


def test_every_cut_is_refused(small):
    data = qsnn.pack(small())
    for size in range(len(data)):
        with pytest.raises(FileError):
            qsnn.unpack(data[:size])
    with pytest.raises(FileError, match="^checksum must match"):
        qsnn.unpack(data + b"x")


def test_every_flipped_byte_is_refused(small):
    data = bytearray(qsnn.pack(small()))
    for k in range(len(data)):
        data[k] ^= 0x41
        with pytest.raises(FileError):
            qsnn.unpack(bytes(data))
        data[k] ^= 0x41
    assert qsnn.unpack(bytes(data)) == small()


def test_messages(small, tmp_path):
    data = qsnn.pack(small())
    older, newer = (data[:4] + version.to_bytes(2, "little") + data[6:] for version in (0, 3))
    for bad, message in [
        (b"PK\x03\x04", "not a .qsnn file$"),
        (b"\x89HDF\r\n", "not a .qsnn file; `spikeloom import` makes one of a NIR graph$"),
        (older, "^format version must be 1 to 2, not 0$"),
        (newer, "^format version must be 1 to 2, not 3: a newer Spikeloom wrote this file$"),
        (data[:60], "^file must be whole, not cut short at 60 bytes$"),
        (data[:-40] + b"\0" + data[-39:], "^checksum must match: the file was cut short, damaged or edited$"),
    ]:
        with pytest.raises(FileError, match=message):
            qsnn.unpack(bad)
    with pytest.raises(FileError, match="missing.qsnn must be a readable file, but No such file or directory$"):
        load(tmp_path / "missing.qsnn")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="a.qsnn must be writable, but .* is a file and no folder$"):
        save(small(), tmp_path / "file" / "a.qsnn")


def _set(*path, value):
    def change(header):
        for key in path[:-1]:
            header = header[key]
        header[path[-1]] = value
    return change


@pytest.mark.parametrize("change", [
    _set("extra", value=1),
    _set("layers", value={}),
    _set("layers", value=[]),
    _set("timesteps", value=1e3),
    _set("timesteps", value=10**30),
    _set("readout", value=["count"]),
    _set("labels", value=[1]),
    _set("encoder", value={"kind": "../../os"}),
    _set("encoder", value={"kind": "direct", "self": 1}),
    _set("encoder", value={"level": 1}),
    _set("input", "shape", value=[1 << 40, 1 << 40]),
    _set("input", "shape", value=[[8], 8]),
    _set("input", "bits", value=True),
    _set("layers", 0, "synapses", "kind", value="conv"),
    _set("layers", 0, "synapses", "shape", value=[65536, 65536]),
    _set("layers", 0, "synapses", "shape", value=[-20, -64]),
    _set("layers", 0, "synapses", "shape", value=[20, True]),
    _set("layers", 0, "synapses", "codebook", value={"kind": "pow2", "exponents": 10**9}),
    _set("layers", 0, "synapses", "codebook", value={"kind": "__init__"}),
    _set("layers", 0, "neurons", "neurons", value=10**9),
    _set("layers", 0, "neurons", "bias", value=[0] * 20),
    _set("layers", 0, "neurons", "threshold", value=False),
    _set("layers", 0, "neurons", "decay", value=None),
    _set("layers", 0, "neurons", "kind", value="izhikevich"),
    _set("layers", 0, "delay", value="1"),
    lambda header: [header],
    lambda header: None if header.pop("readout") else None,
])
def test_hostile_headers_get_an_ordinary_error(small, change):
    with pytest.raises(FileError if change is None else ValueError) as caught:
        qsnn.unpack(rewritten(qsnn.pack(small()), change))
    assert type(caught.value).__module__ == "spikeloom.errors"


@pytest.mark.parametrize("text", [
    b"[" * 100_000, b'{"a":' * 50_000, b"NaN", b"1" * 10_000, b"\xff\xfe", b"", b'"\\ud800"', b"null",
])
def test_hostile_json_gets_an_ordinary_error(text):
    with pytest.raises(FileError):
        qsnn.unpack(sealed(b"QSNN\1\0" + len(text).to_bytes(4, "little") + text))


@given(st.binary(max_size=300))
def test_random_bytes_get_an_ordinary_error(data):
    for whole in (data, sealed(b"QSNN\1\0" + data), sealed(b"QSNN\1\0" + len(data).to_bytes(4, "little") + data)):
        with pytest.raises(FileError):
            qsnn.unpack(whole)
