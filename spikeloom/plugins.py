"""Plug-ins are found by their module name: a new file in the right package is all it takes."""

import dataclasses
import importlib
import pkgutil
from types import ModuleType

from spikeloom import check
from spikeloom.errors import SpikeloomError


def names(package: str) -> list[str]:
    """The public module names of `package`, sorted."""
    return sorted(m.name for m in pkgutil.iter_modules(importlib.import_module(package).__path__) if m.name[0] != "_")


def load(package: str, name: object, thing: str) -> ModuleType:
    """The module `name` of `package`; `thing` is what the error calls it ("codebook", "board")."""
    known = names(package)
    if not isinstance(name, str) or name not in known:
        raise SpikeloomError(f"{thing} must be one of {', '.join(known)}, not {name!r}{check.near(name, known)}")
    return importlib.import_module(f"{package}.{name}")


def make(package: str, name: object, thing: str, attribute: str, parameters: dict[str, object]):
    """An instance of the dataclass `attribute` of the module `name`, with its parameters."""
    made = getattr(load(package, name, thing), attribute)
    known = sorted(f.name for f in dataclasses.fields(made))
    for parameter in parameters:
        if parameter not in known:
            listed = f"parameters among {', '.join(known)}" if known else "no parameters"
            raise SpikeloomError(f"{thing} {name} must have {listed}, not {parameter!r}{check.near(parameter, known)}")
    for field in dataclasses.fields(made):
        if field.name not in parameters and field.default is field.default_factory is dataclasses.MISSING:
            raise SpikeloomError(f"{thing} {name} must have the parameter {field.name!r}")
    return made(**parameters)


def kind(item: object) -> str:
    """The module name of an instance of a plug-in."""
    return type(item).__module__.rpartition(".")[2]
