"""Lines to gateware in Amaranth's simulator: to the driver they are a board, only slower."""

from abc import abstractmethod
from collections import deque
from collections.abc import Coroutine

from amaranth.sim import Simulator

from spikeloom.firmware.framing import FillRemover
from spikeloom.firmware.transport import Transport
from spikeloom.rtl_gen.protocol import FLAG

CYCLES_PER_SECOND = 4000
_PERIOD, _STRIDE = 1e-6, 64


class _Simulated(Transport):
    """A device that advances only while it is read. `CYCLES_PER_SECOND` clock cycles of silence are a second to the
    driver."""

    def __init__(self, device):
        self.name = "the simulator"
        self.cycles = 0
        self._device = device
        self._sent: deque[int] = deque()
        self._received = bytearray()
        self._simulator = Simulator(device)
        self._simulator.add_clock(_PERIOD)
        for coroutine in self._coroutines():
            self._simulator.add_testbench(coroutine, background=True)

    @abstractmethod
    def _coroutines(self) -> list[Coroutine]:
        """What drives and watches the device's ports."""

    def advance(self, cycles: int) -> None:
        """Let that many clock cycles pass."""
        self.cycles += cycles
        self._simulator.run_until(self.cycles * _PERIOD)

    def now(self) -> float:
        return self.cycles / CYCLES_PER_SECOND

    def write(self, data: bytes) -> None:
        self._sent += data

    def read(self, timeout: float) -> bytes:
        left = timeout * CYCLES_PER_SECOND
        while left > 0 and not self._received:
            left = timeout * CYCLES_PER_SECOND if self._sent else left - _STRIDE
            self.advance(_STRIDE)
        received = bytes(self._received)
        self._received.clear()
        return received

    def close(self) -> None:
        pass


class SimulatedLine(_Simulated):
    """The byte streams `i` and `o` of a `LinkedCore`, a byte every `pace` clock cycles at most."""

    def __init__(self, device, *, pace: int = 2):
        self._pace = pace
        super().__init__(device)

    def _coroutines(self) -> list[Coroutine]:
        return [self._pump]

    async def _pump(self, ctx) -> None:
        i, o = self._device.i, self._device.o
        ctx.set(o.ready, 1)
        while True:
            for k in range(self._pace):
                valid = k == 0 and bool(self._sent)
                ctx.set(i.valid, valid)
                ctx.set(i.payload, self._sent.popleft() if valid else 0)
                _, _, valid, byte = await ctx.tick().sample(o.valid, o.payload)
                if valid:
                    self._received.append(byte)


class SimulatedUart(_Simulated):
    """The pins `rx` and `tx` of a `LinkedTop` with `divisor` clock cycles a bit."""

    def __init__(self, device, *, divisor: int):
        self._divisor = divisor
        super().__init__(device)

    def _coroutines(self) -> list[Coroutine]:
        return [self._send, self._receive]

    async def _send(self, ctx) -> None:
        while True:
            bits = self._sent.popleft() << 1 | 1 << 9 if self._sent else 0b1111111111
            for k in range(10):
                ctx.set(self._device.rx, bits >> k & 1)
                await _ticks(ctx, self._divisor)

    async def _receive(self, ctx) -> None:
        while True:
            await ctx.tick()
            if ctx.get(self._device.tx):
                continue
            await _ticks(ctx, self._divisor // 2)
            byte = 0
            for k in range(8):
                await _ticks(ctx, self._divisor)
                byte |= ctx.get(self._device.tx) << k
            await _ticks(ctx, self._divisor)
            if ctx.get(self._device.tx):
                self._received.append(byte)


class SimulatedSpi(_Simulated):
    """The pins of a `LinkedSpiTop`, at `period` clock cycles a bit, an even number of at least 4.

    The controller selects the device for `burst` bytes at a time, and clocks all the time: flags while it has nothing
    to send, to hear what the device says.
    """

    def __init__(self, device, *, period: int = 4, burst: int = 16):
        self._half, self._burst, self._fill = period // 2, burst, FillRemover()
        super().__init__(device)

    def _coroutines(self) -> list[Coroutine]:
        return [self._clock]

    async def _clock(self, ctx) -> None:
        while True:
            ctx.set(self._device.cs_n, 0)
            await _ticks(ctx, 4)
            for _ in range(self._burst):
                byte = await self._exchange(ctx, self._sent.popleft() if self._sent else FLAG)
                self._received += self._fill.feed(bytes([byte]))
            ctx.set(self._device.cs_n, 1)
            await _ticks(ctx, 4)

    async def _exchange(self, ctx, byte: int) -> int:
        """One byte there, most significant bit first, and the one that comes back."""
        back = 0
        for k in reversed(range(8)):
            ctx.set(self._device.copi, byte >> k & 1)
            await _ticks(ctx, self._half)
            back = back << 1 | ctx.get(self._device.cipo)
            ctx.set(self._device.sck, 1)
            await _ticks(ctx, self._half)
            ctx.set(self._device.sck, 0)
        return back


async def _ticks(ctx, count: int) -> None:
    # A loop of one's own: `tick().repeat()` complains when the simulator is dropped in the middle of it.
    for _ in range(count):
        await ctx.tick()
