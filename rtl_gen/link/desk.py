"""What the state machine of a host link works at: its memory, its pointer, and the request in hand."""

from amaranth import Const, Module, Mux, Signal

from spikeloom.rtl_gen import protocol
from spikeloom.rtl_gen.link.header_watch import HEADER

OVERRUN, RECOVERED = ([field.name for field in protocol.COUNTERS].index(name) for name in ("overruns", "recovered"))
HEADER_AND_CRC = 4      # bytes


class Desk:
    """Signals that the parts of the state machine share. Each part is a function that adds its states to `m.FSM()`.

    Parameters
    ----------
    m : the link's module.
    ports : the `HostLink`.
    memory_map : where its memory keeps what.
    frame, packet : the streams of received bytes and of bytes to send.
    watch : the `HeaderWatch`.
    read, write : ports of the memory, both at the pointer.
    guard, watchdog : the `Guard` and the `Watchdog`, or None.

    Members
    -------
    request : header of the request in hand, and `status` what becomes of it; not answered unless `answer`
    lost : a frame was dropped meanwhile
    has_result, has_weights : an inference is complete; the weights are a network's
    forgotten : statements that give up an inference that STREAM has left unfinished
    afresh : statements before an inference, with a watchdog: the core begins it from reset
    fetched : a word of the frame is at hand for the core
    cycles : clocks that the inference has taken so far
    pointer : into the memory; moves on with `advance`, or where `go_to` says
    start, stop : where the payload of its reply begins, and the address after it
    running : the core works
    """

    def __init__(self, m: Module, ports, memory_map, *, frame, packet, watch, read, write, guard=None, watchdog=None):
        self.ports, self.map, self.watch, self.frame, self.packet = ports, memory_map, watch, frame, packet
        self.read, self.write = read, write
        self.guard, self.watchdog = guard, watchdog
        identity = memory_map.identity
        self.identity = identity
        self.commands = [command for command in protocol.COMMANDS if identity.offers(command)]
        self.request = Signal(HEADER)
        self.status = Signal(range(len(protocol.STATUSES) if guard or watchdog else protocol.DAMAGED.code))
        self.answer = Signal()
        self.lost = Signal()
        self.has_result = Signal()
        self.has_weights = Signal() if identity.load_words else Const(1)
        self.forgotten: list = []
        self.afresh: list = []
        self.fetched = Signal()
        self.cycles = Signal(32)
        self.pointer = Signal(range(memory_map.depth + 1))
        self.advance = Signal()
        self.running = Signal()
        self.start = Signal.like(self.pointer)
        self.stop = Signal.like(self.pointer)
        self._target = Signal.like(self.pointer)
        self._jump = Signal()
        m.d.sync += self.pointer.eq(Mux(self._jump, self._target, self.pointer + self.advance))
        m.d.comb += [read.addr.eq(self.pointer), read.en.eq(0), write.addr.eq(self.pointer)]
        with m.Switch(self.request.command):
            for command in self.commands:
                with m.Case(command.code):
                    start, stop = memory_map.reply(command)
                    m.d.comb += [self.start.eq(start), self.stop.eq(stop)]

    def offers(self, command: protocol.Command) -> bool:
        """True if the device knows `command`."""
        return command in self.commands

    def go_to(self, address) -> tuple:
        """Statements that move the pointer."""
        return self._jump.eq(1), self._target.eq(address)

    def put(self, word) -> tuple:
        """Statements that write `word` at the pointer."""
        return self.write.data.eq(word), self.write.en.eq(0b11)

    def is_good(self, command: protocol.Command):
        """The request in hand is `command`, and nothing is wrong with it."""
        return (self.status == protocol.OK.code) & (self.request.command == command.code)
