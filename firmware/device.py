"""The host driver: a network on a board, over any transport."""

import struct
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Self, TypeVar

import numpy as np

from spikeloom import check
from spikeloom.errors import LinkError, SpikeloomError
from spikeloom.firmware import claims
from spikeloom.firmware.framing import Unframer, frame
from spikeloom.firmware.many import Requests
from spikeloom.firmware.patience import Patience
from spikeloom.firmware.timesteps import Timesteps
from spikeloom.firmware.transport import LineLost, Transport
from spikeloom.network import Network
from spikeloom.rtl_gen import linked, protocol, words
from spikeloom.rtl_gen.protocol import Command, Counters, Identity

_FLAGS = bytes([protocol.FLAG]) * 2
_HEADER = 3
_REPEATABLE = (protocol.IDENTIFY, protocol.RUN, protocol.STATUS)    # need nothing that an earlier request left behind
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Result:
    """What an inference came to: the class, the clock cycles it took, and each output's score if they were read."""

    label: int
    cycles: int
    scores: tuple[int, ...] | None = None


class Device:
    """A device that answers the wire protocol. As a context manager it asks who is there first, and closes the line.

    Damaged and missing replies are asked for again; whatever else is on the line is ignored.

    Parameters
    ----------
    transport : the line.
    network : what the device must carry; None accepts any.
    timeout : seconds of silence after which a request is repeated.
    tries : how often a request is sent before `LinkError`.
    patience : seconds for which a line that is lost (unplugged) is waited for, to ask again what can be asked again;
        see `persist`. With 0 `LineLost` is raised at once.
    """

    def __init__(self, transport: Transport, network: Network | None = None, *, timeout: float = 1.0, tries: int = 4,
                 patience: float = 0.0):
        if not timeout > 0:
            raise SpikeloomError(f"timeout must be more than 0 seconds, not {timeout!r}")
        if not patience >= 0:
            raise SpikeloomError(f"patience must be at least 0 seconds, not {patience!r}")
        self._patience, self._persisting = patience, False
        self.transport, self.network = transport, network
        self._timeout, self._tries = timeout, check.integer("tries", tries, 1, 1000)
        self._sequence = self._stream = 0
        self._identity: Identity | None = None

    def __enter__(self) -> Self:
        try:
            self.identify()
        except BaseException:
            self.transport.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.transport.close()

    def identify(self) -> Identity:
        """Who is there. Raises `LinkError` for another protocol version or another network than the one given."""
        identity = self.identify_any()
        if self.network is not None:
            claims.check_network(self.transport.name, identity, self.network)
        return identity

    def identify_any(self) -> Identity:
        """Who is there, whatever network it is. Raises `LinkError` for another protocol version."""
        reply = self._request(protocol.IDENTIFY)
        version = int.from_bytes(reply[:2], "little")
        if version not in protocol.VERSIONS:
            raise LinkError(f"the device on {self.transport.name} must speak protocol version "
                            f"{' or '.join(map(str, protocol.VERSIONS))}, not {version}")
        self._identity = self._unpacked(Identity.unpack, reply)
        return self._identity

    def reconnect(self, timeout: float) -> Identity:
        """Wait up to `timeout` seconds for a line that was lost, open it again and ask who is there (see `identify`).

        Raises `LineLost` if the line stays away.
        """
        self.transport.reopen(timeout)
        return self.identify()

    def persist(self, action: Callable[[], T]) -> T:
        """What `action` gives, begun again from its start when the line is lost and comes back within `patience`.

        The device has been without power then: a result is gone, and so are weights that were loaded.
        """
        if self._persisting:
            return action()
        lost, self._persisting = None, True
        try:
            while True:
                try:
                    if lost is not None:
                        self.reconnect(max(0.0, lost + self._patience - time.monotonic()))
                    return action()
                except LineLost:
                    lost = time.monotonic() if lost is None else lost
                    if time.monotonic() >= lost + self._patience:
                        raise
        finally:
            self._persisting = False

    def load(self, plan, *, progress: Callable[[int, int], None] | None = None) -> None:
        """Give the device the weights of `plan.network`; from then on it is that network.

        Parameters
        ----------
        plan : `spikeloom.rtl_gen.plan.Plan` with the lanes and memories that the device was made with.
        progress : called with the number of words sent, and of all.

        Raises `LinkError` for a device made from another plan, before anything is changed, and, where the device can
        give weights back (`readback` of IDENTIFY), for one that does not hold what it was sent.
        """
        identity, made = self.identify_any(), linked.plan_digest(plan)
        if identity.plan != made:
            raise LinkError(f"the device on {self.transport.name} must be made for the plan {made.hex()}, "
                            f"not {identity.plan.hex()}")
        layers = linked.weights_to_load(plan)
        sent, total = 0, sum(len(given) for _, given in layers.values())
        for layer, (row_words, given) in layers.items():
            rows = claims.check_room(self.transport.name, identity, row_words)
            for row in range(0, len(given) // row_words, rows):
                piece = np.zeros(identity.load_words, "<u2")
                part = given[row * row_words:(row + rows) * row_words]
                piece[:len(part)] = part
                self._request(protocol.LOAD, struct.pack("<HH", layer, row) + piece.tobytes())
                sent += len(part)
                if progress:
                    progress(sent, total)
        if identity.readback:
            self._check_weights(layers, identity)
        sums = struct.pack("<I", linked.checksum(plan)) if identity.version >= protocol.WATCHED else b""
        self._request(protocol.COMMIT, bytes.fromhex(plan.network.digest)[:8] + sums)
        self.network = plan.network
        self.identify()

    def _check_weights(self, layers: dict[int, tuple[int, np.ndarray]], identity: Identity) -> None:
        """Read all weights back. Raises `LinkError` if any differ from those of `linked.weights_to_load`."""
        for layer, (row_words, given) in layers.items():
            rows = claims.check_room(self.transport.name, identity, row_words)
            for row in range(0, len(given) // row_words, rows):
                part = given[row * row_words:(row + rows) * row_words]
                held = np.frombuffer(self.fetch(layer, row), "<u2")
                wrong = np.flatnonzero(held[:len(part)] != part)
                if len(wrong):
                    raise LinkError(f"the device on {self.transport.name} must hold the weights that it was sent, but "
                                    f"row {row + wrong[0] // row_words} of layer {layer} differs")

    def run(self, values: np.ndarray) -> Result:
        """One inference of one frame, `(*network.frame_shape)` or with the input's own shape.

        Raises `SpikeloomError` for values that the network's input cannot hold or if no network was given.
        """
        network = self._own_network("run a frame; run_words needs none")
        return self.run_words(words.pack(network, np.asarray(values)[None])[0])

    def run_words(self, packed: np.ndarray) -> Result:
        """One inference of a frame as `frame_words` 16-bit words (see `spikeloom.rtl_gen.words`)."""
        needed = self._known().frame_words
        packed = check.vector("words", packed, needed, 0, 0xffff)
        reply = self._request(protocol.RUN, packed.astype("<u2").tobytes())
        label, cycles = self._unpacked(protocol.unpack_result, reply)
        return Result(label=claims.check_label(self.transport.name, self._known(), label), cycles=cycles)

    def run_many(self, frames: Iterable[np.ndarray]) -> Iterator[Result]:
        """Inferences of many frames, each as `run` takes them; their results in order, as they come.

        Where the device keeps further requests (`queue` of IDENTIFY), they are sent while an inference runs.
        """
        network, identity = self._own_network("run a frame; run_words needs none"), self._known()
        packed = (words.pack(network, np.asarray(values)[None])[0].astype("<u2").tobytes() for values in frames)
        requests = Requests(self.transport, queue=identity.queue, timeout=self._timeout, sequence=self._next_sequence,
                            alone=lambda payload: self._request(protocol.RUN, payload))
        for reply in requests.replies(packed):
            label, cycles = self._unpacked(protocol.unpack_result, reply)
            yield Result(label=claims.check_label(self.transport.name, identity, label), cycles=cycles)

    def stream(self, values: Iterable[np.ndarray]) -> Generator[np.ndarray, None, Result | None]:
        """One inference timestep by timestep: the output neurons' spikes, bool `(outputs,)`, of each timestep of
        `values`, as they come; then returns the result with its scores, or None if `values` ended before it.

        `stream_steps` timesteps (see `identify`) are taken from `values` before any of their spikes are there, and no
        more than the inference has. Each has shape `(inputs,)` or the input's own. Raises `LinkError` where the device
        cannot do so, or where another inference, a reset or weights came between.
        """
        network, identity = self._own_network("run timesteps"), self._needs(protocol.STREAM)
        self._stream = (self._stream + 1) & 0xffff
        timesteps = Timesteps(network, identity, self._stream)
        for payload, count in timesteps.requests(values):
            reply = self._request(protocol.STREAM, payload)
            yield from self._unpacked(timesteps.spikes, reply)[:count]
        return self.read() if timesteps.complete else None

    def read(self) -> Result:
        """The last inference again, with its scores. Raises `LinkError` if there was none since start or reset."""
        identity = self._known()
        reply = self._request(protocol.READ)
        scores, label, cycles = self._unpacked(lambda payload: protocol.unpack_scores(payload, identity), reply)
        label = claims.check_label(self.transport.name, identity, label)
        return Result(label=label, cycles=cycles, scores=scores)

    def membranes(self, layer: int, count: int | None = None) -> np.ndarray:
        """The membranes of a layer after the last inference: int32 `(count,)`, by default of all its neurons.

        Raises `LinkError` where the device cannot read them, or if there was no inference since start or reset.
        """
        count = self._own_network("read membranes of all neurons").layers[layer].size if count is None else count
        identity = self._needs(protocol.PROBE)
        if not identity.probe_neurons:
            raise LinkError(f"the device on {self.transport.name} must say membranes of at least 1 neuron in a reply, "
                            "not 0")
        found: list[int] = []
        while len(found) < count:
            reply = self._request(protocol.PROBE, struct.pack("<HH", layer, len(found)))
            found += self._unpacked(lambda payload: protocol.unpack_membranes(payload, identity), reply)
        return np.array(found[:count], np.int32)

    def fetch(self, layer: int, row: int) -> bytes:
        """`load_words` 16-bit words, low byte first, of the weight memory of `layer` from `row` on. Raises `LinkError`
        where the device cannot give weights back."""
        identity = self._needs(protocol.FETCH)
        words_held = self._request(protocol.FETCH, struct.pack("<HH", layer, row))
        if len(words_held) != 2 * identity.load_words:
            raise LinkError(f"the device on {self.transport.name} must answer by the protocol, but payload of a FETCH "
                            f"reply must have {2 * identity.load_words} bytes, not {len(words_held)}")
        return words_held

    def status(self) -> Counters:
        """The device's counters, this request included."""
        return self._unpacked(Counters.unpack, self._request(protocol.STATUS))

    def reset(self) -> None:
        """Abort an inference, forget the last result, clear the counters."""
        self._request(protocol.RESET)

    def _needs(self, command: Command) -> Identity:
        """Who is there, if it knows `command`."""
        identity = self._known()
        if not identity.offers(command):
            raise LinkError(f"the device on {self.transport.name} must be made with {command.name}, which it does "
                            f"not know: its {command.needs} is 0")
        return identity

    def _own_network(self, what: str) -> Network:
        if self.network is None:
            raise SpikeloomError(f"the device must be opened with its network to {what}")
        return self.network

    def _next_sequence(self) -> int:
        self._sequence = (self._sequence + 1) & 0xff
        return self._sequence

    def _known(self) -> Identity:
        return self._identity or self.identify()

    def _unpacked(self, unpack, payload: bytes):
        try:
            return unpack(payload)
        except SpikeloomError as error:
            raise LinkError(f"the device on {self.transport.name} must answer by the protocol, but {error}") from None

    def _request(self, command: Command, payload: bytes = b"") -> bytes:
        """The payload of the reply to one request; `_REPEATABLE` ones outlast a line that is lost and comes back."""
        if command in _REPEATABLE:
            return self.persist(lambda: self._ask(command, payload))
        return self._ask(command, payload)

    def _ask(self, command: Command, payload: bytes) -> bytes:
        reason = "stay silent"
        sequences = set()
        for attempt in range(self._tries):
            sequences.add(self._next_sequence())
            body = bytes([command.code, self._sequence]) + payload
            # Flags in front end whatever noise the device has taken for a frame.
            self.transport.write((_FLAGS if attempt else b"") + frame(body))
            status, reply, reason = self._reply(command, sequences, reason)
            if status == protocol.OK.code:
                return reply
            if status == protocol.NO_RESULT.code:
                raise LinkError(f"the device on {self.transport.name} must have run a frame before its scores are read")
            if status == protocol.NO_WEIGHTS.code:
                raise LinkError(f"the device on {self.transport.name} must have its weights loaded before it runs")
            if status == protocol.NOT_THERE.code:
                layer, first = struct.unpack_from("<HH", payload)
                raise LinkError(f"the device on {self.transport.name} must be able to read layer {layer} from {first} "
                                f"on for {command.name}, but has nothing there that it can read")
            if status == protocol.BAD_ORDER.code:
                raise LinkError(f"the device on {self.transport.name} must be at timestep "
                                f"{int.from_bytes(payload[2:4], 'little')} of this inference, but something has come "
                                "between")
            if status == protocol.DAMAGED.code:
                raise LinkError(f"the device on {self.transport.name} must hold the weights that it was sent, but they "
                                "have changed since: they must be loaded again")
            if status == protocol.RECOVERED.code and command not in _REPEATABLE:
                raise LinkError(f"the device on {self.transport.name} must be done with {command.name} in time, but "
                                "was not, and has been reset: the inference must be begun again")
        raise LinkError(f"the device on {self.transport.name} must answer {command.name} within {self._timeout:g} s, "
                        f"not {reason} ({self._tries} tries)")

    def _reply(self, command: Command, sequences: set[int], reason: str) -> tuple[int | None, bytes, str]:
        """Status and payload of the reply to a request sent as one of `sequences`; no status, and why, for none."""
        unframer, identity = Unframer(), self._identity
        more = 4 * (identity.outputs * identity.score_words + identity.load_words
                    + identity.stream_steps * identity.spike_words) if identity else 0
        patience = Patience(self.transport, self._timeout, more)
        while received := patience.read():
            for body in unframer.feed(received):
                if len(body) < _HEADER:
                    continue
                status = body[2]
                if status == protocol.BAD_CRC.code:
                    return status, b"", "find every request damaged"
                if body[0] == command.code | protocol.REPLY and body[1] in sequences:
                    named = {known.code: known.name for known in protocol.STATUSES}.get(status, f"status {status}")
                    return status, body[_HEADER:], f"refuse it with {named}"
            if unframer.damaged:
                reason = "send damaged replies"
        return None, b"", "send damaged replies" if patience.lost else reason
