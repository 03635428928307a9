"""The oracle: a network simulated in integers, exactly, for many frames at once.

The equations are those of `spikeloom.network`. Sums of synaptic terms go through floating-point matrix products, which
are exact because no partial sum can leave the integers that the format represents: below 2^24 in float32, below 2^53 in
float64. The contract bounds every current by 2^31, so one of the two always holds.
"""

from collections.abc import Callable
from contextlib import contextmanager

import numpy as np
import torch

from spikeloom.errors import SpikeloomError
from spikeloom.network import Layer, Network
from spikeloom.sim.outcome import Outcome

_FLOAT32_EXACT, _FLOAT64_EXACT, _INT32_EXACT = 1 << 24, 1 << 53, 1 << 31


def simulate(
    network: Network,
    frames: np.ndarray,
    *,
    trace: bool = False,
    device: str | torch.device | None = None,
    batch: int = 1000,
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Simulate `network` on `frames` (batch, *network.frame_shape).

    Parameters
    ----------
    trace : keep every spike and membrane of every layer.
    device : where torch works; by default the GPU if there is one.
    batch : frames worked on together.
    progress : called with (frames done, all frames) after each batch.

    Raises `SpikeloomError` for frames that the network's input cannot hold.
    """
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise SpikeloomError(f"batch must be a positive integer, not {batch!r}")
    frames = network.frames(frames)
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(device)
    recorder = _Recorder(network, len(frames), trace)
    layers = [_Weights(layer, network.presynaptic_range(k), device) for k, layer in enumerate(network.layers)]
    with torch.inference_mode(), _exact_products(device):
        for start in range(0, len(frames), batch):
            part = slice(start, min(start + batch, len(frames)))
            _run(network, layers, frames[part], recorder, part)
            if progress:
                progress(part.stop, len(frames))
    return recorder.outcome


@contextmanager
def _exact_products(device: torch.device):
    """Forbid reduced-precision products (TF32, bfloat16, autocast), whatever the caller has set."""
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(precision)


class _Weights:
    """A layer's constants on the device, in the narrowest types that are exact."""

    def __init__(self, layer: Layer, inputs: tuple[int, int], device: torch.device):
        weights, neurons = layer.synapses.weights, layer.neurons
        largest = int(abs(weights).sum(axis=1).max()) * max(-inputs[0], inputs[1])
        if largest >= _FLOAT64_EXACT:
            raise SpikeloomError(f"sums of synaptic terms must stay below {_FLOAT64_EXACT}, not reach {largest}")
        self.real = torch.float32 if largest < _FLOAT32_EXACT else torch.float64
        self.transposed = torch.tensor(weights.T, dtype=self.real, device=device)
        v = max(-neurons.v_min, neurons.v_max + 1)
        update = 2 * v + largest + int(abs(neurons.bias).max())
        decay = v * neurons.decay.num + (1 << neurons.decay.shift)
        self.whole = torch.int32 if max(update, decay) < _INT32_EXACT else torch.int64
        self.bias = torch.tensor(neurons.bias, dtype=self.whole, device=device)
        self.threshold = None
        if neurons.fires:
            self.threshold = torch.tensor(neurons.threshold, dtype=self.whole, device=device)

    def current(self, x: torch.Tensor) -> torch.Tensor:
        """I for presynaptic values `(batch, inputs)`."""
        return (x.to(self.real) @ self.transposed).to(self.whole) + self.bias


class _State:
    """A layer's membranes and what else it remembers, for one batch; `step` is one timestep."""

    def __init__(self, layer: Layer, weights: _Weights, batch: int):
        self.neurons, self.weights = layer.neurons, weights
        shape, device = (batch, layer.neurons.neurons), weights.bias.device
        self.v = torch.zeros(shape, dtype=weights.whole, device=device)
        self.silent = torch.zeros(shape, dtype=torch.bool, device=device)
        self.fired = self.silent if layer.neurons.reset == "subtract-late" else None
        self.pause = torch.zeros(shape, dtype=torch.int16, device=device) if layer.neurons.refractory else None
        self.delayed = [self.silent] * layer.delay

    def step(self, current: torch.Tensor) -> torch.Tensor:
        """S of this timestep; `v` holds V after it."""
        neurons, threshold = self.neurons, self.weights.threshold
        u = current if neurons.decay.num == 0 else neurons.decay.apply(self.v) + current
        if self.fired is not None:
            u = u - self.fired * threshold
        u = u.clamp(neurons.v_min, neurons.v_max)
        if threshold is None:
            self.v = u
            return self.silent
        spikes = u >= threshold
        if neurons.reset == "zero":
            v = u.masked_fill(spikes, neurons.v_reset)
        else:
            v = u - spikes * threshold if neurons.reset == "subtract" else u
        fired = spikes
        if self.pause is not None:
            resting = self.pause > 0
            spikes = spikes & ~resting
            v = torch.where(resting, self.v, v)
            if self.fired is not None:
                fired = torch.where(resting, self.fired, spikes)
            self.pause = torch.where(spikes, neurons.refractory, (self.pause - 1).clamp(min=0)).to(torch.int16)
        if self.fired is not None:
            self.fired = fired
        self.v = v
        return spikes

    def send(self, spikes: torch.Tensor) -> torch.Tensor:
        """What the next layer sees in this timestep."""
        self.delayed.append(spikes)
        return self.delayed.pop(0)


def _run(network: Network, layers: list[_Weights], frames: np.ndarray, recorder: "_Recorder", part: slice) -> None:
    encoded, constant = frames, False
    if network.encoder is not None:
        encoded = network.encoder.encode(frames, network.timesteps, network.input.bits)
        constant = network.encoder.constant
    device = layers[0].bias.device
    states = [_State(layer, weights, len(frames)) for layer, weights in zip(network.layers, layers, strict=True)]
    readout = _Readout(network, len(frames), device)
    first = None
    for t in range(network.timesteps):
        x = None
        for k, state in enumerate(states):
            if k:
                current = layers[k].current(x)
            elif first is None or not constant:
                real = torch.tensor(np.ascontiguousarray(encoded[:, t]), dtype=layers[0].real, device=device)
                current = first = layers[0].current(real)
            else:
                current = first
            spikes = state.step(current)
            recorder.write(part, t, k, spikes, state.v)
            x = state.send(spikes)
        readout.step(t, spikes, states[-1].v)
    recorder.answer(part, *readout.finish(states[-1].v))


class _Readout:
    """Scores of the last layer, gathered timestep after timestep."""

    def __init__(self, network: Network, batch: int, device: torch.device):
        self.kind, self.timesteps = network.readout, network.timesteps
        self.scores = torch.zeros((batch, network.outputs), dtype=torch.int64, device=device)

    def step(self, t: int, spikes: torch.Tensor, v: torch.Tensor) -> None:
        if self.kind == "count":
            self.scores += spikes
        elif self.kind == "first-spike":
            self.scores = torch.maximum(self.scores, spikes * (self.timesteps - t))
        elif self.kind == "membrane-sum":
            self.scores += v
        elif self.kind == "membrane-last" or t == 0:
            self.scores = v.to(torch.int64)
        else:
            self.scores = torch.maximum(self.scores, v.to(torch.int64))

    def finish(self, v: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Classes and scores. numpy's argmax promises the lowest index among equals, torch's does not."""
        scores = self.scores.cpu().numpy()
        decisive = scores
        if self.kind == "first-spike":
            decisive = np.where(scores.any(axis=1, keepdims=True), scores, v.cpu().numpy())
        return decisive.argmax(axis=1), scores


class _Recorder:
    """Collects the answers, and the trace when there is to be one."""

    def __init__(self, network: Network, count: int, trace: bool):
        sizes = [(count, network.timesteps, layer.neurons.neurons) for layer in network.layers] if trace else []
        self.outcome = Outcome(
            classes=np.zeros(count, np.int64),
            scores=np.zeros((count, network.outputs), np.int64),
            spikes=tuple(np.zeros(size, bool) for size in sizes) if trace else None,
            membranes=tuple(np.zeros(size, np.int32) for size in sizes) if trace else None,
        )

    def write(self, part: slice, t: int, layer: int, spikes: torch.Tensor, v: torch.Tensor) -> None:
        if self.outcome.spikes is not None:
            self.outcome.spikes[layer][part, t] = spikes.cpu().numpy()
            self.outcome.membranes[layer][part, t] = v.cpu().numpy()

    def answer(self, part: slice, classes: np.ndarray, scores: np.ndarray) -> None:
        self.outcome.classes[part] = classes
        self.outcome.scores[part] = scores
