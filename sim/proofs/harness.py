# amaranth: UnusedElaboratable=no
"""What harnesses of streams have in common: all inputs free, a component laid open, stream rules as statements."""

from contextlib import suppress

from amaranth.hdl import Assert, Assume, Const, Elaboratable, Fragment, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from spikeloom.sim.proofs import inside


class Opened(Elaboratable):
    """A component, elaborated once, whose registers, by name, and submodules a harness looks at.

    Submodules that are named `within` it are laid open too.
    """

    def __init__(self, component, *within: str):
        self.module = component.elaborate(None)
        self.submodules = self.module.submodules
        self.within = {name: Opened(getattr(self.submodules, name)) for name in within}
        for name, one in self.within.items():
            getattr(self.submodules, name).elaborate = one.elaborate
        self.fragment = Fragment.get(self.module, None)
        self.signals = inside.signals(self.fragment)

    def __getitem__(self, name: str) -> Signal:
        return self.signals[name]

    @property
    def states(self) -> dict[str, int]:
        """The states of its state machine, and their codes."""
        found: dict[str, int] = {}
        with suppress(KeyError):        # codes are given out from 0 on
            for code in range(1 << len(self["fsm_state"])):
                found[self["fsm_state"].decoder(code).rpartition("/")[0]] = code
        return found

    def at(self, *states: str) -> Value:
        """Its state machine is in one of `states`, or those of them that it has."""
        return Value.cast(self["fsm_state"]).matches(*(self.states[name] for name in states if name in self.states))

    def elaborate(self, platform):
        return self.fragment


class Harness(wiring.Component):
    """Drives every input of `dut` from an input of its own; `around` begins the module that the claims go to.

    Parameters
    ----------
    dut : the component.
    free : further inputs, by name: what the prover chooses as it likes.
    """

    def __init__(self, dut, **free):
        self.dut = dut
        self._inputs = {"__".join(map(str, path)): Value.cast(value) for path, member, value in
                        dut.signature.flatten(dut) if member.flow is In and not isinstance(value, Const)}
        super().__init__({name: In(shape) for name, shape in
                          ({name: value.shape() for name, value in self._inputs.items()} | free).items()})

    def around(self, *within: str) -> tuple[Module, Opened]:
        """A module with the component in it, and the component laid open."""
        m, opened = Module(), Opened(self.dut, *within)
        m.submodules.dut = opened
        m.d.comb += [value.eq(getattr(self, name)) for name, value in self._inputs.items()]
        return m, opened


def bits(value) -> Value:
    """A payload, or a part of one, as one unsigned number."""
    return Value.cast(value).as_unsigned()


def moves(port) -> Value:
    """A transfer happens (rule 1)."""
    return port.valid & port.ready


def obeyed(m: Module, port, name: str, claim=Assert, payload: Value | None = None) -> Signal:
    """Rule 3: what `port` offers stays until it is taken. A claim of an output, of an input an assumption.

    `payload` is what must stay of the payload, where it is not all. Returns whether it was stalled in the clock before.
    """
    payload = bits(port.payload) if payload is None else payload
    stalled, was = Signal(name=f"{name}_stalled"), Signal(len(payload), name=f"{name}_was")
    m.d.sync += [stalled.eq(port.valid & ~port.ready), was.eq(payload)]
    m.d.comb += claim(~stalled | (port.valid & (payload == was)), f"{name} holds while it is stalled")
    return stalled


def assumed(m: Module, port, name: str = "i") -> Signal:
    """Rule 3 of an input. Returns whether it was stalled in the clock before."""
    return obeyed(m, port, name, Assume)
