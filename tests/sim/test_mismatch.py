"""The comparison counts everything, and names the first difference in time, layer and neuron."""

from dataclasses import replace

import numpy as np
import pytest

from spikeloom.errors import SpikeloomError
from spikeloom.sim.mismatch import compare
from spikeloom.sim.outcome import Outcome


def outcome(**changes) -> Outcome:
    """Four samples, three timesteps, layers of five and two neurons."""
    fields = {"classes": np.zeros(4, np.int64), "scores": np.zeros((4, 2), np.int64)}
    fields["spikes"] = tuple(np.zeros((4, 3, n), bool) for n in (5, 2))
    fields["membranes"] = tuple(np.zeros((4, 3, n), np.int32) for n in (5, 2))
    made = Outcome(**fields)
    for name, (place, value) in changes.items():
        target = getattr(made, name.rstrip("01"))
        (target[int(name[-1])] if name[-1] in "01" else target)[place] = value
    return made


def test_equal():
    result = compare(outcome(), outcome())
    assert (result.samples, result.spikes, result.membranes, result.mismatches) == (4, 84, 84, 0)
    assert result.first is None


@pytest.mark.parametrize(("changes", "count", "place"), [
    ({"membranes0": ((2, 1, 4), 7)}, 1, (2, 1, 0, 4, (0, 0), (0, 7))),
    ({"spikes1": ((3, 2, 1), True)}, 1, (3, 2, 1, 1, (0, 0), (1, 0))),
    # the same sample: the earlier timestep comes first, even in a later layer
    ({"membranes0": ((1, 2, 0), 5), "membranes1": ((1, 1, 1), 6)}, 2, (1, 1, 1, 1, (0, 0), (0, 6))),
    # the same timestep: the earlier layer
    ({"membranes0": ((1, 1, 3), 5), "spikes1": ((1, 1, 0), True)}, 2, (1, 1, 0, 3, (0, 0), (0, 5))),
    # the earlier sample, though only its score differs
    ({"scores": ((0, 1), 3), "membranes0": ((1, 0, 0), 1)}, 2, (0, None, None, 1, (0, 0), (3, 0))),
    # the trace explains the score of the same sample
    ({"scores": ((2, 1), 3), "classes": (2, 1), "membranes1": ((2, 2, 0), 1)}, 3, (2, 2, 1, 0, (0, 0), (0, 1))),
    ({"classes": (3, 1)}, 1, (3, None, None, 0, (0, 0), (0, 1))),
])
def test_first(changes, count, place):
    result = compare(outcome(), outcome(**changes))
    assert result.mismatches == count
    first = result.first
    assert (first.sample, first.timestep, first.layer, first.neuron, first.expected, first.found) == place


def test_every_single_difference_is_seen():
    for k, size in ((0, 5), (1, 2)):
        for place in np.ndindex(4, 3, size):
            for name, value in ((f"spikes{k}", True), (f"membranes{k}", -1)):
                result = compare(outcome(), outcome(**{name: (place, value)}))
                assert result.mismatches == 1
                assert (result.first.sample, result.first.timestep, result.first.neuron) == place
                assert result.first.layer == k


def test_text():
    result = compare(outcome(), outcome(membranes0=((2, 1, 4), -7)))
    assert str(result.first) == ("the first difference is in sample 2, timestep 1, layer 0, neuron 4: spike 0 instead "
                                 "of 0, membrane -7 instead of 0")
    result = compare(outcome(), outcome(scores=((0, 1), 3), classes=(0, 1)))
    assert str(result.first) == ("in sample 0 every compared spike and membrane is right, but output 1 has score 3 "
                                 "instead of 0, and the class is 1 instead of 0")


def test_what_was_not_looked_at_is_not_compared():
    """The spikes of the first layer, the membranes of the second."""
    def seen(**changes) -> Outcome:
        made = outcome(**changes)
        return replace(made, spikes=(made.spikes[0], None), membranes=(None, made.membranes[1]))
    result = compare(outcome(), seen())
    assert (result.spikes, result.membranes, result.mismatches) == (60, 24, 0)
    assert compare(outcome(), seen(spikes1=((0, 0, 0), True), membranes0=((0, 0, 0), 3))).mismatches == 0
    result = compare(outcome(), seen(spikes0=((2, 1, 4), True)))
    assert (result.mismatches, result.first.expected, result.first.found) == (1, (0, None), (1, None))
    assert str(result.first).endswith("layer 0, neuron 4: spike 1 instead of 0")
    result = compare(outcome(), seen(membranes1=((2, 1, 1), 3)))
    assert (result.mismatches, result.first.found) == (1, (None, 3))
    assert str(result.first).endswith("layer 1, neuron 1: membrane 3 instead of 0")


def test_refuses_what_cannot_be_compared():
    short = outcome().part(slice(2))
    with pytest.raises(SpikeloomError, match=r"^outcomes must have the same shape, not \(4,\) and \(2,\)$"):
        compare(outcome(), short)
    bare = Outcome(classes=np.zeros(4, np.int64), scores=np.zeros((4, 2), np.int64))
    with pytest.raises(SpikeloomError, match="^outcomes must both hold the trace of the same layers$"):
        compare(outcome(), bare)
