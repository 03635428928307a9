"""What a board is: a part, a clock, the pins of the host link and what the part has to give."""

from dataclasses import dataclass
from importlib import import_module

from spikeloom.check import choice, integer
from spikeloom.errors import SpikeloomError, ToolError

FAMILIES = ("ice40", "ecp5")


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a part has: logic cells (one LUT and one flip-flop each), block RAMs and their bits, and the rarer blocks.

    `ram_bits` is the capacity of one block RAM, `ram_width` the widest word it gives in a clock. `spram` counts
    single-port RAMs without initial contents, of `spram_bits` each.
    """

    lut: int
    ram: int
    ram_bits: int
    ram_width: int
    spram: int = 0
    spram_bits: int = 0
    dsp: int = 0

    def __post_init__(self) -> None:
        for field in ("lut", "ram", "ram_bits", "ram_width"):
            integer(field, getattr(self, field), 1, 1 << 24)
        for field in ("spram", "spram_bits", "dsp"):
            integer(field, getattr(self, field), 0, 1 << 24)


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board that a network can be built for.

    `platform` names the amaranth-boards class as "module:Class"; its default clock, "uart" 0 and "led" 0 are used.
    `clock_hz` is the oscillator; `rx` and `tx` are the pins of the host link, seen from the FPGA. `leds` are the pins
    of "led" 0, 1, ... of the platform, which inverts them where they are `leds_active_low`: a 1 always lights one.
    """

    name: str
    title: str
    family: str
    device: str
    package: str
    speed: str = ""
    clock_hz: int
    rx: str
    tx: str
    leds: tuple[str, ...]
    leds_active_low: bool = False
    budget: Budget
    platform: str

    def __post_init__(self) -> None:
        choice("family", self.family, FAMILIES)
        integer("clock_hz", self.clock_hz, 1_000_000, 400_000_000)
        if not self.name or self.name != self.name.lower() or " " in self.name:
            raise SpikeloomError(f"name must be lower case without spaces, not {self.name!r}")
        if self.platform.count(":") != 1:
            raise SpikeloomError(f"platform must be module:Class, not {self.platform!r}")

    @property
    def led(self) -> str:
        """The pin of the LED that lights while the design is busy."""
        return self.leds[0]

    def make_platform(self):
        """A fresh amaranth-boards platform (each serves one build). Raises `ToolError` without amaranth-boards."""
        module, name = self.platform.split(":")
        try:
            return getattr(import_module(f"amaranth_boards.{module}"), name)()
        except ModuleNotFoundError as error:
            raise ToolError("amaranth-boards was not found: pip install 'spikeloom[fpga]'") from error
