"""How many clock cycles an inference will take, from the events of its layers: what a Plan promises before simulation.

The model follows the marks through the pipeline. For every layer and timestep it asks when the events come, when the
integrator has taken them in all its passes, when the groups leave the neurons, and how long the serializer needs for
their spikes; a layer that is not ready holds up the one before it. All times are in clock cycles, one number for each
inference of a batch.
"""

from dataclasses import dataclass

import numpy as np

from spikeloom import encoders
from spikeloom.network import Network
from spikeloom.rtl_gen import strategies, words
from spikeloom.rtl_gen.parallel import readout
from spikeloom.rtl_gen.parallel import timing as parallel_timing
from spikeloom.rtl_gen.plan import Plan

LIF, SERIALIZER, READOUT = 4, 1, 1     # latencies of a group through these components
LEAST_CLOCKS = {"delta": 2}             # of a word, where an encoder cannot take one a clock
EMITTED = 16                            # neurons of a vector that become events in a clock
FIRST = {"dense": 3, "popcount": 6, "conv": 4, "pool": 4}   # from a mark to the first group
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
    network, steps = plan.network, plan.network.timesteps
    stages = [_Chain(plan, first, last, activity) if plan.layers[first].strategy == "parallel" else
              _Stage(plan, first, activity.seen(network, first), activity.spikes[first])
              for first, last in plan.stages]
    source = _Source(plan, activity)

    def advance(k: int, t: int, begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Timestep `t` of stage `k` and all that follows from it; when the last of it was over."""
        final = k + 1 == len(stages)
        begins, ends = stages[k].timestep(t, begins, ends, None if final else stages[k + 1].free)
        if final:
            return ends
        delay = min(network.layers[plan.stages[k][1]].delay, steps)
        over = np.zeros_like(ends)
        for empty in range(delay if t == 0 else 0):
            over = advance(k + 1, empty, begins + empty, begins + empty)
        return advance(k + 1, t + delay, begins, ends) if t + delay < steps else over

    over = np.zeros(len(activity.first), np.int64)
    for t in range(steps):
        over = np.maximum(over, advance(0, t, *source.timestep(t, stages[0].free)))
    return over + READOUT


class _Source:
    """When the events of each timestep come to the first layer: a word a clock, or its events if it has more.

    A vector comes when all of its words are there.
    """

    def __init__(self, plan: Plan, activity: Activity):
        self.clocks, self.now = page_clocks(plan, activity.first), np.zeros(len(activity.first), np.int64)
        self.hold = plan.hold(0)

    def timestep(self, t: int, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.hold > 1 and t:
            return self.now, self.now
        begins = np.maximum(self.now, free - 1)
        self.now = begins + self.clocks[:, min(t, self.clocks.shape[1] - 1)]
        return begins, self.now


def page_clocks(plan: Plan, first: np.ndarray) -> np.ndarray:
    """Clocks, `(batch, timesteps or 1)`, of one presentation of a page: words, events and mark."""
    if plan.source == "events":
        return first.sum(axis=2) + 1
    network = plan.network
    if plan.vectors:
        return np.full(first.shape[:2], words.per_page(network) + 1)
    lanes, size = words.values(network), network.input.size
    counts = np.zeros((*first.shape[:2], words.per_page(network)), np.int64)
    for channel in range(first.shape[2] // size):       # an encoder may give several values for each input
        padded = np.zeros((*first.shape[:2], counts.shape[2] * lanes), bool)
        padded[:, :, :size] = first[:, :, channel * size:][:, :, :size]
        counts += padded.reshape(*counts.shape, lanes).sum(axis=3)
    kind = "direct" if network.encoder is None else encoders.kind(network.encoder)
    return np.maximum(counts, LEAST_CLOCKS.get(kind, 1)).sum(axis=2) + (counts[:, :, -1] > 0)


class _Chain:
    """Parallel layers: a vector enters, moves one layer's adders and neurons at a time, and leaves as events."""

    def __init__(self, plan: Plan, first: int, last: int, activity: Activity):
        network = plan.network
        self.whole, self.outputs = last == len(network.layers) - 1, network.outputs
        self.through = sum(parallel_timing.layer_latency(network, k) for k in range(first, last + 1))
        if self.whole:
            self.through += readout.latency(network)
        self.hold, self.collected = plan.hold(first), 0 if first == 0 and plan.vectors else 1
        batch = len(activity.first)
        spikes = activity.spikes[last]
        groups = -(-spikes.shape[2] // EMITTED)
        padded = np.zeros((*spikes.shape[:2], groups * EMITTED), bool)
        padded[:, :, :spikes.shape[2]] = spikes
        counts = padded.reshape(*spikes.shape[:2], groups, EMITTED).sum(axis=3)
        self.clocks = np.maximum(counts, 1).sum(axis=2) + (counts[:, :, -1] > 0)
        self.free = np.zeros(batch, np.int64)
        self.entered, self.left = np.full(batch, -1), np.zeros(batch, np.int64)

    def timestep(self, t: int, begins: np.ndarray, ends: np.ndarray, following: np.ndarray | None
                 ) -> tuple[np.ndarray, np.ndarray]:
        """See `_Stage.timestep`; for the network's last layer, when the last result leaves."""
        come = self.entered + 1 if self.hold > 1 and t else np.maximum(ends + self.collected, self.entered + 1)
        self.entered = come
        self.free = come
        out = come + self.through
        if self.whole:
            return out, out + self.outputs - READOUT
        start = np.maximum(out, self.left)
        if following is not None:
            start = np.maximum(start, following - 2)
        self.left = start + 1 + self.clocks[:, t]
        self.entered = np.maximum(self.entered, start - self.through)
        return start + 2, self.left


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
        self.first = FIRST.get(how.strategy) or strategies.load(how.strategy).first_group(
            layer.synapses, lanes=how.lanes, groups_of=how.update_lanes)
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
            return [self.left - LIF + (t == 1)] * len(self.clocks)
        if self.strategy == "dense":
            return self.passing(t, begins, ends)
        if self.strategy == "popcount":
            return self.scanning(t, begins, ends)
        # The sums leave, a group a clock, while the next timestep's events wait.
        mark = np.maximum(ends, np.maximum(begins, self.free) + self.busy[:, t] - self.groups)
        self.free = np.maximum(mark, self.drained - self.first) + self.groups
        return [mark + self.first]

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
        for number in range(len(self.clocks)):
            before = self.drained - FIRST["popcount"] if number == 0 else at + self.per_pass + 1
            at = np.maximum(at + self.words, before)
            ready.append(at + FIRST["popcount"])
        self.scanned, self.free = np.maximum(at, mark + self.busy[:, t]), mark + 1
        return ready
