"""What a stranger may do to a file: to its bytes, to its JSON, to its HDF5."""

import copy
import gzip
import json
import random
import struct
from pathlib import Path

import numpy as np

NUMBERS = (0, 1, -1, 2, 7, 255, 256, 1 << 15, 1 << 16, (1 << 16) + 1, 1 << 24, (1 << 31) - 1, 1 << 31, 1 << 32, 1 << 40,
           (1 << 63) - 1, 1 << 63, 1 << 64, 10 ** 40, -(1 << 31), -(1 << 63), 0.5, -0.0, 1e308, 1e-320)
TEXTS = ("", "a", "array", "lif", "dense", "conv", "zero", "self", "kind", "__class__", "../x", "\x00", "\ud800",
         "é" * 300)


def of_bytes(data: bytes, rng: random.Random) -> bytes:
    """A few changes that know nothing of the format."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at, size = rng.randrange(len(data) + 1), rng.choice((1, 1, 2, 4, 16, 200))
        match rng.randrange(8):
            case 0 if data:
                data[min(at, len(data) - 1)] ^= 1 << rng.randrange(8)
            case 1:
                del data[at:]
            case 2:
                del data[at:at + size]
            case 3:
                data[at:at] = rng.randbytes(size)
            case 4:
                data[at:at] = data[at:at + size] * rng.choice((1, 1, 50))
            case 5:
                width = rng.choice("BHIQ")
                value = rng.choice((0, 1, 127, 128, 255, (1 << 31) - 1, -1, -2)) % (1 << 8 * struct.calcsize(width))
                data[at:at + struct.calcsize(width)] = struct.pack(rng.choice("<>") + width, value)
            case 6:
                other = rng.randrange(len(data) + 1)
                data[at:at + size], data[other:other + size] = data[other:other + size], data[at:at + size]
            case 7:
                data[at:at + size] = rng.randbytes(size)
    return bytes(data)


def value(rng: random.Random, depth: int = 0) -> object:
    """Some JSON."""
    match rng.randrange(9):
        case 0 | 1 | 2:
            return rng.choice(NUMBERS)
        case 3:
            return rng.choice((None, True, False))
        case 4:
            return rng.choice(TEXTS)
        case 5:
            return [rng.choice(NUMBERS) for _ in range(rng.choice((0, 1, 2, 5, 70, 3000)))]
        case 6 if depth < 3:
            return {rng.choice(TEXTS): value(rng, depth + 1) for _ in range(rng.randrange(4))}
        case 7 if depth < 3:
            return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    nested: object = 0
    for _ in range(rng.choice((5, 200))):
        nested = [nested]
    return nested


def of_json(tree: object, rng: random.Random) -> object:
    """A few changes of a copy of `tree`, here and there."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        holder, key = _somewhere(tree, rng)
        if holder is None:
            return value(rng)
        match rng.randrange(6):
            case 0 | 1 | 2:
                holder[key] = value(rng)
            case 3:
                del holder[key]
            case 4 if isinstance(holder, dict):
                holder[rng.choice((*TEXTS, *holder))] = value(rng)
            case 4 | 5:
                other, there = _somewhere(tree, rng)
                holder[key] = copy.deepcopy(other[there])
    return tree


def _somewhere(tree: object, rng: random.Random) -> tuple[object, object]:
    holder, found = None, None
    while isinstance(tree, dict | list) and tree and (holder is None or rng.random() < 0.8):
        holder = tree
        found = rng.choice(list(tree)) if isinstance(tree, dict) else rng.randrange(len(tree))
        tree = tree[found]
    return holder, found


def dumped(tree: object, rng: random.Random) -> bytes:
    """As JSON, now and then with what JSON does not have or what is far too deep."""
    text = json.dumps(tree)
    if rng.random() < 0.1:
        text = text.replace("0", rng.choice(("NaN", "-Infinity", "1e999", "[" * 100_000, "9" * 5000)), 1)
    return text.encode("utf8", "surrogatepass")


def array(rng: random.Random) -> np.ndarray:
    """An array of some type and shape, of unpleasant values."""
    shape = tuple(rng.choice((0, 1, 1, 2, 3, 7)) for _ in range(rng.randrange(5)))
    values = np.array([rng.choice((0, 1, -1, 0.3, 1e300, -1e300, float("nan"), float("inf"), 1e9, 2 ** 40))
                       for _ in range(int(np.prod(shape)))]).reshape(shape)
    with np.errstate(all="ignore"):
        return values.astype(rng.choice(("<f8", ">f4", "<i8", ">i2", "u1", "?", "c16", "f2", "S3", "U2")))


