"""What a board is: a part, a clock, the pins of the host link, LEDs, and the program that loads it."""

from dataclasses import dataclass, field

from spikeloom.boards import parts
from spikeloom.boards.budget import Budget
from spikeloom.check import choice, integer
from spikeloom.errors import SpikeloomError

__all__ = ["Board", "Budget", "Programmer"]

FAMILIES = ("ice40", "ecp5")
PROGRAMMERS = ("openfpgaloader", "iceprog", "dfu-util", "icesprog")
CLAIMS = ("clock", "rx", "tx", "leds", "programmer")


@dataclass(frozen=True, kw_only=True)
class Programmer:
    """How a bitstream gets into a board.

    `tool` is a name of `spikeloom.tools`, `options` go between it and the bitstream. `keep` are options that write
    the flash memory instead; None where the tool always does. `usb` is "vendor:product" of what the computer sees,
    in hexadecimal.
    """

    tool: str
    options: tuple[str, ...] = ()
    keep: tuple[str, ...] | None = None
    usb: str

    def __post_init__(self) -> None:
        choice("tool", self.tool, PROGRAMMERS)
        if len(self.usb) != 9 or self.usb[4] != ":" or not set(self.usb) <= set("0123456789abcdef:"):
            raise SpikeloomError(f"usb must be vendor:product in hexadecimal, not {self.usb!r}")


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board that a network can be built for.

    `clock_hz` is the oscillator at the pin `clock` ("P N" if it is a pair); a design runs at `default_hz` unless
    another clock is asked for (0: at the oscillator's). `pll_pad` tells that an iCE40's `clock` is the pad of its PLL.
    `rx` and `tx` are the pins of the host link, seen from the FPGA, and `baud` what their other end surely does.
    `leds` are the pins of "led" 0, 1, ... of the platform, which inverts them where they are `leds_active_low`: a 1
    always lights one. `platform` names the amaranth-boards class as "module:Class"; none is needed. `unverified` names
    what no file of another project confirmed, of `CLAIMS`; `notes` is what a person has to do or know.
    """

    name: str
    title: str
    family: str
    device: str
    package: str
    speed: str = ""
    clock: str
    clock_hz: int
    default_hz: int = 0
    pll_pad: bool = False
    rx: str
    tx: str
    baud: int = 1_000_000
    leds: tuple[str, ...]
    leds_active_low: bool = False
    programmer: Programmer
    platform: str = ""
    unverified: tuple[str, ...] = ()
    notes: str = ""
    budget: Budget = field(init=False)

    def __post_init__(self) -> None:
        choice("family", self.family, FAMILIES)
        choice("device", self.device, tuple(parts.BUDGETS))
        choice("package", self.package, tuple(parts.PACKAGES))
        object.__setattr__(self, "budget", parts.BUDGETS[self.device])
        integer("clock_hz", self.clock_hz, 1_000_000, 400_000_000)
        object.__setattr__(self, "default_hz", integer("default_hz", self.default_hz or self.clock_hz, 1_000_000,
                                                       400_000_000))
        integer("baud", self.baud, 1200, 12_000_000)
        if not self.name or self.name != self.name.lower() or " " in self.name:
            raise SpikeloomError(f"name must be lower case without spaces, not {self.name!r}")
        if self.platform and self.platform.count(":") != 1:
            raise SpikeloomError(f"platform must be module:Class, not {self.platform!r}")
        if not self.leds:
            raise SpikeloomError("leds must name at least one pin, not ()")
        for one in self.unverified:
            choice("unverified", one, CLAIMS)

    @property
    def led(self) -> str:
        """The pin of the LED that lights while the design is busy."""
        return self.leds[0]

    def make_platform(self):
        """A fresh amaranth platform (each serves one build). Raises `ToolError` without amaranth-boards."""
        from spikeloom.boards.platform import make
        return make(self)
