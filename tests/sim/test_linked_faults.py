"""A device whose bits flip, and its host: the guard, the watchdog's counters, and what a person does then."""

import pytest

from spikeloom.rtl_gen import planner
from spikeloom.rtl_gen.link.extras import Extras
from spikeloom.sim import linked_faults
from spikeloom.sim.linked_faults import ENDINGS

from . import small_faults


@pytest.fixture(scope="module")
def host():
    plan = planner.make(small_faults.network(), layers={
        k: {"strategy": "dense", "lanes": lanes, "weights": "ram"} for k, lanes in enumerate((4, 3))})
    extras = Extras(guard=True, watchdog=True)
    top = linked_faults.build(plan, clock_hz=4_000_000, baud=1_000_000, extras=extras, effort="compile")
    made = linked_faults.Host(top, plan, small_faults.frames()[0])
    yield made
    made.close()


def store(host, name: str) -> int:
    return next(k for k, one in enumerate(host.pins.stores) if one.name == name)


def test_kinds_of_a_whole_device(host):
    """The core's, and the link around it."""
    bits = {}
    for one in host.pins.stores:
        bits[one.kind] = bits.get(one.kind, 0) + one.bits
    assert set(bits) == {"weights", "constants", "membranes", "sums", "fifos", "scores", "control", "link"}
    assert bits["weights"] == 28 * 12 + 8 * 9 and bits["membranes"] == 8 * 11 and bits["link"] > 500


def test_a_damaged_weight_is_reported_until_it_is_loaded_again(host):
    story = host.tell(store(host, "linked core layer0 currents integrator weights part0"), 5, 11, at=0, wait=2000)
    assert [ENDINGS[ending] for ending in (story.now, story.next, story.cured)] == [
        "damage reported", "damage reported", "right"]
    assert story.reported


def test_a_lost_mark_spoils_one_answer(host):
    """Nobody notices; a core that is reset before each inference, as with a watchdog, is right the next time."""
    mark = store(host, "linked core layer0 currents integrator s1_mark")
    first, last = host.working
    assert 0 < first < last < host.cycles
    story = host.tell(mark, 0, 0, at=first + 28)
    assert ENDINGS[story.now] in ("wrong score", "wrong class") and (story.next, story.cured) == (0, 0)
    assert not story.reported


def test_a_flip_comes_when_it_is_due(host):
    """Before its cycle nothing is different; after it, the bit is; `restore` takes it back."""
    pins = host.pins
    state = store(host, "linked core layer0 currents integrator weights part0")
    pins.restore()
    pins.flip(state, 0, 0, at=300)
    assert pins.exchange(b"", 250).cycles == 250 and len(pins._flips) == 1
    pins.exchange(b"", 100)
    assert pins.cycle == 300 and not pins._flips
