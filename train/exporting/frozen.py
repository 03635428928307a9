"""A spiking network in integers, as Spikeloom exported it: this file alone, with torch, answers as its hardware does.

    model = load()
    classes, scores = model(frames)

`frames` are integers, `(batch, *model.frame_shape)`. In a timestep, for neuron n of a layer (states start at 0),

    I = bias[n] + sum_i weights[n, i] * x[i] + sum_m recurrent[n, m] * S[m] of the timestep before + residual
    J = I, or with a synaptic decay clip(decay(J) + I)
    U = clip(decay(V) - late[n] + J)
    S = 1 if U >= threshold[n] else 0

and a spike sets V to v_reset, takes the threshold off it, or takes it off in the next timestep.
"""

import base64
import io
import json
import zipfile

import torch
from torch import nn
from torch.nn import functional


def decay(value: torch.Tensor, num: int, shift: int, rounding: str) -> torch.Tensor:
    """`value * num / 2^shift` in int64, rounded."""
    product = value * num
    if rounding == "ceil":
        return -((-product) >> shift)
    if rounding == "nearest":
        product = product + (1 << shift >> 1)
    elif rounding == "zero":
        product = product + (value < 0) * ((1 << shift) - 1)
    return product >> shift


class Layer(nn.Module):
    """Synapses and neurons; `settings` and `arrays` as `Network` has them."""

    def __init__(self, settings: dict, arrays: dict[str, torch.Tensor]):
        super().__init__()
        self.settings = settings
        for name, values in arrays.items():
            self.register_buffer(name, values)

    def start(self, batch: int) -> None:
        """All states 0."""
        device = self.weight.device if hasattr(self, "weight") else torch.device("cpu")
        self.v = torch.zeros((batch, self.settings["outputs"]), dtype=torch.int64, device=device)
        self.j, self.spikes, self.late, self.rest = self.v, self.v, self.v, self.v
        self.line = [self.v] * self.settings["delay"]

    def synapses(self, x: torch.Tensor) -> torch.Tensor:
        """Sums of products, in float64, where these integers are exact."""
        kind, x = self.settings["kind"], x.double()
        if kind == "dense":
            return (x @ self.weight.double().T).long()
        x = x.reshape(len(x), *self.settings["input"])
        stride = self.settings["stride"]
        convolve = functional.conv2d if x.ndim == 4 else functional.conv1d
        if kind == "conv":
            padding, groups = self.settings["padding"], self.settings["groups"]
            found = convolve(x, self.weight.double(), None, stride, padding, 1, groups)
        else:
            ones = torch.ones((x.shape[1], 1, *self.settings["kernel"]), dtype=x.dtype, device=x.device)
            found = convolve(x, ones, None, stride, 0, 1, x.shape[1])
            found = found.clamp(max=1) if kind == "max_pool" else found
        return found.flatten(1).long()

    def forward(self, x: torch.Tensor, skipped: torch.Tensor | None) -> torch.Tensor:
        """What the next layer sees in this timestep."""
        settings, current = self.settings, self.synapses(x)
        if not settings["neurons"]:
            self.v = current
            return self.send(current)
        current = current + self.bias
        if hasattr(self, "recurrent"):
            current = current + (self.spikes.double() @ self.recurrent.double().T).long()
        if skipped is not None:
            current = current + skipped * settings["residual"]["weight"]
        if settings["synaptic_decay"] is not None:
            most = 1 << settings["synaptic_bits"] - 1
            current = self.j = (decay(self.j, **settings["synaptic_decay"]) + current).clamp(-most, most - 1)
        u = (decay(self.v, **settings["decay"]) - self.late + current).clamp(settings["v_min"], settings["v_max"])
        if not settings["fires"]:
            self.v = u
            return self.v
        resting = self.rest > 0
        fires = (u >= self.threshold) & ~resting
        after, late = u, torch.zeros_like(u)
        if settings["reset"] == "zero":
            after = u.masked_fill(fires, settings["v_reset"])
        elif settings["reset"] == "subtract":
            after = u - fires * self.threshold
        else:
            late = fires * self.threshold
        self.v, self.late = torch.where(resting, self.v, after), torch.where(resting, self.late, late)
        self.rest = torch.where(fires, settings["refractory"], (self.rest - 1).clamp(min=0))
        self.spikes = fires.long()
        return self.send(self.spikes)

    def send(self, values: torch.Tensor) -> torch.Tensor:
        self.line.append(values)
        return self.line.pop(0)


class Frozen(nn.Module):
    """The network; `forward(frames)` gives classes `(batch,)` and scores `(batch, outputs)`, int64."""

    def __init__(self, settings: dict, arrays: dict[str, torch.Tensor]):
        super().__init__()
        self.settings, self.frame_shape = settings, tuple(settings["frame_shape"])
        self.labels = settings["labels"]
        self.layers = nn.ModuleList()
        for k, layer in enumerate(settings["layers"]):
            own = {name.partition(".")[2]: values for name, values in arrays.items() if name.startswith(f"{k}.")}
            self.layers.append(Layer(layer, own))

    def forward(self, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if frames.is_floating_point() or frames.numel() != len(frames) * torch.Size(self.frame_shape).numel():
            raise ValueError(f"frames must be integers (batch, {', '.join(map(str, self.frame_shape))}), "
                             f"not {frames.dtype} {tuple(frames.shape)}")
        frames = frames.long().reshape(len(frames), *self.frame_shape)
        if self.settings["level"] is not None:
            frames = (frames >= self.settings["level"]).long()
        scores, v = torch.zeros((len(frames), self.settings["layers"][-1]["outputs"]), dtype=torch.int64,
                                device=frames.device), None
        for layer in self.layers:
            layer.start(len(frames))
        for t in range(self.settings["timesteps"]):
            x = frames if self.settings["single"] else frames[:, t]
            sent = []
            for layer in self.layers:
                residual = layer.settings["residual"]
                x = layer(x, None if residual is None else sent[residual["source"]])
                sent.append(x)
            v, scores = self.layers[-1].v, self.read(t, scores)
        decisive = scores
        if self.settings["readout"] == "first-spike":
            decisive = torch.where(scores.any(dim=1, keepdim=True), scores, v)
        best = decisive == decisive.amax(dim=1, keepdim=True)
        return best.long().argmax(dim=1), scores

    def read(self, t: int, scores: torch.Tensor) -> torch.Tensor:
        last, kind = self.layers[-1], self.settings["readout"]
        if kind == "count":
            return scores + last.spikes
        if kind == "first-spike":
            return torch.maximum(scores, last.spikes * (self.settings["timesteps"] - t))
        if kind == "membrane-sum":
            return scores + last.v
        return last.v if kind == "membrane-last" or t == 0 else torch.maximum(scores, last.v)


def load() -> Frozen:
    """The network that this file holds."""
    found = zipfile.ZipFile(io.BytesIO(base64.b64decode(DATA)))
    settings, arrays = json.loads(found.read("settings")), {}
    for name, shape in settings.pop("arrays").items():
        arrays[name] = torch.frombuffer(bytearray(found.read(name)), dtype=torch.int64).reshape(shape)
    return Frozen(settings, arrays)


DATA = ""
