"""What the two processes of a co-simulation hand each other: a job one way, an observation back, both npz files."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeloom import aside
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.readout import result_layout
from spikeloom.sim import stimulus
from spikeloom.sim.outcome import Observation, Outcome


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """All that the inside needs: plain numbers and arrays, prepared before time starts.

    Parameters
    ----------
    payloads, starts : see `stimulus.Stimulus`.
    neurons, lanes, bits : of each layer: neurons, update lanes, membrane width.
    score, best : (lowest bit, width) in a result's payload, whose highest bit is `last`.
    pipelined, stalls : see `volume.Volume.run`; here `stalls` refuses results only.
    patience : cycles without any transfer after which the core hangs.
    """

    payloads: np.ndarray
    starts: np.ndarray
    timesteps: int
    outputs: int
    neurons: np.ndarray
    lanes: np.ndarray
    bits: np.ndarray
    score: np.ndarray
    best: np.ndarray
    pipelined: bool
    stalls: int
    patience: int

    @property
    def inferences(self) -> int:
        return len(self.starts) - 1

    def groups(self, layer: int) -> int:
        """Groups that the trace of `layer` shows a timestep."""
        return int(-(-self.neurons[layer] // self.lanes[layer]))

    def results(self, payloads: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """Classes and scores in the result payloads; what has not come is class -1 and score 0."""
        scores = np.zeros(self.inferences * self.outputs, np.int64)
        classes = np.full(self.inferences, -1, np.int64)
        for k, payload in enumerate(payloads):
            scores[k] = _signed(payload >> int(self.score[0]), int(self.score[1]))
            if k % self.outputs == self.outputs - 1:
                classes[k // self.outputs] = payload >> int(self.best[0]) & (1 << int(self.best[1])) - 1
        return classes, scores.reshape(self.inferences, self.outputs)

    def pages(self, layer: int, shown: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
        """Spikes and membranes `(inferences, timesteps, neurons)` in the (spikes, membranes) payloads of a trace."""
        lanes, width = int(self.lanes[layer]), int(self.bits[layer])
        rows = self.inferences * self.timesteps * self.groups(layer)
        spikes, membranes = np.zeros((rows, lanes), bool), np.zeros((rows, lanes), np.int32)
        if shown:
            spikes[:len(shown)] = _bits([s for s, _ in shown], lanes)
            planes = _bits([v for _, v in shown], lanes * width).reshape(-1, lanes, width).astype(np.int64)
            weights = np.int64(1) << np.arange(width)
            weights[-1] = -weights[-1]
            membranes[:len(shown)] = planes @ weights
        shape = (self.inferences, self.timesteps, -1)
        count = int(self.neurons[layer])
        return tuple(np.ascontiguousarray(a.reshape(shape)[:, :, :count]) for a in (spikes, membranes))


def make_job(plan: Plan, frames: np.ndarray, *, pipelined: bool, stalls: int, patience: int) -> Job:
    """The job of answering `frames`."""
    sent = stimulus.make(plan, frames, shuffle=stalls or None)
    result = result_layout(plan.network)
    network, layers = plan.network, range(len(plan.layers))
    return Job(
        payloads=sent.payloads, starts=sent.starts, timesteps=plan.network.timesteps, outputs=plan.network.outputs,
        neurons=np.array([layer.size for layer in network.layers]),
        lanes=np.array([plan.trace_lanes(k) for k in layers]), bits=np.array([network.state_bits(k) for k in layers]),
        pipelined=pipelined, stalls=stalls, patience=patience,
        **{name: np.array([result[name].offset, result[name].width]) for name in ("score", "best")})


def write_job(folder: Path, job: Job, expected: Outcome) -> None:
    _write(folder / "job.npz", **_arrays(expected), **{f.name: getattr(job, f.name) for f in dataclasses.fields(job)})


def read_job(folder: Path) -> tuple[Job, Outcome]:
    with np.load(folder / "job.npz") as file:
        data = dict(file)
    values = {f.name: data[f.name] for f in dataclasses.fields(Job)}
    job = Job(**{name: value if value.ndim else value.item() for name, value in values.items()})
    return job, Outcome(**_outcome(data))


def write_observation(folder: Path, observed: Observation) -> None:
    _write(folder / "observed.npz", **_arrays(observed), cycles=observed.cycles,
           total_cycles=np.array(observed.total_cycles))


def read_observation(folder: Path) -> Observation:
    with np.load(folder / "observed.npz") as file:
        data = dict(file)
    return Observation(**_outcome(data), cycles=data["cycles"], total_cycles=int(data["total_cycles"]))


def _write(path: Path, **arrays: np.ndarray) -> None:
    with aside.writing(path) as beside:
        np.savez(beside, **arrays)


def _arrays(outcome: Outcome) -> dict[str, np.ndarray]:
    return {"classes": outcome.classes, "scores": outcome.scores,
            **{f"spikes{k}": s for k, s in enumerate(outcome.spikes)},
            **{f"membranes{k}": v for k, v in enumerate(outcome.membranes)}}


def _outcome(data: dict[str, np.ndarray]) -> dict:
    layers = sum(name.startswith("spikes") for name in data)
    return {"classes": data["classes"], "scores": data["scores"],
            "spikes": tuple(data[f"spikes{k}"] for k in range(layers)),
            "membranes": tuple(data[f"membranes{k}"] for k in range(layers))}


def _signed(value: int, width: int) -> int:
    value &= (1 << width) - 1
    return value - (value >> width - 1 << width)


def _bits(values: list[int], width: int) -> np.ndarray:
    """The low `width` bits of each value, LSB first, `(values, width)`."""
    size = (width + 7) // 8
    raw = np.frombuffer(b"".join(value.to_bytes(size, "little") for value in values), np.uint8)
    return np.unpackbits(raw.reshape(len(values), size), axis=1, bitorder="little")[:, :width]
