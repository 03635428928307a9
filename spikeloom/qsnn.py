"""The `.qsnn` file: one network, safe to load from a stranger, byte-identical when saved twice.

    offset 0   "QSNN"
    4          format version, 2 bytes little-endian
    6          length of the header, 4 bytes little-endian
    10         header: JSON, ASCII, sorted keys, no white space
    ...        the arrays of the header in order: weight codes packed LSB first; others 4 bytes little-endian, signed
    last 32    SHA-256 of all before

The version written is the lowest that can say what the network holds: 1 for dense LIF layers, 2 for anything newer.
Nothing in a file is executed or unpickled, and no length is believed before it is checked against the file.
"""

import dataclasses
import hashlib
import json
import math
from pathlib import Path

import numpy as np

from spikeloom import aside, check, codebooks, encoders, neurons, synapses
from spikeloom.decay import Decay
from spikeloom.errors import FileError, SpikeloomError
from spikeloom.layer import Layer, Residual
from spikeloom.network import Input, Network

MAGIC, VERSION, CHECKSUM = b"QSNN", 2, 32
HDF5 = b"\x89HDF"
MAX_HEADER, MAX_FILE = 1 << 22, 1 << 28
FIRST = {"encoders": ("direct", "threshold", "rate"), "synapses": ("dense",), "neurons": ("lif",),
         "layer": {"synapses", "neurons", "delay"}}
"""What version 1 knows."""
SINCE_2 = {"synaptic_decay": None, "synaptic_bits": 16}
"""Fields of neurons that are left out of the file where they have these values."""


def save(network: Network, path: str | Path) -> Path:
    """Write `network` to `path`, whole or not at all; its folder is made."""
    with aside.writing(path) as beside:
        beside.write_bytes(pack(network))
    return Path(path)


