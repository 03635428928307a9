"""Which membranes can occur at all: what decides the width of every register, and whether anything is ever clipped."""

from dataclasses import dataclass

import numpy as np

from spikeloom.network import Lif


@dataclass(frozen=True, kw_only=True, eq=False)
class Reach:
    """Bounds over all timesteps of an inference, int64 `(neurons,)` each.

    Parameters
    ----------
    raw_low, raw_high : of U before it is clipped.
    low, high : of V, 0 included: every inference starts there.
    fires : True where a spike is possible.
    """

    raw_low: np.ndarray
    raw_high: np.ndarray
    low: np.ndarray
    high: np.ndarray
    fires: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Interval:
    """`low .. high` of each neuron; empty where low > high."""

    low: np.ndarray
    high: np.ndarray

    def __or__(self, other: "Interval") -> "Interval":
        low, high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        low, high = np.where(self.empty, other.low, low), np.where(self.empty, other.high, high)
        return Interval(low=np.where(other.empty, self.low, low), high=np.where(other.empty, self.high, high))

    @property
    def empty(self) -> np.ndarray:
        return self.low > self.high

    def where(self, condition: np.ndarray) -> "Interval":
        """Empty where `condition` is not."""
        return Interval(low=np.where(condition, self.low, 1), high=np.where(condition, self.high, 0))


def reach(neurons: Lif, low: np.ndarray, high: np.ndarray, timesteps: int) -> Reach:
    """The bounds for currents within `low .. high`, by interval arithmetic timestep after timestep.

    What a spike left and what silence left are followed apart: a late reset is owed by the former alone.
    """
    zero = np.zeros(neurons.neurons, np.int64)
    silent, spiked = Interval(low=zero, high=zero), Interval(low=zero + 1, high=zero)
    threshold = neurons.threshold if neurons.fires else zero + neurons.v_max + 1
    owed = threshold if neurons.reset == "subtract-late" else zero
    fires, raw, seen = zero.astype(bool), None, silent
    for _ in range(timesteps):
        new = _next(neurons, silent, low, high) | _next(neurons, spiked, low - owed, high - owed)
        raw = new if raw is None else raw | new
        u = Interval(low=np.clip(new.low, neurons.v_min, neurons.v_max),
                     high=np.clip(new.high, neurons.v_min, neurons.v_max))
        rest = Interval(low=u.low, high=np.minimum(u.high, threshold - 1))
        over = Interval(low=np.maximum(u.low, threshold), high=u.high)
        fires = fires | ~over.empty
        left = {
            "zero": Interval(low=zero + neurons.v_reset, high=zero + neurons.v_reset),
            "subtract": Interval(low=over.low - threshold, high=over.high - threshold),
            "subtract-late": over,
        }[neurons.reset].where(~over.empty)
        if neurons.refractory:
            rest, left = (rest | silent).where(~rest.empty | fires), left | spiked
        if np.array_equal(_stack(rest, left), _stack(silent, spiked)):
            break
        silent, spiked = rest, left
        seen = seen | silent | spiked
    return Reach(raw_low=raw.low, raw_high=raw.high, low=seen.low, high=seen.high, fires=fires)


def _next(neurons: Lif, v: Interval, low: np.ndarray, high: np.ndarray) -> Interval:
    """U before it is clipped, of membranes in `v`."""
    new = Interval(low=neurons.decay.apply(v.low) + low, high=neurons.decay.apply(v.high) + high)
    return new.where(~v.empty)


def _stack(*intervals: Interval) -> np.ndarray:
    return np.stack([side for i in intervals for side in (np.where(i.empty, 1, i.low), np.where(i.empty, 0, i.high))])
