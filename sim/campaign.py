"""Campaigns of fault injection: how many flips of each kind of bit are masked, and what the others do."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from spikeloom import check
from spikeloom.sim.faults import BAD_ANSWER, NO_ANSWER, RIGHT, WRONG_CLASS, WRONG_SCORE, Bench, Found, Trials
from spikeloom.sim.shares import wilson
from spikeloom.sim.state_bits import KINDS, Store


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What single flips in some of the bits came to.

    Parameters
    ----------
    name : of those bits.
    bits : how many there are.
    flips : trials of one flip each.
    right, wrong_score, wrong_class, no_answer, bad_answer : the disturbed inference, see `faults.VERDICTS`.
    unseen : of those that are right, the ones in which every spike and membrane was right too.
    next_wrong : the inference after it was not right either.
    lasting : of those, the ones that a reset did not cure.
    """

    name: str
    bits: int
    flips: int
    right: int
    wrong_score: int
    wrong_class: int
    no_answer: int
    bad_answer: int
    unseen: int
    next_wrong: int
    lasting: int

    @classmethod
    def of(cls, name: str, bits: int, found: Found, chosen: np.ndarray | slice = slice(None)) -> "Tally":
        """The tally of the `chosen` trials."""
        now, inside, later, reset = (x[chosen] for x in (found.now, found.inside, found.next, found.reset))
        counts = [int((now == verdict).sum()) for verdict in (RIGHT, WRONG_SCORE, WRONG_CLASS, NO_ANSWER, BAD_ANSWER)]
        wrong = later != RIGHT
        return cls(name=name, bits=bits, flips=len(now), right=counts[0], wrong_score=counts[1], wrong_class=counts[2],
                   no_answer=counts[3], bad_answer=counts[4], unseen=int(((now == RIGHT) & (inside == 1)).sum()),
                   next_wrong=int(wrong.sum()), lasting=int((wrong & (reset != RIGHT)).sum()))

    def share(self, what: str) -> tuple[float, float, float]:
        """The share of the flips that came to `what`, a parameter's name, and its 95 % interval."""
        hits = getattr(self, what)
        return (hits / self.flips if self.flips else 0.0, *wilson(hits, self.flips))


def run(bench: Bench, *, kinds: Sequence[str] = (), flips: int = 1000, seed: int = 0,
        progress: Callable[[int, int, str], None] | None = None) -> tuple[list[Tally], list[Tally]]:
    """`flips` random single flips in each kind of state (those of `kinds`, by default all that the design has): the
    tally of each kind, and those of each bit of the membranes in each part of the design, the lowest bit first
    ("rest" is what a neuron remembers beside V; layer -1 is an encoder).

    `progress` is called with (trials done, all trials, kind).
    """
    check.integer("flips", flips, 1, 1 << 24)
    there = bench.bits()
    kinds = [check.choice("kind", kind, tuple(KINDS)) for kind in kinds or there]
    kinds = [kind for kind in kinds if kind in there]
    tallies, membranes = [], []
    for number, kind in enumerate(kinds):
        trials = bench.upsets(kind, flips, seed)

        def update(done: int, _all: int, number=number, kind=kind) -> None:
            if progress:
                progress(number * flips + done, len(kinds) * flips, kind)

        found = bench.inject(trials, update)
        tallies.append(Tally.of(kind, there[kind], found))
        if kind == "membranes":
            membranes = _membrane_bits(bench, trials, found)
    return tallies, membranes


def _membrane_bits(bench: Bench, trials: Trials, found: Found) -> list[Tally]:
    """Tallies by layer and bit of V."""
    bits: dict[tuple[int, int], int] = {}
    keys = []
    for store in bench.stores:
        if store.kind == "membranes":
            for bit in range(store.width):
                key = _membrane_bit(bench, store, bit)
                bits[key] = bits.get(key, 0) + store.depth
    for _, store, _, bit in trials.flips.tolist():
        keys.append(_membrane_bit(bench, bench.stores[store], bit))
    keys = np.array(keys)
    return [Tally.of(f"layer {layer}, {'rest' if bit < 0 else f'bit {bit}'}", count, found, chosen)
            for (layer, bit), count in sorted(bits.items())
            if (chosen := (keys == (layer, bit)).all(axis=1)).any()]


def _membrane_bit(bench: Bench, store: Store, bit: int) -> tuple[int, int]:
    """Layer and bit of V; bit -1 is what a neuron remembers beside V, layer -1 what an encoder remembers."""
    numbered = re.search(r"^layer(\d+) neurons state$|^chain\d+ neurons(\d+) v\d+$", store.name)
    if numbered is None:
        number = re.search(r"^layer(\d+) |^chain\d+ neurons(\d+) ", store.name)
        return (-1 if number is None else int(number[1] or number[2])), -1
    layer = int(numbered[1] or numbered[2])
    if store.memory:
        bit %= store.width // bench.plan.layers[layer].update_lanes
    return layer, bit if bit < bench.plan.network.state_bits(layer) else -1
