import asyncio
import inspect
import threading
import time

import pytest

from spikeloom.errors import LinkError
from spikeloom.firmware.asynchronous import AsyncDevice
from spikeloom.firmware.device import Device
from spikeloom.firmware.simulated import SimulatedLine
from spikeloom.firmware.transport import LineLost, Transport
from spikeloom.rtl_gen import planner
from spikeloom.rtl_gen.link.extras import Extras
from spikeloom.rtl_gen.linked import LinkedCore
from spikeloom.sim.random_networks import random_frames, random_network
from spikeloom.sim.reference import simulate


class Deaf(Transport):
    """A line on which nobody answers, in real time."""

    name = "the deaf"

    def __init__(self):
        self.written, self.closed, self.reading = [], False, threading.Event()

    def write(self, data):
        self.written.append(data)

    def read(self, timeout):
        self.reading.set()
        time.sleep(timeout)
        return b""

    def reopen(self, timeout):
        time.sleep(timeout)
        raise LineLost("the deaf must come back")

    def close(self):
        self.closed = True


def test_answers_are_the_reference_s():
    network = random_network(0)
    frames = random_frames(network, 0, 3)
    expected = simulate(network, frames, device="cpu")

    async def ask():
        async with AsyncDevice(SimulatedLine(LinkedCore(planner.make(network))), network) as device:
            results = await asyncio.gather(*(device.run(values) for values in frames))
            assert [result.label for result in results] == expected.classes.tolist()
            assert (await device.read()).scores == tuple(expected.scores[-1])
            assert (await device.status()).frames == 6
            again = await device.persist(lambda: (device.device.run(frames[0]), device.device.read())[1])
            assert again.scores == tuple(expected.scores[0])
            await device.reset()
            with pytest.raises(LinkError, match="must have run a frame before its scores are read$"):
                await device.read()

    asyncio.run(ask())


def test_timesteps_are_the_reference_s():
    network = random_network(59)
    (one,) = frames = random_frames(network, 59, 1)
    expected = simulate(network, frames, trace=True, device="cpu")

    async def ask():
        line = SimulatedLine(LinkedCore(planner.make(network), extras=Extras(stream=3)))
        async with AsyncDevice(line, network) as device:
            assert [row.tolist() async for row in device.stream(one)] == expected.spikes[-1][0].tolist()
            assert (await device.read()).scores == tuple(expected.scores[0])

    asyncio.run(ask())


def test_a_cancelled_request_lets_go_and_others_go_on():
    line = Deaf()

    async def ask():
        device = AsyncDevice(line, timeout=60)
        task = asyncio.create_task(device.status())
        await asyncio.to_thread(line.reading.wait)
        began, ticks = time.perf_counter(), 0
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.perf_counter() - began < 5
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await device.run_words([0])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await device.reconnect(60)
        waiting = asyncio.create_task(device.status())
        while ticks < 5:        # the loop is free meanwhile
            await asyncio.sleep(0.01)
            ticks += 1
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await device.close()
        await device.close()

    asyncio.run(ask())
    assert line.closed and len(line.written) == 3


def test_errors_come_through():
    line = Deaf()

    async def ask():
        async with AsyncDevice(line, timeout=0.06, tries=2):
            pass

    with pytest.raises(LinkError, match=r"^the device on the deaf must answer IDENTIFY within 0.06 s, not stay silent"):
        asyncio.run(ask())
    assert line.closed and len(line.written) == 2


def test_every_method_of_the_device_is_there():
    for name, method in inspect.getmembers(Device, inspect.isfunction):
        if not name.startswith("_"):
            ours = getattr(AsyncDevice, name)
            assert inspect.iscoroutinefunction(ours) or inspect.isasyncgenfunction(ours), name
            assert list(inspect.signature(ours).parameters) == list(inspect.signature(method).parameters), name