def load(path: str | Path) -> Network:
    """The network in the file `path`. Raises `FileError` for anything that is not a whole, valid file."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise FileError(f"{path} must be a readable file, but {error.strerror}") from None
    try:
        return unpack(data)
    except SpikeloomError as error:
        raise FileError(f"{path}: {error}") from None


def pack(network: Network) -> bytes:
    """The bytes of a file."""
    arrays: list[bytes] = []
    header = {
        "input": {"shape": list(network.input.shape), "bits": network.input.bits, "signed": network.input.signed},
        "encoder": None if network.encoder is None else _plugin(encoders, network.encoder),
        "layers": [_pack_layer(layer, arrays) for layer in network.layers],
        "readout": network.readout,
        "timesteps": network.timesteps,
        "labels": list(network.labels),
        "provenance": network.provenance,
    }
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode("ascii")
    if len(text) > MAX_HEADER:
        raise FileError(f"header must be at most {MAX_HEADER} bytes, not {len(text)}: shorten the provenance")
    body = MAGIC + _version(header).to_bytes(2, "little") + len(text).to_bytes(4, "little") + text + b"".join(arrays)
    return body + hashlib.sha256(body).digest()


def unpack(data: bytes) -> Network:
    """The network in the bytes of a file."""
    if data[:4] != MAGIC:
        graph = "; `spikeloom import` makes one of a NIR graph" if data.startswith(HDF5) else ""
        raise FileError(f"file must begin with {MAGIC!r}, not {data[:4]!r}: not a .qsnn file{graph}")
    if len(data) > MAX_FILE:
        raise FileError(f"file must be at most {MAX_FILE} bytes")
    version, size = int.from_bytes(data[4:6], "little"), int.from_bytes(data[6:10], "little")
    if len(data) >= 10 and not 1 <= version <= VERSION:
        newer = ": a newer Spikeloom wrote this file" if version > VERSION else ""
        raise FileError(f"format version must be 1 to {VERSION}, not {version}{newer}")
    if len(data) < 10 + CHECKSUM or size > min(MAX_HEADER, len(data) - 10 - CHECKSUM):
        raise FileError(f"file must be whole, not cut short at {len(data)} bytes")
    if hashlib.sha256(data[:-CHECKSUM]).digest() != data[-CHECKSUM:]:
        raise FileError("checksum must match: the file was cut short, damaged or edited")
    try:
        header = json.loads(data[10:10 + size].decode("ascii"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise FileError(f"header must be ASCII JSON, but {error}") from None
    reader = _Arrays(data[10 + size:-CHECKSUM])
    network = _unpack_network(header, reader)
    reader.finish()
    return network


def _no_constant(name: str):
    raise ValueError(f"it holds {name}")


def _plugin(family, item: object) -> dict:
    return {"kind": family.kind(item), **dataclasses.asdict(item)}


def _version(header: dict) -> int:
    """The lowest format version that knows all that the header says."""
    encoder = header["encoder"]
    old = encoder is None or encoder["kind"] in FIRST["encoders"]
    for layer in header["layers"]:
        old &= set(layer) == FIRST["layer"] and layer["synapses"]["kind"] in FIRST["synapses"]
        old &= layer["neurons"] is not None and layer["neurons"]["kind"] in FIRST["neurons"]
        old &= layer["neurons"] is not None and not set(layer["neurons"]) & set(SINCE_2)
    return 1 if old else 2


def _pack_layer(layer: Layer, arrays: list[bytes]) -> dict:
    header = {"synapses": _pack_synapses(layer.synapses, arrays), "neurons": None, "delay": layer.delay}
    if layer.neurons is not None:
        header["neurons"] = _pack_neurons(layer.neurons, arrays)
    if layer.recurrent is not None:
        header["recurrent"] = _pack_synapses(layer.recurrent, arrays)
    if layer.residual is not None:
        header["residual"] = dataclasses.asdict(layer.residual)
    return header


def _pack_synapses(item: object, arrays: list[bytes]) -> dict:
    """Kind and plain fields; weights go to the arrays as codes, and leave their shape and codebook."""
    values = {f.name: getattr(item, f.name) for f in dataclasses.fields(item)}
    header = {"kind": synapses.kind(item)}
    if "weights" in values:
        weights, book = values.pop("weights"), values.pop("codebook")
        codes = book.encode(weights).reshape(-1, 1)
        bits = (codes >> np.arange(book.bits)) & 1
        arrays.append(np.packbits(bits.astype(np.uint8), bitorder="little").tobytes())
        header |= {"shape": list(weights.shape), "codebook": _plugin(codebooks, book)}
    return header | {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _pack_neurons(item: neurons.Model, arrays: list[bytes]) -> dict:
    """Kind and plain fields; vectors whose values differ go to the arrays, in the order of their names."""
    header = {f.name: getattr(item, f.name) for f in dataclasses.fields(item)}
    header = {name: value for name, value in header.items() if name not in SINCE_2 or value != SINCE_2[name]}
    for name in item.decay_names():
        if header.get(name) is not None:
            header[name] = dataclasses.asdict(header[name])
    for name in sorted(item.vector_names()):
        array = header[name]
        if array is not None:
            check.bounded(name, array, -(1 << 31), (1 << 31) - (name != "threshold"))
            arrays.append(array.astype("<i8").astype("<u4").tobytes() if np.ptp(array) else b"")
            header[name] = "array" if np.ptp(array) else int(array[0])
    return {"kind": neurons.kind(item), **header}


class _Arrays:
    """Takes the arrays off the file's body, in order, and insists that all of it is used."""

    def __init__(self, data: bytes):
        self.data, self.used = data, 0

    def take(self, size: int) -> np.ndarray:
        if size > len(self.data) - self.used:
            raise FileError(f"arrays must fit the file: {size} bytes wanted, {len(self.data) - self.used} left")
        self.used += size
        return np.frombuffer(self.data, np.uint8, size, self.used - size)

    def finish(self) -> None:
        if self.used != len(self.data):
            raise FileError(f"file must end after its arrays, not {len(self.data) - self.used} bytes later")


def _fields(thing: str, value: object, names: set[str], optional: set[str] = frozenset()) -> dict:
    if not isinstance(value, dict) or not names <= set(value) <= names | optional:
        found = sorted(value) if isinstance(value, dict) else value
        raise FileError(f"{thing} must have the fields {sorted(names)}, not {str(found)[:200]}")
    return value


def _list(thing: str, value: object, most: int) -> list:
    if not isinstance(value, list) or len(value) > most:
        raise FileError(f"{thing} must be a list of at most {most} items, not {str(value)[:200]}")
    return value


