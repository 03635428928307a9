"""A case and its file: what was kept comes back, and anything else is a clear error."""

import dataclasses

import numpy as np
import pytest

from spikeloom import codebooks, qsnn
from spikeloom.errors import FileError, SpikeloomError
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.rtl_gen.plan import LayerPlan
from spikeloom.sim import cases
from spikeloom.sim.cases import Case, Failure
from spikeloom.sim.random_cases import draw


def small(weights: str = "rom") -> Case:
    book = codebooks.make("integer", bits=3)
    layers = tuple(Layer(synapses=Dense(weights=np.array([[1, -2], [3, 0]]), codebook=book),
                         neurons=Lif(neurons=2, threshold=2, membrane_bits=6)) for _ in range(2))
    network = Network(input=Input(shape=(2,)), layers=layers, readout="count", timesteps=3)
    plan = LayerPlan(weights=weights)
    return Case(network=network, layers=(plan, plan), frames=np.ones((2, 3, 2), int), stalls=5, seed=7)


def same(one: Case, other: Case) -> bool:
    fields = [field.name for field in dataclasses.fields(Case) if field.name != "frames"]
    alike = all(getattr(one, name) == getattr(other, name) for name in fields)
    return alike and np.array_equal(one.frames, other.frames)


@pytest.mark.parametrize("seed", range(0, 40, 2))
def test_what_is_kept_comes_back(tmp_path, seed):
    case, failure = draw(seed), Failure(way="volume", kind="mismatch", text="все не так")
    path = cases.save(case, tmp_path / "one.qsnn", failure)
    loaded, told = cases.load(path)
    assert same(loaded, case) and told == failure
    assert loaded.plan.layers == case.plan.layers and loaded.plan.network.digest == case.network.digest
    assert cases.save(loaded, tmp_path / "two.qsnn", told).read_bytes() == path.read_bytes()
    assert qsnn.load(path).digest == case.network.digest


def test_where_weights_are_loaded_there_is_room_for_any():
    assert small().plan.network.sum_range(0) == (-2, 3)
    assert small("ram").plan.network.sum_range(0) == (-8, 6)


def test_an_older_file_lacks_a_field_that_came_later(tmp_path):
    path = cases.save(small(), tmp_path / "one.qsnn")
    network = qsnn.load(path)
    del network.provenance["case"]["extras"]["queue"]
    qsnn.save(network, path)
    assert same(cases.load(path)[0], small())


@pytest.mark.parametrize(("change", "error"), [
    (lambda told: told.clear(), "case must have the fields ['extras', 'failure', 'frames', 'plan', 'seed', 'stalls'], "
                                "not []"),
    (lambda told: told["plan"]["layers"][0].update(lanes="many"), "layer 0 lanes must be an integer from 1 to 2, "
                                                                  "not 'many'"),
    (lambda told: told["plan"]["layers"].pop(), "plan must have 2 layers, not 1"),
    (lambda told: told["extras"].update(voice=1), "extras must have the fields"),
    (lambda told: told.update(frames=[[[2, 0]] * 3]), "input values must lie within 0 to 1, not hold 2"),
    (lambda told: told.update(frames=[]), "input values must be integers, not float64"),
    (lambda told: told.update(stalls=0), "stalls must be an integer from 1 to 2147483647, not 0"),
])
def test_anything_else_is_an_error(tmp_path, change, error):
    path = cases.save(small(), tmp_path / "one.qsnn")
    network = qsnn.load(path)
    change(network.provenance["case"])
    qsnn.save(network, path)
    with pytest.raises(FileError) as raised:
        cases.load(path)
    assert str(raised.value).startswith(f"{path} must hold a case, but {error}")


def test_a_network_without_a_case(tmp_path):
    path = qsnn.save(small().network, tmp_path / "one.qsnn")
    with pytest.raises(FileError, match="one.qsnn must hold a case, but case must have the fields .*, not None$"):
        cases.load(path)


def test_no_frames():
    with pytest.raises(SpikeloomError, match="^frames must be at least one, not none$"):
        dataclasses.replace(small(), frames=np.zeros((0, 3, 2), int))
