import math

import numpy as np
import pytest

from spikeloom.errors import SpikeloomError
from spikeloom.train.importing import Conventions, Node
from spikeloom.train.importing.conventions import dynamics


def node(kind: str, **values) -> Node:
    return Node(name="x", kind=kind, values={name: np.asarray(value, float) for name, value in values.items()})


CUBA = node("CubaLIF", tau_syn=[4.0], tau_mem=[10.0], r=[3.0], v_leak=[0.0], v_threshold=[5.0], w_in=[2.0])


def test_hand_made_numbers():
    steps = dynamics(node("LIF", tau=[2.0], r=[3.0], v_leak=[0.5], v_threshold=[1.5], v_reset=[0.25]), 1,
                     Conventions(dt=0.5))
    assert (steps.kept[0], steps.gain[0], steps.drive[0]) == (0.75, 0.75, 0.125)
    assert (steps.threshold[0], steps.v_reset[0], steps.synaptic) == (1.5, 0.25, None)
    steps = dynamics(CUBA, 2, Conventions(dt=1.0))
    assert steps.synaptic.tolist() == [0.75] * 2 and steps.kept.tolist() == [0.9] * 2
    assert steps.gain == pytest.approx(0.1 * 3 * 0.25 * 2)
    assert dynamics(node("CubaLI", tau_syn=[4.0], tau_mem=[10.0], r=[3.0], v_leak=[0.0]), 1,
                    Conventions(dt=1.0)).gain == pytest.approx(0.1 * 3 * 0.25)


def test_the_exact_leak_is_the_solution():
    """Of tau dv/dt = R I - v with I held still, against many small Euler steps."""
    exact = dynamics(node("LI", tau=[2.0], r=[3.0], v_leak=[0.0]), 1, Conventions(dt=0.5, leak="exact"))
    v = 0.7
    for _ in range(100_000):
        v += 0.5e-5 / 2 * (3 * 1.1 - v)
    assert exact.kept[0] * 0.7 + exact.gain[0] * 1.1 == pytest.approx(v, rel=1e-5)
    assert exact.kept[0] == pytest.approx(math.exp(-0.25)) and exact.threshold is None


def test_neurons_without_a_leak():
    kind = node("IF", r=[2.0], v_threshold=[1.0])
    assert dynamics(kind, 1, Conventions(dt=0.5)).gain[0] == 2
    assert dynamics(kind, 1, Conventions(dt=0.5, charge="time")).gain[0] == 1
    assert dynamics(node("I", r=[2.0]), 1, Conventions()).threshold is None
    steps = dynamics(node("Threshold", threshold=[0.5]), 3, Conventions())
    assert (steps.kept == 0).all() and (steps.gain == 1).all() and (steps.threshold == 0.5).all()


@pytest.mark.parametrize("values, message", [
    ({"dt": 0}, "dt must be seconds, more than 0, not 0"),
    ({"dt": True}, "dt must be seconds, more than 0, not True"),
    ({"dt": math.inf}, "dt must be seconds, more than 0, not inf"),
    ({"reset": "none"}, "reset must be one of zero, subtract, subtract-late, not 'none'"),
    ({"leak": "slow"}, "leak must be one of euler, exact, not 'slow'"),
    ({"fires": "below"}, "fires must be one of above, at, not 'below'"),
    ({"charge": "full"}, "charge must be one of step, time, not 'full'"),
])
def test_conventions(values, message):
    with pytest.raises(SpikeloomError) as caught:
        Conventions(**values)
    assert str(caught.value) == message


def test_time_constants():
    with pytest.raises(SpikeloomError) as caught:
        dynamics(CUBA, 1, Conventions(dt=5.0))
    assert str(caught.value) == ("CubaLIF 'x' tau_syn must be at least dt, 5 s, not 4 s: choose a smaller dt, or the "
                                 "exact leak")
    with pytest.raises(SpikeloomError, match="LI 'x' tau must be more than 0 seconds, not -1"):
        dynamics(node("LI", tau=[-1.0], r=[3.0], v_leak=[0.0]), 1, Conventions())
    assert dynamics(CUBA, 1, Conventions(dt=4.0)).synaptic[0] == 0
