"""Devices with a guard and a watchdog, and both drivers: what they notice, and that they notice nothing else."""

import gc
import random
import struct

import numpy as np
import pytest
from amaranth.hdl import Shape

from spikeloom.errors import LinkError, SpikeloomError
from spikeloom.firmware.device import Device
from spikeloom.firmware.simulated import SimulatedLine
from spikeloom.rtl_gen import protocol, verilog
from spikeloom.rtl_gen.link.extras import Extras
from spikeloom.rtl_gen.linked import LinkedCore, LinkedTop, checksum, identity
from spikeloom.sim.reference import simulate

from ..rtl_gen.link.upsets import Upsets
from .c_driver import CDevice, CError, built
from .test_device import Noisy, check_inferences
from .test_load import frames, network, plan
from .test_stream import busy, planned, values
from .test_stream import check as check_stream

BOTH = Extras(guard=True, watchdog=True)
CHANGED = ("the device on the simulator must hold the weights that it was sent, but they have changed since: they must "
           "be loaded again")


def opened(extras: Extras = BOTH, **options) -> tuple[Device, SimulatedLine, Upsets]:
    """A device that holds network 1."""
    line = SimulatedLine(LinkedCore(plan(network(0)), extras=extras))
    upsets, device = Upsets(line), Device(line, **options)
    device.load(plan(network(1)))
    return device, line, upsets


def weights(upsets: Upsets) -> list[tuple[object, int]]:
    """Every bit of the weight memories, as a word and the bit's number; rows beyond the last are not looked at."""
    memories = [data for path, data in upsets.memories.items() if ".weights." in path]
    return [(data[row], bit) for data in memories for row in range(data.depth)
            for bit in range(Shape.cast(data.shape).width)]


@pytest.mark.parametrize("seed", range(2))
def test_a_flipped_weight_is_refused_until_it_is_loaded_again(seed):
    device, line, upsets = opened()
    a_pass, one = device.identify().guard, frames(seed)[:1]
    line.advance(2 * a_pass)
    check_inferences(device, network(1), one)
    status = device.status()
    assert status.passes >= 2 and (status.damaged, status.recovered) == (0, 0)
    upsets.flip(*random.Random(seed).choice(weights(upsets)))
    line.advance(2 * a_pass)
    status = device.status()
    assert 1 <= status.damaged < status.passes
    with pytest.raises(LinkError) as error:
        device.run(one[0])
    assert str(error.value) == CHANGED
    device.reset()
    with pytest.raises(LinkError, match="they have changed since"):
        device.run(one[0])
    device.load(plan(network(1)))
    check_inferences(device, network(1), one)
    device.reset()
    line.advance(2 * a_pass)
    assert device.status().damaged == 0


def test_weights_that_went_wrong_on_their_way_are_noticed_too(monkeypatch):
    """The checksum is of what the host meant, not of what has arrived."""
    device, line, _ = opened()
    request = device._request

    def faulty(command, payload=b""):
        if command is protocol.LOAD and payload[:4] == struct.pack("<HH", 0, 0):
            payload = payload[:4] + bytes([payload[4] ^ 4]) + payload[5:]
        return request(command, payload)

    monkeypatch.setattr(device, "_request", faulty)
    device.load(plan(network(1)))
    line.advance(device.identify().guard + 100)
    assert device.status().damaged == 1
    with pytest.raises(LinkError, match="they have changed since"):
        device.run(frames(0)[0])


def test_the_c_driver_says_so_and_loads_again(tmp_path):
    line = SimulatedLine(LinkedCore(plan(network(0)), extras=BOTH))
    upsets = Upsets(line)
    device = CDevice(built(tmp_path), line, plan(network(1)))
    device.load()
    identity = device.identify()
    assert (identity.version, identity.guard > 0, identity.watchdog > 0) == (4, True, True)
    upsets.flip(*weights(upsets)[77])
    line.advance(2 * identity.guard)
    status = device.status()
    assert (status["damaged"] > 0, status["recovered"]) == (True, 0)
    words = np.zeros(identity.frame_words, int)
    with pytest.raises(CError, match="^SPIKELOOM_DAMAGED_WEIGHTS$"):
        device.run_words(words)
    device.load()
    device.run_words(words)


@pytest.mark.parametrize("extras", [
    BOTH, Extras(guard=True, watchdog=True, queue=64, readback=True, probe=True)])
