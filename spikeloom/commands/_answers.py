"""What a device answers to samples: asked one by one, shown as they come, and summed up."""

import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np

from spikeloom import check, terminal
from spikeloom.commands._samples import Samples
from spikeloom.errors import LinkError, SpikeloomError
from spikeloom.network import Network

BAUD, TIMEOUT, TRIES, PATIENCE = 1_000_000, 2.0, 5, 10.0      # bits a second, seconds, requests, seconds


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One sample's: class, cycles, scores and some layers' membranes `(neurons,)` where they were read, and the seconds
    from request to answer."""

    label: int
    cycles: int
    scores: tuple[int, ...] | None
    membranes: dict[int, np.ndarray]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What all answers came to; each of `cycles` and `seconds` is (mean, greatest).

    Parameters
    ----------
    accuracy : share that bears its sample's label; None without labels.
    mismatches : answers in which anything differs from the reference; None if they were not compared.
    membranes : that were compared.
    first : the first of these, in words.
    """

    samples: int
    accuracy: float | None
    cycles: tuple[float, int]
    seconds: tuple[float, float]
    mismatches: int | None = None
    membranes: int = 0
    first: str | None = None


def add(parser) -> None:
    """How patient the driver is."""
    parser.add_argument("--timeout", type=float, default=TIMEOUT, metavar="S",
                        help=f"seconds of silence after which a request is repeated (default: {TIMEOUT:g})")
    parser.add_argument("--tries", type=int, default=TRIES, metavar="N", help=f"of a request (default: {TRIES})")
    parser.add_argument("--patience", type=float, default=PATIENCE, metavar="S",
                        help=f"seconds to wait for a port that was unplugged (default: {PATIENCE:g})")


@contextmanager
def open_device(arguments, network: Network, port: str, baud: int):
    """The device at `port`, asked who it is: a context manager. Raises `LinkError` if it is another network's."""
    from spikeloom.firmware.device import Device
    from spikeloom.firmware.serial_port import SerialPort
    for name in ("timeout", "patience"):
        value = getattr(arguments, name)
        if not (value > 0 if name == "timeout" else value >= 0):
            raise SpikeloomError(f"--{name} must be {'more than' if name == 'timeout' else 'at least'} 0 seconds, "
                                 f"not {value!r}")
    check.integer("--tries", arguments.tries, 1, 1000)
    check.integer("--baud", baud, 1, 1 << 30)
    device = Device(SerialPort(port, baud), network, timeout=arguments.timeout, tries=arguments.tries,
                    patience=arguments.patience)
    with ExitStack() as stack:
        try:
            stack.enter_context(device)
        except LinkError as error:
            if "must answer IDENTIFY" not in str(error):
                raise
            raise LinkError(f"{error}: is {port} the board's port, is the design loaded (spikeloom flash), and was it "
                            f"built for {baud} baud?") from None
        yield device


def ask(device, frames: np.ndarray, *, scores: bool, each: Callable[[int, Answer], None],
        layers: tuple[int, ...] = ()) -> list[Answer]:
    """The answers to `frames`, one after the other, with the membranes of `layers`; `each` is called with number and
    answer when one has come."""
    found = []
    for k, values in enumerate(frames):
        began = time.perf_counter()
        result, membranes = device.persist(lambda values=values: _one(device, values, scores, layers))
        answer = Answer(label=result.label, cycles=result.cycles, scores=result.scores, membranes=membranes,
                        seconds=time.perf_counter() - began)
        found.append(answer)
        each(k, answer)
    return found


def _one(device, values: np.ndarray, scores: bool, layers: tuple[int, ...]):
    result = device.run(values)
    if scores:
        result = device.read()
    return result, {layer: device.membranes(layer) for layer in layers}


