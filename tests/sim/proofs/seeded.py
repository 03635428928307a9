"""Components with a fault: the same source with one piece of text replaced."""

import inspect
from types import ModuleType


def mutated(module: ModuleType, old: str, new: str) -> ModuleType:
    """`module` with `new` instead of `old`, which it must have exactly once."""
    source = inspect.getsource(module)
    if source.count(old) != 1:
        raise ValueError(f"{module.__name__} must have {old!r} exactly once, not {source.count(old)} times")
    made = ModuleType(module.__name__)
    made.__file__ = module.__file__
    exec(compile(source.replace(old, new), module.__file__, "exec"), made.__dict__)
    return made
