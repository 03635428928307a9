"""The C driver's extras: membranes against the real gateware; timesteps too; weights read back byte for byte."""

import struct
from dataclasses import replace

import numpy as np
import pytest

from spikeloom.firmware import c_network
from spikeloom.firmware.framing import Unframer, frame
from spikeloom.firmware.simulated import SimulatedLine
from spikeloom.rtl_gen import planner as plans
from spikeloom.rtl_gen import protocol, words
from spikeloom.rtl_gen.linked import LinkedCore, identity
from spikeloom.rtl_gen.probe import probed_layers
from spikeloom.sim.random_networks import random_frames, random_network, random_plan
from spikeloom.sim.reference import simulate

from .c_driver import CDevice, CError, built
from .test_c_driver import Pieces
from .test_load import network as network_to_load
from .test_load import plan as plan_to_load
from .test_membranes import FRAMES, PROBE, readout
from .test_stream import busy, planned, values


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return built(tmp_path_factory.mktemp("driver"))


def compare(device: CDevice, plan, frames) -> int:
    """Membranes compared, of every layer that can be read, after each of `frames`."""
    network, compared = plan.network, 0
    outcome = simulate(network, frames, trace=True, device="cpu")
    for number, packed in enumerate(words.pack(network, frames)):
        assert device.run_words(packed)[0] == outcome.classes[number]
        for layer in probed_layers(plan):
            wanted = outcome.membranes[layer][number, -1].tolist()
            assert device.membranes(layer, len(wanted)) == wanted
            assert device.membranes(layer, 1, len(wanted) - 1) == wanted[-1:]
            compared += len(wanted)
    return compared


@pytest.mark.parametrize("seed", [2, 26])
def test_membranes_are_the_reference_s(seed, library):
    plan = random_plan(random_network(seed), seed)
    device = CDevice(library, SimulatedLine(LinkedCore(plan, extras=PROBE)), plan)
    assert compare(device, plan, random_frames(plan.network, seed, 1)) > 0


def test_wide_membranes_and_many_neurons(library):
    """Two words a membrane, and more neurons than a reply holds."""
    _, plan = readout(20, membrane_bits=26)
    device = CDevice(library, SimulatedLine(LinkedCore(plan, extras=PROBE)), plan)
    assert compare(device, plan, FRAMES) == 40
    for layer, count, first in ((0, 25, 0), (0, 1, 20), (1, 1, 0)):
        with pytest.raises(CError, match="^SPIKELOOM_NOT_THERE$"):
            device.membranes(layer, count, first)
    device.reset()
    with pytest.raises(CError, match="^SPIKELOOM_NO_RESULT$"):
        device.membranes(0, 1)


def test_a_buffer_too_small_for_membranes_is_named(library):
    _, plan = readout(20, membrane_bits=26)
    who = identity(plan, PROBE)
    least = 3 + len(replace(who, version=protocol.WATCHED).pack())
    assert 2 * who.membrane_words * who.probe_neurons + 3 <= least      # this one fits
    plan = plans.make(next(n for n in map(random_network, range(100)) if words.per_frame(n) > 60 and probed_layers(
        plans.make(n))))
    device = CDevice(library, SimulatedLine(LinkedCore(plan, extras=PROBE)), plan, size=least)
    with pytest.raises(CError, match="^SPIKELOOM_SMALL_BUFFER$"):
        device.membranes(0, 1)


def test_a_plain_device_has_no_membranes(library):
    _, plan = readout(4)
    with pytest.raises(CError, match="^SPIKELOOM_NOT_OFFERED$"):
        CDevice(library, SimulatedLine(LinkedCore(plan)), plan).membranes(0, 1)


def answer(command: protocol.Command, sequence: int, payload: bytes = b"", status: int = 0) -> bytes:
    return frame(bytes([command.code | protocol.REPLY, sequence, status]) + payload)


def asked(line: Pieces) -> list[bytes]:
    """The bodies of the requests, without their sequence bytes."""
    return [bytes([body[0]]) + body[2:] for written in line.written for body in Unframer().feed(written)]


