"""How many clock cycles an inference will take, from the events of its layers: what a Plan promises before simulation.

The model follows the marks through the pipeline. For every layer and timestep it asks when the events come, when the
integrator has taken them in all its passes, when the groups leave the neurons, and how long the serializer needs for
their spikes; a layer that is not ready holds up the one before it. All times are in clock cycles, one number for each
inference of a batch.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spikeloom.network import Network
from spikeloom.rtl_gen import strategies
from spikeloom.rtl_gen.parallel import timing as parallel_timing
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.source_timing import WordSource, source_of

LIF, SERIALIZER, READOUT = 4, 1, 1     # latencies of a group through these components
BUFFER = 1                              # events that wait in front of a layer that is busy with another
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


def latency(plan: Plan, activity: Activity, watch: Callable[..., None] | None = None) -> np.ndarray:
    """Clock cycles, `(batch,)`, from the first accepted transfer of an inference to its last result.

    `watch` is called with each (stage, timestep, when its first event came, when its mark left).
    """
    network, steps = plan.network, plan.network.timesteps
    source = source_of(plan, activity.first, event_clocks(plan, 0))
    stages = [_Chain(plan, first, last, activity) if plan.layers[first].strategy == "parallel" else
              _Stage(plan, first, activity.seen(network, first), activity.spikes[first],
                     source if first == 0 and source.repeats else None)
              for first, last in plan.stages]

    def advance(k: int, t: int, begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Timestep `t` of stage `k` and all that follows from it; when the last of it was over."""
        final = k + 1 == len(stages)
        came = begins
        begins, ends = stages[k].timestep(t, begins, ends, None if final else stages[k + 1].free)
        if watch:
            watch(k, t, came, ends)
        if final:
            return ends
        delay = min(network.layers[plan.stages[k][1]].delay, steps)
        over = np.zeros_like(ends)
        for empty in range(delay if t == 0 else 0):
            over = advance(k + 1, empty, begins + empty, begins + empty)
        return advance(k + 1, t + delay, begins, ends) if t + delay < steps else over

    over, came = np.zeros(len(activity.first), np.int64), None
    for t in range(steps):
        held = t > 0 and plan.hold(0) > 1       # the currents of the first timestep are
        came = (came[1], came[1]) if held else source.present(t, stages[0].free, stages[0].marks)
        over = np.maximum(over, advance(0, t, *came))
    return over + READOUT


def stream_clocks(active: np.ndarray, places: np.ndarray, count: int, clocks: np.ndarray | int
                  ) -> tuple[np.ndarray, np.ndarray]:
    """Clocks of handing on the `active` values, `(.., values)`, of `count` groups: all, and from the first one with a
    value on. The mark is not counted.

    Parameters
    ----------
    places : in which group each value is.
    clocks : that the receiver takes for an event of each value; groups without any pass by meanwhile.
    """
    order = np.argsort(places, kind="stable")
    flat = active.reshape(-1, active.shape[-1])[:, order]
    row, column = np.nonzero(flat)
    at = places[order][column]
    final = np.append(row[1:] != row[:-1], True) if len(row) else np.zeros(0, bool)
    following = np.where(final, count, np.append(at[1:], count)[:len(at)])
    taken = np.broadcast_to(clocks, active.shape[-1:])[order][column]
    gaps = np.maximum(following - at, 1)
    tail = _elastic(row, taken, gaps, len(flat))
    begin = np.full(len(flat), count)
    np.minimum.at(begin, row, at)
    shape = active.shape[:-1]
    return (tail + begin).reshape(shape), tail.reshape(shape)


def _elastic(row: np.ndarray, taken: np.ndarray, gaps: np.ndarray, rows: int) -> np.ndarray:
    """Clocks from the first event of each row until its end could be handed on, `(rows,)`; events are ordered by row.

    Event n comes `gaps` clocks after event n - 1 was handed on, which is when event n - BUFFER has begun at the
    receiver; there it takes `taken` clocks.
    """
    if not len(row) or taken.max() == 1:
        return np.bincount(row, weights=gaps, minlength=rows).astype(np.int64)
    counts = np.bincount(row, minlength=rows)
    place = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    most = int(counts.max())
    gap, take = np.zeros((most, rows), np.int64), np.zeros((most, rows), np.int64)
    gap[place, row], take[place, row] = gaps, taken
    come, free = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    begun = [np.zeros(rows, np.int64)] * BUFFER
    for n in range(most):
        handed = np.maximum(come, begun[0])
        began = np.maximum(handed, free)
        begun = [*begun[1:], began]
        free, come = began + take[n], np.where(n < counts, handed + gap[n], come)
    return come


def event_clocks(plan: Plan, layer: int) -> np.ndarray | int:
    """Clocks that layer number `layer` takes for an event of each of its inputs, `(inputs,)`, or for any event."""
    if layer == len(plan.layers) or plan.layers[layer].strategy in ("dense", "popcount", "parallel"):
        return 1
    how = plan.layers[layer]
    return strategies.load(how.strategy).event_clocks(
        plan.network.layers[layer].synapses, lanes=how.lanes, groups_of=how.update_lanes)


