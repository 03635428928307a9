"""The wire protocol, as the one table that the gateware, the host driver and `docs/link.md` are made from.

A frame on the wire is a flag, then command byte, sequence byte and payload, then their CRC-16 (low byte first), then a
flag; a flag or escape byte in between is sent as escape, then itself xor 0x20. All integers are little-endian. A reply
has the command with its top bit set, the same sequence byte, a status byte, and a payload if the status is 0.
"""

import struct
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Self

from amaranth.lib.crc.catalog import CRC16_IBM_SDLC

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.network import READOUTS

VERSION, WATCHED = 3, 4
VERSIONS = VERSION, WATCHED
"""What a device answers: 4 is 3 with the fields that are there `since` 4, for devices with a guard or a watchdog."""
FLAG, ESCAPE, ESCAPE_XOR = 0x7E, 0x7D, 0x20
REPLY = 0x80
CRC = CRC16_IBM_SDLC(data_width=8)
_FORMATS = {"u8": "B", "u16": "H", "u32": "I", "8 bytes": "8s"}


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of a payload: `kind` is "u8", "u16", "u32", "8 bytes", "words" or "scores".

    It is left out where the device speaks a protocol version before `since`.
    """

    name: str
    kind: str
    text: str
    since: int = VERSION


@dataclass(frozen=True, kw_only=True)
class Command:
    """A request, by its command byte `code`, and what it and its reply carry.

    `needs` names the field of IDENTIFY that is 0 where a device does not know the command; none: every device does.
    """

    name: str
    code: int
    text: str
    needs: str = ""
    request: tuple[Field, ...] = ()
    reply: tuple[Field, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Status:
    """What a reply's status byte says."""

    name: str
    code: int
    text: str


OK = Status(name="OK", code=0, text="done")
BAD_CRC = Status(name="BAD_CRC", code=1, text="damaged on the way; command and sequence are those that arrived")
BAD_LENGTH = Status(name="BAD_LENGTH", code=2, text="the payload has not the length that the command asks for")
UNKNOWN_COMMAND = Status(name="UNKNOWN_COMMAND", code=3, text="no such command in this protocol version, or not on "
                                                              "this device")
NO_RESULT = Status(name="NO_RESULT", code=4, text="READ or PROBE before any inference has completed since "
                                                  "start or RESET")
NO_WEIGHTS = Status(name="NO_WEIGHTS", code=5, text="RUN or STREAM without a COMMIT since start or the last "
                                                    "LOAD")
NOT_THERE = Status(name="NOT_THERE", code=6, text="PROBE of a layer or neuron that is not there, or that this device "
                                                  "cannot read")
BAD_ORDER = Status(name="BAD_ORDER", code=7, text="STREAM of a timestep that does not come next")
DAMAGED = Status(name="DAMAGED", code=8, text="RUN or STREAM, but the weights are no longer those of the last COMMIT: "
                                              "they must be loaded again")
RECOVERED = Status(name="RECOVERED", code=9, text="the core was at work for longer than it can be, and has been reset: "
                                                  "nothing came of the request")
STATUSES = (OK, BAD_CRC, BAD_LENGTH, UNKNOWN_COMMAND, NO_RESULT, NO_WEIGHTS, NOT_THERE, BAD_ORDER, DAMAGED, RECOVERED)

