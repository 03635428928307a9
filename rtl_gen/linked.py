"""The network with a host link on a serial line: what goes onto a board."""

import hashlib
import zlib
from dataclasses import replace

import numpy as np
from amaranth import Module, ResetInserter
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spikeloom import check
from spikeloom.errors import SpikeloomError
from spikeloom.network import READOUTS, Dense, Network
from spikeloom.rtl_gen import protocol, words
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.link import uart
from spikeloom.rtl_gen.link.extras import PLAIN, Extras
from spikeloom.rtl_gen.link.guard import pass_clocks
from spikeloom.rtl_gen.link.host_link import HostLink
from spikeloom.rtl_gen.link.memory_map import LOAD_HEADER
from spikeloom.rtl_gen.link.recorder import Recorder
from spikeloom.rtl_gen.link.request_queue import RequestQueue
from spikeloom.rtl_gen.loading import PART, load_words
from spikeloom.rtl_gen.probe import probe_words
from spikeloom.rtl_gen.protocol import Identity
from spikeloom.rtl_gen.readout import result_layout
from spikeloom.rtl_gen.roomy import weight_range
from spikeloom.rtl_gen.strategies.dense import weight_words
from spikeloom.rtl_gen.worst_case import watchdog_limit

LEAST_LOAD, MOST_LOAD = 16, 1024     # words of weights in a request
LEAST_PROBED, MOST_PROBED = 8, 64    # neurons in a reply; what a frame's place holds costs no memory


def loaded_layers(plan) -> list[int]:
    """The layers whose weights come over the link."""
    return [k for k, layer in enumerate(plan.layers) if layer.weights != "rom"]


def plan_digest(plan) -> bytes:
    """8 bytes that differ where hardware made from a plan differs in more than the weights that are loaded."""
    layers = list(plan.network.layers)
    for k in loaded_layers(plan):
        synapses = layers[k].synapses
        weights = np.full_like(synapses.weights, weight_range(synapses.codebook)[1])
        bare = Dense(weights=weights, codebook=synapses.codebook)
        layers[k] = replace(layers[k], synapses=bare)
    bare = replace(plan.network, layers=tuple(layers))
    return hashlib.sha256(f"{bare.digest} {plan.layers}".encode()).digest()[:8]


