"""The system with its real compiled program, end to end: what comes over the serial line, exact or noticed."""

import dataclasses

import numpy as np
import pytest

from spikeloom.errors import SpikeloomError
from spikeloom.firmware.soc.program import compile_program
from spikeloom.network import Dense
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.sim import soc
from spikeloom.sim.volume import HardwareError
from tests.rtl_gen import small

NETWORK = small.network((20, 6, 3), bits=4, encoder="direct", readout="membrane-last", timesteps=4)
LAYERS = (LayerPlan(lanes=3), LayerPlan(lanes=3))
FRAMES = np.random.default_rng(1).integers(0, 16, (3, 20))
CLOCK = 1_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("soc")


@pytest.fixture(scope="module")
def program():
    return compile_program(NETWORK, FRAMES)


@pytest.fixture(scope="module")
def expected(folder):
    return soc.expected(Plan(network=NETWORK, layers=LAYERS), FRAMES, folder=folder)


def printed(network, program, folder, cpu="serv", **options) -> soc.Printed:
    plan = Plan(network=network, layers=LAYERS)
    top = soc.build(plan, program.memory, clock_hz=CLOCK, baud=250_000, cpu=cpu, folder=folder)
    return soc.run(top, **options)


def with_other_weight(network):
    """`network` with one weight of its last layer changed."""
    last = network.layers[-1]
    weights = last.synapses.weights.copy()
    weights[0, 0] = -1 if weights[0, 0] != -1 else 1
    synapses = Dense(weights=weights, codebook=last.synapses.codebook)
    layers = (*network.layers[:-1], dataclasses.replace(last, synapses=synapses))
    return dataclasses.replace(network, layers=layers)


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["serv", "picorv32"])
def test_the_program_prints_what_the_reference_says(cpu, program, expected, folder):
    said = []
    found = printed(NETWORK, program, folder, cpu, progress=said.append)
    assert soc.differences(soc.parse(found.text), expected) == []
    assert found.text.startswith(f"network {NETWORK.digest[:8]}\n")
    assert len({one.scores for one in expected}) > 1
    assert said and found.text.startswith(said[0].partition("\4")[0])


@pytest.mark.slow
def test_another_network_in_the_hardware_is_noticed_by_the_program(program, folder):
    other = with_other_weight(NETWORK)
    assert printed(other, program, folder).text == "the hardware holds another network\n"


@pytest.mark.slow
def test_a_wrong_weight_in_the_hardware_is_noticed_by_the_comparison(monkeypatch, program, expected, folder):
    """The hardware says that it is the network, and is not."""
    from spikeloom.rtl_gen.soc import registers
    true = registers.constants(NETWORK)
    monkeypatch.setattr(registers, "constants", lambda network: true)
    found = soc.parse(printed(with_other_weight(NETWORK), program, folder).text)
    wrong = soc.differences(found, expected)
    assert wrong and all(": scores is " in line or ": label is " in line for line in wrong)


@pytest.mark.slow
def test_a_program_that_does_not_end_is_given_up(program, folder):
    with pytest.raises(HardwareError, match="^program must end within 3000 cycles, but has not; it printed '.*' last$"):
        printed(NETWORK, program, folder, limit=3000)


def sample(**changes) -> soc.Sample:
    return soc.Sample(**({"label": 1, "cycles": 2, "scores": (3, -4)} | changes))


def test_lines_are_read():
    text = "network 0123abcd\nsample 0: class 1, cycles 2, scores 3 -4\nsample 1: class 2, cycles 30, scores 0 5\n"
    assert soc.parse(text) == [sample(), sample(label=2, cycles=30, scores=(0, 5))]


@pytest.mark.parametrize(("text", "message"), [
    ("", "first line must be 'network ' and 8 digits, not ''"),
    ("the hardware holds another network\n",
     "first line must be 'network ' and 8 digits, not 'the hardware holds another network'"),
    ("network 0123abcd\nsample 1: class 1, cycles 2, scores 3\n",
     "line of sample 0 must give its class, cycles and scores, not 'sample 1: class 1, cycles 2, scores 3'"),
    ("network 0123abcd\nsample 0: class 1, cycl", "line of sample 0 must give its class, cycles and scores, not "
                                                  "'sample 0: class 1, cycl'"),
])
def test_other_lines_are_not(text, message):
    with pytest.raises(SpikeloomError) as error:
        soc.parse(text)
    assert str(error.value) == message


def test_every_difference_is_named():
    assert soc.differences([sample()], [sample()]) == []
    assert soc.differences([sample()], []) == ["1 samples instead of 0"]
    assert soc.differences([sample()] * 2, [sample(), sample(label=0, cycles=3, scores=(3, 4))]) == [
        "sample 1: label is 1 instead of 0", "sample 1: scores is (3, -4) instead of (3, 4)",
        "sample 1: cycles is 2 instead of 3"]
