"""Frames that the wire protocol forbids: what a bad line, a dying host or a stranger makes of requests.

Bad is what `firmware.framing.Unframer`, the protocol's definition on the host's side, finds no good frame in, or a good
frame that no device takes for a request: a command that there is not, or a length that is not the command's.
"""

import copy
import random
from collections.abc import Callable

from spikeloom.firmware.framing import Unframer, frame
from spikeloom.network import Network
from spikeloom.rtl_gen import protocol, words
from spikeloom.rtl_gen.protocol import ESCAPE, FLAG, Identity

KINDS = ("random bytes", "bursts of wrong bits", "dropped bytes", "repeated bytes", "reordered bytes",
         "a host that dies", "requests that do not exist")
_END = bytes([FLAG])
_TRIALS = 100


def lengths(network: Network, identity: Identity) -> dict[int, int]:
    """Bytes of a request's body, command and sequence included, for each command byte that a device knows."""
    payloads = {
        protocol.RUN: 2 * identity.frame_words,
        protocol.LOAD: 4 + 2 * identity.load_words,
        protocol.COMMIT: 12 if identity.version >= protocol.WATCHED else 8,
        protocol.PROBE: 4,
        protocol.FETCH: 4,
        protocol.STREAM: 4 + 2 * identity.stream_steps * words.per_page(network),
    }
    return {command.code: 2 + payloads.get(command, 0) for command in protocol.COMMANDS if identity.offers(command)}


class BadFrames:
    """Bytes for a line, none of which may change what the device holds.

    Parameters
    ----------
    request : gives the body of some request that would change it.
    lengths : of a request's body, for each command byte that the device knows; see `lengths`.
    """

    def __init__(self, request: Callable[[], bytes], lengths: dict[int, int], rng: random.Random):
        self._request, self._lengths, self._random = request, lengths, rng
        self._makers = dict(zip(KINDS, (self._garbage, self._burst, self._dropped, self._repeated, self._reordered,
                                        self._cut, self._misfit), strict=True))

    def some(self, kind: str, line: Unframer) -> bytes:
        """One piece of `kind` for a line that is where `line` says; it need not end with a flag."""
        for _ in range(_TRIALS):
            data = self._makers[kind]()
            if all(self._is_misfit(body) for body in copy.deepcopy(line).feed(data + _END)):
                return data
        return b""      # a CRC-16 passes one damage of 65,536; not so many one after the other

    def _is_misfit(self, body: bytes) -> bool:
        return self._lengths.get(body[0]) != len(body)

    def _garbage(self) -> bytes:
        """Bytes of all kinds, flags and escapes among them."""
        share = self._random.choice((0.0, 0.02, 0.3))
        return bytes(self._random.choice((FLAG, ESCAPE)) if self._random.random() < share
                     else self._random.randrange(256) for _ in range(self._random.randrange(1, 300)))

    def _burst(self) -> bytes:
        """One burst of at most 16 wrong bits, which a CRC-16 always finds."""
        inner = bytearray(frame(self._request())[1:-1])
        at, burst = self._random.randrange(len(inner) - 1), self._random.randrange(1, 1 << 16)
        inner[at] ^= burst & 0xff
        inner[at + 1] ^= burst >> 8
        return _END + inner + _END

    def _dropped(self) -> bytes:
        whole = list(frame(self._request()))
        for _ in range(self._random.choice((1, 1, 2, 5))):
            del whole[self._random.randrange(len(whole))]
        return bytes(whole)

    def _repeated(self) -> bytes:
        whole = frame(self._request())
        for _ in range(self._random.choice((1, 1, 2, 5))):
            first = self._random.randrange(1, len(whole) - 1)
            piece = whole[first:first + self._random.choice((1, 1, 3))]
            whole = whole[:first] + piece + whole[first:]
        return whole

    def _reordered(self) -> bytes:
        whole = bytearray(frame(self._request()))
        for _ in range(self._random.choice((1, 1, 2))):
            first, second = (self._random.randrange(1, len(whole) - 1) for _ in range(2))
            whole[first], whole[second] = whole[second], whole[first]
        return bytes(whole)

    def _cut(self) -> bytes:
        """A request that ends somewhere, and perhaps the middle of another behind it."""
        whole = frame(self._request())
        part = whole[:self._random.randrange(1, len(whole))]
        if self._random.random() < 0.3:
            other = frame(self._request())
            part += other[self._random.randrange(1, len(other)):]
        return part

    def _misfit(self) -> bytes:
        """A good CRC around a request of another length, or with another command byte."""
        body = self._request()
        if self._random.random() < 0.5:
            unknown = sorted(set(range(256)) - set(self._lengths))
            return frame(bytes([self._random.choice(unknown)]) + body[1:])
        size = self._random.choice((1, 2, len(body) - 1, len(body) + 1, len(body) + 2, len(body) + 200))
        return frame(body[:size] + self._random.randbytes(max(0, size - len(body))))
