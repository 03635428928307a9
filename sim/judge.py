"""What must hold of a device that is abused.

Before and after a round a good line tells what the device holds: who it is, the last result, every membrane and every
loaded weight where those can be read, and its count of good frames. Bad frames may change nothing of that, and no reply
may call one good; the next good frame must be answered, at its first try where a flag and silence went before it. Every
answer is compared with the reference.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from spikeloom.errors import LinkError
from spikeloom.firmware.device import Device, Result
from spikeloom.firmware.framing import Unframer
from spikeloom.rtl_gen import linked, protocol
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.protocol import FLAG, Identity
from spikeloom.sim.abused_devices import Subject
from spikeloom.sim.abused_lines import Watched
from spikeloom.sim.reference import simulate

_COUNTERS = 1 << 16
_REFUSED = [bytes([status.code]) for status in (protocol.BAD_CRC, protocol.BAD_LENGTH, protocol.UNKNOWN_COMMAND)]
T = TypeVar("T")


@dataclass(kw_only=True)
class Abused:
    """What came of it.

    Parameters
    ----------
    bytes : over the line, there and back.
    rounds : of each kind of abuse.
    inferences : that were answered, on good and bad lines.
    refusals : requests given up on a bad line, which is allowed.
    passed : frames that noise changed and a CRC-16 cannot tell from good ones; what they did is not judged.
    wrong : answers that are not the reference's, or that call a bad frame good; none is allowed.
    changed : times that the device held something else after bad frames than before; none is allowed.
    hung : good requests on a good line without an answer; none is allowed.
    first : in words, the first of what is not allowed.
    """

    bytes: int
    rounds: dict[str, int]
    inferences: int = 0
    refusals: int = 0
    passed: int = 0
    wrong: int = 0
    changed: int = 0
    hung: int = 0
    first: str = ""

    @property
    def clean(self) -> bool:
        """Nothing happened that is not allowed."""
        return not self.wrong + self.changed + self.hung


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a device holds, as far as it can be asked."""

    identity: Identity
    result: Result | None
    membranes: tuple[tuple[int, ...], ...]
    weights: tuple[bytes, ...]


