"""A device and its host driver on a line that does its worst: nothing may hang, answer wrongly, or change its state.

Each round runs one frame over a good line, then one kind of abuse, and then, over the good line again, asks for the
result of before and for another frame's: both must be the reference's.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spikeloom.errors import LinkError
from spikeloom.firmware.device import Device, Result
from spikeloom.firmware.framing import frame
from spikeloom.firmware.noise import Noise, NoisyLine
from spikeloom.firmware.transport import Transport
from spikeloom.network import Network
from spikeloom.rtl_gen import protocol, words
from spikeloom.rtl_gen.protocol import ESCAPE, FLAG
from spikeloom.sim.pins import PinsLine, Top
from spikeloom.sim.reference import simulate

KINDS = ("random bytes", "damaged frames", "a host that dies", "a noisy line", "another baud rate")
BAUD_ERROR = 0.02
_TRIES, _TIMEOUT = 60, 0.002    # seconds of the device's clock: longer than its longest answer


@dataclass(kw_only=True)
class Abused:
    """What came of it.

    Parameters
    ----------
    bytes : over the line, there and back.
    rounds : of each of `KINDS`.
    inferences : that were answered, on good and bad lines.
    refusals : requests given up on a bad line, which is allowed.
    wrong : answers that are not the reference's, or another than before; none is allowed.
    hung : good requests on a good line without an answer; none is allowed.
    """

    bytes: int
    rounds: dict[str, int]
    inferences: int = 0
    refusals: int = 0
    wrong: int = 0
    hung: int = 0


class Counted(Transport):
    """`line`, and the number of bytes that went over it."""

    def __init__(self, line: PinsLine):
        self.name, self.line, self.bytes = line.name, line, 0

    def write(self, data: bytes) -> None:
        self.bytes += len(data)
        self.line.write(data)

    def read(self, timeout: float) -> bytes:
        received = self.line.read(timeout)
        self.bytes += len(received)
        return received

    def close(self) -> None:
        pass    # the device stays under power: what comes after looks at it


class Abuse:
    """One device under power for the whole of it.

    Parameters
    ----------
    top : the device, of a network without weights to load.
    network : what it computes.
    frames : (batch, *network.frame_shape), to choose from.
    seed : of all that is random.
    """

    def __init__(self, top: Top, network: Network, frames: np.ndarray, *, seed: int = 0):
        self._network, self._frames = network, network.frames(frames)
        self._expected = simulate(network, self._frames)
        self._random = random.Random(seed)
        self._line = Counted(PinsLine(top))
        self._baud = top.baud
        self._good = Device(self._line, network, timeout=_TIMEOUT, tries=_TRIES)
        self.found = Abused(bytes=0, rounds=dict.fromkeys(KINDS, 0))

    def run(self, count: int, progress: Callable[[int, int], None] | None = None) -> Abused:
        """Abuse until `count` bytes have gone over the line."""
        abuses = dict(zip(KINDS, (self._garbage, self._damaged, self._dying, self._noisy, self._late), strict=True))
        while self._line.bytes < count:
            kind = KINDS[sum(self.found.rounds.values()) % len(KINDS)]
            before = self._inference(self._good)
            abuses[kind]()
            after = self._asked(self._good.read)
            if before is not None and kind in KINDS[:3]:
                self.found.wrong += after != before
            self._inference(self._good)
            self.found.rounds[kind] += 1
            self.found.bytes = self._line.bytes
            if progress:
                progress(min(self._line.bytes, count), count)
        return self.found

    def _inference(self, device: Device) -> Result | None:
        """A frame's result if it came, compared with the reference."""
        k = self._random.randrange(len(self._frames))
        good = device is self._good

        def once() -> Result:
            device.run(self._frames[k])
            return device.read()

        result = self._asked(once, good=good)
        if result is not None:
            self.found.inferences += 1
            expected = int(self._expected.classes[k]), tuple(map(int, self._expected.scores[k]))
            # A READ whose own request was lost finds what RUN left; on a bad line the two belong together all the same.
            self.found.wrong += (result.label, result.scores) != expected
        return result

    def _asked(self, ask: Callable[[], Result], *, good: bool = True) -> Result | None:
        try:
            return ask()
        except LinkError:
            self.found.hung += good
            self.found.refusals += not good
            return None

    def _garbage(self) -> None:
        """Bytes of all kinds, flags and escapes among them."""
        share = self._random.choice((0.0, 0.02, 0.3))
        length = self._random.randrange(2000)
        self._send(bytes(self._random.choice((FLAG, ESCAPE)) if self._random.random() < share
                         else self._random.randrange(256) for _ in range(length)))

    def _damaged(self) -> None:
        """Requests that would change the state, each with one burst of at most 16 wrong bits: a CRC-16 finds all."""
        for _ in range(self._random.randrange(1, 20)):
            body = bytearray(frame(self._request())[1:-1])
            at, burst = self._random.randrange(len(body) - 1), self._random.randrange(1, 1 << 16)
            damaged = bytes([body[at] ^ burst & 0xff, body[at + 1] ^ burst >> 8])
            if {FLAG, ESCAPE} & {*damaged, *body[max(0, at - 1):at + 2]}:
                continue    # one that cuts the frame in two, or makes or ends an escape, is more than a burst
            body[at:at + 2] = damaged
            self._send(bytes([FLAG, *body, FLAG]))

    def _dying(self) -> None:
        """A request that ends somewhere before its last two bytes."""
        request = frame(self._request())
        self._send(request[:self._random.randrange(1, len(request) - 2)])

    def _noisy(self) -> None:
        """Inferences over a line that loses, changes, adds, repeats and swaps bytes, in both directions."""
        rate = self._random.choice((0.002, 0.01, 0.05))
        out, back = (Noise.of_all_kinds(rate, seed=self._random.randrange(1 << 30)) for _ in range(2))
        device = Device(NoisyLine(self._line, out=out, back=back), self._network, timeout=_TIMEOUT, tries=_TRIES)
        for _ in range(5):
            self._inference(device)

    def _late(self) -> None:
        """Inferences of a host whose clock is up to 2 % off."""
        self._line.line.baud = self._baud * (1 + self._random.uniform(-BAUD_ERROR, BAUD_ERROR))
        for _ in range(5):
            self._inference(self._good)
        self._line.line.baud = self._baud

    def _request(self) -> bytes:
        """The body of a RUN or a RESET."""
        sequence = self._random.randrange(256)
        if self._random.random() < 0.3:
            return bytes([protocol.RESET.code, sequence])
        k = self._random.randrange(len(self._frames))
        return bytes([protocol.RUN.code, sequence]) + words.pack(self._network, self._frames[k:k + 1])[0].tobytes()

    def _send(self, data: bytes) -> None:
        """Bytes to the device; what it says to them is for nobody."""
        self._line.write(data)
        while self._line.read(_TIMEOUT):
            pass
