"""lava-dl's `.net` files, as slayer's `export_hdf5` writes them: read as from a stranger.

    simulation/Ts, tSample                  a timestep and a sample, if they are there
    layer/0, layer/1, ..                    in the order in which they are called
    layer/K/type                            of `KINDS`
    layer/K/shape                           of what it sends, (channels, height, width) or (neurons,)
    layer/K/weight, weight_rec, bias        whole numbers, in 2^6 LSB of the states
    layer/K/delay                           timesteps, one a channel or one for all
    layer/K/neuron/type                     "CUBA", or "LOIHI" in older files
    layer/K/neuron/iDecay, vDecay, vThMant  what a timestep takes off u and v, of 2^12; the threshold, of 2^6

What is there but not known here could change what the network computes: it is refused by name.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeloom.errors import FileError
from spikeloom.hdf5 import Reader, opened

NEURON = "type iDecay vDecay vThMant ?refDelay ?gradedSpike ?messageBits ?wgtExp ?weight_exp ?scaleRho ?tauRho ?theta"
_SENT = "type shape weight ?bias ?delay"
KINDS = {
    "input": "type shape ?neuron ?weight ?bias",
    "dense": f"{_SENT} ?neuron ?inFeatures ?outFeatures",
    "dense_rec": f"{_SENT} neuron weight_rec ?inFeatures ?outFeatures",
    "conv": f"{_SENT} neuron ?inChannels ?outChannels ?kernelSize ?stride ?padding ?dilation ?groups",
    "pool": f"{_SENT} neuron ?kernelSize ?stride ?padding ?dilation",
    "flatten": "type shape",
    "average": "type shape",
}
"""Layers of lava-dl that the contract can say; `?` marks what may be left out."""
PLAIN = {"refDelay": 1, "gradedSpike": 0, "messageBits": 0, "wgtExp": 0, "weight_exp": 0}
"""What these have to be: anything else is a neuron of another kind, or scaled weights."""
MAX_LAYERS, MAX_DELAY, MAX_WEIGHT, MAX_THRESHOLD, UNITY = 64, 62, 1 << 15, 1 << 24, 1 << 12


@dataclass(frozen=True, kw_only=True)
class Cuba:
    """Current-based neurons: u = (1 - i_decay / 2^12) u + 2^6 z and v = (1 - v_decay / 2^12) v + u + 2^6 bias, what is
    left rounded toward zero; a spike, and v = 0, where v > 2^6 threshold."""

    i_decay: int
    v_decay: int
    threshold: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """A layer of the file.

    Parameters
    ----------
    name : "layer 2 (conv)".
    kind : of `KINDS`.
    shape : of what it sends.
    weight, recurrent, bias, delay : int64, or None.
    neuron : None where the file has none.
    stride, padding, dilation : (rows, columns).
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    weight: np.ndarray | None = None
    recurrent: np.ndarray | None = None
    bias: np.ndarray | None = None
    delay: np.ndarray | None = None
    neuron: Cuba | None = None
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    @property
    def size(self) -> int:
        """Number of values that it sends."""
        return int(np.prod(self.shape, dtype=object))


@dataclass(frozen=True, kw_only=True, eq=False)
class Net:
    """All of a file: its layers, and the timesteps of an inference, None where it does not say them."""

    blocks: tuple[Block, ...]
    timesteps: int | None = None


def read(path: str | Path) -> Net:
    """The `.net` file `path`. Raises `FileError` for anything that is not a whole, known one."""
    def net(file, h5py) -> Net:
        reader = _Layers(h5py)
        return Net(blocks=reader.blocks(file), timesteps=reader.timesteps(file))
    return opened(path, "lava-dl .net", net)