class Judge:
    """Knows what the device of `subject` must answer over `line`, and notes in `found` where it does not.

    Members
    -------
    frames, expected : what it is asked, and the reference's outcome.
    good, once : host drivers on the good line, of which one asks only once.
    kind : of abuse that goes on, for the notes.
    """

    def __init__(self, line: Watched, subject: Subject, *, timeout: float, rng: random.Random):
        self.line, self.plan, self.network = line, subject.plan, subject.plan.network
        self.frames = subject.frames(200, seed=1)
        self.expected = simulate(self.network, self.frames, trace=True)
        self.identity = linked.identity(subject.plan, subject.extras)
        self.found, self.kind = Abused(bytes=0, rounds={}), "at first"
        self._random, self._timeout = rng, timeout
        self.once = Device(line, self.network, timeout=timeout, tries=1)
        self._probed = range(len(self.network.layers)) if self.identity.membrane_words else ()
        self._pieces = _pieces(subject.plan, self.identity) if self.identity.readback else {}
        self.begin()

    def begin(self) -> None:
        """A new host on the good line."""
        self.good = Device(self.line, self.network, timeout=self._timeout)
        self.restore()

    @contextmanager
    def nothing_changes(self, kind: str, k: int | None = None) -> Iterator[None]:
        """What is done within leaves what the device holds, once it has run frame `k`, and its count of good frames."""
        self.inference(self.good, f"before {kind}", k)
        held, counters, requests = self.asked(self._held), self.asked(self.good.status), self.line.requests
        yield
        with_flag = self._random.random() < 0.5
        if with_flag:
            self.settle()
        device = self.once if with_flag else self.good
        again = self.asked(device.status)
        if again is not None and counters is not None:
            counted, wanted = (again.frames - counters.frames) % _COUNTERS, self.line.requests - requests
            if counted > wanted or (with_flag and counted < wanted):
                self.note("changed", f"{kind}: {counted} good frames counted, not {wanted}")
        if (now := self.asked(self._held)) != held:
            self.note("changed", f"{kind}: the device held {held} and holds {now}")
        self.after()

    @contextmanager
    def nothing_is_missed(self, kind: str) -> Iterator[None]:
        before = self.asked(self.good.status)
        yield
        after = self.asked(self.good.status)
        if before is not None and after is not None:
            bad = [name for name in ("bad_crc", "bad_length", "unknown_command", "overruns")
                   if getattr(before, name) != getattr(after, name)]
            if bad:
                self.note("changed", f"{kind}: the device counts {', '.join(bad)} where there was none")

    def after(self) -> None:
        """The next inference on a good line."""
        self.inference(self.good, "afterwards")

    def send(self, pieces: Iterable[bytes], asked: bytes = b"") -> list[bytes]:
        """Bad frames to the device, one after the other; its replies, of which only one to `asked` may be good."""
        for piece in pieces:
            self.line.write(piece)
        said = self.line.drain(self._timeout)
        if said is None:
            self.note("hung", "no end of replies to bad frames")
            return []
        unframer = Unframer()
        replies = unframer.feed(said)
        for body in replies:
            if body[2:] not in _REFUSED and not (asked and body.startswith(asked)):
                self.note("wrong", f"bad frames were answered with {body.hex()}")
        if unframer.damaged:
            self.note("wrong", f"bad frames were answered with {unframer.damaged} damaged frames")
        return replies

    def settle(self) -> None:
        """End what the device may take for a frame, and let it say what it has to say."""
        self.line.write(bytes([FLAG]))
        if self.line.drain(self._timeout) is None:
            self.note("hung", "no end of replies to a flag")

    def restore(self) -> None:
        """Weights again, where a host has died or given up before all of them were there."""
        if not self.identity.load_words:
            return
        try:
            self.good.run(self.frames[0])
        except LinkError:
            self.asked(lambda: self.good.load(self.plan))

    def _held(self) -> Held:
        good, identity = self.good, self.good.identify()
        found = Held(
            identity=identity, result=good.read(),
            membranes=tuple(tuple(good.membranes(k)) for k in self._probed),
            weights=tuple(good.fetch(*place)[:len(given)] for place, given in self._pieces.items()))
        if found.weights != tuple(self._pieces.values()):
            self.note("wrong", "the device runs with other weights than it was given")
        return found

    def inference(self, device: Device, what: str, k: int | None = None, *, tolerant: bool = False) -> None:
        """A frame's result, if it comes, is the reference's; on a good line it comes."""
        k = self._random.randrange(len(self.frames)) if k is None else k

        def once() -> Result:
            device.run(self.frames[k])
            return device.read()

        if (result := self.asked(once, tolerant=tolerant)) is not None:
            self.compare(k, result, what)

    def compare(self, k: int, result: Result | None, what: str) -> None:
        self.found.inferences += 1
        expected = int(self.expected.classes[k]), tuple(map(int, self.expected.scores[k]))
        if result is None or (result.label, result.scores) != expected:
            self.note("wrong", f"{what}: frame {k} must come to {expected}, not {result}")

    def asked(self, ask: Callable[[], T], *, tolerant: bool = False) -> T | None:
        try:
            return ask()
        except LinkError as error:
            if tolerant:
                self.found.refusals += 1
            else:
                self.note("hung", str(error))
            return None

    def note(self, what: str, words: str) -> None:
        setattr(self.found, what, getattr(self.found, what) + 1)
        self.found.first = self.found.first or f"{what}, {self.kind}: {words}"


def _pieces(plan: Plan, identity: Identity) -> dict[tuple[int, int], bytes]:
    """What FETCH must answer for each layer and row of `plan`, in steps of a request."""
    found = {}
    for layer, (row_words, given) in linked.weights_to_load(plan).items():
        rows = identity.load_words // row_words
        for row in range(0, len(given) // row_words, rows):
            found[layer, row] = given[row * row_words:(row + rows) * row_words].astype("<u2").tobytes()
    return found
