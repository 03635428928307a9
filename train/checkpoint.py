"""A model trained over the reals as a file, so that methods can start from it again.

An `.npz` of arrays, nothing that runs: the model's state and a JSON header of the recipe, seed and schedule behind it.
"""

import json
from pathlib import Path

import numpy as np
import torch

from spikeloom import arrays, aside
from spikeloom.errors import FileError
from spikeloom.train.model import SpikingMlp

HEADER = "spikeloom"


def save(model: SpikingMlp, header: dict, path: str | Path) -> Path:
    """Write the state of `model`, whole or not at all; `header` in JSON types says what it follows from."""
    arrays = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    text = np.frombuffer(json.dumps(header, sort_keys=True).encode(), np.uint8)
    with aside.writing(path) as beside, open(beside, "wb") as file:
        np.savez_compressed(file, **arrays, **{HEADER: text})
    return Path(path)


def load(model: SpikingMlp, header: dict, path: str | Path) -> SpikingMlp:
    """Give `model` the state in the file; `FileError` for one that follows from something else, or is damaged."""
    found, state = _read(path)
    header = json.loads(json.dumps(header))
    if found != header:
        unlike = sorted(key for key in {*found, *header} if found.get(key) != header.get(key))
        raise FileError(f"{path} must be trained with the same {', '.join(unlike)}: remove it to train again")
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    if shapes != {name: value.shape for name, value in state.items()}:
        raise FileError(f"{path} must hold the arrays of this model, and no others")
    model.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    return model


def _read(path: str | Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Header and state."""
    if not Path(path).exists():
        raise FileError(f"{path} must be a checkpoint, but there is no such file")
    try:
        state = arrays.load(path)
        header = json.loads(state.pop(HEADER).tobytes())
        if not isinstance(header, dict) or any(value.dtype.kind != "f" for value in state.values()):
            raise ValueError("it holds something else")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise FileError(f"{path} must be a checkpoint that `spikeloom` wrote, and whole: remove it to train again"
                        ) from None
    return header, state
