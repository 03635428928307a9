"""The virtual board through the driver that ships, over a serial port that pyserial opens."""

import os
import threading
import time
from pathlib import Path

import pytest

from spikeloom.errors import FileError, LinkError, SpikeloomError
from spikeloom.firmware.device import Device
from spikeloom.firmware.framing import frame
from spikeloom.firmware.noise import Noise
from spikeloom.firmware.serial_port import SerialPort
from spikeloom.firmware.transport import LineLost
from spikeloom.rtl_gen import protocol, words
from spikeloom.sim import pins
from spikeloom.sim.pins import PinsLine
from spikeloom.sim.reference import simulate
from spikeloom.sim.virtual import VirtualBoard

from .small_top import BAUD, CLOCK, frames, network, top


@pytest.fixture
def board():
    with VirtualBoard(top()) as board:
        yield board


def opened(board: VirtualBoard, **options) -> Device:
    return Device(SerialPort(board.port, BAUD), network(), **{"timeout": 5.0} | options)


def answers(device: Device, count: int = 10) -> list:
    return [(device.run(values), device.read())[1] for values in frames(count)]


def expected(count: int = 10) -> list:
    outcome = simulate(network(), frames(count))
    return list(zip(outcome.classes.tolist(), map(tuple, outcome.scores.tolist()), strict=True))


def test_answers_are_the_reference_s_and_cycles_those_of_the_pins(board):
    with opened(board) as device:
        found = answers(device)
        assert device.status().frames == 22
    assert [(result.label, result.scores) for result in found] == expected()
    line = PinsLine(top())
    with Device(line, network()) as device:
        assert answers(device) == found
        device.status()
    assert board.cycles == line.cycles


def test_bytes_take_the_time_of_the_line():
    """The same design at a hundredth of the clock, far slower than its simulation. Without a flag nothing is answered:
    300 bytes of 10 bits at 10 kbaud, and those of STATUS and its answer."""
    slow = pins.Top(library=top().library, clock_hz=CLOCK // 100, baud=BAUD // 100)
    with VirtualBoard(slow) as board:
        device = Device(SerialPort(board.port, BAUD // 100), timeout=5.0)
        began = time.perf_counter()
        device.transport.write(bytes(300))
        assert device.status().frames == 1
        took = time.perf_counter() - began
        device.transport.close()
    line = (300 + len(frame(bytes(2))) + 17) * 10 / (BAUD // 100)
    assert took >= line - 0.005 and board.cycles >= line * CLOCK // 100


def test_a_port_set_to_another_rate(board):
    slow = Device(SerialPort(board.port, 115_200), network(), timeout=0.1, tries=2)
    with pytest.raises(LinkError, match="must answer IDENTIFY within 0.1 s, not "), slow:
        pass
    off = Device(SerialPort(board.port, 1_020_000), network(), timeout=0.5)
    with off:
        assert [result.label for result in answers(off, 3)] == [label for label, _ in expected(3)]
    with opened(board) as device:
        assert len(answers(device, 2)) == 2


def test_noise_on_request(board):
    out, back = (Noise.of_all_kinds(0.02, seed=seed) for seed in (1, 2))
    board.set_noise(out=out, back=back)
    with opened(board, timeout=0.05, tries=60) as device:
        assert [(result.label, result.scores) for result in answers(device)] == expected()
        assert out.faults > 5 and back.faults > 5
        board.set_noise()
        before = out.faults, back.faults
        answers(device, 3)
        assert (out.faults, back.faults) == before


def test_a_host_that_dies_in_the_middle_of_a_frame(board):
    request = frame(bytes([protocol.RUN.code, 1]) + words.pack(network(), frames(1))[0].tobytes())
    for length in (1, 5, len(request) - 1):
        port = SerialPort(board.port, BAUD)
        port.write(request[:length])
        port.close()
        with opened(board, timeout=0.5, tries=20) as device:
            assert [(result.label, result.scores) for result in answers(device, 3)] == expected(3)


def test_unplugged_and_gone(board):
    with opened(board) as device:
        board.unplug()
        board.unplug()
        assert not Path(board.port).exists()
        for ask in (device.status, lambda: device.run(frames(1)[0]), device.read, device.reset, device.identify):
            with pytest.raises(LineLost, match=f"^serial port {board.port} must stay connected, but "):
                ask()
        with pytest.raises(LineLost, match=f"^serial port {board.port} must come back, but "):
            device.reconnect(0.1)
        board.plug()
        board.plug()
        assert device.reconnect(1.0).outputs == 5
        assert device.status().frames == 2      # IDENTIFY and this one: it was without power
        with pytest.raises(LinkError, match="must have run a frame before its scores are read$"):
            device.read()


def test_unplugged_in_the_middle_and_back(board):
    def pull():
        for _ in range(3):
            time.sleep(0.2)
            board.unplug()
            time.sleep(0.1)
            board.plug()
    hand = threading.Thread(target=pull)
    with opened(board, patience=20) as device:
        hand.start()
        asked, known = 0, expected(10)
        while hand.is_alive():
            k = asked % 10
            values = frames(10)[k]
            result = device.persist(lambda values=values: (device.run(values), device.read())[1])
            assert (result.label, result.scores) == known[k]
            asked += 1
        assert asked > 3 and device.run(frames(1)[0]).label == known[0][0]
    hand.join()


def test_patience_ends(board):
    with opened(board, patience=0.3) as device:
        board.unplug()
        began = time.monotonic()
        with pytest.raises(LineLost, match="must come back, but "):
            device.run(frames(1)[0])
        assert 0.3 <= time.monotonic() - began < 5


def test_another_board_in_its_place_is_refused(board):
    from spikeloom.sim.random_networks import random_network
    with opened(board, patience=5) as device:
        device.network = random_network(0)      # as if the network at the port had changed while it was away
        board.unplug()
        board.plug()
        with pytest.raises(LinkError, match=f"must carry the network {device.network.digest[:16]}, not "):
            device.status()


def test_replies_that_nobody_reads_are_lost_and_nothing_hangs(board):
    port = os.open(board.port, os.O_RDWR | os.O_NOCTTY)
    with opened(board) as device:
        request = frame(bytes([protocol.IDENTIFY.code, 1]))
        for _ in range(400):
            device.transport.write(request + b"~" * 80)
        deadline = time.monotonic() + 20
        while not board.lost and time.monotonic() < deadline:
            time.sleep(0.05)
    os.close(port)
    assert board.lost > 0
    with opened(board) as device:
        assert len(answers(device, 2)) == 2


def test_the_port_has_the_name_that_is_asked_for(tmp_path):
    link = tmp_path / "mine"
    with VirtualBoard(top(), link=link) as board:
        assert board.port == str(link) and link.is_symlink()
        with pytest.raises(FileError) as error, VirtualBoard(top(), link=link):
            pass
        assert str(error.value) == f"{link} must be a name for a new link, but File exists"
        with opened(board) as device:
            device.status()
    assert not link.is_symlink()
    link.symlink_to(tmp_path / "of one that was killed")
    with VirtualBoard(top(), link=link):
        assert link.exists()


def test_it_must_be_started():
    board = VirtualBoard(top())
    with pytest.raises(SpikeloomError) as error:
        board.unplug()
    assert str(error.value) == "virtual board must be started before it is used"
    board.stop()
    board.start()
    folder = Path(board.port).parent
    assert folder.exists()
    board.stop()
    board.stop()
    assert not folder.exists()
