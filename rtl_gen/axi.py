"""The network as a core for AXI systems: AXI4-Stream for frames and scores, AXI4-Lite for identity, control and status.

Ports have the names that AXI tools look for, and there is no other clock or reset than `aclk` and `aresetn`.
"""

from dataclasses import dataclass

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Module, Mux, ResetInserter, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikeloom.errors import SpikeloomError
from spikeloom.network import READOUTS
from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.core import Core

MAGIC, VERSION = int.from_bytes(b"SPKL", "little"), 1
ADDRESS_BITS, CLASS_BITS, IN_FLIGHT = 8, 16, 8


@dataclass(frozen=True, kw_only=True)
class Register:
    """A 32-bit register: its byte address, whether software writes it ("rw", "ro", "wo"), and what it holds."""

    name: str
    address: int
    access: str
    text: str


REGISTERS = (
    Register(name="MAGIC", address=0x00, access="ro", text='the characters "SPKL", first lowest'),
    Register(name="VERSION", address=0x04, access="ro", text="of this table"),
    *(Register(name=f"DIGEST{k}", address=0x08 + 4 * k, access="ro",
               text=f"bytes {4 * k} to {4 * k + 3} of the network's digest, first lowest") for k in range(8)),
    Register(name="INPUTS", address=0x28, access="ro", text="values a frame (a timestep's, for a sequence)"),
    Register(name="INPUT_FORMAT", address=0x2c, access="ro", text="bits 7:0 bits a value, bit 8 two's complement"),
    Register(name="FRAME_WORDS", address=0x30, access="ro", text="16-bit words of a frame on s_axis"),
    Register(name="TIMESTEPS", address=0x34, access="ro", text="timesteps an inference"),
    Register(name="OUTPUTS", address=0x38, access="ro", text="transfers of a result on m_axis"),
    Register(name="RESULT_FORMAT", address=0x3c, access="ro",
             text="bits 7:0 bytes of a score, bits 15:8 readout: "
                  + ", ".join(f"{k} {name}" for k, name in enumerate(READOUTS))),
    Register(name="CONTROL", address=0x40, access="wo",
             text="bit 0: reset the network, its frame and its results; bit 1: clear FRAME_ERROR"),
    Register(name="STATUS", address=0x44, access="ro",
             text="bit 0 BUSY: a frame has begun whose result has not gone out; bit 1 FRAME_ERROR: TLAST came at "
                  "another word than a frame's last, or not at that"),
    Register(name="INFERENCES", address=0x48, access="ro", text="results that have gone out since the last reset"),
    Register(name="CYCLES", address=0x4c, access="ro",
             text="clocks of the last inference: from its first word to the last transfer of its result, but not "
                  "before the result before it had gone out"),
    Register(name="CLASS", address=0x50, access="ro", text="the last inference's class"),
)
ADDRESS = {register.name: register.address for register in REGISTERS}


