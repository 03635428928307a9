"""The components that a network's hardware is made of, each where it stands and as large as it is there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from amaranth.hdl import Module
from amaranth.lib import wiring

from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Part:
    """A component at a place of the core.

    Parameters
    ----------
    path : names of the submodules that lead to it.
    component : it.
    parent : what it is a part of.
    """

    path: tuple[str, ...]
    component: wiring.Component
    parent: wiring.Component

    @property
    def name(self) -> str:
        """Module and class, as `queue.Queue`."""
        kind = type(self.component)
        return f"{kind.__module__.partition('rtl_gen.')[2]}.{kind.__name__}"

    @property
    def layers(self) -> tuple[int, ...]:
        """The layer that it belongs to, if the name of its place has a number."""
        number = re.search(r"\d+$", self.path[0])
        return (int(number[0]),) if number else ()

    @property
    def key(self) -> str:
        """Parts of one key are the same hardware, but for what their memories hold."""
        plain = (bool, int, str, tuple, type(None))
        given = {name: value for name, value in vars(self.component).items() if isinstance(value, plain)}
        return f"{self.name} {given} {self.component.signature!r}"


def parts(plan: Plan) -> Iterator[Part]:
    """All of them, in the order of the data, each before what it is made of."""
    core = Core(plan)
    yield from _inside((), core, used(core).elaborate(None))


def used(one):
    """`one`, of which Amaranth will not complain that it is part of no design."""
    one._MustUse__used = True
    return one


def _inside(path: tuple[str, ...], parent: wiring.Component, m: Module) -> Iterator[Part]:
    for name, (component, _) in used(m)._named_submodules.items():
        used(component)
        if not isinstance(component, wiring.Component) or ".rtl_gen." not in type(component).__module__:
            continue
        yield Part(path=(*path, name), component=component, parent=parent)
        yield from _inside((*path, name), component, component.elaborate(None))
