"""Where the host link keeps what, in its one memory of 16-bit words: every reply's payload is a range of it."""

from dataclasses import dataclass

from spikeloom import check
from spikeloom.rtl_gen import protocol
from spikeloom.rtl_gen.protocol import Identity

LOAD_HEADER, DIGEST, PLACE = 2, 4, 2    # words before the weights of a LOAD request, of a digest, of a place
CHECKSUM = 2        # words after the digest of a COMMIT, where there are any
STREAM_HEADER = 2   # words before the values of a STREAM request


@dataclass(frozen=True, kw_only=True)
class MemoryMap:
    """Addresses for one network: the counters from 0 on, then identity, scores, label, cycles and the frame.

    What a request carries is received straight into its place, from `frame` on, and read by nobody before its CRC was
    found right. The word after it takes the CRC itself.
    """

    identity: Identity

    def __post_init__(self):
        check.integer("words of the link's memory", self.depth, 1, 1 << 24)

    @property
    def who(self) -> int:
        return len(protocol.known(protocol.COUNTERS, self.identity.version))

    @property
    def passes(self) -> int:
        """Where STATUS has what the guard counts."""
        return [field.name for field in protocol.COUNTERS].index("passes")

    @property
    def scores(self) -> int:
        return self.who + len(self.identity.pack()) // 2

    @property
    def label(self) -> int:
        return self.scores + self.identity.outputs * self.identity.score_words

    @property
    def frame(self) -> int:
        return self.label + 3

    @property
    def digest(self) -> int:
        return self.who + 1

    def crc(self, command: protocol.Command) -> int:
        """Where the CRC of a request ends up, if its length is right."""
        identity = self.identity
        loads = LOAD_HEADER + identity.load_words
        streams = STREAM_HEADER + identity.stream_steps * identity.frame_words // identity.timesteps
        commits = DIGEST + (CHECKSUM if identity.version >= protocol.WATCHED else 0)
        return self.frame + {protocol.RUN: identity.frame_words, protocol.LOAD: loads, protocol.COMMIT: commits,
                             protocol.PROBE: PLACE, protocol.FETCH: PLACE, protocol.STREAM: streams}.get(command, 0)

    @property
    def depth(self) -> int:
        offered = [command for command in protocol.COMMANDS if self.identity.offers(command)]
        return max(*(self.crc(command) + 1 for command in offered), *(self.reply(command)[1] for command in offered))

    @property
    def init(self) -> list[int]:
        """Contents at start: counters of 0, then the identity."""
        packed = self.identity.pack()
        return [0] * self.who + [packed[k] | packed[k + 1] << 8 for k in range(0, len(packed), 2)]

    def reply(self, command: protocol.Command) -> tuple[int, int]:
        """First address of the payload of `command`'s reply, and the one after its last."""
        return {
            protocol.IDENTIFY: (self.who, self.scores),
            protocol.RUN: (self.label, self.frame),
            protocol.READ: (self.scores, self.frame),
            protocol.STATUS: (0, self.who),
            protocol.FETCH: (self.frame, self.frame + self.identity.load_words),
            protocol.STREAM: (self.frame, self.frame + 1 + self.identity.stream_steps * self.identity.spike_words),
            protocol.PROBE: (self.frame, self.frame + self.identity.probe_neurons * self.identity.membrane_words),
        }.get(command, (0, 0))