def of_hdf5(path: Path, rng: random.Random) -> None:
    """A few changes of the groups and data sets in the file."""
    import h5py
    with h5py.File(path, "r+") as file:
        for _ in range(rng.choice((1, 1, 2, 4))):
            names: list[str] = []
            file.visit(names.append)
            name = rng.choice(names)
            parent, last = file[name].parent, name.rsplit("/", 1)[-1]
            chosen = rng.randrange(14)
            if chosen > 1:
                del parent[last]
            match chosen:
                case 0:
                    parent[rng.choice(("", "x", "type", "a.b", "n" * 300)) + str(rng.randrange(9))] = parent[last]
                case 1 | 3:
                    parent[last + "_again" if chosen == 1 else last] = file[rng.choice((*names, "/"))] \
                        if chosen == 1 else h5py.SoftLink("/" + rng.choice(names))
                case 4:
                    parent[last] = h5py.ExternalLink("other.h5", "/")
                case 5 | 6 | 7:
                    made = array(rng)
                    parent[last] = made if made.dtype.kind != "U" else made.astype("S")
                case 8:
                    parent[last] = rng.choice(TEXTS[:6] + ("NIRGraph", "LIF", "Linear", "Conv2d", "Delay"))
                case 9:
                    huge = rng.choice(((1 << 40,), (1 << 20, 1 << 20), (1 << 14, 1 << 12), (0, 3)))
                    chunks = tuple(min(n, 1 << 10) or 1 for n in huge)
                    parent.create_dataset(last, huge, rng.choice(("f8", "i8", "S9")), chunks=chunks,
                                          compression=rng.choice((None, "gzip")))
                case 10:
                    group = parent.create_group(last)
                    for _ in range(rng.choice((3, 12, 200))):
                        group = group.create_group("nodes")
                case 11:
                    kind = rng.choice(([("a", "f4"), ("b", "i2")], h5py.vlen_dtype(np.int32), h5py.ref_dtype,
                                       h5py.enum_dtype({"x": 1})))
                    parent.create_dataset(last, (2,), kind)
                case 12:
                    parent[last] = h5py.Empty("f8")
                case 13:
                    text = rng.randbytes(9).replace(b"\0", b"\xff")
                    parent.create_dataset(last, data=text, dtype=h5py.string_dtype())


def of_arrays(rng: random.Random) -> bytes:
    """An .npz whose header or whose directory lies, or that is far larger inside than outside."""
    import io
    import zipfile
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2,
                                                  zipfile.ZIP_LZMA))) as archive:
        for name in rng.sample(("frames.npy", "labels.npy", "frames", "other.npy"), rng.choice((1, 2, 2, 3))):
            archive.writestr(name, of_npy(rng))
    data = buffer.getvalue()
    return of_bytes(data, rng) if rng.random() < 0.5 else data


def of_npy(rng: random.Random) -> bytes:
    """An .npy whose header says anything."""
    shape = tuple(rng.choice((1, 2, 5, 3, 1 << 20, 1 << 40, -1)) for _ in range(rng.randrange(5)))
    kind = rng.choice(("<u1", "|u1", "<i8", ">i2", "|O", "<f8", "|V5", "<U3", "|b1", "<M8[s]", "|S0"))
    header = f"{{'descr': {kind!r}, 'fortran_order': {rng.choice((True, False))}, 'shape': {shape}, }}"
    if rng.random() < 0.2:
        header = rng.choice((header[:-2], "(" * 200, "[" * 9000, "{}", header + "\0", header.replace("shape", "form"),
                             header.replace("descr'", "descr': [('a', '<i4')], 'x'")))
    text = header.encode() + b"\n"
    data = b"\x93NUMPY\x01\0" + struct.pack("<H", len(text) & 0xffff) + text
    count = rng.choice((0, 10, 240, 1 << 20))
    return data + bytes(count)


def bomb(head: bytes, size: int) -> bytes:
    """`head` and about `size` zeros, as gzip of many members."""
    return gzip.compress(head, mtime=0) + _ZEROS * (size >> 24)


_ZEROS = gzip.compress(bytes(1 << 24), 6, mtime=0)
