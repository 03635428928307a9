"""A serial port that a program plays: the other end of a pseudo-terminal, under a name of its own."""

import contextlib
import os
import struct
import sys
from pathlib import Path

from spikeloom.errors import FileError, ToolError

_TCGETS2, _SPEED = 0x802C542A, 40     # ioctl of Linux: termios with speeds in bits a second; where the output's is


class PseudoTerminal:
    """A pseudo-terminal in raw mode. `link`, a symbolic link to its device file, is what others open.

    Raises `FileError` if there is something at `link`, `ToolError` on a system without pseudo-terminals.
    """

    def __init__(self, link: Path):
        try:
            import termios
            import tty
        except ImportError:
            raise ToolError("a virtual board needs pseudo-terminals, which this system does not have") from None
        self.link = link
        self._termios_error = termios.error
        self._ours, self._theirs = os.openpty()     # theirs stays open: whoever comes and goes is no hang-up
        try:
            tty.setraw(self._theirs)
            os.set_blocking(self._ours, False)
            if link.is_symlink() and not link.exists():     # left by one that was killed
                link.unlink()
            os.symlink(os.ttyname(self._theirs), link)
        except OSError as error:
            self._close()
            raise FileError(f"{link} must be a name for a new link, but {error.strerror}") from None

    def fileno(self) -> int:
        """For `select`."""
        return self._ours

    def read(self, limit: int) -> bytes:
        """At most `limit` bytes that were written to the port; none if there are none."""
        try:
            return os.read(self._ours, limit)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> int:
        """Bytes of `data` that were lost because nobody read those before."""
        with contextlib.suppress(BlockingIOError):
            data = data[os.write(self._ours, data):]
        return len(data)

    @property
    def baud(self) -> int | None:
        """Bits a second that the port was set to by whoever opened it; None where the system does not tell."""
        if not sys.platform.startswith("linux"):
            return None
        import fcntl
        try:
            told = fcntl.ioctl(self._theirs, _TCGETS2, bytes(64))
        except OSError:
            return None
        return struct.unpack_from("I", told, _SPEED)[0] or None

    def close(self) -> None:
        """The port is gone, for those who have it open too."""
        with contextlib.suppress(OSError):
            self.link.unlink()
        self._close()

    def _close(self) -> None:
        for descriptor in (self._ours, self._theirs):
            os.close(descriptor)
