"""Host and device under abuse, and abuse that finds what is wrong: `benchmarks/abuse.py` does the same for longer."""

import random

import pytest
from amaranth import Signal

from spikeloom.errors import LinkError
from spikeloom.firmware.framing import Unframer
from spikeloom.firmware.simulated import SimulatedLine
from spikeloom.rtl_gen.link import host_link
from spikeloom.rtl_gen.link.deframer import Deframer
from spikeloom.rtl_gen.link.header_watch import HeaderWatch
from spikeloom.rtl_gen.linked import LinkedCore
from spikeloom.sim import abuse, bad_frames, pins, spi_pins
from spikeloom.sim.abuse import Abuse
from spikeloom.sim.abused_devices import CLOCK_HZ, SUBJECTS, plain
from spikeloom.sim.abused_lines import UartLine

COMMON = {*bad_frames.KINDS, "bad frames during an inference", "another host", "a noisy line", "delayed bytes",
          "another rate"}


def uart(name: str) -> UartLine:
    subject = SUBJECTS[name]()
    return UartLine(pins.build(subject.plan, clock_hz=CLOCK_HZ, extras=subject.extras))


def spi(name: str) -> spi_pins.SpiLine:
    subject = SUBJECTS[name]()
    return spi_pins.SpiLine(spi_pins.build(subject.plan, extras=subject.extras), clock_hz=CLOCK_HZ)


@pytest.mark.parametrize(("link", "name", "more"), [
    (uart, "plain", set()), (spi, "watched", {"bad frames between timesteps", "bits lost and added"})])
def test_nothing_hangs_nothing_is_wrong_and_nothing_changes(link, name, more):
    found = Abuse(link(name), SUBJECTS[name](), seed=1).run(20_000)
    assert found.clean, found
    assert found.bytes >= 20_000 and set(found.rounds) == COMMON | more and min(found.rounds.values()) >= 1
    assert found.inferences > 2 * sum(found.rounds.values())


def in_the_simulator(*kinds: str, count: int = 1):
    """A plain device made anew, and some abuse of it."""
    subject = plain()
    return Abuse(SimulatedLine(LinkedCore(subject.plan)), subject, timeout=0.5, seed=3, kinds=kinds).run(count)


class Believing(Deframer):
    """Takes every frame for good."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.o.p.good.eq(1)
        return m


class Lost(Deframer):
    """Hears nothing any more after a frame that is damaged."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        lost, begun = Signal(), Signal()
        with m.If(self.o.valid):
            m.d.sync += begun.eq(~self.o.p.end)
        with m.If(self.o.valid & self.o.p.end & begun & ~self.o.p.good):
            m.d.sync += lost.eq(1)
        with m.If(lost):
            m.d.comb += self.o.valid.eq(0)
        return m


class Interrupted(HeaderWatch):
    """Hears the rest of a frame that began while it was away."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.sync += self.stale.eq(0)
        return m


def test_a_device_without_a_fault_passes_the_same():
    assert in_the_simulator("bursts of wrong bits", "a host that dies", "requests that do not exist").clean


@pytest.mark.parametrize("kind", ["bursts of wrong bits", "reordered bytes"])
def test_a_link_that_ignores_the_crc_is_caught(monkeypatch, kind):
    monkeypatch.setattr(host_link, "Deframer", Believing)
    found = in_the_simulator(kind)
    assert found.wrong and not found.clean
    assert found.first.startswith(f"wrong, {kind}: bad frames were answered with ")


@pytest.mark.parametrize("kind", ["random bytes", "a host that dies"])
def test_a_link_that_does_not_find_its_way_back_is_caught(monkeypatch, kind):
    monkeypatch.setattr(host_link, "Deframer", Lost)
    found = in_the_simulator(kind)
    assert found.hung and not found.clean
    assert found.first.startswith(f"hung, {kind}: the device on the simulator must answer STATUS within 0.5 s, not "
                                  "stay silent (")


def test_a_link_that_takes_the_rest_of_a_frame_for_one_is_caught(monkeypatch):
    monkeypatch.setattr(host_link, "HeaderWatch", Interrupted)
    assert not in_the_simulator("bad frames during an inference", count=2000).clean


def test_an_answer_that_is_wrong_is_counted():
    """Against the expectations of other frames."""
    subject = Abuse(uart("plain"), plain(), seed=0)
    subject.judge.expected = subject.judge.expected.part(slice(None, None, -1))
    found = subject.run(5_000)
    assert found.wrong > 5 and found.first.startswith("wrong, random bytes: before random bytes: frame ")


def test_what_is_held_afterwards_is_compared():
    """Good frames among the bad change the result, and are counted by the device."""
    subject = Abuse(uart("plain"), plain(), seed=0, kinds=("dropped bytes",))
    subject._bad.some = lambda kind, line: abuse.frame(subject._request())
    found = subject.run(1)
    assert found.changed >= 1 and found.wrong >= 1


def test_a_device_that_is_silent_hangs(monkeypatch):
    subject = Abuse(uart("plain"), plain(), seed=0, kinds=("dropped bytes",))
    monkeypatch.setattr(subject._line, "read", lambda timeout: b"")
    found = subject.run(1)
    assert found.hung >= 4 and found.inferences == 0


def test_a_device_that_never_stops_talking_hangs(monkeypatch):
    subject = Abuse(uart("plain"), plain(), seed=0, kinds=("dropped bytes",))
    monkeypatch.setattr(subject._line, "read", lambda timeout: bytes(1000))
    subject.judge.send([b"~"])
    found = subject.judge.found
    assert (found.hung, found.first) == (1, "hung, at first: no end of replies to bad frames")
    assert subject.run(1).hung > 4


def test_bad_frames_are_bad_by_the_protocol_s_definition():
    subject = Abuse(uart("plain"), plain(), seed=0)
    for kind in bad_frames.KINDS:
        line, pieces = Unframer(), 0
        for _ in range(100):
            piece = subject._bad.some(kind, line)
            pieces += bool(piece)
            for body in line.feed(piece):
                assert subject._lengths.get(body[0]) != len(body)
        assert pieces == 100
        assert kind == "requests that do not exist" or line.damaged > 50


def test_the_device_counts_every_request_that_is_one():
    """Weights are loaded first: of a device with a guard, COMMIT has their checksum too."""
    subject = Abuse(spi("watched"), SUBJECTS["watched"](), seed=0)
    assert subject.judge.good.status().frames == subject._line.requests > 5


def test_a_line_that_loses_bits_makes_requests_fail():
    line = spi("full")
    subject = Abuse(line, SUBJECTS["full"](), seed=0, kinds=("another rate",))
    line.disturb(random.Random(1))
    line._broken = random.Random(1), 1.0
    with pytest.raises(LinkError, match="must answer STATUS within 0.002 s"):
        subject.judge.good.status()
    line.restore()
    subject.judge.settle()
    assert subject.judge.good.status().frames > 0