def row_words(plan, layer: int) -> int:
    """16-bit words of a row of a layer's weight memory."""
    synapses, how = plan.network.layers[layer].synapses, plan.layers[layer]
    return -(-min(how.lanes, synapses.outputs) * synapses.codebook.bits // PART)


def weights_to_load(plan) -> dict[int, tuple[int, np.ndarray]]:
    """For each layer whose weights come over the link: 16-bit words of a row of its memory, and all its words."""
    found = {}
    for k in loaded_layers(plan):
        words_of_row = row_words(plan, k)
        rows = weight_words(plan.network.layers[k].synapses, plan.layers[k].lanes)
        found[k] = words_of_row, load_words(rows, words_of_row * PART)
    return found


def checksum(plan) -> int:
    """CRC-32 of all words that are loaded: what a guard expects."""
    return zlib.crc32(b"".join(given.astype("<u2").tobytes() for _, given in weights_to_load(plan).values()))


def loaded_words(plan) -> dict[int, int]:
    """16-bit words of the memory of each layer whose weights come over the link."""
    return {k: row_words(plan, k) * plan.passes(k) * plan.network.layers[k].synapses.inputs
            for k in loaded_layers(plan)}


def no_stream(network: Network) -> str | None:
    """Why a network cannot be run timestep by timestep, or None."""
    if len(network.frame_shape) == 1:
        return "the input is no sequence"
    if any(layer.delay for layer in network.layers):
        return "a layer has a delay"    # layers behind it run ahead of the input
    return None


def identity(plan, extras: Extras = PLAIN) -> Identity:
    """What a device made from `plan` and with `extras` answers to IDENTIFY, at first."""
    network, rows = plan.network, [row_words(plan, k) for k in loaded_layers(plan)]
    frame = words.per_frame(network)
    if extras.readback and not rows:
        raise SpikeloomError("readback must be False where no weights are loaded, not True")
    if extras.guard and not rows:
        raise SpikeloomError("guard must be False where no weights are loaded, not True")
    if extras.stream and (reason := no_stream(network)):
        raise SpikeloomError(f"stream must be 0 where {reason}, not {extras.stream}")
    check.integer("stream", extras.stream, 0, network.timesteps)
    membrane_words = probe_words(plan) if extras.probe else 0
    score_words = -(-plan.score_bits // 16)
    return Identity(
        version=protocol.WATCHED if extras.guard or extras.watchdog else protocol.VERSION,
        digest=bytes(8) if rows else bytes.fromhex(network.digest)[:8],
        plan=plan_digest(plan),
        load_words=max(min(frame - LOAD_HEADER, MOST_LOAD), LEAST_LOAD, *rows) if rows else 0,
        inputs=network.input.size,
        value_bits=network.input.bits,
        value_signed=int(network.input.signed),
        frame_words=frame,
        timesteps=network.timesteps,
        outputs=network.outputs,
        score_words=score_words,
        readout=READOUTS.index(network.readout),
        membrane_words=membrane_words,
        readback=int(extras.readback),
        probe_neurons=max(min(frame // membrane_words, MOST_PROBED), LEAST_PROBED) if membrane_words else 0,
        stream_steps=extras.stream,
        queue=extras.queue,
        guard=pass_clocks(loaded_words(plan)) if extras.guard else 0,
        watchdog=watchdog_limit(plan, score_words) if extras.watchdog else 0,
    )


class LinkedCore(wiring.Component):
    """A core and its host link, with the bytes of any line.

    Parameters
    ----------
    plan : `spikeloom.rtl_gen.plan.Plan` with source "words".
    core : a component with the members `i`, `o` and, where weights are loaded, `load` of `Core(plan)` to use instead;
        with `extras.probe` also `probe`, with `extras.stream` also the trace of its last layer.
    extras : what it has beyond the plain link.

    Members
    -------
    i : In(stream.Signature(8, always_ready=True))
    o : Out(stream.Signature(8))
        Bytes of the line.
    busy : Out(1)
        A request is under way.
    """

    def __init__(self, plan, *, core=None, extras: Extras = PLAIN):
        if plan.source != "words":
            raise SpikeloomError(f"plan source must be 'words' for a host link, not {plan.source!r}")
        self._core = Core(plan, probe=extras.probe) if core is None else core
        self._loads = bool(loaded_layers(plan))
        who = identity(plan, extras)
        self._link, self._extras = HostLink(who, result=result_layout(plan.network),
                                              loaded=loaded_words(plan)), extras
        if extras.stream:
            self._trace = getattr(self._core, f"trace{len(plan.layers) - 1}")
            self._recorder = Recorder(who, lanes=len(self._trace.spikes))
        super().__init__({
            "i": In(stream.Signature(8, always_ready=True)),
            "o": Out(stream.Signature(8)),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.link = link = self._link
        m.submodules.core = ResetInserter(link.abort)(self._core)
        if self._extras.queue:
            m.submodules.requests = requests = RequestQueue(self._extras.queue)
            wiring.connect(m, wiring.flipped(self.i), requests.i)
            wiring.connect(m, requests.o, link.i)
            m.d.comb += [requests.busy.eq(link.busy), requests.running.eq(link.running)]
        else:
            wiring.connect(m, wiring.flipped(self.i), link.i)
        wiring.connect(m, link.words, self._core.i)
        wiring.connect(m, self._core.o, link.scores)
        wiring.connect(m, link.o, wiring.flipped(self.o))
        if self._loads:
            wiring.connect(m, link.load, self._core.load)
        if self._extras.readback or self._extras.guard:
            m.d.comb += link.fetched.eq(self._core.fetched)
        if self._extras.probe:
            wiring.connect(m, link.probe, self._core.probe)
        if self._extras.stream:
            m.submodules.recorder = recorder = ResetInserter(link.abort)(self._recorder)
            wiring.connect(m, link.recorder, self._recorder.link)
            m.d.comb += [recorder.valid.eq(self._trace.valid), recorder.spikes.eq(self._trace.spikes)]
        m.d.comb += self.busy.eq(link.busy)
        return m


class LinkedTop(wiring.Component):
    """A core, its host link and a UART.

    Parameters
    ----------
    plan : `spikeloom.rtl_gen.plan.Plan` with source "words".
    clock_hz : frequency of the clock, Hz.
    baud : bits a second; the clock divided by an integer, within 2 %.
    extras : what it has beyond the plain link.

    Members
    -------
    rx : In(1)
    tx : Out(1)
        The line, seen from here.
    busy : Out(1)
        A request is under way.
    """

    def __init__(self, plan, clock_hz, baud=1_000_000, *, extras: Extras = PLAIN):
        self._divisor = uart.divisor(clock_hz, baud)
        self._recovers = extras.watchdog
        self._linked = LinkedCore(plan, extras=extras)
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1), "busy": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver = receiver = uart.UartReceiver(self._divisor)
        m.submodules.transmitter = transmitter = uart.UartTransmitter(self._divisor, recovers=self._recovers)
        m.submodules.linked = linked = self._linked
        wiring.connect(m, receiver.o, linked.i)
        wiring.connect(m, linked.o, transmitter.i)
        m.d.comb += [receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx), self.busy.eq(linked.busy)]
        return m