def summarize(answers: list[Answer], samples: Samples, expected=None) -> Summary:
    """`expected`: a `spikeloom.sim.outcome.Outcome` to compare with, traced if membranes were read."""
    cycles, seconds = [answer.cycles for answer in answers], [answer.seconds for answer in answers]
    labels = np.array([answer.label for answer in answers])
    wrong = [text for k, answer in enumerate(answers) if expected is not None and (text := _wrong(k, answer, expected))]
    return Summary(
        samples=len(answers), accuracy=None if samples.labels is None else float((labels == samples.labels).mean()),
        cycles=(float(np.mean(cycles)), max(cycles)), seconds=(float(np.mean(seconds)), max(seconds)),
        mismatches=None if expected is None else len(wrong), first=wrong[0] if wrong else None,
        membranes=sum(values.size for answer in answers for values in answer.membranes.values()))


def _wrong(number: int, answer: Answer, expected) -> str:
    """What differs first in an answer; nothing if nothing does."""
    label, scores = int(expected.classes[number]), tuple(map(int, expected.scores[number]))
    if (answer.label, answer.scores or scores) != (label, scores):
        return f"sample {number}: class {answer.label} and scores {answer.scores} instead of {label} and {scores}"
    for layer, values in answer.membranes.items():
        right = expected.membranes[layer][number, -1]
        for neuron in np.flatnonzero(values != right):
            return (f"sample {number}: layer {layer}, neuron {neuron}: membrane {values[neuron]} instead of "
                    f"{right[neuron]}")
    return ""


def line(network: Network, number: int, answer: Answer, truth: int | None, clock_hz: float | None) -> str:
    """One answer for a person."""
    def named(label: int) -> str:
        return network.labels[label] if label < len(network.labels) else str(label)
    parts = [f"sample {number}: {named(answer.label)}"]
    if truth is not None:
        parts.append("right" if answer.label == truth else f"wrong, it is {named(truth)}")
    parts.append(f"{answer.cycles:,} cycles")
    if clock_hz:
        parts.append(f"{answer.cycles / clock_hz * 1e6:,.1f} us")
    if answer.scores is not None:
        parts.append("scores " + " ".join(map(str, answer.scores)))
    return ", ".join(parts)


def rows(summary: Summary, clock_hz: float | None) -> list[tuple]:
    """A summary for a table."""
    found: list[tuple] = [("samples", summary.samples)]
    if summary.accuracy is not None:
        found.append(("accuracy", f"{summary.accuracy:.2%}"))
    mean, most = summary.cycles
    found.append(("cycles an inference", f"{mean:,.1f} mean, {most:,} max"))
    if clock_hz:
        found.append(("latency", f"{mean / clock_hz * 1e6:,.1f} us mean, {most / clock_hz * 1e6:,.1f} us max, "
                                 f"at {clock_hz / 1e6:g} MHz"))
    found.append(("from request to answer", milliseconds(summary)))
    if summary.mismatches is not None:
        found.append(("differ from the reference", summary.mismatches))
    return found


def milliseconds(summary: Summary) -> str:
    """From request to answer, for a table."""
    return f"{summary.seconds[0] * 1e3:,.1f} ms mean, {summary.seconds[1] * 1e3:,.1f} ms max"


def to_json(summary: Summary, answers: list[Answer], samples: Samples, clock_hz: float | None) -> dict:
    """A summary and every answer as JSON types."""
    mean, most = summary.cycles
    found = {"samples": summary.samples, "origin": samples.origin, "accuracy": summary.accuracy,
             "cycles_per_inference": {"mean": round(mean, 2), "max": most}, "mismatches": summary.mismatches,
             "first_mismatch": summary.first, "membranes": summary.membranes,
             "request_ms": {"mean": round(summary.seconds[0] * 1e3, 3), "max": round(summary.seconds[1] * 1e3, 3)}}
    if clock_hz:
        found["latency_us"] = {"mean": round(mean / clock_hz * 1e6, 3), "max": round(most / clock_hz * 1e6, 3)}
    found["answers"] = [
        {"label": answer.label, "truth": None if samples.labels is None else int(samples.labels[k]),
         "cycles": answer.cycles, "scores": answer.scores} for k, answer in enumerate(answers)]
    return found


def show(*tables: list[tuple]) -> None:
    """Print tables with an empty line before each."""
    for table in tables:
        print()
        terminal.show(table)
