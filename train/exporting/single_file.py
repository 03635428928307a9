"""One Python file that holds a network and all that answers for it: `frozen.py`, with its last line filled in.

Not TorchScript, which torch 2.13 calls deprecated each time that a file is loaded, and not `torch.export`, which
unrolls timesteps. The file is read and run as what it is; nothing in it is unpickled.
"""

import base64
import dataclasses
import io
import json
import zipfile
from pathlib import Path

import numpy as np

from spikeloom import aside, encoders, synapses
from spikeloom import neurons as models
from spikeloom.errors import SpikeloomError
from spikeloom.layer import Layer
from spikeloom.network import Network

SOURCE = Path(__file__).with_name("frozen.py")
LAST = 'DATA = ""\n'
WIDTH = 100


def write_module(network: Network, path: str | Path) -> Path:
    """Write `network` as a module of Python. Raises `SpikeloomError` for an encoder that the module does not know."""
    text, data = SOURCE.read_text(), base64.b64encode(packed(network)).decode()
    lines = "\n".join(f'    "{data[k:k + WIDTH]}"' for k in range(0, len(data), WIDTH))
    return aside.text(path, f"{text.removesuffix(LAST)}DATA = (\n{lines}\n)\n")


def packed(network: Network) -> bytes:
    """An archive: settings as JSON, and each array as int64, little-endian."""
    kind = None if network.encoder is None else encoders.kind(network.encoder)
    if kind not in (None, "direct", "threshold"):
        raise SpikeloomError(f"encoder must be direct, threshold or none to be frozen, not {kind}")
    arrays: dict[str, np.ndarray] = {}
    settings = {
        "timesteps": network.timesteps, "readout": network.readout, "labels": list(network.labels),
        "frame_shape": list(network.frame_shape), "single": kind is not None, "digest": network.digest,
        "level": network.encoder.level if kind == "threshold" else None,
        "layers": [_layer(layer, k, arrays) for k, layer in enumerate(network.layers)]}
    settings["arrays"] = {name: list(values.shape) for name, values in arrays.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (("settings", json.dumps(settings).encode()),
                           *((name, values.astype("<i8").tobytes()) for name, values in arrays.items())):
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _layer(layer: Layer, k: int, arrays: dict[str, np.ndarray]) -> dict:
    kind, neurons = synapses.kind(layer.synapses), layer.neurons
    found: dict[str, object] = {"kind": kind, "outputs": layer.size, "delay": layer.delay, "residual": None,
                                "neurons": neurons is not None}
    for name in ("input", "stride", "padding", "groups", "kernel"):
        if kind != "dense" and hasattr(layer.synapses, name):
            found[name] = getattr(layer.synapses, name)
    if neurons is None:
        return found
    if models.kind(neurons) != "lif":
        raise SpikeloomError(f"layer {k} neurons must be lif to be written as torch code, not {models.kind(neurons)}")
    arrays[f"{k}.weight"], arrays[f"{k}.bias"] = layer.synapses.weights, neurons.bias
    if neurons.fires:
        arrays[f"{k}.threshold"] = neurons.threshold
    if layer.recurrent is not None:
        arrays[f"{k}.recurrent"] = layer.recurrent.weights
    if layer.residual is not None:
        found["residual"] = dataclasses.asdict(layer.residual)
    for name in ("decay", "synaptic_decay"):
        value = getattr(neurons, name)
        found[name] = None if value is None else dataclasses.asdict(value)
    for name in ("fires", "reset", "v_reset", "v_min", "v_max", "refractory", "synaptic_bits"):
        found[name] = getattr(neurons, name)
    return found