def test_no_false_alarm_over_a_noisy_line(extras):
    line = SimulatedLine(LinkedCore(plan(network(0)), extras=extras))
    noisy = Noisy(line, seed=3, rate=0.004)
    device = Device(noisy, timeout=0.05, tries=40)
    rng = random.Random(1)
    passes = 0
    for seed in (1, 2):
        device.load(plan(network(seed)))
        for one in frames(seed)[:3]:
            line.advance(rng.randrange(2400))
            outcome = simulate(network(seed), one[None])
            assert device.run(one).label == outcome.classes[0]
        passes += device.status().passes
        device.reset()
    status = device.status()
    assert passes > 2 and (status.damaged, status.recovered) == (0, 0) and noisy.damaged > 2


def test_a_fetch_in_the_middle_of_a_pass_is_no_alarm():
    device, line, _ = opened(Extras(guard=True, watchdog=True, readback=True))
    for k in range(6):
        line.advance(200 + 77 * k)
        device.fetch(k % 2, k)
        device.run(frames(1)[k % 4])
    line.advance(2 * device.identify().guard)
    status = device.status()
    assert status.passes >= 2 and status.damaged == 0


@pytest.mark.parametrize("steps", [1, 3])
def test_timesteps_with_both(steps):
    made = planned(busy(), weights="ram")
    extras = Extras(stream=steps, guard=True, watchdog=True)
    line = SimulatedLine(LinkedCore(made, extras=extras))
    upsets, device = Upsets(line), Device(line, busy(), timeout=0.2)
    device.load(made)
    check_stream(device, values(busy(), steps, 1))
    upsets.flip(upsets.register("core.source.turn"), 0)     # the timestep that it believes it is at
    check_stream(device, values(busy(), steps, 2))
    check_inferences(device, busy(), values(busy(), 1, 1))
    status = device.status()
    assert status.passes > 0 and (status.damaged, status.recovered) == (0, 0)


def test_a_guard_delays_nobody():
    """Byte for byte, at every point of a pass: replies come in the clock in which they come without one."""
    def clocks(extras: Extras) -> list[int]:
        line = SimulatedLine(LinkedCore(plan(network(0)), extras=extras), pace=1)
        seen: list[int] = []

        async def watch(ctx):
            clock = 0
            while True:
                _, _, valid, ready = await ctx.tick().sample(line._device.o.valid, line._device.o.ready)
                clock += 1
                if valid and ready:
                    seen.append(clock)

        line._simulator.add_testbench(watch, background=True)
        device = Device(line)
        device.load(plan(network(1)))
        for k in range(12):
            line.advance(17 * k)
            device.run(frames(1)[k % 4])
        return seen[-100:]

    with_guard, without = clocks(Extras(guard=True, watchdog=True)), clocks(Extras(watchdog=True))
    assert len(with_guard) == 100
    assert np.diff(with_guard).tolist() == np.diff(without).tolist()


def test_most_upsets_of_a_core_are_over_with_the_next_inference():
    """Any bit of its registers, in the middle of an inference: an answer comes, and the next one is right."""
    device, line, upsets = opened(Extras(watchdog=True), timeout=0.3)
    rng, expected = random.Random(2), simulate(network(1), frames(1))
    places = [signal for path, signal in sorted(upsets.registers.items()) if path.startswith("top.core.")]
    for _ in range(25):
        k = rng.randrange(4)
        signal = rng.choice(places)
        upsets.later(signal, rng.randrange(len(signal)))
        device.run(frames(1)[k])
        result = device.run(frames(1)[k])
        assert (result.label, device.read().scores) == (expected.classes[k], tuple(expected.scores[k]))


def test_without_them_a_device_is_as_it_was():
    plain = plan(network(0))
    assert identity(plain).version == 3 and len(identity(plain).pack()) == 46
    texts = {extras: verilog.to_rtlil(LinkedTop(plain, 24e6, extras=extras), "top") for extras in (Extras(), BOTH)}
    for word in ("guard", "watchdog", "checksum"):
        assert (word in texts[Extras()], word in texts[BOTH]) == (False, True)


def test_the_checksum_is_of_what_is_loaded():
    assert checksum(plan(network(0))) == checksum(plan(network(0))) != checksum(plan(network(1)))


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
def test_there_must_be_weights_to_guard():
    with pytest.raises(SpikeloomError) as error:
        LinkedCore(plan(network(0), ("rom", "rom")), extras=Extras(guard=True))
    assert str(error.value) == "guard must be False where no weights are loaded, not True"
    del error
    gc.collect()  # here, where the warning of components that were never built is expected
