"""What a page tells: gathered by `spikeloom report`, drawn by the sections."""

from dataclasses import dataclass

import numpy as np

from spikeloom.network import Network


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """One sample, timestep by timestep.

    Parameters
    ----------
    number : of the sample.
    frame : integers, `network.frame_shape`.
    inputs : bool `(timesteps, inputs)`, spikes that the first layer sees; None if it sees graded values.
    spikes, membranes : of each layer, `(timesteps, neurons)`: S and V after each timestep.
    answer, truth : output that won, and the right one if it is known.
    """

    number: int
    frame: np.ndarray
    inputs: np.ndarray | None
    spikes: tuple[np.ndarray, ...]
    membranes: tuple[np.ndarray, ...]
    answer: int
    truth: int | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """What the reference answered: `classes` and `labels` int `(samples,)`; `labels` is None if they are not known."""

    origin: str
    classes: np.ndarray
    labels: np.ndarray | None
    traces: tuple[Trace, ...]


@dataclass(frozen=True, kw_only=True)
class Work:
    """A stage of the hardware at work on a timestep: clock cycles from `start` to `stop` of an inference."""

    layers: tuple[int, ...]
    timestep: int
    start: int
    stop: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Hardware:
    """A plan for a board.

    Parameters
    ----------
    summary : what `spikeloom plan --json` prints.
    built : it is the plan of the `report.json`, not a new one.
    schedule : of the first sample shown.
    """

    summary: dict
    built: bool
    schedule: tuple[Work, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Facts:
    """All that is known of a network; `report` and `search` come from files and are believed nothing.

    Parameters
    ----------
    name, file : what to call it, and the file as the command line had it.
    report : the `report.json` of this very network, or empty.
    search : the `candidates.json` of a search, or empty.
    obstacle : why there is no `hardware`.
    versions : of the programs that made the page.
    """

    name: str
    file: str
    network: Network
    board: str
    report: dict
    search: dict
    samples: Samples
    hardware: Hardware | None
    obstacle: str = ""
    versions: dict[str, str]

    @property
    def imported(self) -> bool:
        """Whether the network came from another tool, by what its file says."""
        method = self.network.provenance.get("method")
        return isinstance(method, str) and method.partition(",")[0] in ("import", "conversion")

    @property
    def on_board(self) -> str:
        """Words of a command that is about the board; none for the one that commands are about unless told."""
        return "" if self.board == "icebreaker" else f" --board {self.board}"


def running_scores(network: Network, trace: Trace) -> np.ndarray:
    """Int `(timesteps, outputs)`: what the readout would answer if the inference ended there."""
    spikes, v = trace.spikes[-1].astype(np.int64), trace.membranes[-1].astype(np.int64)
    if network.readout == "count":
        return spikes.cumsum(axis=0)
    if network.readout == "first-spike":
        left = network.timesteps - np.arange(network.timesteps)
        return np.maximum.accumulate(spikes * left[:, None], axis=0)
    if network.readout == "membrane-sum":
        return v.cumsum(axis=0)
    return np.maximum.accumulate(v, axis=0) if network.readout == "membrane-max" else v
