"""Soft processors from Verilog that others wrote, each behind the bus of the system: RV32I, reset at address 0."""

from importlib.util import find_spec
from pathlib import Path

from amaranth.hdl import ClockSignal, Const, Instance, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from spikeloom import check
from spikeloom.errors import ToolError
from spikeloom.rtl_gen.soc.bus import BUS

CPUS = ("serv", "picorv32")
_FILES = {"serv": ("pythondata_cpu_serv", "rtl/serv_*.v", {"serv_synth_wrapper.v"}),
          "picorv32": ("pythondata_cpu_picorv32", "picorv32.v", set())}

# PicoRV32's parameters that are on unless told otherwise.
_OFF = ("ENABLE_COUNTERS", "ENABLE_COUNTERS64", "TWO_STAGE_SHIFT", "CATCH_MISALIGN", "CATCH_ILLINSN")


def sources(name: str) -> dict[str, str]:
    """The Verilog files of a processor by name. Raises `ToolError` if its package is missing."""
    package, pattern, unwanted = _FILES[check.choice("cpu", name, CPUS)]
    spec = find_spec(package)
    if spec is None:
        raise ToolError(f"{package.replace('_', '-')} was not found: pip install 'spikeloom[soc]'")
    folder = Path(spec.origin).parent / "verilog"
    found = {path.name: path.read_text() for path in sorted(folder.glob(pattern)) if path.name not in unwanted}
    if not found:
        raise ToolError(f"{package.replace('_', '-')} must hold {pattern}, but does not")
    return found


class Cpu(wiring.Component):
    """A processor. Its Verilog is added to the platform's files; without a platform it stays an open instance, and
    `sources` has to be read beside the design.

    "serv" works on a bit a clock: about 40 clocks an instruction, and the smallest there is. "picorv32" takes about 4,
    and six times the logic. Neither multiplies, divides, knows interrupts or catches misaligned accesses.

    Parameters
    ----------
    name : one of `CPUS`.

    Members
    -------
    bus : Out(BUS)
    """

    def __init__(self, name: str = "serv"):
        self.name = check.choice("cpu", name, CPUS)
        super().__init__({"bus": Out(BUS)})

    def elaborate(self, platform):
        m = Module()
        if platform is not None:
            for name, text in sources(self.name).items():
                platform.add_file(name, text)
        {"serv": self.serv, "picorv32": self.picorv32}[self.name](m)
        return m

    def serv(self, m: Module) -> None:
        """SERV has a bus for instructions and one for data, and uses one at a time."""
        bus = self.bus
        fetch = Signal()
        fetch_address = Signal(32)
        access = Signal()
        access_address = Signal(32)
        write = Signal()
        m.submodules.serv = Instance(
            "serv_rf_top", p_RESET_PC=Const(0, 32), p_WITH_CSR=0, p_PRE_REGISTER=1, p_RESET_STRATEGY="MINI",
            i_clk=ClockSignal(), i_i_rst=ResetSignal(), i_i_timer_irq=Const(0, 1),
            o_o_ibus_cyc=fetch, o_o_ibus_adr=fetch_address, i_i_ibus_rdt=bus.answer, i_i_ibus_ack=bus.ready & fetch,
            o_o_dbus_cyc=access, o_o_dbus_adr=access_address, o_o_dbus_we=write, o_o_dbus_sel=bus.select,
            o_o_dbus_dat=bus.data, i_i_dbus_rdt=bus.answer, i_i_dbus_ack=bus.ready & ~fetch,
            i_i_ext_rd=Const(0, 32), i_i_ext_ready=Const(0, 1))
        m.d.comb += [bus.valid.eq(fetch | access), bus.address.eq(access_address), bus.write.eq(write & ~fetch)]
        with m.If(fetch):
            m.d.comb += bus.address.eq(fetch_address)

    def picorv32(self, m: Module) -> None:
        """PicoRV32 in its smallest form."""
        bus, off = self.bus, Const(0, 1)
        strobes = Signal(4)
        m.submodules.picorv32 = Instance(
            "picorv32", **{f"p_{name}": 0 for name in _OFF},
            i_clk=ClockSignal(), i_resetn=~ResetSignal(), o_mem_valid=bus.valid, i_mem_ready=bus.ready,
            o_mem_addr=bus.address, o_mem_wdata=bus.data, o_mem_wstrb=strobes, i_mem_rdata=bus.answer,
            i_pcpi_wr=off, i_pcpi_rd=Const(0, 32), i_pcpi_wait=off, i_pcpi_ready=off, i_irq=Const(0, 32))
        m.d.comb += [bus.write.eq(strobes.any()), bus.select.eq(strobes)]
