"""Host and device under abuse: `benchmarks/abuse.py` runs the same over ten million bytes."""

import pytest

from spikeloom.sim import abuse
from spikeloom.sim.abuse import KINDS, Abuse

from .small_top import frames, network, top


@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_hangs_and_nothing_is_wrong(seed):
    found = Abuse(top(), network(), frames(50), seed=seed).run(20_000)
    assert found.wrong == found.hung == 0
    assert found.bytes >= 20_000 and min(found.rounds.values()) >= 3
    assert found.inferences > 8 * min(found.rounds.values())


def test_a_good_frame_among_the_bad_is_noticed(monkeypatch):
    """Were a bad frame taken for good, the next READ would tell: here the frames are not damaged at all."""
    def good_ones(self) -> None:
        for _ in range(5):
            self._send(abuse.frame(self._request()))

    monkeypatch.setattr(Abuse, "_damaged", good_ones)
    found = Abuse(top(), network(), frames(50), seed=0).run(20_000)
    assert found.wrong + found.hung >= found.rounds[KINDS[1]] - 2 > 0


def test_an_answer_that_is_wrong_is_counted(monkeypatch):
    """Against the expectations of other frames."""
    subject = Abuse(top(), network(), frames(50), seed=0)
    subject._expected = subject._expected.part(slice(None, None, -1))
    found = subject.run(5_000)
    assert found.wrong > 5


def test_a_device_that_is_silent_hangs(monkeypatch):
    subject = Abuse(top(), network(), frames(5), seed=0)
    monkeypatch.setattr(subject._line.line.pins, "exchange", lambda data, cycles, baud=None: abuse_of_nothing(cycles))
    found = subject.run(1)
    assert found.hung == 3 and found.inferences == 0


def abuse_of_nothing(cycles):
    from spikeloom.sim.pins import Exchanged
    return Exchanged(received=b"", cycles=cycles, waiting=0, busy=False, quiet=True)
