"""Bits that flip in a device in Amaranth's simulator."""

from amaranth.hdl import Signal

from spikeloom.firmware.simulated import SimulatedLine

EVERY, PERIOD = 16, 1e-6     # clocks; seconds of a clock in the simulator


class Upsets:
    """The registers and memories of the device behind a line, and a way to flip their bits.

    Parameters
    ----------
    line : whose simulator has not run yet.
    """

    def __init__(self, line: SimulatedLine):
        self._line, self._waiting = line, []
        self.registers: dict[str, Signal] = {}
        self.memories: dict[str, object] = {}
        for fragment, info in line._simulator._design.fragments.items():
            path = ".".join(info.name)
            for statement in fragment.statements.get("sync", ()):
                for signal in statement._lhs_signals():
                    if len(signal):
                        self.registers[f"{path}.{signal.name}"] = signal
            if hasattr(fragment, "_data"):
                self.memories[path] = fragment._data
        line._simulator.add_testbench(self._flip, background=True)

    def register(self, name: str) -> Signal:
        """The register whose path ends with `name`."""
        (found,) = (signal for path, signal in self.registers.items() if path.endswith(f".{name}"))
        return found

    def flip(self, what, bit: int) -> None:
        """Flip a bit of a register or of a word of a memory, within `EVERY` clocks, between two of them."""
        self.later(what, bit)
        self._line.advance(EVERY)

    def later(self, what, bit: int) -> None:
        """The same, while time passes otherwise."""
        self._waiting.append((what, bit))

    async def _flip(self, ctx) -> None:
        while True:
            await ctx.delay(EVERY * PERIOD)
            while self._waiting:
                what, bit = self._waiting.pop()
                ctx.set(what, ctx.get(what) ^ 1 << bit)
