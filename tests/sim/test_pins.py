import pytest

from spikeloom.errors import LinkError, SpikeloomError
from spikeloom.firmware.device import Device
from spikeloom.firmware.framing import frame
from spikeloom.rtl_gen import planner, protocol, words
from spikeloom.rtl_gen.protocol import Counters
from spikeloom.sim import pins, volume
from spikeloom.sim.pins import PinsLine
from spikeloom.sim.reference import simulate

from .small_top import BAUD, CLOCK, frames, network, top

STATUS = frame(bytes([protocol.STATUS.code, 5]))


def answers(line: PinsLine, count: int = 20) -> list:
    with Device(line, network(), timeout=0.002) as device:
        return [(device.run(values), device.read())[1] for values in frames(count)]


def test_inferences_are_the_reference_s():
    expected, line = simulate(network(), frames(20)), PinsLine(top())
    found = answers(line)
    assert [result.label for result in found] == expected.classes.tolist()
    assert [list(result.scores) for result in found] == expected.scores.tolist()
    assert len(set(expected.classes.tolist())) > 2 and expected.scores.min() < 0


def test_the_same_calls_take_the_same_cycles():
    one, other = PinsLine(top()), PinsLine(top())
    assert answers(one) == answers(other)
    assert one.cycles == other.cycles > 20 * 10 * CLOCK // BAUD * 2 * words.per_frame(network())


def test_cycles_are_the_core_s_and_a_few_always_the_same():
    core = volume.build(planner.make(network())).run(frames(20))
    more = [result.cycles for result in answers(PinsLine(top()))] - core.cycles
    assert len(set(more.tolist())) == 1 and 0 < more[0] <= 1 + 5    # five scores take a clock more each


@pytest.mark.parametrize("error", [-0.02, 0.02])
def test_a_host_that_is_2_percent_off(error):
    assert answers(PinsLine(top(), baud=BAUD * (1 + error))) == answers(PinsLine(top()))


@pytest.mark.parametrize("baud", [BAUD * 0.8, 115_200])
def test_a_host_at_another_rate_is_not_understood(baud):
    with pytest.raises(LinkError, match="^the device on the simulator must answer IDENTIFY within 0.002 s, not "):
        answers(PinsLine(top(), baud=baud))


def test_the_line_s_clock_is_the_device_s():
    line = PinsLine(top())
    before = line.now()
    answers(line, 1)
    assert before == 0 and line.now() == line.cycles / CLOCK > 0


def test_a_byte_takes_ten_bits():
    with top().start() as device:
        sent = device.exchange(STATUS, 10 * len(STATUS) * CLOCK // BAUD)
        assert sent.waiting == 0 and not sent.quiet and sent.received == b""
        answer = device.exchange(b"", 1 << 20)
    # Flag, command, sequence, status, 10 bytes of counters, CRC, flag; two stages into the device, a few within.
    size = len(answer.received)
    assert size == 17 and answer.quiet and 40 * size <= answer.cycles < 40 * size + 60
    body = answer.received[1:-3]
    assert body[:3] == bytes([protocol.STATUS.code | protocol.REPLY, 5, 0])
    assert Counters.unpack(body[3:]).frames == 1


def test_nothing_moves_on_a_quiet_line():
    with top().start() as device:
        found = device.exchange(b"", 1 << 40)
        assert found.quiet and found.cycles < 100 and not found.busy
        half = STATUS[:4]
        assert device.exchange(half, 1 << 40).quiet     # half a request waits for its rest
        assert device.exchange(STATUS[4:], 1 << 40).received[2] == 5


def test_busy_while_a_request_is_under_way():
    request = frame(bytes([protocol.RUN.code, 0]) + words.pack(network(), frames(1))[0].tobytes())
    with top().start() as device:
        assert not device.exchange(request, 10 * (len(request) - 1) * CLOCK // BAUD).busy
        assert device.exchange(b"", 10 * CLOCK // BAUD + 10).busy
        assert not device.exchange(b"", 1 << 40).busy


def test_power_is_given_and_taken():
    device = top().start()
    device.exchange(STATUS, 1 << 40)
    device.close()
    device.close()
    with top().start() as again:
        assert Counters.unpack(again.exchange(STATUS, 1 << 40).received[4:14]).frames == 1


def test_the_clock_must_make_the_rate():
    with pytest.raises(SpikeloomError, match="^baud must be at most a quarter of the clock, 4 MHz, not 2000000$"):
        pins.build(planner.make(network()), clock_hz=CLOCK, baud=2_000_000)
    with pytest.raises(SpikeloomError, match="^clock_hz must be an integer from 1 to "):
        pins.build(planner.make(network()), clock_hz=0)
