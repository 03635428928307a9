"""What a network answered: the same shape, whoever answered."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What a network answers to a batch of frames.

    Parameters
    ----------
    classes : int64 `(batch,)`, the winning output; ties go to the lowest index.
    scores : int64 `(batch, outputs)`, what the readout says of each output: a count, a membrane value in LSB, or
        `timesteps - t` for a first spike at `t` (0 for none).
    spikes, membranes : per layer, bool and int32 `(batch, timesteps, neurons)`: S and V after each timestep; None
        unless a trace was asked for. Of gates, None for a layer of which they cannot be seen.
    """

    classes: np.ndarray
    scores: np.ndarray
    spikes: tuple[np.ndarray | None, ...] | None = None
    membranes: tuple[np.ndarray | None, ...] | None = None

    def part(self, chosen: slice) -> "Outcome":
        """The answers to some of the frames."""
        traced = self.spikes is not None
        return Outcome(
            classes=self.classes[chosen],
            scores=self.scores[chosen],
            spikes=tuple(s[chosen] for s in self.spikes) if traced else None,
            membranes=tuple(v[chosen] for v in self.membranes) if traced else None,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Observation(Outcome):
    """What hardware answered, with its trace if that was looked at.

    Parameters
    ----------
    cycles : int64 `(batch,)`, clock cycles from the first accepted transfer of an inference to its last result.
    total_cycles : from the first to the last transfer of the whole run.
    """

    cycles: np.ndarray
    total_cycles: int
