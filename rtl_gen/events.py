"""What runs between components: events, and groups of neighbouring lanes.

Stream rules, for every stream of this package (`valid`, `ready`, `payload`):

1. A transfer happens in each clock cycle in which both `valid` and `ready` are 1.
2. `valid` never waits for `ready`: once a producer has something, it says so.
3. While `valid` is 1 and `ready` is 0, `valid` stays 1 and `payload` holds.
4. `ready` may depend on `valid` and `payload` of the same cycle.

Event streams carry one event a transfer: a presynaptic neuron (`index`, and its `value` if it is graded), or the
mark that ends a timestep (`mark` = 1; `index` and `value` mean nothing; `last` = 1 at the last timestep of an
inference).

5. A timestep is its events, each neuron at most once, in any order, then exactly one mark.
6. Where a consumer works in several passes, the whole timestep is repeated, once a pass.

Group streams carry a whole layer, `lanes` neighbours a transfer, in ascending order; `end` = 1 at the last group of a
timestep, and then `last` = 1 if the timestep is the inference's last (`last` means nothing elsewhere).
"""

from amaranth.hdl import Shape, unsigned
from amaranth.lib import data


def range_shape(low: int, high: int) -> Shape:
    """The narrowest shape that holds `low .. high`."""
    shape = Shape.cast(range(low, high + 1))
    return shape if shape.width else unsigned(1)


def index_shape(count: int) -> Shape:
    """Shape of an index below `count`; at least one bit wide."""
    return unsigned(max(1, (count - 1).bit_length()))


def event_layout(neurons: int, value: Shape | None = None) -> data.StructLayout:
    """Layout of an event of `neurons` presynaptic neurons; `value` is the shape of graded values, None for spikes."""
    graded = {} if value is None else {"value": value}
    return data.StructLayout({"index": index_shape(neurons), **graded, "mark": 1, "last": 1})


def group_layout(**members: object) -> data.StructLayout:
    """Layout of a group: its members, then `end` and `last`."""
    return data.StructLayout({**members, "end": 1, "last": 1})
