"""Every bit that a design remembers, by what it is for: each memory and each register falls into one of `KINDS`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from spikeloom.errors import SpikeloomError

KINDS = {
    "weights": "memories of weights, and of where the rows of sparse weights begin",
    "constants": "memories of thresholds and biases",
    "membranes": "what neurons remember: V, late reset, refractory time, synaptic current; a delta encoder's values",
    "sums": "accumulators, and operands on their way through a pipeline",
    "fifos": "frames, events and spikes that wait or are on their way: queues, vectors, serializers",
    "scores": "what the readout gathers",
    "control": "state machines, counters, addresses, valid bits and marks",
    "link": "the host link around the core, with its UART",
}

_MEMORIES = {
    "weights": "weights", "rows": "weights", "pointers": "weights", "part": "weights", "thresholds": "constants",
    "biases": "constants", "state": "membranes", "references": "membranes", "sums": "sums", "bank": "fifos",
    "scores": "scores", "store": "fifos", "bitmap": "fifos",
}


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Names of registers, without numbers: those of control mean the same everywhere, the others say what passes through.
_CONTROL = _names("""
    at_column at_row base begin beyond block busy came channel chunk clearing collects column column_tap cooling count
    drains end end_index even event excess far fill final first first_column first_place first_tap
    first_word flags fsm_state group groups_left
    have index last left leaving__valid like load low mark middle near next_address none now number o__valid odd on
    outside part place position read__addr remaining restart row row_tap scanning sends short signal signature__addr
    slot spilling start state step taken tap trace__group turn until valid waiting waits went write__addr
""")
_PASSING = _names("""
    bits code common common_level common_three count_level count_three current data decayed drain drained_common frame
    held i__payload item kept late leaving__payload membrane negated o o__payload old out port__data read__data rest
    signature__data spike spiked spikes sum sum_common term terms three threshold v value vector wait word
""")
# Components of a top with a host link.
_AROUND = ("linked", "receiver", "transmitter")
# The same names are counters in these components.
_COUNTERS = {("footprint", "word"), ("vector", "out"), ("source", "word"), ("encoder", "word"), ("vector", "word")}
_WAITING = _names("""
    collector copies deserializer encoder end footprint fork frame late queue repeater serializer skid source vector
    waiting
""")


@dataclass(frozen=True, kw_only=True)
class Store:
    """A memory of `depth` words, or a register.

    Parameters
    ----------
    name : its path in the hierarchy of the design, components with a space between.
    kind : one of `KINDS`.
    memory : False for a register.
    width, depth : bits of a word, and words; a register is one word.
    """

    name: str
    kind: str
    memory: bool
    width: int
    depth: int

    @property
    def bits(self) -> int:
        return self.width * self.depth

    @property
    def part(self) -> str:
        """The part of the design that it is in: "layer0", "chain0", "readout", .."""
        return self.name.removeprefix("linked core ").split(" ")[0]


def kind_of(name: str, memory: bool) -> str:
    """The kind of the memory or register `name`. Raises `SpikeloomError` for one that nobody has thought of."""
    path, last = _path(name)
    if path and path[0] in _AROUND:
        if path[:2] != ["linked", "core"]:
            return "link"
        path = path[2:]
    kind = _memory(path, last) if memory else _register(path, last)
    if kind is None:
        raise SpikeloomError(f"{'memory' if memory else 'register'} must be of a known kind, not {name!r}")
    return kind


def _path(name: str) -> tuple[Sequence[str], str]:
    """Names of the components around it, and its own, without the numbers of lanes and pipeline stages."""
    if "flatten\\" in name:       # a register without a name of its own
        return [re.sub(r"\d+", "", part) for part in re.findall(r"\\([^.]+)", name)], "data"
    *path, last = name.split(" ")
    last = re.sub(r"^s\d+_|\$\d+$|^\$", "", last)
    return [re.sub(r"\d+", "", part) for part in path], re.sub(r"[_\d]*\d[_\d]*", "_", last).strip("_")


def _memory(path: Sequence[str], last: str) -> str | None:
    other = "constants" if path and path[-1] == "neurons" else None     # a model may have vectors of its own
    return "sums" if last == "store" and "held" in path else _MEMORIES.get(last, other)


def _register(path: Sequence[str], last: str) -> str | None:
    inner = path[-1] if path else ""
    if last in _CONTROL or last.endswith(("last_d", "step_d")) or (inner, last) in _COUNTERS:
        return "control"
    if "readout" in path:
        return "scores"
    if last not in _PASSING:
        return "sums" if inner == "neurons" and path[0] == "layer" else None    # a model's own names
    if inner == "neurons" and path[0] == "chain" and last in ("v", "late", "wait"):
        return "membranes"
    return "fifos" if inner in _WAITING and "held" not in path else "sums"
