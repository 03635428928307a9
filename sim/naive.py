"""A second opinion on the reference: one frame, plain Python integers, one loop a line of the equations.

Slow on purpose, and written from the equations alone: it shares no arithmetic with `sim.reference`, with `Decay.apply`
or with the encoders' numpy code, so that an error would have to be made twice to go unseen.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from spikeloom import encoders
from spikeloom.decay import Decay
from spikeloom.network import Layer, Network


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One inference: the class, the scores, and S and V as `[layer][timestep][neuron]`."""

    best: int
    scores: list[int]
    spikes: list[list[list[int]]]
    membranes: list[list[list[int]]]


def infer(network: Network, frame: list) -> Answer:
    """One inference of `network` on one frame: `[value]`, or `[timestep][value]` for a network without encoder."""
    sequence = _encode(network, frame)
    layers = [_Neurons(layer) for layer in network.layers]
    for t in range(network.timesteps):
        x = sequence[t]
        for neurons in layers:
            neurons.step(x)
            x = neurons.output()
    best, scores = _read(network, layers[-1].spikes, layers[-1].membranes)
    return Answer(best=best, scores=scores, spikes=[n.spikes for n in layers], membranes=[n.membranes for n in layers])


def _encode(network: Network, frame: list) -> list[list[int]]:
    if network.encoder is None:
        return [[int(value) for value in row] for row in frame]
    frame, kind = [int(value) for value in frame], encoders.kind(network.encoder)
    if kind == "direct":
        return [frame] * network.timesteps
    if kind == "threshold":
        return [[1 if value >= network.encoder.level else 0 for value in frame]] * network.timesteps
    # rate: bits[0] is the register's oldest bit, x^31; each new bit is the sum of those of x^31 and x^28
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


def _leak(v: int, decay: Decay) -> int:
    exact = Fraction(v * decay.num, 2**decay.shift)
    if decay.rounding == "floor":
        return floor(exact)
    if decay.rounding == "ceil":
        return ceil(exact)
    if decay.rounding == "nearest":
        return floor(exact + Fraction(1, 2))
    return floor(exact) if exact >= 0 else ceil(exact)


class _Neurons:
    """One layer: its constants as lists, its state, and the history of S and V."""

    def __init__(self, layer: Layer):
        self.weights = layer.synapses.weights.tolist()
        self.lif, self.delay = layer.neurons, layer.delay
        self.bias = layer.neurons.bias.tolist()
        self.threshold = layer.neurons.threshold.tolist() if layer.neurons.fires else None
        count = layer.neurons.neurons
        self.v, self.late, self.resting = [0] * count, [0] * count, [0] * count
        self.spikes, self.membranes = [], []

    def step(self, x: list[int]) -> None:
        spikes = []
        for n, row in enumerate(self.weights):
            current = self.bias[n]
            for weight, value in zip(row, x, strict=True):
                current += weight * value
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
