"""Proofs that what leaves a pipeline is the sum that it should be, by the forms of all that is in it.

No solver is asked: the netlist's numbers are worked out as integer forms, each fits the bits that it is read with, and
a form that is equal to another is equal for all inputs.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from amaranth.lib import wiring

from spikeloom.sim.proofs import TIMEOUT, Proof
from spikeloom.sim.proofs.datapath import Datapath, Unclear, netlist
from spikeloom.sim.proofs.forms import Form, Variable, interpolated
from spikeloom.sim.proofs.prover import Deadline, Late, Verdict

Leaf = tuple[Variable | Form, int, bool]


@dataclass(frozen=True, kw_only=True)
class FormVerdict(Verdict):
    """A verdict that no solver gave; `depth` is of no meaning."""

    @property
    def method(self) -> str:
        return {"proven": "linear forms", "refuted": "counterexample"}.get(self.result, "-")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What some bits of a net must be.

    Parameters
    ----------
    name : of it.
    net, first, width, signed : where it is.
    form : what it must be.
    """

    name: str
    net: str
    form: Form
    width: int
    first: int = 0
    signed: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Sums:
    """A pipeline and what is claimed of it.

    Parameters
    ----------
    component : it.
    leaves : what comes in, and whatever the forms begin with; see `datapath.Datapath`.
    moves : nets that are constant while everything moves on.
    claims : of what leaves, while everything moves on.
    stands : claims that registers hold what they have: (enables, nets of the registers, or all that the claims need).
    codes : of bits that come together, the numbers that they may be; others mean nothing. Each bit is in one of them
        at most.
    """

    component: wiring.Component
    leaves: dict[str, list[Leaf]]
    moves: dict[str, int]
    claims: list[Claim]
    stands: list[tuple[dict[str, int], list[str] | None]] = field(default_factory=list)
    codes: list[tuple[list[Variable], list[int]]] = field(default_factory=list)

    def wrong(self, deadline: Deadline | None = None) -> str:
        """How a claim fails; nothing if none does. Raises `Unclear` where that is not known, `Late` if it is late."""
        module = netlist(self.component)
        path = Datapath(module, self.leaves, self.moves, deadline)
        for claim in self.claims:
            try:
                found = path.number(self.bits(path, claim), claim.signed)
            except Unclear as unclear:
                if trace := self.shown(module, unclear):
                    return trace
                raise
            if given := self.differing(found - claim.form):
                return told(claim, found.value(given), claim.form.value(given), given)
        for enables, nets in self.stands:
            held = Datapath(module, self.leaves, enables)
            for bits in path.registers() if nets is None else map(held.net, nets):
                if not held.stands(bits):
                    name = next(name for name, bit in held.nets.items() if bit == bits)
                    return f"{name} must hold what it has while {_listed(enables)}"
        return ""

    def bits(self, path: Datapath, claim: Claim) -> list:
        return path.net(claim.net)[claim.first:claim.first + claim.width]

    def differing(self, difference: Form) -> dict[Variable, int] | None:
        """Variables for which a form is not 0; None if there are none."""
        difference = self.reduced(difference)
        if not difference.terms:
            return None
        chosen = min(difference.terms, key=len)
        others = set().union(*difference.terms) - chosen
        return {one: one.high if one in chosen else 0 for one in others | chosen | self.all_variables()}

    def all_variables(self) -> set[Variable]:
        return set().union(*(claim.form.variables() for claim in self.claims))

    def reduced(self, difference: Form) -> Form:
        """The form without what only codes of no meaning make."""
        for bits, meant in self.codes:
            about = {monomial: factor for monomial, factor in difference.terms.items() if not monomial.isdisjoint(bits)}
            outside: dict[frozenset, dict[frozenset, int]] = {}
            for monomial, factor in about.items():
                outside.setdefault(monomial.difference(bits), {})[monomial.intersection(bits)] = factor
            for rest, inner in outside.items():
                part = Form(inner)
                values = [part.value({bit: code >> j & 1 for j, bit in enumerate(bits)}) for code in meant]
                if not any(values):
                    gone = {rest | monomial: -factor for monomial, factor in inner.items()}
                    difference = difference + Form(gone)
        return difference

    def shown(self, module: dict, unclear: Unclear) -> str:
        """A claim that is false for inputs that make a form that may not fit as large, or as small, as it can be."""
        for given in unclear.form.extremes() if unclear.form else ():
            steady = {one.name: value for one, value in given.items()}
            leaves = {net: [(fixed(form, steady), width, signed) for form, width, signed in parts]
                      for net, parts in self.leaves.items()}
            path = Datapath(module, leaves, self.moves)
            for claim in self.claims:
                now = {one: steady.get(one.name, 0) for one in claim.form.variables()}
                found, wanted = path.number(self.bits(path, claim), claim.signed), claim.form.value(now)
                if found.constant != wanted:
                    return told(claim, found.constant, wanted, now)
        return ""


@dataclass(frozen=True, kw_only=True)
class LinearProof(Proof):
    """A claim about sums. `make` makes a `Sums`."""

    make: Callable[[], Sums]

    def prove(self, timeout: float = TIMEOUT) -> Verdict:
        """The verdict within so many seconds, and one cell of the netlist."""
        began, deadline = time.perf_counter(), Deadline(timeout)
        try:
            result, trace, reason = "proven", self.make().wrong(deadline), ""
        except (Unclear, Late) as unclear:
            result, trace, reason = "unknown", "", str(unclear)
        return FormVerdict(result="refuted" if trace else result, depth=0, trace=trace, reason=reason,
                           seconds=round(time.perf_counter() - began, 3))


def fixed(form: Variable | Form, values: dict[str, int]) -> Form:
    """A leaf with values for its variables; the others are 0."""
    form = Form.of(form)
    return Form.of(form.value({one: values.get(one.name, 0) for one in form.variables()}))


def told(claim: Claim, found: int, wanted: int, given: dict[Variable, int]) -> str:
    """A counterexample in words."""
    return f"{claim.name} must be {wanted}, not {found}, of {_listed({v.name: x for v, x in given.items() if x})}"


def coded(bits: list[Variable], weights: dict[int, int]) -> Form:
    """The weight of a code, anything for codes that have none."""
    return interpolated(bits, [weights.get(code, 0) for code in range(1 << len(bits))])


def _listed(values: dict[str, int]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in sorted(values.items())) or "zeros alone"
