"""The strategies that build a layer's synapses in hardware, found by their module name.

Each module has `Integrator`, the component from events to sums; `occupancy`, its exact clock cycles for given events;
and `cost`, what it takes of a part. All integrators keep one contract:

    i : In(stream of event_layout(inputs, value)), each timestep `passes` times
    o : Out(stream of group_layout(item=ArrayLayout(sum_shape, groups_of))), every neuron of every timestep
"""

from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType

from spikeloom import plugins


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a component takes of a part: logic cells (estimated), block RAMs and SPRAMs (exact)."""

    cells: int
    ram: int
    spram: int = 0


def total(parts: Iterable[Cost]) -> Cost:
    """The sum of costs."""
    parts = list(parts)
    return Cost(cells=sum(p.cells for p in parts), ram=sum(p.ram for p in parts), spram=sum(p.spram for p in parts))


def names() -> list[str]:
    """All strategies that have an integrator."""
    return plugins.names(__name__)


def load(name: object) -> ModuleType:
    """The module of the strategy `name`."""
    return plugins.load(__name__, name, "strategy")
