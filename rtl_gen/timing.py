"""How many clock cycles an inference will take, from the events of its layers: what a Plan promises before simulation.

The model follows the marks through the pipeline. For every layer and timestep it asks when the events come, when the
integrator has taken them in all its passes, when the groups leave the neurons, and how long the serializer needs for
their spikes; a layer that is not ready holds up the one before it. All times are in clock cycles, one number for each
inference of a batch.
"""

from dataclasses import dataclass

import numpy as np

from spikeloom.network import Network
from spikeloom.rtl_gen import strategies, words
from spikeloom.rtl_gen.plan import Plan

LIF, SERIALIZER, READOUT = 4, 1, 1     # latencies of a group through these components
FIRST = {"dense": 3, "popcount": 6, "sparse": 4, "conv": 4, "pool": 4}  # from a mark to the first group
LEAST_GROUPS = 4                       # a layer of fewer groups waits for its own write-back


@dataclass(frozen=True, kw_only=True, eq=False)
class Activity:
    """What happens in a batch of inferences.

    Parameters
    ----------
    first : what the first layer sees, not 0: bool `(batch, timesteps or 1 if constant, inputs)`.
    spikes : of each layer, bool `(batch, timesteps, neurons)`, before its delay.
    """

    first: np.ndarray
    spikes: tuple[np.ndarray, ...]

    def seen(self, network: Network, layer: int) -> np.ndarray:
        """What layer number `layer` sees, bool `(batch, timesteps, inputs)`."""
        steps = network.timesteps
        if layer == 0:
            return np.broadcast_to(self.first, (len(self.first), steps, self.first.shape[2]))
        sent, delay = self.spikes[layer - 1], min(network.layers[layer - 1].delay, steps)
        return np.concatenate([np.zeros_like(sent[:, :delay]), sent[:, :steps - delay]], axis=1)

    def typical(self, network: Network, layer: int) -> np.ndarray:
        """Typical events of layer number `layer`, `(timesteps, inputs)`: all inferences, one after the other."""
        seen = self.first if layer == 0 else self.seen(network, layer)
        return seen.reshape(-1, seen.shape[2])


def latency(plan: Plan, activity: Activity) -> np.ndarray:
    """Clock cycles, `(batch,)`, from the first accepted transfer of an inference to its last result."""
    layers = [_Stage(plan, k, activity.seen(plan.network, k), activity.spikes[k]) for k in range(len(plan.layers))]
    source = _Source(plan, activity)
    for t in range(plan.network.timesteps):
        begins, ends = source.timestep(t)
        for k, layer in enumerate(layers):
            following = layers[k + 1].free if k + 1 < len(layers) else None
            begins, ends = layer.timestep(t, begins, ends, following)
    return ends + READOUT


class _Source:
    """When the events of each timestep come to the first layer: a word a clock, or its events if it has more."""

    def __init__(self, plan: Plan, activity: Activity):
        self.clocks, self.now = page_clocks(plan, activity.first), np.zeros(len(activity.first), np.int64)
        self.hold = plan.hold(0)

    def timestep(self, t: int) -> tuple[np.ndarray, np.ndarray]:
        if self.hold > 1 and t:
            return self.now, self.now
        begins = self.now
        self.now = self.now + self.clocks[:, min(t, self.clocks.shape[1] - 1)]
        return begins, self.now


