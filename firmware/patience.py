"""How long a reply is waited for, whatever comes instead of it: bytes without end and bytes one by one end too."""

from spikeloom.firmware.transport import Transport

NOISE = 4096    # bytes of anything else, during which a reply is waited for


class Patience:
    """What comes over a line until `timeout` seconds of silence, or `NOISE` bytes and `more`, or the time that so many
    take on the line and `timeout` seconds, from the first of them on: the last wait may be `timeout` seconds more.

    `lost` says that it was not silence that ended it.
    """

    def __init__(self, line: Transport, timeout: float, more: int = 0):
        self._line, self._timeout, self._left = line, timeout, NOISE + more
        self._seconds = timeout + self._left * line.byte_seconds
        self._began: float | None = None
        self.lost = False

    def read(self) -> bytes:
        """At least one byte, or none at its end."""
        if self._left <= 0 or (self._began is not None and self._line.now() - self._began >= self._seconds):
            self.lost = True
            return b""
        received = self._line.read(self._timeout)
        if received and self._began is None:
            self._began = self._line.now()
        self._left -= len(received)
        return received