def _make(family, thing: str, value: object):
    if not isinstance(value, dict) or "kind" not in value:
        raise FileError(f"{thing} must be an object with a kind, not {str(value)[:200]}")
    return family.make(**value)


def _unpack_network(header: object, reader: _Arrays) -> Network:
    network = {f.name for f in dataclasses.fields(Network)}
    header = dict(_fields("network", header, network))
    source = _fields("input", header.pop("input"), {"shape", "bits", "signed"})
    encoder = header.pop("encoder")
    layers = [_unpack_layer(layer, reader) for layer in _list("layers", header.pop("layers"), 64)]
    return Network(
        input=Input(**{**source, "shape": tuple(_list("input shape", source["shape"], 8))}),
        encoder=None if encoder is None else _make(encoders, "encoder", encoder),
        layers=tuple(layers),
        labels=tuple(_list("labels", header.pop("labels"), 1 << 16)),
        **header,
    )


def _unpack_layer(value: object, reader: _Arrays) -> Layer:
    layer = _fields("layer", value, FIRST["layer"], {"recurrent", "residual"})
    items = {"delay": layer["delay"], "synapses": _unpack_synapses("synapses", layer["synapses"], reader),
             "neurons": None}
    if layer["neurons"] is not None:
        items["neurons"] = _unpack_neurons(layer["neurons"], reader)
    if "recurrent" in layer:
        items["recurrent"] = _unpack_synapses("recurrent synapses", layer["recurrent"], reader)
    if "residual" in layer:
        items["residual"] = Residual(**_fields("residual", layer["residual"], {"source", "weight"}))
    return Layer(**items)


def _kind(family, thing: str, value: object):
    if not isinstance(value, dict) or "kind" not in value:
        raise FileError(f"{thing} must be an object with a kind, not {str(value)[:200]}")
    return family.load(value["kind"])


def _unpack_synapses(thing: str, value: object, reader: _Arrays):
    made = _kind(synapses, thing, value)
    names = {f.name for f in dataclasses.fields(made)}
    weighted = "weights" in names
    if weighted:
        names = names - {"weights"} | {"shape"}
    header = dict(_fields(thing, value, {"kind"} | names))
    del header["kind"]
    header = {name: tuple(x) if isinstance(x, list) and name != "shape" else x for name, x in header.items()}
    if not weighted:
        return made(**header)
    book = _make(codebooks, "codebook", header.pop("codebook"))
    shape = _list("weights shape", header.pop("shape"), 4)
    if not shape or not all(type(n) is int and 0 < n <= 1 << 16 for n in shape):
        raise FileError(f"weights shape must be integers from 1 to {1 << 16}, not {shape}")
    count = math.prod(shape)
    stream = np.unpackbits(reader.take((count * book.bits + 7) // 8), bitorder="little")
    if stream[count * book.bits:].any():
        raise FileError("padding after the weight codes must be zero")
    bits = stream[:count * book.bits].reshape(-1, book.bits).astype(np.int64)
    weights = book.decode((bits << np.arange(book.bits)).sum(axis=1)).reshape(shape)
    return made(weights=weights, codebook=book, **header)


def _unpack_neurons(value: object, reader: _Arrays) -> neurons.Model:
    made = _kind(neurons, "neurons", value)
    names = {"kind"} | {f.name for f in dataclasses.fields(made)}
    header = dict(_fields("neurons", value, names - set(SINCE_2), names & set(SINCE_2)))
    del header["kind"]
    check.integer("neurons", header["neurons"], 1, synapses.MAX_NEURONS)
    for name in made.decay_names():
        if header.get(name) is not None:
            header[name] = Decay(**_fields(name, header[name], {"num", "shift", "rounding"}))
    for name in sorted(made.vector_names()):
        if header[name] == "array":
            kind = "<u4" if name == "threshold" else "<i4"      # a threshold is positive and may be 2^31
            header[name] = reader.take(4 * header["neurons"]).view(kind).astype(np.int64)
        elif type(header[name]) is not int and header[name] is not None:
            raise FileError(f"{name} must be an integer or 'array', not {str(header[name])[:200]}")
    return made(**header)
