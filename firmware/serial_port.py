"""A serial port of this computer, through pyserial."""

from spikeloom import check
from spikeloom.errors import LinkError
from spikeloom.firmware.transport import Transport


class SerialPort(Transport):
    """A serial port at `baud` bits a second, 8 data bits, no parity, 1 stop bit.

    Raises `LinkError` if pyserial is not installed or the port cannot be opened.
    """

    def __init__(self, port: str, baud: int = 1_000_000):
        check.integer("baud", baud, 1, 1 << 30)
        try:
            import serial
        except ImportError:
            raise LinkError("a serial port needs pyserial: pip install 'spikeloom[link]'") from None
        self.name = port
        self._error = (serial.SerialException, OSError)
        try:
            self._serial = serial.Serial(port, baud)
            self._serial.reset_input_buffer()
        except (*self._error, ValueError) as error:
            raise LinkError(f"serial port {port} must be one that can be opened at {baud} baud, but {error}") from None

    def write(self, data: bytes) -> None:
        try:
            self._serial.write(data)
            self._serial.flush()
        except self._error as error:
            raise LinkError(f"serial port {self.name} must stay connected, but {error}") from None

    def read(self, timeout: float) -> bytes:
        try:
            self._serial.timeout = timeout
            first = self._serial.read(1)
            return first + self._serial.read(self._serial.in_waiting) if first else b""
        except self._error as error:
            raise LinkError(f"serial port {self.name} must stay connected, but {error}") from None

    def close(self) -> None:
        self._serial.close()