IDENTITY = (
    Field(name="version", kind="u16", text="protocol version"),
    Field(name="digest", kind="8 bytes", text="first 8 bytes of the network's digest; with weights to load, what "
                                              "COMMIT said last, and zeros before"),
    Field(name="plan", kind="8 bytes", text="what the device is made for: the network and its plan without the weights "
                                            "that are loaded"),
    Field(name="load_words", kind="u16", text="words of weights in a LOAD request; 0: no weights to load, and no LOAD "
                                              "nor COMMIT"),
    Field(name="inputs", kind="u32", text="values a frame (a timestep's, for a sequence)"),
    Field(name="value_bits", kind="u8", text="bits a value"),
    Field(name="value_signed", kind="u8", text="1 if values are two's complement"),
    Field(name="frame_words", kind="u32", text="words of a RUN request; 0: no RUN"),
    Field(name="timesteps", kind="u16", text="timesteps an inference"),
    Field(name="outputs", kind="u32", text="neurons of the last layer"),
    Field(name="score_words", kind="u8", text="16-bit words a score"),
    Field(name="readout", kind="u8", text=", ".join(f"{k}: {name}" for k, name in enumerate(READOUTS))),
    Field(name="membrane_words", kind="u8", text="16-bit words a membrane; 0: no PROBE"),
    Field(name="readback", kind="u8", text="1 if weights can be read back; 0: no FETCH"),
    Field(name="probe_neurons", kind="u16", text="neurons of a PROBE reply"),
    Field(name="stream_steps", kind="u16", text="timesteps of a STREAM request; 0: no STREAM"),
    Field(name="queue", kind="u16", text="bytes of further requests that may be sent before a reply is there; 0: none"),
    Field(name="guard", kind="u32", since=WATCHED, text="clock cycles of a pass over the loaded weights while nothing "
                                                        "is asked; 0: nobody looks at them"),
    Field(name="watchdog", kind="u32", since=WATCHED, text="clock cycles at work after which the core is reset; 0: "
                                                           "never"),
)
RESULT = (
    Field(name="label", kind="u16", text="the class"),
    Field(name="cycles", kind="u32", text="clock cycles from the first word offered to the core to its last score"),
)
SCORES = Field(name="scores", kind="scores", text="for each output score_words words, two's complement")
COUNTERS = (
    Field(name="frames", kind="u16", text="good frames"),
    Field(name="bad_crc", kind="u16", text="damaged frames"),
    Field(name="bad_length", kind="u16", text="frames of a wrong length; below 4 bytes they are not answered"),
    Field(name="unknown_command", kind="u16", text="good frames with a command that does not exist"),
    Field(name="overruns", kind="u16", text="times that bytes arrived while a request was under way, and were dropped"),
    Field(name="passes", kind="u16", since=WATCHED, text="passes over the loaded weights"),
    Field(name="damaged", kind="u16", since=WATCHED, text="passes that found other weights than those of the last "
                                                          "COMMIT"),
    Field(name="recovered", kind="u16", since=WATCHED, text="times that the core was reset because it was at work for "
                                                            "longer than it can be"),
)

IDENTIFY = Command(name="IDENTIFY", code=1, text="who are you", reply=IDENTITY)
RUN = Command(name="RUN", code=2, text="one inference", needs="frame_words", reply=RESULT, request=(
    Field(name="frame", kind="words", text="frame_words words: the input"),))
READ = Command(name="READ", code=3, text="the last inference in full", reply=(SCORES, *RESULT))
STATUS = Command(name="STATUS", code=4, text="counters since start or RESET, modulo 2^16, this frame included",
                 reply=COUNTERS)
RESET = Command(name="RESET", code=5, text="abort an inference, forget the result, clear the counters")
LOAD = Command(name="LOAD", code=6, text="weights into a layer's memory", needs="load_words", request=(
    Field(name="layer", kind="u16", text="number of the layer"),
    Field(name="row", kind="u16", text="the row of its memory that the words begin with; what goes beyond the last row "
                                       "is ignored"),
    Field(name="weights", kind="words", text="load_words words")))
COMMIT = Command(name="COMMIT", code=7, text="all weights are loaded: this is the network now",
                 needs="load_words", request=(
    Field(name="digest", kind="8 bytes", text="first 8 bytes of its digest"),
    Field(name="checksum", kind="u32", since=WATCHED, text="CRC-32 (of zip and Ethernet) of all words of all layers "
                                                           "whose weights are loaded, in ascending order")))
PLACE = (
    Field(name="layer", kind="u16", text="number of the layer"),
    Field(name="first", kind="u16", text="the neuron, or the row of its memory, that the reply begins with"),
)
PROBE = Command(name="PROBE", code=8, text="membranes after the last inference", needs="membrane_words", request=PLACE,
                reply=(Field(name="membranes", kind="words", text="for each of probe_neurons neurons membrane_words "
                             "words, two's complement; beyond the layer's last neuron they mean nothing"),))
