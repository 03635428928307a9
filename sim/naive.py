"""A second opinion on the reference: one frame, plain Python integers, one loop a line of the equations.

Slow on purpose, and written from the equations alone: it shares no arithmetic with `sim.reference`, with `Decay.apply`
or with the encoders' numpy code, so that an error would have to be made twice to go unseen.
"""

import itertools
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from spikeloom import encoders
from spikeloom import neurons as models
from spikeloom import synapses as kinds
from spikeloom.decay import Decay
from spikeloom.errors import SpikeloomError
from spikeloom.network import Layer, Network


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One inference: the class, the scores, and S and V as `[layer][timestep][neuron]`."""

    best: int
    scores: list[int]
    spikes: list[list[list[int]]]
    membranes: list[list[list[int]]]


def infer(network: Network, frame: list) -> Answer:
    """One inference of `network` on one frame: `[value]`, or `[timestep][value]` where it takes a sequence."""
    sequence = _encode(network, frame)
    layers = [_Pool(layer) if layer.neurons is None else _neurons(layer) for layer in network.layers]
    for t in range(network.timesteps):
        x = sequence[t]
        for layer, neurons in zip(network.layers, layers, strict=True):
            skipped = None if layer.residual is None else layers[layer.residual.source].output()
            neurons.step(x, skipped)
            x = neurons.output()
    best, scores = _read(network, layers[-1].spikes, layers[-1].membranes)
    return Answer(best=best, scores=scores, spikes=[n.spikes for n in layers], membranes=[n.membranes for n in layers])


def _encode(network: Network, frame: list) -> list[list[int]]:
    if network.encoder is None:
        return [[int(value) for value in row] for row in frame]
    kind = encoders.kind(network.encoder)
    if kind == "delta":
        return _deltas([[int(value) for value in row] for row in frame], network.encoder.level)
    frame = [int(value) for value in frame]
    if kind == "latency":
        return _latencies(frame, network)
    if kind == "direct":
        return [frame] * network.timesteps
    if kind == "threshold":
        return [[1 if value >= network.encoder.level else 0 for value in frame]] * network.timesteps
    if kind == "rate":
        return _drawn(frame, network)
    raise SpikeloomError(f"encoder must be one that is defined here, not {kind!r}")


def _drawn(frame: list[int], network: Network) -> list[list[int]]:
    # bits[0] is the register's oldest bit, x^31; each new bit is the sum of those of x^31 and x^28
    register = [network.encoder.seed >> 30 - k & 1 for k in range(31)]
    sequence = []
    for _ in range(network.timesteps):
        row = []
        for value in frame:
            draw = 0
            for _ in range(network.input.bits):
                new = (register[0] + register[3]) % 2
                register = register[1:] + [new]
                draw = 2 * draw + new
            row.append(1 if value > draw else 0)
        sequence.append(row)
    return sequence


def _latencies(frame: list[int], network: Network) -> list[list[int]]:
    """A value's darkness, as a part of the range below 1, is the part of the inference that passes before its spike."""
    top, timesteps = 2**network.input.bits, network.timesteps
    sequence = [[0] * len(frame) for _ in range(timesteps)]
    for k, value in enumerate(frame):
        if value >= network.encoder.level:
            sequence[floor(Fraction(top - 1 - value, top) * timesteps)][k] = 1
    return sequence


def _deltas(frame: list[list[int]], level: int) -> list[list[int]]:
    """Follows each value on its own; row t: the risen ones, then the fallen ones."""
    risen, fallen = [[0] * len(row) for row in frame], [[0] * len(row) for row in frame]
    for k in range(len(frame[0])):
        sent = 0
        for t, row in enumerate(frame):
            if abs(row[k] - sent) < level:
                continue
            (risen if row[k] > sent else fallen)[t][k] = 1
            sent = row[k]
    return [up + down for up, down in zip(risen, fallen, strict=True)]


def _leak(v: int, decay: Decay) -> int:
    exact = Fraction(v * decay.num, 2**decay.shift)
    if decay.rounding == "floor":
        return floor(exact)
    if decay.rounding == "ceil":
        return ceil(exact)
    if decay.rounding == "nearest":
        return floor(exact + Fraction(1, 2))
    return floor(exact) if exact >= 0 else ceil(exact)