def page_clocks(plan: Plan, first: np.ndarray) -> np.ndarray:
    """Clocks, `(batch, timesteps or 1)`, of one presentation of a page: words, events and mark."""
    if plan.source == "events":
        return first.sum(axis=2) + 1
    lanes = words.values(plan.network)
    padded = np.zeros((*first.shape[:2], -(-first.shape[2] // lanes) * lanes), bool)
    padded[:, :, :first.shape[2]] = first
    counts = padded.reshape(*first.shape[:2], -1, lanes).sum(axis=3)
    return np.maximum(counts, 1).sum(axis=2) + (counts[:, :, -1] > 0)


class _Stage:
    """One layer between events and events."""

    def __init__(self, plan: Plan, number: int, seen: np.ndarray, spikes: np.ndarray):
        layer, how = plan.network.layers[number], plan.layers[number]
        self.passes, self.hold = plan.passes(number), plan.hold(number)
        self.last = number == len(plan.layers) - 1
        self.again = seen.sum(axis=2) + 1           # clocks of each further presentation of a timestep's events
        if number == 0 and plan.source == "words" and (
                plan.network.encoder is None or plan.network.encoder.constant):
            self.again = np.broadcast_to(page_clocks(plan, seen), self.again.shape)
        self.events = seen.sum(axis=2)
        groups = -(-layer.size // how.update_lanes)
        batch, steps, size = spikes.shape
        padded = np.zeros((batch, steps, groups * how.update_lanes), bool)
        padded[:, :, :size] = spikes
        counts = padded.reshape(batch, steps, groups, -1).sum(axis=3)
        if self.last:
            counts = np.zeros_like(counts)
        self.mark = counts[:, :, -1] > 0
        self.strategy, self.groups = how.strategy, groups
        scanned = how.strategy in ("dense", "popcount")
        self.per_pass = how.lanes // how.update_lanes if scanned else groups
        self.busy = np.zeros((batch, steps), np.int64)
        if how.strategy != "dense":
            self.busy = strategies.load(how.strategy).occupancy(
                layer.synapses, lanes=how.lanes, groups_of=how.update_lanes, events=seen.reshape(batch * steps, -1),
                **how.options).reshape(batch, steps)
        self.words = -(-layer.synapses.inputs // how.width) if how.strategy == "popcount" else 0
        self.clocks = [np.maximum(part, 1).sum(axis=2) for part in self.split(counts)]
        self.tail = [(np.maximum(part, 1) * np.maximum.accumulate(part > 0, axis=2)).sum(axis=2)
                     for part in self.split(counts)]
        self.rest = max(LEAST_GROUPS - groups, 0)
        self.free = np.zeros(batch, np.int64)       # the integrator takes the next timestep's events from here on
        self.left = np.zeros(batch, np.int64)       # the serializer has taken the last group so far
        self.drained = np.zeros(batch, np.int64)    # the neurons have taken the last group so far
        self.scanned = np.zeros(batch, np.int64)    # the scan of the timestep before is over

    def split(self, counts: np.ndarray) -> list[np.ndarray]:
        """Spikes of groups, `(batch, timesteps, groups)`, pass by pass."""
        return np.split(counts, range(self.per_pass, counts.shape[2], self.per_pass), axis=2)

    def timestep(self, t: int, begins: np.ndarray, ends: np.ndarray, following: np.ndarray | None
                 ) -> tuple[np.ndarray, np.ndarray]:
        """When the first event (or the mark) and the mark of timestep `t` come out, for input that comes so."""
        ready = self.integrate(t, begins, ends)
        began, silent = None, np.ones(len(begins), bool)
        left = self.left
        for at, clocks, tail in zip(ready, self.clocks, self.tail, strict=True):
            spiking = silent & (tail[:, t] > 0)
            start = np.maximum(left, at + LIF)
            left = start + clocks[:, t]
            if following is not None:
                left = np.where(spiking, np.maximum(left, following + tail[:, t]), left)
            first = left - tail[:, t] + SERIALIZER
            began = first if began is None else np.where(spiking, first, began)
            silent &= ~spiking
            self.drained = left - LIF
        ends = left + self.mark[:, t]
        if following is not None:
            ends = np.maximum(ends, np.where(silent, following, 0))
        self.left = np.maximum(left, ends - 1) + self.rest
        return np.where(silent, ends, began), ends

    def integrate(self, t: int, begins: np.ndarray, ends: np.ndarray) -> list[np.ndarray]:
        """For each pass, when its first group reaches the neurons."""
        if self.hold > 1 and t:
            return [self.left - LIF + (t == 1)] * self.passes
        if self.strategy == "dense":
            return self.passing(t, begins, ends)
        if self.strategy == "popcount":
            return self.scanning(t, begins, ends)
        # The sums leave, a group a clock, while the next timestep's events wait.
        mark = np.maximum(ends, np.maximum(begins, self.free) + self.busy[:, t] - self.groups)
        self.free = np.maximum(mark, self.drained) + self.groups
        return [mark + FIRST[self.strategy]]

    def passing(self, t: int, begins: np.ndarray, ends: np.ndarray) -> list[np.ndarray]:
        """Events add up as they come, in each pass."""
        ready, mark = [], None
        for number in range(self.passes):
            if mark is None:
                mark = np.maximum(ends, np.maximum(begins, self.free) + self.events[:, t])
            else:
                mark = mark + self.again[:, t] + (number == 1)
            mark = np.maximum(mark, self.drained)
            ready.append(mark + FIRST["dense"])
            self.drained = mark + FIRST["dense"] + self.per_pass
        self.free = mark + 1
        return ready

    def scanning(self, t: int, begins: np.ndarray, ends: np.ndarray) -> list[np.ndarray]:
        """Spikes are collected while those of the timestep before are scanned."""
        mark = np.maximum(np.maximum(ends, np.maximum(begins, self.free) + self.events[:, t]), self.scanned)
        ready, at = [], mark + 1
        for _ in self.clocks:
            at = np.maximum(at + self.words, self.drained)
            ready.append(at + FIRST["popcount"])
            self.drained = at + FIRST["popcount"] + self.per_pass
        self.scanned, self.free = at, mark + 1
        return ready