FETCH = Command(name="FETCH", code=9, text="weights back from a layer's memory", needs="readback", request=PLACE,
                reply=(Field(name="weights", kind="words", text="load_words words; where there are none that were "
                                                                "loaded they mean nothing"),))
STREAM = Command(name="STREAM", code=10, text="some timesteps of an inference", needs="stream_steps", request=(
    Field(name="stream", kind="u16", text="number of the inference: another one than that of the one before"),
    Field(name="timestep", kind="u16", text="the timestep that the values begin with; 0 begins an inference, "
                                            "whatever was unfinished"),
    Field(name="values", kind="words", text="the words of stream_steps timesteps; what goes beyond the last "
                                            "timestep is ignored")), reply=(
    Field(name="next", kind="u16", text="the timestep that comes next; 0: the inference is complete, and READ has its "
                                        "result"),
    Field(name="spikes", kind="words", text="of each of stream_steps timesteps a bit for each output, lowest first, in "
                                            "whole words; beyond the last timestep they mean nothing")))
COMMANDS = (IDENTIFY, RUN, READ, STATUS, RESET, LOAD, COMMIT, PROBE, FETCH, STREAM)


def known(payload: Sequence[Field], version: int) -> tuple[Field, ...]:
    """The fields that are there in a protocol version."""
    return tuple(field for field in payload if field.since <= version)


