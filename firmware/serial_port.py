"""A serial port of this computer, through pyserial."""

import contextlib
import errno
import os
import time

from spikeloom import check
from spikeloom.errors import LinkError
from spikeloom.firmware.transport import LineLost, Transport

_SLACK = 2               # times what a byte takes, for what is between the port and the program
_POLL = 0.05            # seconds between looks for a port that is gone
_PIECE, _STUCK = 256, 10.0      # bytes that are written at once, and seconds after which they are stuck


class SerialPort(Transport):
    """A serial port at `baud` bits a second, 8 data bits, no parity, 1 stop bit.

    Raises `LinkError` if pyserial is not installed or the port cannot be opened.
    """

    def __init__(self, port: str, baud: int = 1_000_000):
        self._baud = check.integer("baud", baud, 1, 1 << 30)
        try:
            import serial
        except ImportError:
            raise LinkError("a serial port needs pyserial: pip install 'spikeloom[link]'") from None
        self.name, self.byte_seconds = port, _SLACK * 10 / self._baud
        # pyserial lets `termios.error` through, which is no OSError, and closes descriptors that it then asks for.
        self._error: tuple[type[Exception], ...] = (serial.SerialException, OSError, TypeError, *_termios_errors())
        self._stuck = serial.SerialTimeoutException
        self._make = serial.Serial
        try:
            self._serial = self._opened()
        except (*self._error, ValueError) as error:
            raise LinkError(f"serial port {port} must {_rule(port, error, self._baud)}") from None

    def write(self, data: bytes) -> None:
        try:
            for start in range(0, len(data), _PIECE):
                self._serial.write(data[start:start + _PIECE])
            self._serial.flush()
        except self._stuck:
            raise LinkError(f"serial port {self.name} must take {_PIECE} bytes within {_STUCK:g} s") from None
        except self._error as error:
            raise self._lost(error) from None

    def read(self, timeout: float) -> bytes:
        try:
            self._serial.timeout = timeout
            first = self._serial.read(1)
            return first + self._serial.read(self._serial.in_waiting) if first else b""
        except self._error as error:
            raise self._lost(error) from None

    def close(self) -> None:
        with contextlib.suppress(*self._error):
            self._serial.close()

    def reopen(self, timeout: float) -> None:
        self.close()
        deadline = time.monotonic() + timeout
        while True:
            try:
                self._serial = self._opened()
                return
            except (*self._error, ValueError) as error:
                if time.monotonic() >= deadline:
                    raise LineLost(f"serial port {self.name} must come back, but {error}") from None
            time.sleep(_POLL)

    def _opened(self):
        opened = self._make(self.name, self._baud, write_timeout=_STUCK)
        try:
            opened.reset_input_buffer()
        except self._error:
            opened.close()
            raise
        return opened

    def _lost(self, error: Exception) -> LineLost:
        return LineLost(f"serial port {self.name} must stay connected, but {error}")


def _rule(port: str, error: Exception, baud: int) -> str:
    """What a port that cannot be opened must be, and what to do about it."""
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        from serial.tools import list_ports
        found = ", ".join(sorted(one.device for one in list_ports.comports())) or "no port at all"
        return f"be there, but this computer has {found}: plug the board in, or start `spikeloom virtual`"
    if number in (errno.EACCES, errno.EPERM):
        return (f"be one that you may open, but {os.strerror(number).lower()}: join the group that owns it, often "
                f"dialout (ls -l {port}): sudo usermod -aG GROUP $USER, then log in again")
    if number == errno.EBUSY:
        return "be free, but another program has it open"
    if os.path.isfile(port) or os.path.isdir(port):
        return f"be a serial port, not a {'file' if os.path.isfile(port) else 'folder'}"
    return f"be one that can be opened at {baud} baud, but {error}"


def _termios_errors() -> tuple[type[Exception], ...]:
    try:
        import termios
    except ImportError:     # not on Windows
        return ()
    return (termios.error,)
