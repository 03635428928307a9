"""What is searched: widths for every layer, roundings and schemes."""

import dataclasses
import itertools
from dataclasses import dataclass

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.train.search.rounding import ROUNDINGS

SCHEMES = ("ptq", "itq")
LIMITS = {"weights": (2, 16), "membrane": (4, 20), "threshold": (1, 20), "bias": (2, 20), "leak": (1, 16)}
CLASSES = tuple(LIMITS)
WIDEST = 64     # stands for a width that is not given, in comparisons


@dataclass(frozen=True, kw_only=True)
class Widths:
    """Of one layer, in bits.

    Parameters
    ----------
    weights : of an integer weight; None: the codes that the weights have already.
    membrane : of V.
    threshold : of a threshold, unsigned, on a grid of its own; None: it is as fine as V.
    bias : of a bias, signed, on a grid of its own; None: as wide as V.
    leak : shift of the leak's factor `num / 2^shift`; None: as trained.
    """

    weights: int | None = None
    membrane: int
    threshold: int | None = None
    bias: int | None = None
    leak: int | None = None

    def __post_init__(self):
        for name, (low, high) in LIMITS.items():
            if getattr(self, name) is not None or name == "membrane":
                check.integer(f"{name} width", getattr(self, name), low, high)

    @property
    def place(self) -> tuple[int, ...]:
        """Coordinates in which accuracy grows: weight bits, what V has beyond them, and the others.

        V of a given width clips the more, the finer the weights are: in the plain widths nothing is monotone.
        """
        beyond = self.membrane - (self.weights or 0)
        return (self.weights or 0, beyond, *(getattr(self, name) or WIDEST for name in CLASSES[2:]))


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What one network is made by.

    Parameters
    ----------
    layers : widths of each layer.
    rounding : one of `rounding.ROUNDINGS`.
    scheme : "ptq", rounded once, or "itq", trained on with rounded values.
    """

    layers: tuple[Widths, ...]
    rounding: str = "nearest"
    scheme: str = "ptq"

    def __post_init__(self):
        if not isinstance(self.layers, tuple) or not self.layers or not all(isinstance(w, Widths) for w in self.layers):
            raise SpikeloomError(f"layers must be a tuple of Widths, not {self.layers!r}")
        check.choice("rounding", self.rounding, ROUNDINGS)
        check.choice("scheme", self.scheme, SCHEMES)

    @property
    def uniform(self) -> bool:
        """Whether all layers have the same widths."""
        return len(set(self.layers)) == 1

    def below(self, other: "Candidate") -> bool:
        """Whether nothing in it is more accurate than in `other`, of the same rounding and scheme."""
        return (self.rounding, self.scheme) == (other.rounding, other.scheme) and all(
            a <= b for mine, theirs in zip(self.layers, other.layers, strict=True)
            for a, b in zip(mine.place, theirs.place, strict=True))

    def to_json(self) -> dict:
        return {"scheme": self.scheme, "rounding": self.rounding,
                "layers": [dataclasses.asdict(widths) for widths in self.layers]}

    @classmethod
    def from_json(cls, value: object) -> "Candidate":
        """What `to_json` gave."""
        try:
            layers = tuple(Widths(**widths) for widths in value["layers"])
            return cls(layers=layers, rounding=value["rounding"], scheme=value["scheme"])
        except (TypeError, KeyError) as error:
            raise SpikeloomError(f"candidate must be of scheme, rounding and layers of widths, but {error}") from None

    def __str__(self) -> str:
        shown = self.layers[:1] if self.uniform else self.layers
        return f"{self.scheme} {self.rounding} " + " | ".join(map(_text, shown))


def _text(widths: Widths) -> str:
    return " ".join(f"{name[0]}{bits}" for name, bits in dataclasses.asdict(widths).items() if bits is not None)


@dataclass(frozen=True, kw_only=True)
class Space:
    """All candidates: for each class the widths to choose from, ascending; () for one that is not searched.

    Parameters
    ----------
    layers : of the network.
    weights, membrane, threshold, bias, leak : bits; a class that is not searched is as `Widths` says, and V has 16.
    roundings, schemes : to choose from.
    """

    layers: int
    weights: tuple[int, ...] = tuple(range(2, 9))
    membrane: tuple[int, ...] = tuple(range(6, 17))
    threshold: tuple[int, ...] = ()
    bias: tuple[int, ...] = ()
    leak: tuple[int, ...] = ()
    roundings: tuple[str, ...] = ROUNDINGS
    schemes: tuple[str, ...] = SCHEMES

    def __post_init__(self):
        check.integer("layers", self.layers, 1, 64)
        for name, (low, high) in LIMITS.items():
            bits = getattr(self, name)
            for one in bits:
                check.integer(f"{name} width", one, low, high)
            if list(bits) != sorted(set(bits)):
                raise SpikeloomError(f"{name} widths must ascend, not be {bits}")
        for name, known in (("roundings", ROUNDINGS), ("schemes", SCHEMES)):
            chosen = getattr(self, name)
            if not chosen:
                raise SpikeloomError(f"{name} must be one or more of {', '.join(known)}")
            for one in chosen:
                check.choice(name[:-1], one, known)

    @property
    def axes(self) -> dict[str, tuple[int | None, ...]]:
        """Of every class what it may be, the narrowest first; "as fine as V" and "as trained" are widest."""
        axes: dict[str, tuple[int | None, ...]] = {name: (*getattr(self, name), None) for name in CLASSES[2:]}
        return {"weights": self.weights or (None,), "membrane": self.membrane or (16,)} | axes

    @property
    def searched(self) -> tuple[str, ...]:
        """Classes with a choice."""
        return tuple(name for name, bits in self.axes.items() if len(bits) > 1)

    def candidate(self, rounding: str = "nearest", scheme: str = "ptq", **widths: int | None) -> Candidate:
        """All layers alike, the widest but for `widths`."""
        chosen = {name: bits[-1] for name, bits in self.axes.items()} | widths
        return Candidate(layers=(Widths(**chosen),) * self.layers, rounding=rounding, scheme=scheme)

    def grid(self, scheme: str = "ptq") -> list[Candidate]:
        """Every candidate with all layers alike."""
        return [self.candidate(rounding, scheme, **dict(zip(self.axes, bits, strict=True)))
                for rounding in self.roundings for bits in itertools.product(*self.axes.values())]

    def moved(self, candidate: Candidate, layer: int | None = None, **by: int) -> Candidate:
        """A candidate whose widths lie so many places wider on their axes, as far as those go, of one layer or all."""
        def moved(widths: Widths) -> Widths:
            given = {}
            for name, places in by.items():
                axis = self.axes[name]
                given[name] = axis[min(max(axis.index(getattr(widths, name)) + places, 0), len(axis) - 1)]
            return dataclasses.replace(widths, **given)
        layers = tuple(moved(widths) if layer in (None, k) else widths for k, widths in enumerate(candidate.layers))
        return dataclasses.replace(candidate, layers=layers)