class _Layers(Reader):
    def blocks(self, file) -> tuple[Block, ...]:
        layers = self.group(file, "layer")
        count = len(layers)
        if not 1 <= count <= MAX_LAYERS:
            raise FileError(f"/layer must hold 1 to {MAX_LAYERS} layers, not {count}")
        return tuple(self.block(self.group(layers, str(k)), k) for k in range(count))

    def timesteps(self, file) -> int | None:
        """A sample's length over a timestep's, in milliseconds both, where they are there."""
        if "simulation" not in file or not {"Ts", "tSample"} <= set(group := self.group(file, "simulation")):
            return None
        step = self.one(group, "Ts", "simulation", 1, 1 << 16)
        return self.one(group, "tSample", "simulation", 1, 1 << 24) // step or None

    def block(self, group, number: int) -> Block:
        kind = self.word(group, "type")
        if kind not in KINDS:
            raise FileError(f"layer {number} must be one of {', '.join(KINDS)}, not {kind!r}")
        name = f"layer {number} ({kind})"
        self.known(group, KINDS[kind].split(), name)
        found = {}
        for key, field in (("weight", "weight"), ("weight_rec", "recurrent"), ("bias", "bias")):
            if key in group:
                found[field] = self.whole(group, key, name, -MAX_WEIGHT, MAX_WEIGHT - 1)
        if "delay" in group:
            found["delay"] = self.whole(group, "delay", name, 0, MAX_DELAY).reshape(-1)
        if "neuron" in group:
            found["neuron"] = self.neuron(self.group(group, "neuron"), name)
        for key, low in (("stride", 1), ("padding", 0), ("dilation", 1)):
            if key in group:
                found[key] = self.pair(group, key, name, low)
        if "groups" in group:
            found["groups"] = self.one(group, "groups", name, 1, 1 << 16)
        shape = self.whole(group, "shape", name, 1, 1 << 16).reshape(-1)
        if not 1 <= len(shape) <= 3:
            raise FileError(f"{name} shape must have 1 to 3 dimensions, not {len(shape)}")
        return Block(name=name, kind=kind, shape=tuple(int(size) for size in shape), **found)

    def neuron(self, group, name: str) -> Cuba:
        kind = self.word(group, "type")
        if kind not in ("CUBA", "LOIHI"):
            raise FileError(f"{name} neurons must be CUBA, or LOIHI in older files, not {kind!r}")
        self.known(group, NEURON.split(), f"{name} neuron")
        for key, value in PLAIN.items():
            if key in group and (found := self.one(group, key, name, -MAX_THRESHOLD, MAX_THRESHOLD)) != value:
                raise FileError(f"{name} {key} must be {value}, not {found}")
        return Cuba(i_decay=self.one(group, "iDecay", name, 0, UNITY),
                    v_decay=self.one(group, "vDecay", name, 0, UNITY),
                    threshold=self.one(group, "vThMant", name, 0, MAX_THRESHOLD))

    def known(self, group, names: list[str], where: str) -> None:
        for name in names:
            if name[0] != "?" and name not in group:
                raise FileError(f"{where} must have {name}, not only "
                                f"{', '.join(each[:40] for each in list(group)[:16]) or '-'}")
        for name in group:
            if name not in (known.lstrip("?") for known in names):
                raise FileError(f"{where} must have none but {', '.join(known.lstrip('?') for known in names)}, "
                                f"not {name[:40]!r}")

    def word(self, group, name: str) -> str:
        """Text, by itself or the only one of an array."""
        item = self.dataset(group, name)
        if self.h5py.check_string_dtype(item.dtype) is None or item.size != 1:
            raise FileError(f"{item.name} must be text, not {item.dtype} {item.shape}")
        return self.decode(item[()] if not item.ndim else item[(0,) * item.ndim], item.name)

    def whole(self, group, name: str, where: str, low: int, high: int) -> np.ndarray:
        """Whole numbers within `low .. high`, kept as reals or not."""
        item = self.dataset(group, name)
        if item.dtype.kind not in "iufb":
            raise FileError(f"{where} {name} must be numbers, not {item.dtype}")
        values = np.asarray(item[()])
        if values.dtype.kind == "f":
            odd = ~np.isfinite(values) | (values != np.rint(values))
            if odd.any():
                raise FileError(f"{where} {name} must be whole numbers, not {values[odd].flat[0]:g}: is it quantized?")
        outside = (values < low) | (values > high) if values.dtype.kind != "b" else np.zeros(values.shape, bool)
        if outside.any():
            raise FileError(f"{where} {name} must be within {low} to {high}, not {values[outside].flat[0]:g}")
        return values.astype(np.int64)

    def one(self, group, name: str, where: str, low: int, high: int) -> int:
        """One whole number: an array of them has to hold it throughout, since a layer of the contract has one leak."""
        values = self.whole(group, name, where, low, high).reshape(-1)
        if (values != values[0]).any():
            raise FileError(f"{where} {name} must be one number for the layer, not {values.min()} to {values.max()}")
        return int(values[0])

    def pair(self, group, name: str, where: str, low: int) -> tuple[int, int]:
        values = self.whole(group, name, where, low, 1 << 16).reshape(-1)
        if len(values) not in (1, 2):
            raise FileError(f"{where} {name} must be (rows, columns), not {values[:8].tolist()}")
        return int(values[0]), int(values[-1])
