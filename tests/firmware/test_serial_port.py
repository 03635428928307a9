import errno
import os
import sys
import threading
import tty

import pytest

from spikeloom.errors import LinkError, SpikeloomError
from spikeloom.firmware import serial_port
from spikeloom.firmware.serial_port import SerialPort
from spikeloom.firmware.transport import LineLost


@pytest.fixture
def terminal():
    """A pseudo-terminal: `(descriptor of our end, name of the other)`."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    yield ours, os.ttyname(theirs)
    for descriptor in (ours, theirs):
        os.close(descriptor)


def test_bytes_there_and_back(terminal):
    ours, name = terminal
    port = SerialPort(name)
    every = bytes(range(256))
    port.write(every)
    assert os.read(ours, 1000) == every
    os.write(ours, every[::-1])
    received = b""
    while len(received) < 256:
        received += port.read(1.0)
    assert received == every[::-1]
    port.close()
    port.close()


def test_read_waits_no_longer_than_it_may(terminal):
    ours, name = terminal
    port = SerialPort(name)
    assert port.read(0.01) == b""
    threading.Timer(0.05, os.write, (ours, b"late")).start()
    assert port.read(5.0)[:1] == b"l"
    port.close()


def test_a_port_that_is_not_there():
    with pytest.raises(LinkError) as error:
        SerialPort("/dev/none-of-this-name")
    assert str(error.value).startswith("serial port /dev/none-of-this-name must be there, but this computer has ")
    assert str(error.value).endswith(": plug the board in, or start `spikeloom virtual`")


def test_what_is_no_port(tmp_path):
    (tmp_path / "a.txt").touch()
    for name, what in (("a.txt", "file"), (".", "folder")):
        with pytest.raises(LinkError, match=f"^serial port .* must be a serial port, not a {what}$"):
            SerialPort(str(tmp_path / name))


@pytest.mark.parametrize(("number", "message"), [
    (errno.EACCES, "be one that you may open, but permission denied: join the group that owns it, often dialout "
                   "(ls -l /dev/ttyUSB1): sudo usermod -aG GROUP $USER, then log in again"),
    (errno.EBUSY, "be free, but another program has it open"),
    (errno.EIO, "be one that can be opened at 9600 baud, but [Errno 5] Input/output error"),
])
def test_what_to_do_about_a_port_that_does_not_open(number, message):
    assert serial_port._rule("/dev/ttyUSB1", OSError(number, os.strerror(number)), 9600) == message


def test_a_port_that_is_gone(terminal):
    port = SerialPort(terminal[1])
    port.close()
    for use in (lambda: port.write(b"x"), lambda: port.read(0.01)):
        with pytest.raises(LinkError) as error:
            use()
        assert str(error.value).startswith(f"serial port {terminal[1]} must stay connected, but ")


def test_baud_is_checked():
    with pytest.raises(SpikeloomError) as error:
        SerialPort("/dev/null", baud=0)
    assert str(error.value) == "baud must be an integer from 1 to 1073741824, not 0"


def test_without_pyserial(monkeypatch):
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(LinkError) as error:
        SerialPort("/dev/null")
    assert str(error.value) == "a serial port needs pyserial: pip install 'spikeloom[link]'"


def test_a_port_that_comes_back(tmp_path):
    """Another pseudo-terminal behind the same name."""
    link, ends = tmp_path / "port", []

    def plug():
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        ends.extend((ours, theirs))
        link.symlink_to(os.ttyname(theirs))

    def unplug():
        link.unlink()
        while ends:
            os.close(ends.pop())

    plug()
    port = SerialPort(str(link))
    unplug()
    for use in (lambda: port.write(b"x"), lambda: port.write(b""), lambda: port.read(0.01)):
        with pytest.raises(LineLost, match=f"^serial port {link} must stay connected, but "):
            use()
    with pytest.raises(LineLost, match=f"^serial port {link} must come back, but "):
        port.reopen(0.1)
    later = threading.Timer(0.2, plug)
    later.start()
    port.reopen(30)
    later.join()
    port.write(b"here again")
    assert os.read(ends[0], 100) == b"here again"
    port.close()
    unplug()