def _places(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """All index tuples of `shape` in C order."""
    return list(itertools.product(*map(range, shape)))


def _terms(synapses) -> list[list[tuple[int, int]]]:
    """For each output in order, its (input, weight) pairs."""
    kind = kinds.kind(synapses)
    if kind == "dense":
        return [list(enumerate(row)) for row in synapses.weights.tolist()]
    number = {place: n for n, place in enumerate(_places(synapses.input))}
    return [[(number[place], weight) for place, weight in _window(kind, synapses, out) if place in number]
            for out in _places(synapses.output)]


def _window(kind: str, synapses, out: tuple[int, ...]) -> list[tuple[tuple[int, ...], int]]:
    """The (channel, [row,] column) that output `out` looks at, also those beyond the edge, and their weights."""
    if kind == "conv":
        per_group = synapses.weights.shape[1]
        group = out[0] // (synapses.weights.shape[0] // synapses.groups)
        return [((group * per_group + tap[0], *(
                    at * step + offset - pad
                    for at, step, offset, pad in zip(out[1:], synapses.stride, tap[1:], synapses.padding, strict=True)
                )), int(synapses.weights[(out[0], *tap)])) for tap in _places(synapses.weights.shape[1:])]
    return [((out[0], *(at * step + offset for at, step, offset in zip(out[1:], synapses.stride, tap, strict=True))), 1)
            for tap in _places(synapses.kernel)]


class _Pool:
    """A pooling layer; V is its value, S whether that is not 0."""

    def __init__(self, layer: Layer):
        self.terms, self.delay, self.ors = _terms(layer.synapses), layer.delay, "max" in kinds.kind(layer.synapses)
        self.spikes, self.membranes = [], []

    def step(self, x: list[int], skipped: None) -> None:
        values = [[x[i] for i, _ in terms] for terms in self.terms]
        self.membranes.append([int(any(seen)) if self.ors else sum(seen) for seen in values])
        self.spikes.append([int(value != 0) for value in self.membranes[-1]])

    def output(self) -> list[int]:
        """What the next layer sees after the newest step."""
        t = len(self.membranes) - 1 - self.delay
        return self.membranes[t] if t >= 0 else [0] * len(self.terms)


class _Neurons:
    """One layer of LIF neurons: its constants as lists, its state, and the history of S and V."""

    def __init__(self, layer: Layer):
        self.terms, self.layer = _terms(layer.synapses), layer
        self.back = None if layer.recurrent is None else _terms(layer.recurrent)
        self.lif, self.delay = layer.neurons, layer.delay
        self.bias = layer.neurons.bias.tolist()
        self.threshold = layer.neurons.threshold.tolist() if layer.neurons.fires else None
        count = layer.neurons.neurons
        self.v, self.late, self.resting, self.j = [0] * count, [0] * count, [0] * count, [0] * count
        self.spikes, self.membranes = [], []

    def step(self, x: list[int], skipped: list[int] | None) -> None:
        spikes = []
        for n, terms in enumerate(self.terms):
            current = self.bias[n]
            for i, weight in terms:
                current += weight * x[i]
            if self.back is not None and self.spikes:
                for i, weight in self.back[n]:
                    current += weight * self.spikes[-1][i]
            if skipped is not None:
                current += self.layer.residual.weight * skipped[n]
            if self.lif.current_based:
                half = 2 ** (self.lif.synaptic_bits - 1)
                current = min(max(_leak(self.j[n], self.lif.synaptic_decay) + current, -half), half - 1)
                self.j[n] = current
            spikes.append(self.update(n, current))
        self.spikes.append(spikes)
        self.membranes.append(list(self.v))

    def update(self, n: int, current: int) -> int:
        if self.resting[n]:
            self.resting[n] -= 1
            return 0
        lif = self.lif
        top = 2 ** (lif.membrane_bits - 1) - 1
        bottom = -top - 1 if lif.floor is None else lif.floor
        u = min(max(_leak(self.v[n], lif.decay) - self.late[n] + current, bottom), top)
        self.late[n] = 0
        self.v[n] = u
        if self.threshold is None or u < self.threshold[n]:
            return 0
        self.resting[n] = lif.refractory
        if lif.reset == "zero":
            self.v[n] = lif.v_reset
        elif lif.reset == "subtract":
            self.v[n] = u - self.threshold[n]
        else:
            self.late[n] = self.threshold[n]
        return 1

    def output(self) -> list[int]:
        """What the next layer sees after the newest step."""
        t = len(self.spikes) - 1 - self.delay
        return self.spikes[t] if t >= 0 else [0] * len(self.v)


class _Adaptive(_Neurons):
    """One layer of ALIF neurons."""

    def __init__(self, layer: Layer):
        super().__init__(layer)
        self.raised = [0] * layer.neurons.neurons

    def update(self, n: int, current: int) -> int:
        model = self.lif
        top, most = 2 ** (model.membrane_bits - 1) - 1, 2**model.adaptation_bits - 1
        bottom = -top - 1 if model.floor is None else model.floor
        u = min(max(_leak(self.v[n], model.decay) + current, bottom), top)
        barrier = self.threshold[n] + self.raised[n]
        self.raised[n] = _leak(self.raised[n], model.adaptation_decay)
        if u < barrier:
            self.v[n] = u
            return 0
        self.v[n] = {"zero": 0, "subtract": u - barrier}[model.reset]
        self.raised[n] = min(self.raised[n] + model.adaptation_step, most)
        return 1


_MODELS = {"lif": _Neurons, "alif": _Adaptive}


def _neurons(layer: Layer) -> _Neurons:
    kind = models.kind(layer.neurons)
    if kind not in _MODELS:
        raise SpikeloomError(f"neurons must be of a model that is defined here, not {kind!r}")
    return _MODELS[kind](layer)


def _read(network: Network, spikes: list[list[int]], membranes: list[list[int]]) -> tuple[int, list[int]]:
    outputs, last = range(network.outputs), membranes[-1]
    if network.readout == "count":
        scores = [sum(row[n] for row in spikes) for n in outputs]
    elif network.readout == "membrane-last":
        scores = list(last)
    elif network.readout == "membrane-max":
        scores = [max(row[n] for row in membranes) for n in outputs]
    elif network.readout == "membrane-sum":
        scores = [sum(row[n] for row in membranes) for n in outputs]
    else:
        times = [[t for t, row in enumerate(spikes) if row[n]] for n in outputs]
        scores = [network.timesteps - times[n][0] if times[n] else 0 for n in outputs]
        if not any(scores):
            return last.index(max(last)), scores
    return scores.index(max(scores)), scores