class _Chain:
    """Parallel layers: a vector enters, moves one layer's adders and neurons at a time, and leaves as events."""

    def __init__(self, plan: Plan, first: int, last: int, activity: Activity):
        network = plan.network
        self.whole, self.outputs = last == len(network.layers) - 1, network.outputs
        fan = plan.fan(first)
        self.through = sum(parallel_timing.layer_latency(network, k, fan=fan) for k in range(first, last + 1))
        self.hold, self.collected = plan.hold(first), 0 if first == 0 and plan.vectors else 1
        batch = len(activity.first)
        spikes = activity.spikes[last]
        size = spikes.shape[2]
        groups = -(-size // EMITTED)
        self.clocks, _ = stream_clocks(spikes, np.arange(size) // EMITTED, groups, event_clocks(plan, last + 1))
        self.clocks = self.clocks + spikes[:, :, (groups - 1) * EMITTED:].any(axis=2)
        self.free = np.zeros(batch, np.int64)
        self.entered, self.left = np.full(batch, -1), np.zeros(batch, np.int64)

    @property
    def marks(self) -> np.ndarray:
        """From when a mark is taken."""
        return self.entered + 1 - self.collected

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
    """One layer between events and events; `source`, if it repeats the words of a page for each pass."""

    def __init__(self, plan: Plan, number: int, seen: np.ndarray, spikes: np.ndarray, source: WordSource | None):
        layer, how = plan.network.layers[number], plan.layers[number]
        self.passes, self.hold = plan.passes(number), plan.hold(number)
        self.last = number == len(plan.layers) - 1
        self.events, self.source = seen.sum(axis=2), source
        groups = -(-layer.size // how.update_lanes)
        batch, steps, size = spikes.shape
        sent = np.zeros_like(spikes) if self.last else spikes
        self.mark = sent[:, :, (groups - 1) * how.update_lanes:].any(axis=2)
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
        self.neurons = LIF * (1 + (layer.neurons is not None and layer.neurons.current_based))
        clocks = np.broadcast_to(event_clocks(plan, number + 1), (size,))

        def serialized(first: int, groups: int) -> tuple[np.ndarray, np.ndarray]:
            part = sent[:, :, first:first + groups * how.update_lanes]
            places = np.arange(part.shape[2]) // how.update_lanes
            return stream_clocks(part, places, -(-part.shape[2] // how.update_lanes), clocks[first:][:part.shape[2]])

        of_passes = [serialized(first, self.per_pass) for first in range(0, size, self.per_pass * how.update_lanes)]
        self.clocks, self.tail = zip(*of_passes, strict=True)
        # Sums in memory: spikes of these groups delay others of their timestep. When the rest come, all have been read.
        early = max(groups - self.first - self.neurons + 2, 0)
        self.delayed = serialized(0, early)[0] - early if early else np.zeros((batch, steps), np.int64)
        self.loops = layer.recurrent is not None
        self.looped, self.own = np.zeros(batch, np.int64), spikes.sum(axis=2)
        self.rest = max(LEAST_GROUPS - groups, 0)
        self.free = np.zeros(batch, np.int64)       # the integrator takes the next timestep's events from here on
        self.left = np.zeros(batch, np.int64)       # the serializer has taken the last group so far
        self.drained = np.zeros(batch, np.int64)    # the neurons have taken the last group so far
        self.scanned = np.zeros(batch, np.int64)    # the scan of the timestep before is over

    @property
    def marks(self) -> np.ndarray | int:
        """From when a mark is taken."""
        return {"dense": self.drained, "popcount": self.scanned}.get(self.strategy, 0)

    def timestep(self, t: int, begins: np.ndarray, ends: np.ndarray, following: np.ndarray | None
                 ) -> tuple[np.ndarray, np.ndarray]:
        """When the first event (or the mark) and the mark of timestep `t` come out, for input that comes so."""
        ready = self.integrate(t, begins, ends)
        began, silent = None, np.ones(len(begins), bool)
        left = self.left
        if self.loops:
            again = np.maximum(self.own[:, t - 1] * (t > 0) + 1, self.per_pass + 3)
            ready = [np.maximum(at, self.looped + number * again) for number, at in enumerate(ready)]
        for at, clocks, tail in zip(ready, self.clocks, self.tail, strict=True):
            spiking = silent & (tail[:, t] > 0)
            start = np.maximum(left, at + self.neurons)
            left = start + clocks[:, t]
            if following is not None:
                left = np.where(spiking, np.maximum(left, following + tail[:, t]), left)
            first = left - tail[:, t] + SERIALIZER
            began = first if began is None else np.where(spiking, first, began)
            silent &= ~spiking
            self.drained = left - self.neurons
        ends = left + self.mark[:, t]
        if following is not None:
            ends = np.maximum(ends, np.where(silent, following, 0))
        self.left = np.maximum(left, ends - 1) + self.rest
        self.looped = ends + 3 + 2 * (self.passes > 1)
        return np.where(silent, ends, began), ends

    def integrate(self, t: int, begins: np.ndarray, ends: np.ndarray) -> list[np.ndarray]:
        """For each pass, when its first group reaches the neurons."""
        if self.hold > 1 and t:
            return [self.left - self.neurons + (t == 1)] * len(self.clocks)
        if self.strategy == "dense":
            return self.passing(t, begins, ends)
        if self.strategy == "popcount":
            return self.scanning(t, begins, ends)
        # The sums leave, a group a clock, while the next timestep's events wait.
        mark = np.maximum(ends, np.maximum(begins, self.free) + self.busy[:, t] - self.groups)
        self.free = np.maximum(mark, self.drained - self.first) + self.groups + self.delayed[:, t]
        return [mark + self.first]

    def passing(self, t: int, begins: np.ndarray, ends: np.ndarray) -> list[np.ndarray]:
        """Events add up as they come, in each pass."""
        ready, mark = [], None
        for number in range(self.passes):
            if mark is None:
                mark = np.maximum(ends, np.maximum(begins, self.free) + self.events[:, t])
            elif self.source is not None:
                _, mark = self.source.present(t, mark + 1, self.drained)
            else:
                mark = mark + self.events[:, t] + 1 + (number == 1)
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
