"""A pruned weight matrix as rows of packed words: only the synapses that survive, each a slot and a short code."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from spikeloom.errors import SpikeloomError
from spikeloom.network import Dense

DEEPEST = 256       # slots of a bank that fit the smallest block RAM
WIDEST_TABLE = 4    # bits of a short code that one LUT4 a bit translates


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """The row of presynaptic neuron i: the words with its surviving synapses, `lanes` entries each.

    Neuron n is slot `n // banks` of bank `n % banks`; lane `copy * banks + bank` holds entries of its bank. An entry is
    the slot, in the low bits, and the code of the weight. Lanes without an entry are filled with additions to a slot
    that no neuron has, or of the weight zero.

    Parameters
    ----------
    synapses : the weights.
    lanes : entries of a word; a multiple of `banks`.
    banks : how many disjoint sets of neurons the lanes serve.
    pointers : a row has as many words as it needs, and a pointer memory says where it begins (low bits) and how many
        they are. Without, all rows have as many words as the longest; word j of row i is at `j * inputs + i`.
    """

    synapses: Dense
    lanes: int
    banks: int
    pointers: bool

    def __post_init__(self):
        if self.lanes % self.banks:
            raise SpikeloomError(f"lanes must be a multiple of {self.banks} banks, not {self.lanes}")

    @property
    def copies(self) -> int:
        """Lanes of each bank."""
        return self.lanes // self.banks

    @cached_property
    def _survivors(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Input, neuron and number within its row and bank of each surviving synapse."""
        row, neuron = np.nonzero(self.synapses.weights.T)
        key = row * self.banks + neuron % self.banks
        order = np.argsort(key, kind="stable")
        row, neuron, key = row[order], neuron[order], key[order]
        number = np.arange(len(key)) - np.searchsorted(key, key)
        return row, neuron, number

    @cached_property
    def needed(self) -> np.ndarray:
        """Words that each row needs, `(inputs,)`."""
        row, _, number = self._survivors
        needed = np.zeros(self.synapses.inputs, np.int64)
        np.maximum.at(needed, row, number // self.copies + 1)
        return needed

    @cached_property
    def counts(self) -> np.ndarray:
        """Words of each row, `(inputs,)`."""
        return self.needed if self.pointers else np.full_like(self.needed, self.needed.max())

    @property
    def cycles(self) -> np.ndarray:
        """Clock cycles that an event takes, `(inputs,)`: one a word, and one without."""
        return np.maximum(self.counts, 1)

    @cached_property
    def used(self) -> list[int]:
        """The codebook's codes of the surviving weights, ascending."""
        row, neuron, _ = self._survivors
        return np.unique(self.synapses.codebook.encode(self.synapses.weights[neuron, row])).tolist()

    @cached_property
    def _zero(self) -> int | None:
        """The codebook's code of the weight zero, if it has one."""
        try:
            return int(self.synapses.codebook.encode(np.zeros(1, np.int64))[0])
        except SpikeloomError:
            return None

    @cached_property
    def _sizes(self) -> np.ndarray:
        """Neurons of each bank."""
        return (self.synapses.outputs - np.arange(self.banks) + self.banks - 1) // self.banks

    @cached_property
    def _filled(self) -> np.ndarray:
        """Which banks have a lane to fill."""
        _, neuron, _ = self._survivors
        return np.bincount(neuron % self.banks, minlength=self.banks) < self.word_count * self.copies

    @cached_property
    def _lacks_slot(self) -> bool:
        """Whether a bank has a lane to fill and, with the bits that its neurons need, no slot to spare."""
        return bool((self._filled & (self._sizes == 1 << (int(self._sizes.max()) - 1).bit_length())).any())

    @cached_property
    def _pads_with_zero(self) -> bool:
        """Whether lanes are filled with the weight zero: its code is there at no cost, a slot is not."""
        short = _bits_of(self.used)
        free = short == self.synapses.codebook.bits or short > WIDEST_TABLE or len(self.used) < 1 << short
        return self._lacks_slot and self._zero is not None and free

    @cached_property
    def table(self) -> tuple[int, ...] | None:
        """The codebook's code that each stored code stands for; None: they are the same."""
        codes = [*self.used, *[self._zero] * (self._pads_with_zero and self._zero not in self.used)]
        bits = _bits_of(codes)
        return tuple(codes) if bits < self.synapses.codebook.bits and bits <= WIDEST_TABLE else None

    @property
    def code_bits(self) -> int:
        """Bits of a stored code."""
        return self.synapses.codebook.bits if self.table is None else _bits_of(self.table)

    @property
    def slot_bits(self) -> int:
        """Bits of a slot."""
        return (int(self._sizes.max()) - 1).bit_length() + (self._lacks_slot and not self._pads_with_zero)

    @property
    def depth(self) -> int:
        """Slots of a bank that are added to."""
        spare = 0 if self._pads_with_zero else 1
        return int((self._sizes + spare * self._filled).max())

    @property
    def entry_bits(self) -> int:
        return self.slot_bits + self.code_bits

    @property
    def word_bits(self) -> int:
        return self.lanes * self.entry_bits

    @cached_property
    def starts(self) -> np.ndarray:
        """Address of each row's first word, `(inputs,)`."""
        return np.cumsum(self.counts) - self.counts if self.pointers else np.arange(len(self.counts))

    @property
    def word_count(self) -> int:
        """Words of all rows."""
        return int(self.counts.sum())

    @property
    def start_bits(self) -> int:
        return max(self.word_count - 1, 0).bit_length()

    @property
    def pointer_bits(self) -> int:
        """Bits of one pointer; 0 without."""
        return self.start_bits + int(self.counts.max()).bit_length() if self.pointers else 0

    @property
    def bits(self) -> int:
        """Bits of both memories."""
        return self.word_count * self.word_bits + self.synapses.inputs * self.pointer_bits

    def pointer_words(self) -> list[int]:
        """The pointer memory's contents."""
        starts = np.where(self.counts > 0, self.starts, 0)
        return (starts + (self.counts << self.start_bits)).tolist()

    @cached_property
    def entries(self) -> np.ndarray:
        """The entries of each word, `(words, lanes)`."""
        row, neuron, number = self._survivors
        bank, copy = neuron % self.banks, number % self.copies
        stride = 1 if self.pointers else self.synapses.inputs
        address = self.starts[row] + number // self.copies * stride
        codes = self.synapses.codebook.encode(self.synapses.weights[neuron, row])
        zero = self._zero or 0
        if self.table is not None:
            codes = np.searchsorted(self.used, codes)
            zero = len(self.used)
        spare = np.tile(self._sizes, self.copies)
        filler = np.full(self.lanes, zero << self.slot_bits) if self._pads_with_zero else spare
        entries = np.tile(filler, (self.word_count, 1))
        entries[address, copy * self.banks + bank] = neuron // self.banks + (codes << self.slot_bits)
        return entries

    def words(self) -> list[int]:
        """The word memory's contents, lane 0 in the low bits."""
        return [sum(entry << lane * self.entry_bits for lane, entry in enumerate(word))
                for word in self.entries.tolist()]

    def memories(self) -> list[tuple[int, int]]:
        """Depth and width of the memories of words and of pointers, as far as they hold more than constants."""
        pointers = np.array(self.pointer_words()) if self.pointer_bits else np.zeros(1, np.int64)
        found = []
        for contents in (self.entries, pointers[:, None]):
            varying = np.bitwise_or.reduce(contents ^ contents[:1], axis=0)
            width = sum(int(bits).bit_count() for bits in varying)
            if width:
                found.append((len(contents), width))
        return found


def _bits_of(codes: list[int] | tuple[int, ...]) -> int:
    """Bits that tell the codes apart."""
    return (max(len(codes), 1) - 1).bit_length()


@lru_cache(maxsize=64)
def pack(synapses: Dense, *, lanes: int, groups_of: int, banks: int | None = None) -> Rows:
    """The rows of `synapses` with the given banks, or with those, and pointers or not, that make bits times cycles
    least; a multiple of `groups_of` banks, deep enough a bank to fit the smallest block RAM where that can be."""
    if (banks or lanes) % groups_of:
        name, number = ("lanes", lanes) if banks is None else ("banks", banks)
        raise SpikeloomError(f"{name} must be a multiple of {groups_of} neurons handed on at once, not {number}")
    choices = [n for n in range(groups_of, lanes + 1, groups_of) if lanes % n == 0] if banks is None else [banks]
    shallow = [n for n in choices if -(-synapses.outputs // n) <= DEEPEST] or choices[-1:]
    packed = [Rows(synapses=synapses, lanes=lanes, banks=n, pointers=p) for n in reversed(shallow) for p in (0, 1)]
    return min(packed, key=lambda rows: rows.bits * int(rows.cycles.sum()))
