"""A device and its host driver on a line that does its worst: nothing may hang, answer wrongly, or change its state.

Each round does one kind of abuse. Before and after it a good line tells what the device holds: who it is, the last
result, every membrane and every loaded weight where those can be read, and its count of good frames. Bad frames may
change nothing of that, and no reply may call one good; the next good frame must be answered, at its first try where a
flag and silence went before it. Every answer is compared with the reference.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from spikeloom.errors import LinkError
from spikeloom.firmware.device import Device, Result
from spikeloom.firmware.framing import Unframer, frame
from spikeloom.firmware.noise import Noise
from spikeloom.firmware.transport import Transport
from spikeloom.rtl_gen import linked, protocol, words
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.protocol import FLAG, Identity
from spikeloom.sim import bad_frames
from spikeloom.sim.abused_devices import Subject
from spikeloom.sim.abused_lines import Breakable, JudgedLine, Mortal, Slow, Variable, Watched
from spikeloom.sim.bad_frames import BadFrames
from spikeloom.sim.reference import simulate

_TRIES = 60                 # on a bad line
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


class Abuse:
    """One device under power for the whole of it.

    Parameters
    ----------
    line : to the device. A `Variable` one is also tried at other rates, a `Breakable` one also with lost bits.
    subject : what the device is.
    timeout : seconds of the line's clock, longer than the device's longest answer.
    seed : of all that is random.
    kinds : of abuse; all that the line and the device admit unless given.
    """

    def __init__(self, line: Transport, subject: Subject, *, timeout: float = 0.002, seed: int = 0,
                 kinds: tuple[str, ...] | None = None):
        self._plan, self._network = subject.plan, subject.plan.network
        self._frames = subject.frames(200, seed=1)
        self._expected = simulate(self._network, self._frames, trace=True)
        self._identity = linked.identity(subject.plan, subject.extras)
        self._random, self._timeout = random.Random(seed), timeout
        self._lengths = bad_frames.lengths(self._network, self._identity)
        self._line = Watched(line, self._lengths)
        self._bad = BadFrames(self._request, self._lengths, self._random)
        self._good = Device(self._line, self._network, timeout=timeout)
        self._once = Device(self._line, self._network, timeout=timeout, tries=1)
        self._probed = range(len(self._network.layers)) if self._identity.membrane_words else ()
        self._pieces = _pieces(subject.plan, self._identity) if self._identity.readback else {}
        self._abuses = self._choose(kinds)
        self.found = Abused(bytes=0, rounds=dict.fromkeys(self._abuses, 0))
        self._kind = "at first"
        self._restore()

    def _choose(self, kinds: tuple[str, ...] | None) -> dict[str, Callable[[], None]]:
        every = {kind: lambda kind=kind: self._bad_frames(kind) for kind in bad_frames.KINDS}
        every |= {"bad frames during an inference": self._during, "another host": self._another_host,
                  "a noisy line": self._noisy}
        if self._identity.stream_steps:
            every["bad frames between timesteps"] = self._between
        if isinstance(self._line.line, Variable):
            every |= {"delayed bytes": self._delayed, "another rate": self._another_rate}
        if isinstance(self._line.line, Breakable):
            every["bits lost and added"] = self._disturbed
        return every if kinds is None else {kind: every[kind] for kind in kinds}

    def run(self, count: int, progress: Callable[[int, int], None] | None = None) -> Abused:
        """Abuse until `count` bytes have gone over the line and every kind has had its turn."""
        while self._line.bytes < count or not all(self.found.rounds.values()):
            kind = list(self._abuses)[sum(self.found.rounds.values()) % len(self._abuses)]
            self._kind = kind
            self._abuses[kind]()
            self.found.rounds[kind] += 1
            self.found.bytes = self._line.bytes
            if progress:
                progress(min(self._line.bytes, count), count)
        return self.found

    # Each kind of abuse.

    def _bad_frames(self, kind: str) -> None:
        """A few bad frames, one after the other, to a device that has nothing to do."""
        with self._nothing_changes(kind):
            self._send(self._bad.some(kind, self._line.unframer) for _ in range(self._random.randrange(1, 8)))

    def _during(self) -> None:
        """The same while it works on a request, which must be answered as ever."""
        k = self._random.randrange(len(self._frames))
        with self._nothing_changes("during an inference", k):
            request = bytes([protocol.RUN.code, self._random.randrange(256)]) + self._packed(k)
            self._line.write(frame(request))
            kinds = [self._random.choice(bad_frames.KINDS) for _ in range(self._random.randrange(1, 8))]
            asked = bytes([request[0] | protocol.REPLY, request[1], protocol.OK.code])
            replies = self._send((self._bad.some(kind, self._line.unframer) for kind in kinds), asked)
            labels = [body[len(asked):][:2] for body in replies if body.startswith(asked)]
            if labels != [int(self._expected.classes[k]).to_bytes(2, "little")]:
                self._note("wrong", f"RUN was answered with {labels} while bad frames came")

    def _between(self) -> None:
        """Bad frames between the timesteps of an inference, which must go on as if there were none."""
        k = self._random.randrange(len(self._frames))
        after, rows = self._random.randrange(self._network.timesteps), []
        stream = self._good.stream(self._frames[k])
        try:
            while True:
                rows.append(next(stream))
                if len(rows) == after:
                    self._send(self._bad.some(self._random.choice(bad_frames.KINDS), self._line.unframer)
                               for _ in range(4))
                    self._settle()
        except StopIteration as end:
            self._compare(k, end.value, "timesteps with bad frames between them")
            if not np.array_equal(rows, self._expected.spikes[-1][k]):
                self._note("wrong", "spikes of timesteps with bad frames between them")
        except LinkError as error:
            self._note("hung", f"timesteps with bad frames between them: {error}")

    def _delayed(self) -> None:
        """Good frames whose bytes come late: each must be answered at its first try."""
        slow = Slow(self._line, pause=self._timeout / 4, rng=self._random)
        device = Device(slow, self._network, timeout=self._timeout, tries=1)
        with self._nothing_is_missed("delayed bytes"):
            self._inference(device, "delayed bytes")

    def _another_rate(self) -> None:
        """A host whose clock is up to 2 % off: each request must be answered at its first try."""
        with self._nothing_is_missed("another rate"):
            self._line.line.vary(self._random)
            for _ in range(3):
                self._inference(self._once, "another rate")
            self._line.line.restore()

    def _disturbed(self) -> None:
        """What a line of its own kind can do to it."""
        self._line.line.disturb(self._random)
        self._inference(self._good, "disturbed", tolerant=True)
        self._line.line.restore()
        self._settle()
        self._after()

    def _another_host(self) -> None:
        """A host dies somewhere in its work, and another one begins its own."""
        def work() -> None:
            host = Device(Mortal(self._line, self._random.randrange(1, 400)), self._network, timeout=self._timeout)
            if self._identity.load_words and self._random.random() < 0.5:
                host.load(self._plan)
            while True:
                host.run(self._frames[self._random.randrange(len(self._frames))])
                host.read()

        with suppress(LinkError):
            work()
        self._good = Device(self._line, self._network, timeout=self._timeout)
        self._restore()
        self._after()

    def _noisy(self) -> None:
        """All that a device can do, over a line that loses, changes, adds, repeats and swaps bytes both ways."""
        rate = self._random.choice((0.002, 0.01, 0.05))
        out, back = (Noise.of_all_kinds(rate, seed=self._random.randrange(1 << 30)) for _ in range(2))
        line, before = JudgedLine(self._line, out=out, back=back), (self.found.wrong, self.found.first)
        device = Device(line, self._network, timeout=self._timeout, tries=_TRIES)
        for _ in range(3):
            self._inference(device, "a noisy line", tolerant=True)
        try:
            if self._identity.load_words and self._random.random() < 0.3:
                device.load(self._plan)
            if self._identity.queue:
                self._many(device)
        except LinkError:
            self.found.refusals += 1
        self.found.passed += line.passed
        if line.passed:
            self.found.wrong, self.found.first = before
        self._settle()
        self._restore()
        self._after()

    def _many(self, device: Device) -> None:
        chosen = [self._random.randrange(len(self._frames)) for _ in range(4)]
        labels = [result.label for result in device.run_many(self._frames[k] for k in chosen)]
        self.found.inferences += len(labels)
        if labels != [int(self._expected.classes[k]) for k in chosen]:
            self._note("wrong", "requests that wait, on a noisy line")

    # What must hold.

    @contextmanager
    def _nothing_changes(self, kind: str, k: int | None = None) -> Iterator[None]:
        """What is done within leaves what the device holds, once it has run frame `k`, and its count of good frames."""
        self._inference(self._good, f"before {kind}", k)
        held, counters, requests = self._asked(self._held), self._asked(self._good.status), self._line.requests
        yield
        with_flag = self._random.random() < 0.5
        if with_flag:
            self._settle()
        device = self._once if with_flag else self._good
        again = self._asked(device.status)
        if again is not None and counters is not None:
            counted, wanted = (again.frames - counters.frames) % _COUNTERS, self._line.requests - requests
            if counted > wanted or (with_flag and counted < wanted):
                self._note("changed", f"{kind}: {counted} good frames counted, not {wanted}")
        if (now := self._asked(self._held)) != held:
            self._note("changed", f"{kind}: the device held {held} and holds {now}")
        self._after()

    @contextmanager
    def _nothing_is_missed(self, kind: str) -> Iterator[None]:
        before = self._asked(self._good.status)
        yield
        after = self._asked(self._good.status)
        if before is not None and after is not None:
            bad = [name for name in ("bad_crc", "bad_length", "unknown_command", "overruns")
                   if getattr(before, name) != getattr(after, name)]
            if bad:
                self._note("changed", f"{kind}: the device counts {', '.join(bad)} where there was none")

    def _after(self) -> None:
        """The next inference on a good line."""
        self._inference(self._good, "afterwards")

    def _send(self, pieces: Iterable[bytes], asked: bytes = b"") -> list[bytes]:
        """Bad frames to the device, one after the other; its replies, of which only one to `asked` may be good."""
        for piece in pieces:
            self._line.write(piece)
        said = self._line.drain(self._timeout)
        if said is None:
            self._note("hung", "no end of replies to bad frames")
            return []
        unframer = Unframer()
        replies = unframer.feed(said)
        for body in replies:
            if body[2:] not in _REFUSED and not (asked and body.startswith(asked)):
                self._note("wrong", f"bad frames were answered with {body.hex()}")
        if unframer.damaged:
            self._note("wrong", f"bad frames were answered with {unframer.damaged} damaged frames")
        return replies

    def _settle(self) -> None:
        """End what the device may take for a frame, and let it say what it has to say."""
        self._line.write(bytes([FLAG]))
        if self._line.drain(self._timeout) is None:
            self._note("hung", "no end of replies to a flag")

    def _restore(self) -> None:
        """Weights again, where a host has died or given up before all of them were there."""
        if not self._identity.load_words:
            return
        try:
            self._good.run(self._frames[0])
        except LinkError:
            self._asked(lambda: self._good.load(self._plan))

    def _held(self) -> Held:
        good, identity = self._good, self._good.identify()
        found = Held(
            identity=identity, result=good.read(),
            membranes=tuple(tuple(good.membranes(k)) for k in self._probed),
            weights=tuple(good.fetch(*place)[:len(given)] for place, given in self._pieces.items()))
        if found.weights != tuple(self._pieces.values()):
            self._note("wrong", "the device runs with other weights than it was given")
        return found

    def _inference(self, device: Device, what: str, k: int | None = None, *, tolerant: bool = False) -> None:
        """A frame's result, if it comes, is the reference's; on a good line it comes."""
        k = self._random.randrange(len(self._frames)) if k is None else k

        def once() -> Result:
            device.run(self._frames[k])
            return device.read()

        if (result := self._asked(once, tolerant=tolerant)) is not None:
            self._compare(k, result, what)

    def _compare(self, k: int, result: Result | None, what: str) -> None:
        self.found.inferences += 1
        expected = int(self._expected.classes[k]), tuple(map(int, self._expected.scores[k]))
        if result is None or (result.label, result.scores) != expected:
            self._note("wrong", f"{what}: frame {k} must come to {expected}, not {result}")

    def _asked(self, ask: Callable[[], T], *, tolerant: bool = False) -> T | None:
        try:
            return ask()
        except LinkError as error:
            if tolerant:
                self.found.refusals += 1
            else:
                self._note("hung", str(error))
            return None

    def _note(self, what: str, words: str) -> None:
        setattr(self.found, what, getattr(self.found, what) + 1)
        self.found.first = self.found.first or f"{what}, {self._kind}: {words}"

    def _packed(self, k: int) -> bytes:
        return words.pack(self._network, self._frames[k:k + 1])[0].astype("<u2").tobytes()

    def _request(self) -> bytes:
        """The body of some request that changes what a device holds, were it good."""
        identity, sequence = self._identity, self._random.randrange(256)
        some, k = self._random.randbytes, self._random.randrange(len(self._frames))
        bodies = {protocol.RUN: self._packed(k), protocol.RESET: b"",
                  protocol.LOAD: bytes([self._random.randrange(len(self._frames[0].shape) + 1), 0, 0, 0])
                  + some(2 * identity.load_words), protocol.COMMIT: some(8)}
        if identity.stream_steps:
            page = self._lengths[protocol.STREAM.code] - 6
            bodies[protocol.STREAM] = some(2) + bytes(2) + some(page)
        command = self._random.choice([command for command in bodies if identity.offers(command)])
        return bytes([command.code, sequence]) + bodies[command]


def _pieces(plan: Plan, identity: Identity) -> dict[tuple[int, int], bytes]:
    """What FETCH must answer for each layer and row of `plan`, in steps of a request."""
    found = {}
    for layer, (row_words, given) in linked.weights_to_load(plan).items():
        rows = identity.load_words // row_words
        for row in range(0, len(given) // row_words, rows):
            found[layer, row] = given[row * row_words:(row + rows) * row_words].astype("<u2").tobytes()
    return found
