"""A device and its host driver on a line that does its worst: nothing may hang, answer wrongly, or change its state.

Each round does one kind of abuse; `sim.judge` says what must hold.
"""

import random
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from spikeloom.errors import LinkError
from spikeloom.firmware.device import Device
from spikeloom.firmware.framing import frame
from spikeloom.firmware.noise import Noise
from spikeloom.firmware.transport import Transport
from spikeloom.rtl_gen import linked, protocol, words
from spikeloom.sim import bad_frames
from spikeloom.sim.abused_devices import Subject
from spikeloom.sim.abused_lines import Breakable, JudgedLine, Mortal, Slow, Variable, Watched
from spikeloom.sim.bad_frames import BadFrames
from spikeloom.sim.judge import Abused, Judge

_TRIES = 60     # on a bad line


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
        self._random, self._timeout = random.Random(seed), timeout
        self._plan, self._network = subject.plan, subject.plan.network
        self._identity = linked.identity(subject.plan, subject.extras)
        self._lengths = bad_frames.lengths(self._network, self._identity)
        self._line = Watched(line, self._lengths)
        self._bad = BadFrames(self._request, self._lengths, self._random)
        self.judge = Judge(self._line, subject, timeout=timeout, rng=self._random)
        self._frames, self._expected = self.judge.frames, self.judge.expected
        self._abuses = self._choose(kinds)
        self.judge.found.rounds |= dict.fromkeys(self._abuses, 0)

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
        while self._line.bytes < count or not all(self.judge.found.rounds.values()):
            kind = list(self._abuses)[sum(self.judge.found.rounds.values()) % len(self._abuses)]
            self.judge.kind = kind
            self._abuses[kind]()
            self.judge.found.rounds[kind] += 1
            self.judge.found.bytes = self._line.bytes
            if progress:
                progress(min(self._line.bytes, count), count)
        return self.judge.found

    # Each kind of abuse.

    def _bad_frames(self, kind: str) -> None:
        """A few bad frames, one after the other, to a device that has nothing to do."""
        with self.judge.nothing_changes(kind):
            self.judge.send(self._bad.some(kind, self._line.unframer) for _ in range(self._random.randrange(1, 8)))

    def _during(self) -> None:
        """The same while it works on a request, which must be answered as ever."""
        k = self._random.randrange(len(self._frames))
        with self.judge.nothing_changes("during an inference", k):
            request = bytes([protocol.RUN.code, self._random.randrange(256)]) + self._packed(k)
            self._line.write(frame(request))
            kinds = [self._random.choice(bad_frames.KINDS) for _ in range(self._random.randrange(1, 8))]
            asked = bytes([request[0] | protocol.REPLY, request[1], protocol.OK.code])
            replies = self.judge.send((self._bad.some(kind, self._line.unframer) for kind in kinds), asked)
            labels = [body[len(asked):][:2] for body in replies if body.startswith(asked)]
            if labels != [int(self._expected.classes[k]).to_bytes(2, "little")]:
                self.judge.note("wrong", f"RUN was answered with {labels} while bad frames came")

    def _between(self) -> None:
        """Bad frames between the timesteps of an inference, which must go on as if there were none."""
        k = self._random.randrange(len(self._frames))
        after, rows = self._random.randrange(self._network.timesteps), []
        stream = self.judge.good.stream(self._frames[k])
        try:
            while True:
                rows.append(next(stream))
                if len(rows) == after:
                    self.judge.send(self._bad.some(self._random.choice(bad_frames.KINDS), self._line.unframer)
                                    for _ in range(4))
                    self.judge.settle()
        except StopIteration as end:
            self.judge.compare(k, end.value, "timesteps with bad frames between them")
            if not np.array_equal(rows, self._expected.spikes[-1][k]):
                self.judge.note("wrong", "spikes of timesteps with bad frames between them")
        except LinkError as error:
            self.judge.note("hung", f"timesteps with bad frames between them: {error}")

    def _delayed(self) -> None:
        """Good frames whose bytes come late: each must be answered at its first try."""
        slow = Slow(self._line, pause=self._timeout / 4, rng=self._random)
        device = Device(slow, self._network, timeout=self._timeout, tries=1)
        with self.judge.nothing_is_missed("delayed bytes"):
            self.judge.inference(device, "delayed bytes")

    def _another_rate(self) -> None:
        """A host whose clock is up to 2 % off: each request must be answered at its first try."""
        with self.judge.nothing_is_missed("another rate"):
            self._line.line.vary(self._random)
            for _ in range(3):
                self.judge.inference(self.judge.once, "another rate")
            self._line.line.restore()

    def _disturbed(self) -> None:
        """What a line of its own kind can do to it."""
        self._line.line.disturb(self._random)
        self.judge.inference(self.judge.good, "disturbed", tolerant=True)
        self._line.line.restore()
        self.judge.settle()
        self.judge.after()

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
        self.judge.begin()
        self.judge.after()

    def _noisy(self) -> None:
        """All that a device can do, over a line that loses, changes, adds, repeats and swaps bytes both ways."""
        rate = self._random.choice((0.002, 0.01, 0.05))
        out, back = (Noise.of_all_kinds(rate, seed=self._random.randrange(1 << 30)) for _ in range(2))
        line, before = JudgedLine(self._line, out=out, back=back), (self.judge.found.wrong, self.judge.found.first)
        device = Device(line, self._network, timeout=self._timeout, tries=_TRIES)
        for _ in range(3):
            self.judge.inference(device, "a noisy line", tolerant=True)
        try:
            if self._identity.load_words and self._random.random() < 0.3:
                device.load(self._plan)
            if self._identity.queue:
                self._many(device)
        except LinkError:
            self.judge.found.refusals += 1
        self.judge.found.passed += line.passed
        if line.passed:
            self.judge.found.wrong, self.judge.found.first = before
        self.judge.settle()
        self.judge.restore()
        self.judge.after()

    def _many(self, device: Device) -> None:
        chosen = [self._random.randrange(len(self._frames)) for _ in range(4)]
        labels = [result.label for result in device.run_many(self._frames[k] for k in chosen)]
        self.judge.found.inferences += len(labels)
        if labels != [int(self._expected.classes[k]) for k in chosen]:
            self.judge.note("wrong", "requests that wait, on a noisy line")

    def _packed(self, k: int) -> bytes:
        return words.pack(self._network, self._frames[k:k + 1])[0].astype("<u2").tobytes()

    def _request(self) -> bytes:
        """The body of some request that changes what a device holds, were it good."""
        identity, sequence = self._identity, self._random.randrange(256)
        some, k = self._random.randbytes, self._random.randrange(len(self._frames))
        bodies = {protocol.RUN: self._packed(k), protocol.RESET: b""}
        if identity.load_words:
            layer = self._random.randrange(len(self._frames[0].shape) + 1)
            bodies[protocol.LOAD] = bytes([layer, 0, 0, 0]) + some(2 * identity.load_words)
            bodies[protocol.COMMIT] = some(self._lengths[protocol.COMMIT.code] - 2)
        if identity.stream_steps:
            page = self._lengths[protocol.STREAM.code] - 6
            bodies[protocol.STREAM] = some(2) + bytes(2) + some(page)
        command = self._random.choice(list(bodies))
        return bytes([command.code, sequence]) + bodies[command]
