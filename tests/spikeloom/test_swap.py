"""What a swap compares before it changes anything. The swap itself: `tests/boards/test_swap.py`."""

import dataclasses
import json

import pytest

from spikeloom.commands import swap
from spikeloom.errors import FileError, SpikeloomError
from spikeloom.rtl_gen.plan import LayerPlan, Plan


def noted(network, kind="weights"):
    """What the file beside a build of `network` says."""
    plan = Plan(network=swap.with_room(network, kind),
                layers=tuple(LayerPlan(lanes=layer.size, update_lanes=1) for layer in network.layers))
    note = swap.note(plan, kind, board="icebreaker", clock_hz=None, baud=1_000_000)
    return plan, json.loads(json.dumps(note))


def changed(network, **changes):
    """`network` with another first layer's neurons."""
    first = network.layers[0]
    neurons = dataclasses.replace(first.neurons, **changes)
    return dataclasses.replace(network, layers=(dataclasses.replace(first, neurons=neurons), *network.layers[1:]))


@pytest.mark.parametrize("kind", swap.KINDS)
def test_a_note_makes_the_plan_again(small, kind):
    plan, note = noted(small(), kind)
    again = swap._plan(small(), note)
    assert again == dataclasses.replace(plan, network=again.network)
    assert again.network.digest == small().digest
    assert again.network.sum_range(0) == plan.network.sum_range(0)


def test_another_network_is_refused_by_what_differs(small):
    _, note = noted(small())
    before = small().timesteps
    with pytest.raises(SpikeloomError) as error:
        swap._plan(dataclasses.replace(small(), timesteps=before + 1), note)
    assert str(error.value) == f"network timesteps must be {before} as in the build, not {before + 1}: build again"
    bits = small().layers[0].neurons.membrane_bits
    with pytest.raises(SpikeloomError) as error:
        swap._plan(changed(small(), membrane_bits=bits + 1), note)
    assert str(error.value) == (f"network layers 0 neurons membrane_bits must be {bits} as in the build, "
                                f"not {bits + 1}: build again")


def test_thresholds_are_left_to_the_comparison_of_designs(small):
    _, note = noted(small())
    assert swap._plan(changed(small(), threshold=3, bias=1), note).network.layers[0].neurons.threshold[0] == 3


def test_a_folder_without_a_note_is_refused(tmp_path):
    with pytest.raises(FileError) as error:
        swap._read(tmp_path)
    assert str(error.value) == f"{tmp_path} must hold a build made with --swappable"


def test_another_kind_is_refused(small):
    with pytest.raises(SpikeloomError) as error:
        swap.with_room(small(), "everything")
    assert str(error.value) == "--swappable must be one of weights, all, not 'everything'"
