"""When a frame comes out of the source: the part of the `timing` model in front of the first layer."""

import numpy as np

from spikeloom import encoders
from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.source import PLACES

LEAST_CLOCKS = {"delta": 2}     # of a word, where an encoder cannot take one a clock


def source_of(plan: Plan, active: np.ndarray, taken: np.ndarray | int) -> "WordSource | WholeSource":
    """The model of the source of `plan`.

    Parameters
    ----------
    active : what the first layer sees, not 0: bool `(batch, timesteps or 1 if constant, inputs)`.
    taken : clocks that it works on an event of each input, `(inputs,)`; 1 where it never lets an event wait.
    """
    if plan.source == "words" and not plan.vectors:
        return WordSource(plan, active, taken)
    if plan.vectors:
        return WholeSource(np.full(active.shape[:2], words.per_page(plan.network)), tail=1)
    return WholeSource((active * taken).sum(axis=2))


class WholeSource:
    """A timestep of `clocks` `(batch, timesteps)` that comes at once, without its mark: a vector, which is there when
    all of its words are, or the events of a stream.

    Parameters
    ----------
    tail : clocks from the first that the layer sees until the mark is over, if not all of them.
    """

    repeats = False

    def __init__(self, clocks: np.ndarray, tail: int | None = None):
        self.clocks, self.now = clocks + 1, np.zeros(len(clocks), np.int64)
        self.tail = self.clocks if tail is None else np.full_like(clocks, tail)

    def present(self, t: int, free: np.ndarray, marks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `WordSource.present`."""
        clocks, tail = (part[:, min(t, part.shape[1] - 1)] for part in (self.clocks, self.tail))
        begins = np.maximum(self.now + clocks - tail, free)
        self.now = begins + tail
        return begins, self.now


class WordSource:
    """A `source.Source`, followed word by word, and the entrance of the layer behind it: exact as long as that layer
    works on its events one after the other, each begun when the one before is done, while one more waits.

    Clocks are counted from the first word, `(batch,)`. `repeats`: further passes are presented from words, too.
    """

    def __init__(self, plan: Plan, active: np.ndarray, taken: np.ndarray | int):
        network, page = plan.network, words.per_page(plan.network)
        constant = network.encoder is None or network.encoder.constant
        kind = "direct" if network.encoder is None else encoders.kind(network.encoder)
        inputs = np.concatenate([np.arange(network.input.size)] * (active.shape[2] // network.input.size))
        self.of_word = [np.nonzero(inputs // words.values(network) == word)[0] for word in range(page)]
        self.active, self.least = active, LEAST_CLOCKS.get(kind, 1)
        self.taken = None if np.max(taken) == 1 else np.broadcast_to(taken, active.shape[2:])
        self.repeats = constant
        self.times, self.turn = plan.passes(0) if constant else network.timesteps * page // plan.words, 0
        batch = len(active)
        self.comes = np.zeros(batch, np.int64)              # the next word
        self.left = np.full((PLACES, batch), -1)            # the last words with events: their places
        self.handed = np.full(batch, -1)                    # the last event or mark: the serializer,
        self.entered = np.full(batch, -1)                   # the place in front of the layer,
        self.done = np.zeros(batch, np.int64)               # and the layer, which takes the next one from here on

    def present(self, t: int, free: np.ndarray, marks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The next presentation of timestep `t`: when the layer begins with the first event (or the mark), and with the
        mark. It works on events from the clocks `free` on, and takes the mark from `marks` on."""
        self.comes = self.comes + (self.turn == 1)          # the bubble before words are repeated
        self.turn = (self.turn + 1) % self.times
        begins, silent = None, np.ones(len(self.active), bool)
        for number, values in enumerate(self.of_word):
            here = self.active[:, t, values]
            some = here.any(axis=1)
            waits = some | (number == len(self.of_word) - 1)
            enters = np.maximum(self.comes + self.least - 1, self.left[0] + 1)
            leaves = np.maximum(enters, self.handed)
            self.left = np.where(waits, np.vstack([self.left[1:], leaves]), self.left)
            self.comes = enters + 1
            first = self._events(here, values, leaves, free)
            begins = first if begins is None else np.where(silent, first, begins)
            silent &= ~some
        comes = np.maximum(np.where(some, self.handed, leaves) + 1, marks)
        if self.taken is None:
            self.handed = ends = np.maximum(comes, free)
        else:
            self.handed = np.maximum(comes, self.entered + 1)
            self.entered = np.maximum(self.handed, self.done)
            ends = np.maximum(self.entered, free)
            self.done = ends + 1
        return np.where(silent, ends, begins), ends

    def _events(self, here: np.ndarray, values: np.ndarray, leaves: np.ndarray, free: np.ndarray) -> np.ndarray:
        """The events `here` `(batch, values)` of a word that `leaves` its place; when the first of them is begun."""
        if self.taken is None:
            first = np.maximum(leaves + 1, free)
            count = here.sum(axis=1)
            self.handed = np.where(count > 0, first + count - 1, self.handed)
            return first
        begun, last, none = leaves, leaves, np.ones(len(here), bool)
        for value, there in zip(values, here.T, strict=True):
            handed = np.maximum(last, self.entered) + 1
            entered = np.maximum(handed, self.done)
            works = np.maximum(entered, free)
            begun = np.where(there & none, works, begun)
            last = np.where(there, handed, last)
            self.entered = np.where(there, entered, self.entered)
            self.done = np.where(there, works + self.taken[value], self.done)
            none &= ~there
        self.handed = np.where(none, self.handed, last)
        return begun