def test_weights_are_read_back_and_compared(library):
    plan = plan_to_load(network_to_load(1))
    digest = bytes.fromhex(plan.network.digest)[:8]
    who = replace(identity(plan), readback=1, digest=digest)
    answers, wanted = [answer(protocol.IDENTIFY, 1, who.pack())], [b"\x01"]
    for layer, rows, row_words, given in c_network.pieces(plan):
        for row in range(0, len(given) // row_words, rows):
            part = given[row * row_words:(row + rows) * row_words].astype("<u2").tobytes()
            answers.append(answer(protocol.FETCH, len(answers) + 1, part.ljust(2 * who.load_words, b"\xa5")))
            wanted.append(b"\x09" + struct.pack("<HH", layer, row))
    answers.append(answer(protocol.IDENTIFY, len(answers) + 1, who.pack()))
    line = Pieces(*answers)
    CDevice(library, line, plan).verify()
    assert asked(line) == [*wanted, b"\x01"] and len(wanted) > 3

    wrong = answers.copy()
    last = bytearray(Unframer().feed(answers[-2])[0])
    used = len(part)
    last[3 + used - 1] ^= 0x40
    wrong[-2] = frame(bytes(last))
    with pytest.raises(CError, match="^SPIKELOOM_WRONG_WEIGHTS$"):
        CDevice(library, Pieces(*wrong), plan).verify()
    last[3 + used - 1] ^= 0x40
    last[3 + used] ^= 0x40      # beyond the last row
    wrong[-2] = frame(bytes(last))
    CDevice(library, Pieces(*wrong), plan).verify()
    for changed, error in (({"readback": 0}, "NOT_OFFERED"), ({"plan": bytes(8)}, "OTHER_PLAN")):
        who = replace(who, **changed)
        with pytest.raises(CError, match=f"^SPIKELOOM_{error}$"):
            CDevice(library, Pieces(answer(protocol.IDENTIFY, 1, who.pack())), plan).verify()


@pytest.mark.parametrize("steps", [1, 2])
def test_timesteps_are_the_reference_s(steps, library):
    """The gateware's spikes, with another inference, a refusal and a reset between."""
    network = busy()
    plan, frames = planned(network), values(network, 3, 2)
    extras = c_network.every_extra(plan)
    assert (extras.stream, extras.probe) == (network.timesteps, True)
    extras = replace(extras, stream=steps)
    outcome = simulate(network, frames, trace=True, device="cpu")
    size = c_network.buffer_bytes(identity(plan, extras))
    device = CDevice(library, SimulatedLine(LinkedCore(plan, extras=extras)), plan, size=size)
    page, spike_words = words.per_page(network), steps * identity(plan, extras).spike_words
    for number, packed in enumerate(words.pack(network, frames)):
        given = [*packed.tolist(), *[0] * (steps * page)]
        device.stream(number + 7, 0, given[:steps * page], spike_words)
        with pytest.raises(CError, match="^SPIKELOOM_BAD_ORDER$"):
            device.stream(number + 8, steps, given[:steps * page], spike_words)
        if number:
            device.reset()
        else:
            assert device.run_words(packed)[0] == outcome.classes[number]
        with pytest.raises(CError, match="^SPIKELOOM_BAD_ORDER$"):
            device.stream(number + 7, steps, given[:steps * page], spike_words)
        rows, timestep = [], 0
        while not rows or timestep:
            part = given[timestep * page:][:steps * page]
            timestep, spikes = device.stream(number + 7, timestep, part, spike_words)
            assert device.stream(number + 7, len(rows), part, spike_words) == (timestep, spikes)   # once more
            bits = np.unpackbits(np.array(spikes, "<u2").view(np.uint8), bitorder="little")
            rows += bits.reshape(steps, -1)[:, :network.outputs].tolist()
        assert rows[:network.timesteps] == outcome.spikes[-1][number].astype(int).tolist()
        assert device.read(network.outputs)[:2] == (tuple(outcome.scores[number]), outcome.classes[number])


WHO = protocol.Identity(digest=bytes(8), inputs=20, value_bits=3, value_signed=0, frame_words=0, timesteps=5,
                        outputs=18, score_words=1, readout=0, stream_steps=2)


def test_timesteps_go_out_and_spikes_come_back(library):
    given = list(range(0x7e00, 0x7e0a))     # 20 values of 4 bits are 5 words, and twice that
    spikes = [0x8001, 0x0002, 0xffff, 0x0003]
    payload = struct.pack("<5H", 2, *spikes)
    line = Pieces(answer(protocol.IDENTIFY, 1, WHO.pack()), b"", answer(protocol.STREAM, 2, payload),
                  answer(protocol.STREAM, 4, status=7))
    device = CDevice(library, line)
    assert device.stream(7, 0x100, given, 4) == (2, spikes)
    assert asked(line)[1:] == [b"\x0a" + struct.pack("<12H", 7, 0x100, *given)] * 2        # one was repeated
    with pytest.raises(CError, match="^SPIKELOOM_BAD_ORDER$"):
        device.stream(7, 4, given, 4)
    for words_given, spike_words in ((given[1:], 4), (given, 3), (given, 5), ([*given, 0], 4)):
        with pytest.raises(CError, match="^SPIKELOOM_BAD_ARGUMENT$"):
            device.stream(7, 0, words_given, spike_words)
    plain = replace(WHO, stream_steps=0)
    for who, size, error in ((WHO, 57, "SMALL_BUFFER"), (plain, 1 << 16, "NOT_OFFERED")):
        who = replace(who, outputs=500 if who is WHO else 18)
        device = CDevice(library, Pieces(answer(protocol.IDENTIFY, 1, who.pack())), size=size)
        with pytest.raises(CError, match=f"^SPIKELOOM_{error}$"):
            device.stream(7, 0, given, 2 * who.spike_words)


@pytest.mark.parametrize("bits", range(1, 17))
def test_the_words_of_a_timestep_are_those_of_a_frame(bits, library):
    for inputs in (1, 15, 16, 17, 33):
        who = replace(WHO, value_bits=bits, inputs=inputs, outputs=inputs, stream_steps=1)
        pages = -(-inputs // (words.BITS // words.slot(bits)))
        reply = answer(protocol.STREAM, 2, bytes(2 + 2 * who.spike_words))
        device = CDevice(library, Pieces(answer(protocol.IDENTIFY, 1, who.pack()), reply))
        assert device.stream(1, 0, [0] * pages, who.spike_words) == (0, [0] * who.spike_words)


def test_no_inference_where_there_is_none(library):
    device = CDevice(library, Pieces(answer(protocol.IDENTIFY, 1, WHO.pack())))
    with pytest.raises(CError, match="^SPIKELOOM_NOT_OFFERED$"):
        device.run_words([])
