"""The host driver for programs that do several things at once: `Device`'s methods to await."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, Self, TypeVar

import numpy as np

from spikeloom.errors import LinkError
from spikeloom.firmware.device import Device, Result
from spikeloom.firmware.transport import LineLost, Transport
from spikeloom.network import Network
from spikeloom.rtl_gen.protocol import Counters, Identity

_SLICE = 0.05   # seconds within which a cancelled request lets go
P, T = ParamSpec("P"), TypeVar("T")


class AsyncDevice:
    """A `Device` in a thread of its own: the same methods, each to be awaited; requests go out one after the other.

    A method that is cancelled stops listening within 50 ms. The request it made may still be carried out; its reply is
    ignored, and the next request is repeated until the device has time for it.

    Parameters: those of `Device`.
    """

    def __init__(self, transport: Transport, network: Network | None = None, *, timeout: float = 1.0, tries: int = 4,
                 patience: float = 0.0):
        self._line = _Interruptible(transport)
        self.device = Device(self._line, network, timeout=timeout, tries=tries, patience=patience)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"device on {transport.name}")
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        try:
            await self.identify()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the line. It may be called twice."""
        self._line.close()
        self._thread.shutdown(wait=False)

    async def identify(self) -> Identity:
        """See `Device.identify`."""
        return await self.call(Device.identify)

    async def identify_any(self) -> Identity:
        """See `Device.identify_any`."""
        return await self.call(Device.identify_any)

    async def reconnect(self, timeout: float) -> Identity:
        """See `Device.reconnect`."""
        return await self.call(Device.reconnect, timeout)

    async def persist(self, action: Callable[[], T]) -> T:
        """See `Device.persist`; `action` uses `device` and runs in the other thread."""
        return await self.call(Device.persist, action)

    async def load(self, plan, *, progress: Callable[[int, int], None] | None = None) -> None:
        """See `Device.load`; `progress` is called in the other thread."""
        await self.call(Device.load, plan, progress=progress)

    async def run(self, values: np.ndarray) -> Result:
        """See `Device.run`."""
        return await self.call(Device.run, values)

    async def run_words(self, packed: np.ndarray) -> Result:
        """See `Device.run_words`."""
        return await self.call(Device.run_words, packed)

    async def run_many(self, frames: Iterable[np.ndarray]) -> list[Result]:
        """See `Device.run_many`; all results, when the last one is there."""
        return await self.call(lambda device: list(device.run_many(frames)))

    async def stream(self, values: Iterable[np.ndarray]) -> AsyncIterator[np.ndarray]:
        """See `Device.stream`; `values` is gone through in the other thread, and `read` has the result."""
        spikes = self.device.stream(values)
        while (row := await self.call(lambda _: next(spikes, None))) is not None:
            yield row

    async def read(self) -> Result:
        """See `Device.read`."""
        return await self.call(Device.read)

    async def membranes(self, layer: int, count: int | None = None) -> np.ndarray:
        """See `Device.membranes`."""
        return await self.call(lambda device: device.membranes(layer, count))

    async def fetch(self, layer: int, row: int) -> bytes:
        """See `Device.fetch`."""
        return await self.call(Device.fetch, layer, row)

    async def status(self) -> Counters:
        """See `Device.status`."""
        return await self.call(Device.status)

    async def reset(self) -> None:
        """See `Device.reset`."""
        await self.call(Device.reset)

    async def call(self, method: Callable[Concatenate[Device, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        """`method` of `Device`, in the other thread."""
        async with self._turn:
            self._line.stopped.clear()
            work = asyncio.get_running_loop().run_in_executor(
                self._thread, lambda: method(self.device, *arguments, **named))
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                self._line.stopped.set()
                await asyncio.wait([work])
                work.exception()    # looked at, so that nobody complains that it was not
                raise


class _Stopped(LinkError):
    """Whoever waited for a reply no longer does."""


class _Interruptible(Transport):
    """`line`, of which every wait ends soon after `stopped` is set."""

    def __init__(self, line: Transport):
        self.name, self.line, self.stopped = line.name, line, threading.Event()

    def now(self) -> float:
        return self.line.now()

    def write(self, data: bytes) -> None:
        self._check()
        self.line.write(data)

    def read(self, timeout: float) -> bytes:
        left = timeout
        while left > 0:
            self._check()
            if received := self.line.read(min(left, _SLICE)):
                return received
            left -= _SLICE
        return b""

    def reopen(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            self._check()
            try:
                return self.line.reopen(min(_SLICE, timeout))
            except LineLost:
                if time.monotonic() >= deadline:
                    raise

    def close(self) -> None:
        self.line.close()

    def _check(self) -> None:
        if self.stopped.is_set():
            raise _Stopped(f"the device on {self.name} is no longer waited for")
