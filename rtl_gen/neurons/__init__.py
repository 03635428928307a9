"""The hardware of each neuron model, found by its module name.

Each module has

* `state(neurons)`: `data.StructLayout` of what a neuron remembers, its membrane `v`, signed, among it,
* `lane(m, neurons, path)`: adds one neuron's way through stages 1 to 3 of `stateful.pipeline` to `m`, and returns, all
  of stage 3, its spike, its membrane and the `View` of its new state,
* `cells(neurons, width)`: about how many logic cells a lane takes, with sums of `width` bits.

The component around the lanes is `population.Population`.
"""

from dataclasses import dataclass
from types import ModuleType

from amaranth.hdl import Signal, Value
from amaranth.lib import data

from spikeloom import neurons, plugins


@dataclass(frozen=True, kw_only=True)
class Path:
    """What a lane is given. All registers of stages 1 to 3 must move with `go`, and only then.

    Parameters
    ----------
    lane : its number.
    go : whether the pipeline moves.
    first, total, state : of stage 1: whether the state counts as 0, the sum of synaptic terms, the state.
    vectors : of stage 1: the neuron's value of each of the model's vectors; None of those that are None.
    currents : least and greatest `total` plus bias.
    """

    lane: int
    go: Value
    first: Value
    total: Value
    state: data.View
    vectors: dict[str, Value | None]
    currents: tuple[int, int]

    def signal(self, name: str, shape=1) -> Signal | data.View:
        """A signal of this lane; `name` begins with its stage."""
        return Signal(shape, name=f"{name}{self.lane}")


def load(model: object) -> ModuleType:
    """The module of an instance's model."""
    return plugins.load(__name__, neurons.kind(model), "neurons with hardware")
