"""A Core that has its weights: those to be loaded come out of a memory after reset, before any input is taken."""

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import Out, connect

from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.linked import weights_to_load
from spikeloom.rtl_gen.loading import LOAD
from spikeloom.rtl_gen.plan import Plan


class LoadedCore(wiring.Component):
    """`Core(plan)` without its members `load` and `fetched`: it begins by loading the weights of `plan.network`.

    Parameters
    ----------
    plan : some layer's weights are to be loaded.

    Members
    -------
    all others of `Core`; `i` is not ready before all weights are there, one clock a word.
    """

    def __init__(self, plan: Plan):
        self.plan, self._core = plan, Core(plan)
        members = self._core.signature.members
        super().__init__({name: member for name, member in members.items() if name not in ("load", "fetched")})

    def writes(self) -> list[dict[str, int]]:
        """The transfers that load all weights, as of `loading.LOAD`."""
        found = []
        for layer, (_, given) in weights_to_load(self.plan).items():
            found.append({"layer": layer, "start": 1, "word": 0})
            found += [{"layer": layer, "word": int(word)} for word in given]
        return found

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = self._core
        writes = self.writes()
        m.submodules.weights = weights = memory.Memory(shape=LOAD, depth=len(writes), init=writes)
        port = weights.read_port(domain="comb")
        number = Signal(range(len(writes) + 1))
        loading = Signal()
        m.d.comb += [
            loading.eq(number != len(writes)), port.addr.eq(number),
            core.load.valid.eq(loading), core.load.payload.eq(port.data),
            core.i.payload.eq(self.i.payload), core.i.valid.eq(self.i.valid & ~loading),
            self.i.ready.eq(core.i.ready & ~loading),
        ]
        with m.If(loading & core.load.ready):
            m.d.sync += number.eq(number + 1)
        connect(m, core.o, wiring.flipped(self.o))
        for name, member in self.signature.members.items():
            if name.startswith("trace") and member.flow == Out:
                connect(m, getattr(core, name), wiring.flipped(getattr(self, name)))
        return m