def layout(payload: Sequence[Field]) -> str:
    """The `struct` format of fields of fixed size."""
    return "<" + "".join(_FORMATS[field.kind] for field in payload)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What IDENTIFY answers, in the order of the table `IDENTITY`; `digest` and `plan` are 8 bytes, `readout` an
    index."""

    version: int = VERSION
    digest: bytes
    plan: bytes = bytes(8)
    load_words: int = 0
    inputs: int
    value_bits: int
    value_signed: int
    frame_words: int
    timesteps: int
    outputs: int
    score_words: int
    readout: int
    membrane_words: int = 0
    readback: int = 0
    probe_neurons: int = 0
    stream_steps: int = 0
    queue: int = 0
    guard: int = 0
    watchdog: int = 0

    def __post_init__(self):
        for name in ("digest", "plan"):
            value = getattr(self, name)
            if not isinstance(value, bytes) or len(value) != 8:
                raise SpikeloomError(f"identity {name} must be 8 bytes, not {value!r}")
        for name, low, high in (("version", 0, 0xffff), ("load_words", 0, 0xffff), ("inputs", 1, 1 << 16),
                                ("value_bits", 1, 16), ("value_signed", 0, 1), ("frame_words", 0, 1 << 28),
                                ("timesteps", 1, 4096), ("outputs", 1, 1 << 16), ("score_words", 1, 4),
                                ("readout", 0, len(READOUTS) - 1), ("membrane_words", 0, 2), ("readback", 0, 1),
                                ("probe_neurons", 0, 0xffff), ("stream_steps", 0, 4096), ("queue", 0, 0xffff),
                                ("guard", 0, (1 << 32) - 1), ("watchdog", 0, (1 << 32) - 1)):
            check.integer(f"identity {name}", getattr(self, name), low, high)
        if self.version < WATCHED and (self.guard or self.watchdog):
            raise SpikeloomError(f"identity version must be {WATCHED} with a guard or a watchdog, not {self.version}")

    def pack(self) -> bytes:
        """The reply's payload."""
        table = known(IDENTITY, self.version)
        return struct.pack(layout(table), *astuple(self)[:len(table)])

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        """From a reply's payload. Raises `SpikeloomError` if it is none."""
        version = int.from_bytes(payload[:2], "little")
        table = known(IDENTITY, version if version in VERSIONS else VERSION)
        names = [field.name for field in table]
        return cls(**dict(zip(names, _unpack("IDENTIFY", table, payload), strict=True)))

    @property
    def readout_name(self) -> str:
        return READOUTS[self.readout]

    @property
    def spike_words(self) -> int:
        """Words of a timestep's spikes in a STREAM reply."""
        return -(-self.outputs // 16)

    def offers(self, command: Command) -> bool:
        """True if the device knows `command`."""
        return not command.needs or getattr(self, command.needs) > 0


@dataclass(frozen=True, kw_only=True)
class Counters:
    """What STATUS answers, in the order of the table `COUNTERS`; 0 what the device does not count."""

    frames: int
    bad_crc: int
    bad_length: int
    unknown_command: int
    overruns: int
    passes: int = 0
    damaged: int = 0
    recovered: int = 0

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        """From a reply's payload. Raises `SpikeloomError` if it is none."""
        whole = len(payload) == struct.calcsize(layout(COUNTERS))
        table = COUNTERS if whole else known(COUNTERS, VERSION)
        names = [field.name for field in table]
        return cls(**dict(zip(names, _unpack("STATUS", table, payload), strict=True)))


def unpack_result(payload: bytes) -> tuple[int, int]:
    """`(label, cycles)` from the payload of a RUN reply. Raises `SpikeloomError` if it is none."""
    return _unpack("RUN", RESULT, payload)


def unpack_scores(payload: bytes, identity: Identity) -> tuple[tuple[int, ...], int, int]:
    """`(scores, label, cycles)` from the payload of a READ reply. Raises `SpikeloomError` if it is none."""
    size = 2 * identity.score_words
    raw = payload[:size * identity.outputs]
    label, cycles = _unpack("READ", RESULT, payload[len(raw):])
    scores = (int.from_bytes(raw[k:k + size], "little", signed=True) for k in range(0, len(raw), size))
    return tuple(scores), label, cycles


def unpack_membranes(payload: bytes, identity: Identity) -> tuple[int, ...]:
    """Membranes from the payload of a PROBE reply. Raises `SpikeloomError` if it is none."""
    size = 2 * identity.membrane_words
    if len(payload) != size * identity.probe_neurons:
        raise SpikeloomError(f"payload of a PROBE reply must have {size * identity.probe_neurons} bytes, "
                             f"not {len(payload)}")
    return tuple(int.from_bytes(payload[k:k + size], "little", signed=True) for k in range(0, len(payload), size))


def unpack_stream(payload: bytes, identity: Identity) -> tuple[int, bytes]:
    """`next` and the words of spikes from the payload of a STREAM reply. Raises `SpikeloomError` if it is none."""
    size = 2 + 2 * identity.stream_steps * identity.spike_words
    if len(payload) != size:
        raise SpikeloomError(f"payload of a STREAM reply must have {size} bytes, not {len(payload)}")
    return int.from_bytes(payload[:2], "little"), payload[2:]


def _unpack(name: str, table: Sequence[Field], payload: bytes) -> tuple:
    size = struct.calcsize(layout(table))
    if len(payload) != size:
        raise SpikeloomError(f"payload of a {name} reply must have {size} bytes at its fixed end, not {len(payload)}")
    return struct.unpack(layout(table), payload)


def markdown() -> str:
    """The tables of `docs/link.md`."""
    lines = ["| command | byte | request payload | reply payload | needs | |", "| --- | --- | --- | --- | --- | --- |"]
    for command in COMMANDS:
        request, reply = (", ".join(f"`{field.name}`" for field in part) for part in (command.request, command.reply))
        needs = f"`{command.needs}`" if command.needs else ""
        lines.append(f"| {command.name} | 0x{command.code:02x} | {request} | {reply} | {needs} | {command.text} |")
    lines += ["", "| status | byte | |", "| --- | --- | --- |"]
    lines += [f"| {status.name} | {status.code} | {status.text} |" for status in STATUSES]
    for title, table in (("IDENTIFY reply", IDENTITY), ("RUN request", RUN.request), ("RUN reply", RESULT),
                         ("READ reply", READ.reply), ("STATUS reply", COUNTERS), ("LOAD request", LOAD.request),
                         ("COMMIT request", COMMIT.request), ("PROBE or FETCH request", PLACE),
                         ("PROBE reply", PROBE.reply), ("FETCH reply", FETCH.reply), ("STREAM request", STREAM.request),
                         ("STREAM reply", STREAM.reply)):
        lines += ["", f"| {title} | type | |", "| --- | --- | --- |"]
        since = {field: "" if field.since == VERSION else f"(version {field.since}) " for field in table}
        lines += [f"| `{field.name}` | {field.kind} | {since[field]}{field.text} |" for field in table]
    return "\n".join(lines) + "\n"
