"""Lines to gateware in Amaranth's simulator: to the driver they are a board, only slower."""

from abc import abstractmethod
from collections import deque
from collections.abc import Coroutine

from amaranth.sim import Simulator

from spikeloom.firmware.transport import Transport

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


async def _ticks(ctx, count: int) -> None:
    # A loop of one's own: `tick().repeat()` complains when the simulator is dropped in the middle of it.
    for _ in range(count):
        await ctx.tick()
