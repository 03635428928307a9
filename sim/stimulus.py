"""Frames as the transfers that a Core takes: 16-bit words, or events of any order within their timestep."""

from dataclasses import dataclass

import numpy as np

from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.encoders import first_value
from spikeloom.rtl_gen.events import event_layout
from spikeloom.rtl_gen.plan import Plan


@dataclass(frozen=True, kw_only=True, eq=False)
class Stimulus:
    """The transfers of a batch of inferences.

    Parameters
    ----------
    payloads : uint64, all transfers in order; where one may have more than 64 bits, uint32 `(transfers, words)`, low
        bits first.
    starts : int64 `(batch + 1,)`: inference b is `payloads[starts[b]:starts[b + 1]]`.
    """

    payloads: np.ndarray
    starts: np.ndarray

    @property
    def inferences(self) -> int:
        return len(self.starts) - 1

    def chunks(self, bits: int) -> np.ndarray:
        """The payloads, of `bits` bits each, as uint32 `(transfers, words)`."""
        wide = self.payloads if self.payloads.ndim == 2 else self.payloads.astype("<u8").view("<u4").reshape(-1, 2)
        return np.ascontiguousarray(wide[:, :-(-bits // 32)])


def payload_bits(plan: Plan) -> int:
    """Width of one transfer."""
    if plan.source == "words":
        return words.BITS
    return event_layout(plan.network.input.size, first_value(plan.network)).size


def make(plan: Plan, frames: np.ndarray, *, shuffle: int | None = None) -> Stimulus:
    """The transfers of `frames` (batch, *network.frame_shape).

    `shuffle` seeds the order of a timestep's events, and sends some of the graded values that are 0; without it they
    come in index order and zeros are not sent. Words have one order only.
    """
    network = plan.network
    frames = network.frames(frames)
    if not len(frames):
        return Stimulus(payloads=np.zeros(0, np.uint64), starts=np.zeros(1, np.int64))
    if plan.source == "events":
        return _events(plan, frames, shuffle)
    payloads = words.pack(network, frames).astype(np.uint64)
    return Stimulus(payloads=payloads.reshape(-1), starts=np.arange(len(frames) + 1) * payloads.shape[1])


def _events(plan: Plan, frames: np.ndarray, shuffle: int | None) -> Stimulus:
    network = plan.network
    value = first_value(network)
    layout = event_layout(network.input.size, value)
    count, steps = len(frames), network.timesteps
    rng = np.random.default_rng(shuffle)
    sent = frames != 0
    if shuffle is not None and value is not None:
        sent |= rng.random(frames.shape) < 0.2
    inference, step, index = np.nonzero(sent)
    order = index if shuffle is None else rng.permutation(len(index))
    payloads = _field(layout, "index", index)
    if value is not None:
        payloads |= _field(layout, "value", frames[inference, step, index])
    marks = np.full(count * steps, int(_field(layout, "mark", np.array(1))), np.uint64)
    marks[steps - 1::steps] |= _field(layout, "last", np.array(1))
    page = np.concatenate([inference * steps + step, np.arange(count * steps)])
    place = np.concatenate([order, np.full(count * steps, network.input.size + len(index))])
    arranged = np.lexsort((place, page))
    lengths = np.bincount(inference, minlength=count) + steps
    return Stimulus(payloads=np.concatenate([payloads, marks])[arranged],
                    starts=np.concatenate([[0], np.cumsum(lengths)]))


def _field(layout, name: str, values: np.ndarray) -> np.ndarray:
    """`values` as they stand in a payload of `layout`."""
    field = layout[name]
    if field.offset + field.width > 64:
        raise SpikeloomError(f"event payload must have at most 64 bits, not {layout.size}")
    return (values & ((1 << field.width) - 1)).astype(np.uint64) << np.uint64(field.offset)
