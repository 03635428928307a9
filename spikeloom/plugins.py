"""Plug-ins are found by their module name: a new file in the right package is all it takes."""

import difflib
import importlib
import pkgutil
from types import ModuleType

from spikeloom.errors import SpikeloomError


def names(package: str) -> list[str]:
    """The public module names of `package`, sorted."""
    return sorted(m.name for m in pkgutil.iter_modules(importlib.import_module(package).__path__) if m.name[0] != "_")


def load(package: str, name: object, thing: str) -> ModuleType:
    """The module `name` of `package`; `thing` is what the error calls it ("codebook", "board")."""
    known = names(package)
    if not isinstance(name, str) or name not in known:
        close = difflib.get_close_matches(str(name), known, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise SpikeloomError(f"{thing} must be one of {', '.join(known)}, not {name!r}{hint}")
    return importlib.import_module(f"{package}.{name}")
