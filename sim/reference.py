"""The oracle: a network simulated in integers, exactly, for many frames at once.

The equations are those of `spikeloom.network`, and what its neurons' model does with their currents is the model's own
`step`. Sums of synaptic terms go through floating-point products that are exact (see `sim.sums`); all else is integers.
"""

from collections.abc import Callable
from contextlib import contextmanager

import numpy as np
import torch

from spikeloom.errors import SpikeloomError
from spikeloom.network import Network
from spikeloom.sim import sums
from spikeloom.sim.outcome import Outcome

_INT32_EXACT = 1 << 31


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
    layers = [_Constants(network, k, device) for k in range(len(network.layers))]
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


class _Constants:
    """A layer's constants on the device, in the narrowest types that are exact."""

    def __init__(self, network: Network, number: int, device: torch.device):
        layer = network.layers[number]
        largest = sums.largest(layer, network.presynaptic_range(number), network.skipped_range(number))
        self.layer, self.device, self.real = layer, device, sums.real_type(largest)
        self.forward = sums.of(layer.synapses, self.real, device)
        self.recurrent = None if layer.recurrent is None else sums.of(layer.recurrent, self.real, device)
        self.whole, self.bias, self.vectors = torch.int64, None, {}
        if layer.neurons is None:
            return
        neurons = layer.neurons
        largest += int(abs(neurons.bias).max())
        if neurons.current_based:
            j = 1 << neurons.synaptic_bits - 1
            largest = max(2 * j + largest, j * neurons.synaptic_decay.num + (1 << neurons.synaptic_decay.shift),
                          neurons.largest(j))
        else:
            largest = neurons.largest(largest)
        self.whole = torch.int32 if largest < _INT32_EXACT else torch.int64
        own = {name: getattr(neurons, name) for name in neurons.vector_names()}
        self.vectors = {name: None if values is None else torch.tensor(values, dtype=self.whole, device=device)
                        for name, values in own.items()}
        self.bias = self.vectors["bias"]

    def current(self, x: torch.Tensor) -> torch.Tensor:
        """The share of I that comes from presynaptic values `(batch, inputs)` and the bias; of a pool, its output."""
        current = self.forward(x.to(self.real)).to(self.whole)
        return current if self.bias is None else current + self.bias


def _where(mask: torch.Tensor, yes: torch.Tensor | int, no: torch.Tensor | int) -> torch.Tensor:
    """`torch.where`, faster where `yes` is a number."""
    return no.masked_fill(mask, yes) if isinstance(yes, int) and isinstance(no, torch.Tensor) else torch.where(
        mask, yes, no)


class _State:
    """What a layer remembers, for one batch; `step` is one timestep."""

    def __init__(self, constants: _Constants, batch: int):
        self.constants, self.neurons, self.layer = constants, constants.layer.neurons, constants.layer
        shape, device = (batch, self.layer.size), constants.device
        self.v = torch.zeros(shape, dtype=constants.whole, device=device)
        self.silent = torch.zeros(shape, dtype=torch.bool, device=device)
        self.spikes, self.state, self.j = self.silent, {}, None
        self.sent = self.v if self.neurons is None else self.silent
        self.delayed = [self.sent] * self.layer.delay
        if self.neurons is not None:
            self.state = {name: self.silent if bounds is bool else self.v for name, bounds in
                          self.neurons.states.items()}
            self.j = self.v if self.neurons.current_based else None

    def step(self, current: torch.Tensor, skipped: torch.Tensor | None) -> None:
        """One timestep: `current` is I without recurrence and residual, `skipped` what the residual's source sends.

        Afterwards `spikes` and `v` are S and V (of a pool: whether its value is not 0, and the value), and `sent` is
        what the next layer sees.
        """
        if self.neurons is None:
            self.v, self.spikes = current, current != 0
            self.send(current)
            return
        if self.constants.recurrent is not None:
            before = self.constants.recurrent(self.spikes.to(self.constants.real))
            current = current + before.to(current.dtype)
        if skipped is not None:
            current = current + skipped.to(current.dtype) * self.layer.residual.weight
        if self.j is not None:
            most = 1 << self.neurons.synaptic_bits - 1
            current = self.j = (self.neurons.synaptic_decay.apply(self.j) + current).clamp(-most, most - 1)
        spikes, self.state = self.neurons.step(self.state, current, self.constants.vectors, _where)
        self.spikes, self.v = self.silent if spikes is None else spikes, self.state["v"]
        self.send(self.spikes)

    def send(self, values: torch.Tensor) -> None:
        self.delayed.append(values)
        self.sent = self.delayed.pop(0)


def _run(network: Network, layers: list[_Constants], frames: np.ndarray, recorder: "_Recorder", part: slice) -> None:
    encoded, constant = frames, False
    if network.encoder is not None:
        encoded = network.encoder.encode(frames, network.timesteps, network.input.bits)
        constant = network.encoder.constant
    states = [_State(constants, len(frames)) for constants in layers]
    readout = _Readout(network, len(frames), layers[0].device)
    first = None
    for t in range(network.timesteps):
        if first is None or not constant:
            real = torch.tensor(np.ascontiguousarray(encoded[:, t]), dtype=layers[0].real, device=layers[0].device)
            first = layers[0].current(real)
        for k, state in enumerate(states):
            residual = network.layers[k].residual
            state.step(layers[k].current(states[k - 1].sent) if k else first,
                       None if residual is None else states[residual.source].sent)
            recorder.write(part, t, k, state.spikes, state.v)
        readout.step(t, states[-1].spikes, states[-1].v)
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
        sizes = [(count, network.timesteps, layer.size) for layer in network.layers] if trace else []
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
