"""One inference timestep by timestep: what the requests carry, and the spikes in their replies."""

import struct
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.network import Network
from spikeloom.rtl_gen import protocol, words
from spikeloom.rtl_gen.protocol import Identity


class Timesteps:
    """The payloads of STREAM requests for one inference, and what the replies must say.

    Parameters
    ----------
    network : what the device carries.
    identity : what the device answers to IDENTIFY; its `stream_steps` is not 0.
    number : of the inference: another one than that of the one before.

    Members
    -------
    complete : all timesteps of the inference were given, and the last request of them was made
    """

    def __init__(self, network: Network, identity: Identity, number: int):
        self._network, self._identity, self._number = network, identity, number
        self._next = 0
        self.complete = False

    def requests(self, values: Iterable[np.ndarray]) -> Iterator[tuple[bytes, int]]:
        """Payloads, and for how many timesteps of `values` each is; it ends after the last timestep of the inference,
        and takes no more than those from `values`."""
        steps, all_steps, source = self._identity.stream_steps, self._identity.timesteps, iter(values)
        for first in range(0, all_steps, steps):
            wanted = min(steps, all_steps - first)
            rows = [self._checked(row) for row in islice(source, wanted)]
            if not rows:
                return
            packed = np.zeros((steps, words.per_page(self._network)), "<u2")
            packed[:len(rows)] = words.pack_pages(self._network, np.stack(rows))
            self._next = (first + wanted) % all_steps
            self.complete = len(rows) == wanted and not self._next
            yield struct.pack("<HH", self._number, first) + packed.tobytes(), len(rows)
            if len(rows) < wanted:
                return

    def spikes(self, payload: bytes) -> np.ndarray:
        """bool `(stream_steps, outputs)` from the payload of the reply to the request made last. Raises
        `SpikeloomError` if it is none."""
        identity = self._identity
        following, rows = protocol.unpack_stream(payload, identity)
        if following != self._next:
            raise SpikeloomError(f"next of a STREAM reply must be {self._next}, not {following}")
        bits = np.unpackbits(np.frombuffer(rows, np.uint8), bitorder="little").astype(bool)
        return bits.reshape(identity.stream_steps, -1)[:, :identity.outputs]

    def _checked(self, values: np.ndarray) -> np.ndarray:
        """The values of one timestep as int64 `(inputs,)`."""
        source, values = self._network.input, np.asarray(values)
        if values.dtype.kind not in "iub":
            raise SpikeloomError(f"input values must be integers, not {values.dtype}")
        if values.shape not in (source.shape, (source.size,)):
            raise SpikeloomError(f"input of a timestep must have shape {(source.size,)}, not {values.shape}")
        return check.bounded("input values", values.reshape(-1), *source.range)
