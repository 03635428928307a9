import gc
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import Assert, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikeloom import codebooks, encoders
from spikeloom.errors import SpikeloomError, ToolError
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.rtl_gen import planner as plans
from spikeloom.rtl_gen import verilog, words
from spikeloom.rtl_gen.collisions import declare_collision_free
from spikeloom.rtl_gen.link import uart
from spikeloom.rtl_gen.link.extras import PLAIN, Extras
from spikeloom.rtl_gen.link.host_link import HostLink
from spikeloom.rtl_gen.linked import LinkedTop, identity, loaded_words
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.readout import result_layout


def network(inputs: int = 784, outputs: int = 10, **changes: object) -> Network:
    weights = np.where(np.arange(outputs * inputs).reshape(outputs, inputs) % 3, 1, -1)
    layer = Layer(synapses=Dense(weights=weights, codebook=codebooks.make("binary")),
                  neurons=Lif(neurons=outputs, threshold=40))
    return Network(**{"input": Input(shape=(inputs,)), "encoder": encoders.make("direct"), "layers": (layer,),
                      "readout": "count", "timesteps": 8, **changes})


def yosys(rtlil: str, script: str) -> str:
    """The log of `script` after reading `rtlil` as x.il."""
    with tempfile.TemporaryDirectory(prefix="spikeloom-", dir=".") as folder:
        Path(folder, "x.il").write_text(rtlil)
        verilog.yosys(f"read_rtlil x.il; {script}", folder)
        return Path(folder, "log").read_text() if Path(folder, "log").exists() else ""


def test_identity_is_the_network_s():
    net = network()
    who = identity(plans.make(net))
    assert (who.digest.hex(), who.frame_words, who.score_words, who.readout_name) == (
        net.digest[:16], words.per_frame(net), 1, "count")
    assert (who.inputs, who.value_bits, who.value_signed, who.timesteps, who.outputs) == (784, 1, 0, 8, 10)


def test_a_sequence_s_frame_has_a_page_a_timestep():
    net = network(inputs=20, encoder=None, timesteps=3)
    assert identity(plans.make(net)).frame_words == 6


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
def test_events_have_no_link():
    with pytest.raises(SpikeloomError) as error:
        LinkedTop(plans.make(network(inputs=20, encoder=None), source="events"), 12e6)
    assert str(error.value) == "plan source must be 'words' for a host link, not 'events'"
    del error
    gc.collect()  # here, where the warning of components that were never built is expected


class LinkAlone(wiring.Component):
    """Link and UART, with the core's streams as ports."""

    def __init__(self, net, link_type=HostLink, extras=PLAIN):
        plan = net if isinstance(net, Plan) else plans.make(net)
        self.link = link_type(identity(plan, extras), result=result_layout(plan.network), loaded=loaded_words(plan))
        loads = {name: self.link.signature.members[name] for name in ("load", "fetched")
                 if name in self.link.signature.members}
        recorder = {"recorder": self.link.signature.members["recorder"]} if extras.stream else {}
        super().__init__({"rx": In(1), "tx": Out(1), "busy": Out(1), "abort": Out(1), **recorder, **loads,
                          "words": Out(self.link.words.signature), "scores": In(self.link.scores.signature.flip())})

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver = receiver = uart.UartReceiver(12)
        m.submodules.transmitter = transmitter = uart.UartTransmitter(12)
        m.submodules.link = link = self.link
        wiring.connect(m, receiver.o, link.i)
        wiring.connect(m, link.o, transmitter.i)
        wiring.connect(m, link.words, wiring.flipped(self.words))
        wiring.connect(m, wiring.flipped(self.scores), link.scores)
        if hasattr(self, "recorder"):
            wiring.connect(m, link.recorder, wiring.flipped(self.recorder))
        if hasattr(self, "load"):
            wiring.connect(m, link.load, wiring.flipped(self.load))
            m.d.comb += link.fetched.eq(self.fetched)
        m.d.comb += [receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx), self.busy.eq(link.busy),
                     self.abort.eq(link.abort)]
        return m


@pytest.mark.slow
def test_link_and_uart_are_small():
    text = declare_collision_free(verilog.to_rtlil(LinkAlone(network()), "top"))
    log = yosys(text, "synth_ice40 -top top; tee -o log stat")
    counts = {name: int(count) for count, name in re.findall(r"^ +(\d+) +(SB_\w+)$", log, re.M)}
    assert counts["SB_LUT4"] <= 450
    assert counts["SB_RAM40_4K"] == 1


class Proven(HostLink):
    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += Assert(~(self._read.en & self._write.en.any()))
        return m


class Colliding(Proven):
    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self._watch.ended):
            m.d.comb += self._read.en.eq(1)
        return m


PROOF = ("hierarchy -top top; proc; flatten; memory_nordff; memory_collect; cutpoint t:$mem_v2; delete t:$mem_v2; "
         "opt -full; async2sync; chformal -lower; "
         "sat -verify -tempinduct -prove-asserts -set-assumes -seq 1 -maxsteps 5 top")


def test_the_memory_is_never_read_and_written_at_once_is_proven():
    """What `declare_collision_free` takes for granted of it."""
    yosys(verilog.to_rtlil(LinkAlone(network(), Proven), "top"), PROOF)


def test_the_same_is_proven_with_timesteps():
    net = network(inputs=20, encoder=None)
    yosys(verilog.to_rtlil(LinkAlone(net, Proven, Extras(stream=2)), "top"), PROOF)


def test_the_same_is_proven_with_a_watchdog():
    yosys(verilog.to_rtlil(LinkAlone(network(inputs=20, encoder=None), Proven, Extras(stream=2, watchdog=True)), "top"),
          PROOF)


def test_the_same_is_proven_with_a_guard():
    plan = plans.make(network(inputs=20), layers={0: {"strategy": "dense", "lanes": 10, "weights": "ram"}})
    yosys(verilog.to_rtlil(LinkAlone(plan, Proven, Extras(guard=True, readback=True, watchdog=True)), "top"), PROOF)


def test_the_proof_fails_for_a_link_that_does():
    with pytest.raises(ToolError):
        yosys(verilog.to_rtlil(LinkAlone(network(), Colliding), "top"), PROOF)


def test_the_verilog_has_readable_names():
    text = verilog.to_verilog(LinkedTop(plans.make(network(inputs=20)), 12e6), "top")
    modules = dict(re.findall(r"^module \\?([\w.]+) *\((.*?)^endmodule", text, re.M | re.S))
    link = {name: body for name, body in modules.items() if not name.startswith("top.linked.core")}
    assert set(link) >= {"top", "top.receiver", "top.transmitter", "top.linked", "top.linked.link",
                         "top.linked.link.deframer", "top.linked.link.enframer", "top.linked.link.watch"}
    assert not [name for name, body in link.items() if "$sig" in body]