def score_bytes(plan) -> int:
    """Bytes of a score on `m_axis_tdata`."""
    return -(-plan.score_bits // 8)


class AxiCore(wiring.Component):
    """A `Core` with AXI ports.

    A frame is FRAME_WORDS transfers on s_axis; TLAST is not needed, but checked. A result is OUTPUTS transfers on
    m_axis, the scores in order, each with the best output so far in TUSER; with TLAST it is the class. Frames may
    follow each other without a gap, and wait as long as m_axis does. A reset by CONTROL takes effect in the clock after
    the write was accepted; words of a frame that had begun are forgotten, and those that still come begin a new one.

    Parameters
    ----------
    plan : `spikeloom.rtl_gen.plan.Plan` with source "words" and no weights to load.

    Members
    -------
    aclk, aresetn : In(1); the reset is synchronous and active low
    s_axis_{tdata[16], tvalid, tready, tlast} : frames
    m_axis_{tdata[8 * score_bytes], tuser[16], tvalid, tready, tlast} : scores, two's complement
    s_axi_.. : AXI4-Lite, 8 address bits, 32 data bits: `REGISTERS`. Answers OKAY; what is not there reads as 0.
    """

    def __init__(self, plan):
        if plan.source != "words":
            raise SpikeloomError(f"plan source must be 'words' for AXI, not {plan.source!r}")
        if any(layer.weights != "rom" for layer in plan.layers):
            raise SpikeloomError("plan weights must be 'rom' for AXI: there is no port to load them")
        self.plan, self.score_bits = plan, 8 * score_bytes(plan)
        super().__init__({
            "aclk": In(1), "aresetn": In(1),
            **_stream("s_axis", In, Out, {"tdata": words.BITS, "tlast": 1}),
            **_stream("m_axis", Out, In, {"tdata": self.score_bits, "tuser": CLASS_BITS, "tlast": 1}),
            **_stream("s_axi", In, Out, {"awaddr": ADDRESS_BITS, "awprot": 3}, "aw"),
            **_stream("s_axi", In, Out, {"wdata": 32, "wstrb": 4}, "w"),
            **_stream("s_axi", Out, In, {"bresp": 2}, "b"),
            **_stream("s_axi", In, Out, {"araddr": ADDRESS_BITS, "arprot": 3}, "ar"),
            **_stream("s_axi", Out, In, {"rdata": 32, "rresp": 2}, "r"),
        })

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain()
        m.d.comb += [ClockSignal().eq(self.aclk), ResetSignal().eq(~self.aresetn)]
        reset = Signal()
        core, frame_words = Core(self.plan), words.per_frame(self.plan.network)
        m.submodules.core = ResetInserter(reset)(core)

        # Frames and results pass through; what passes is watched.
        taken = Signal()
        finished = Signal()
        m.d.comb += [
            core.i.payload.eq(self.s_axis_tdata),
            core.i.valid.eq(self.s_axis_tvalid & ~reset),
            self.s_axis_tready.eq(core.i.ready & ~reset),
            taken.eq(self.s_axis_tvalid & self.s_axis_tready),
            self.m_axis_tdata.eq(core.o.p.score),
            self.m_axis_tuser.eq(core.o.p.best),
            self.m_axis_tlast.eq(core.o.p.last),
            self.m_axis_tvalid.eq(core.o.valid),
            core.o.ready.eq(self.m_axis_tready),
            finished.eq(core.o.valid & self.m_axis_tready & core.o.p.last),
        ]
        word = Signal(range(frame_words))
        in_flight = Signal(IN_FLIGHT)
        cycles = Signal(32)
        inferences = Signal(32)
        last_cycles = Signal(32)
        last_class = Signal(CLASS_BITS)
        frame_error = Signal()
        clear = Signal()
        begins = Signal()
        at_end = word == frame_words - 1
        m.d.comb += begins.eq(taken & (word == 0))
        m.d.sync += [cycles.eq(cycles + 1), in_flight.eq(in_flight + begins - finished)]
        with m.If(taken):
            m.d.sync += word.eq(Mux(at_end, 0, word + 1))
            with m.If(self.s_axis_tlast != at_end):
                m.d.sync += frame_error.eq(1)
        with m.If(begins & (in_flight == 0)):
            m.d.sync += cycles.eq(1)
        with m.If(finished):
            m.d.sync += [cycles.eq(0), last_cycles.eq(cycles + 1), last_class.eq(core.o.p.best)]
            m.d.sync += inferences.eq(inferences + 1)
        with m.If(clear | reset):
            m.d.sync += frame_error.eq(0)
        with m.If(reset):
            m.d.sync += [word.eq(0), in_flight.eq(0), inferences.eq(0), last_cycles.eq(0), last_class.eq(0)]

        # AXI4-Lite: one write and one read at a time; address and data of a write are taken together.
        write = Signal()
        control = Signal()
        m.d.comb += [
            write.eq(self.s_axi_awvalid & self.s_axi_wvalid & ~self.s_axi_bvalid),
            self.s_axi_awready.eq(write),
            self.s_axi_wready.eq(write),
            control.eq(write & (self.s_axi_awaddr[2:] == ADDRESS["CONTROL"] >> 2) & self.s_axi_wstrb[0]),
            clear.eq(control & self.s_axi_wdata[1]),
            self.s_axi_arready.eq(self.s_axi_arvalid & ~self.s_axi_rvalid),
        ]
        m.d.sync += reset.eq(control & self.s_axi_wdata[0])
        with m.If(write):
            m.d.sync += self.s_axi_bvalid.eq(1)
        with m.Elif(self.s_axi_bready):
            m.d.sync += self.s_axi_bvalid.eq(0)
        with m.If(self.s_axi_arready):
            m.d.sync += [self.s_axi_rvalid.eq(1), self.s_axi_rdata.eq(0)]
            with m.Switch(self.s_axi_araddr[2:]):
                for name, value in (self.constants() | {
                        "STATUS": Cat(in_flight.any(), frame_error), "INFERENCES": inferences,
                        "CYCLES": last_cycles, "CLASS": last_class}).items():
                    with m.Case(ADDRESS[name] >> 2):
                        m.d.sync += self.s_axi_rdata.eq(value)
        with m.Elif(self.s_axi_rready):
            m.d.sync += self.s_axi_rvalid.eq(0)
        return m

    def constants(self) -> dict[str, int]:
        """What the registers that never change hold, by name."""
        network = self.plan.network
        digest = bytes.fromhex(network.digest)
        return {
            "MAGIC": MAGIC, "VERSION": VERSION,
            **{f"DIGEST{k}": int.from_bytes(digest[4 * k:4 * k + 4], "little") for k in range(8)},
            "INPUTS": network.input.size,
            "INPUT_FORMAT": network.input.bits | network.input.signed << 8,
            "FRAME_WORDS": words.per_frame(network),
            "TIMESTEPS": network.timesteps,
            "OUTPUTS": network.outputs,
            "RESULT_FORMAT": self.score_bits // 8 | READOUTS.index(network.readout) << 8,
        }


def markdown() -> str:
    """The registers as a table."""
    lines = ["| register | address | access | |", "| --- | --- | --- | --- |"]
    lines += [f"| {one.name} | 0x{one.address:02x} | {one.access} | {one.text} |" for one in REGISTERS]
    return "\n".join(lines) + "\n"


def _stream(name: str, there, back, payload: dict[str, int], channel: str = "t") -> dict:
    """The ports of a channel, payload and valid one way and ready the other."""
    ports = {f"{name}_{member}": there(width) for member, width in payload.items()}
    return ports | {f"{name}_{channel}valid": there(1), f"{name}_{channel}ready": back(1)}
