"""A model trained over the reals as a file, so that methods can start from it again.

An `.npz` of arrays, nothing that runs: the model's state and a JSON header of the recipe, seed and schedule behind it.
"""

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import torch

from spikeloom.errors import FileError
from spikeloom.train.model import SpikingMlp

HEADER = "spikeloom"


def save(model: SpikingMlp, header: dict, path: str | Path) -> Path:
    """Write the state of `model`, aside first, then renamed; `header` in JSON types says what it follows from."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    arrays = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    text = np.frombuffer(json.dumps(header, sort_keys=True).encode(), np.uint8)
    try:
        with open(aside, "wb") as file:
            np.savez_compressed(file, **arrays, **{HEADER: text})
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    return path


def load(model: SpikingMlp, header: dict, path: str | Path) -> SpikingMlp:
    """Give `model` the state in the file; `FileError` for one that follows from something else, or is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            found = json.loads(file[HEADER].tobytes())
            state = {name: torch.from_numpy(file[name]) for name in file.files if name != HEADER}
        if found != json.loads(json.dumps(header)):
            unlike = sorted(key for key in {*found, *header} if found.get(key) != header.get(key))
            raise FileError(f"{path} must be trained with the same {', '.join(unlike)}: remove it to train again")
        model.load_state_dict(state)
    except (OSError, ValueError, KeyError, AttributeError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        raise FileError(f"{path} must be a checkpoint of this model, but {error}") from None
    return model
