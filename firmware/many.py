"""Many inferences on one device, with the next requests on their way while one runs."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from spikeloom.firmware.framing import Unframer, frame
from spikeloom.firmware.patience import Patience
from spikeloom.firmware.transport import LineLost, Transport
from spikeloom.rtl_gen.protocol import OK, REPLY, RUN


@dataclass(kw_only=True)
class _Open:
    """A request without its reply: payload, sequence byte, bytes on the line, and how many of them are sent."""

    payload: bytes
    sequence: int
    line: bytes
    sent: int = 0


class Requests:
    """RUN requests in order, sent ahead as far as the device keeps them.

    Whatever goes wrong, the oldest request is asked for again on its own, and those behind it are sent again: a RUN
    needs nothing that an earlier one left behind.

    Parameters
    ----------
    transport : the line.
    queue : bytes that may be sent beyond the oldest request.
    timeout : seconds of silence after which something is wrong.
    sequence : gives the next sequence byte.
    alone : asks for one RUN as if there were no others, and gives its reply's payload.
    """

    def __init__(self, transport: Transport, *, queue: int, timeout: float, sequence: Callable[[], int],
                 alone: Callable[[bytes], bytes]):
        self._transport, self._queue, self._timeout = transport, queue, timeout
        self._sequence, self._alone = sequence, alone
        self._open: deque[_Open] = deque()
        self._unframer, self._bodies = Unframer(), deque()

    def replies(self, payloads: Iterable[bytes]) -> Iterator[bytes]:
        """The payload of the reply to each of `payloads`, in order."""
        source = iter(payloads)
        while True:
            self._take(source)
            if not self._open:
                return
            reply = self._oldest()
            if reply is None:
                self._settle()
                reply = self._alone(self._open[0].payload)
            self._open.popleft()
            yield reply

    def _take(self, source: Iterator[bytes]) -> None:
        """Open requests until there is one to answer and enough behind it."""
        while len(self._open) < 2 or sum(len(one.line) for one in list(self._open)[1:]) < self._queue:
            payload = next(source, None)
            if payload is None:
                return
            self._open.append(self._opened(payload))

    def _opened(self, payload: bytes) -> _Open:
        sequence = self._sequence()
        return _Open(payload=payload, sequence=sequence, line=frame(bytes([RUN.code, sequence]) + payload))

    def _send(self) -> None:
        """What may go out now: all of the oldest request, and `queue` bytes of those behind it."""
        piece, room = b"", self._queue
        for number, one in enumerate(self._open):
            until = len(one.line) if number == 0 else min(len(one.line), room)
            room -= until if number else 0
            piece += one.line[one.sent:until]
            one.sent = max(one.sent, until)
        if piece:
            self._transport.write(piece)

    def _oldest(self) -> bytes | None:
        """The payload of the reply to the oldest request, or None if anything else came."""
        patience = Patience(self._transport, self._timeout)
        try:
            self._send()
            while True:
                while self._bodies:
                    body = self._bodies.popleft()
                    if body[:3] == bytes([RUN.code | REPLY, self._open[0].sequence, OK.code]):
                        return body[3:]
                    if body[0] == RUN.code | REPLY:
                        return None
                received = patience.read()
                if not received:
                    return None
                self._bodies.extend(self._unframer.feed(received))
        except LineLost:
            pass
        return None

    def _settle(self) -> None:
        """Let the device finish what it has; whatever is not answered is sent again."""
        patience = Patience(self._transport, self._timeout)
        with suppress(LineLost):
            while patience.read():
                pass
        self._unframer, self._bodies = Unframer(), deque()
        behind = [self._opened(one.payload) for one in list(self._open)[1:]]
        self._open = deque([self._open[0], *behind])
