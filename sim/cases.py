"""A case: a network, how hardware computes it, and what it is asked; one file, from which it can be tried again.

The file is the network's `.qsnn`, whose provenance holds the rest under "case": the plan, the extras of the host link,
the frames, and what was wrong when it was kept. Loading one executes nothing.
"""

import dataclasses
from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from spikeloom import check, qsnn
from spikeloom.errors import FileError, SpikeloomError
from spikeloom.network import Network
from spikeloom.rtl_gen.link.extras import PLAIN, Extras
from spikeloom.rtl_gen.memories import NO_RULES, MemoryRules
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.rtl_gen.roomy import roomy

KEY = "case"
_PLAN = {"layers", "source", "memories"}
_FIELDS = {"plan", "extras", "frames", "stalls", "seed", "failure"}


@dataclass(frozen=True, kw_only=True)
class Failure:
    """What is wrong with a case.

    Parameters
    ----------
    way : where it showed, one of `spikeloom.sim.attempts.WAYS`.
    kind : "mismatch", the rule that hardware broke, or the error and where it was raised: what two failures of one
        cause have in common.
    text : all that is known of it.
    """

    way: str
    kind: str
    text: str

    def alike(self, other: "Failure | None") -> bool:
        """True if both are of one kind, in one way."""
        return other is not None and (self.way, self.kind) == (other.way, other.kind)


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """What is tried. Validated on construction, the plan too.

    Parameters
    ----------
    network : what is computed.
    layers, source, memories : as of `rtl_gen.plan.Plan`; where weights are loaded, the plan's network has room for any.
    frames : (batch, *network.frame_shape), at least one.
    extras : of the host link.
    stalls : seeds when input is withheld and results are refused; see `volume.Volume.run`.
    seed : from which it was drawn; None if it was made otherwise.
    """

    network: Network
    layers: tuple[LayerPlan, ...]
    frames: np.ndarray
    source: str = "words"
    memories: MemoryRules = NO_RULES
    extras: Extras = PLAIN
    stalls: int = 1
    seed: int | None = None

    def __post_init__(self) -> None:
        check.integer("stalls", self.stalls, 1, (1 << 31) - 1)
        if self.seed is not None:
            check.integer("seed", self.seed, 0, (1 << 62) - 1)
        object.__setattr__(self, "frames", self.network.frames(self.frames))
        if not len(self.frames):
            raise SpikeloomError("frames must be at least one, not none")
        _ = self.plan

    @cached_property
    def plan(self) -> Plan:
        """How hardware computes it."""
        loaded = [k for k, layer in enumerate(self.layers) if layer.weights != "rom"]
        network = roomy(self.network, only=loaded) if loaded else self.network
        return Plan(network=network, layers=self.layers, source=self.source, memories=self.memories)


def save(case: Case, path: Path, failure: Failure | None = None) -> Path:
    """Write a case to `path`, aside first and then renamed."""
    return qsnn.save(_told(case, failure), path)


def pack(case: Case, failure: Failure | None = None) -> bytes:
    """The bytes of a case's file."""
    return qsnn.pack(_told(case, failure))


def _told(case: Case, failure: Failure | None) -> Network:
    """The network of `case`, with the rest in its provenance."""
    told = {
        "plan": {"layers": [dataclasses.asdict(layer) for layer in case.layers], "source": case.source,
                 "memories": dataclasses.asdict(case.memories)},
        "extras": dataclasses.asdict(case.extras),
        "frames": case.frames.tolist(),
        "stalls": case.stalls,
        "seed": case.seed,
        "failure": None if failure is None else dataclasses.asdict(failure),
    }
    return dataclasses.replace(case.network, provenance={KEY: told})


def load(path: Path) -> tuple[Case, Failure | None]:
    """The case in the file `path`, and what was wrong with it. Raises `FileError` for anything else."""
    network = qsnn.load(path)
    try:
        return _case(network)
    except SpikeloomError as error:
        raise FileError(f"{path} {error}") from None


def unpack(data: bytes) -> tuple[Case, Failure | None]:
    """The case in the bytes of a file, and what was wrong with it."""
    return _case(qsnn.unpack(data))


def _case(network: Network) -> tuple[Case, Failure | None]:
    try:
        told = _fields("case", network.provenance.get(KEY), _FIELDS)
        plan = _fields("plan", told["plan"], _PLAN)
        case = Case(
            network=dataclasses.replace(network, provenance={}),
            layers=tuple(_made(LayerPlan, "layer of the plan", layer) for layer in plan["layers"]),
            source=plan["source"],
            memories=_made(MemoryRules, "memories", plan["memories"]),
            extras=_made(Extras, "extras", told["extras"]),
            frames=np.array(told["frames"]),
            stalls=told["stalls"],
            seed=told["seed"],
        )
        failure = None if told["failure"] is None else _made(Failure, "failure", told["failure"])
    except (SpikeloomError, TypeError, ValueError, AttributeError) as error:
        raise FileError(f"must hold a case, but {error}") from None
    return case, failure


def _made(kind: type, thing: str, value: object):
    """An instance from its fields; a field that an older file does not know has its default."""
    known = dataclasses.fields(kind)
    names = {field.name for field in known if field.default is dataclasses.MISSING}
    return kind(**_fields(thing, value, names, {field.name for field in known}))


def _fields(thing: str, value: object, names: set[str], optional: Set[str] = frozenset()) -> dict:
    if not isinstance(value, dict) or not names <= set(value) <= names | optional:
        found = sorted(value) if isinstance(value, dict) else value
        raise FileError(f"{thing} must have the fields {sorted(names)}, not {str(found)[:200]}")
    return value
