"""A board as amaranth's build system wants it: the class of amaranth-boards if there is one, and what it lacks."""

from importlib import import_module

from amaranth.build import Attrs, Clock, Pins, Resource, Subsignal
from amaranth.vendor import LatticeECP5Platform, LatticeICE40Platform

from spikeloom.errors import ToolError

_PLATFORMS = {"ice40": LatticeICE40Platform, "ecp5": LatticeECP5Platform}
_LEVELS = {"ice40": {"IO_STANDARD": "SB_LVCMOS"}, "ecp5": {"IO_TYPE": "LVCMOS33"}}
_PULL_UP = {"ice40": {"PULLUP": 1}, "ecp5": {"PULLMODE": "UP"}}


def make(board):
    """A platform with the clock of `board` as its default, its "uart" 0, and its LEDs as "led" 0, 1, ..."""
    levels = Attrs(**_LEVELS[board.family])
    lacking = []
    base = _class(board)
    names = {(one.name, one.number) for one in base.resources}
    clock = next((one.name for one in base.resources if one.clock and _pins(one) == board.clock.split()), None)
    if clock is None:
        clock = "clk"
        lacking.append(Resource(clock, 0, Pins(board.clock, dir="i"), Clock(board.clock_hz), levels))
    if ("uart", 0) not in names:
        lacking.append(Resource(
            "uart", 0,
            Subsignal("rx", Pins(board.rx, dir="i"), Attrs(**_PULL_UP[board.family])),
            Subsignal("tx", Pins(board.tx, dir="o")), levels))
    lacking += [Resource("led", number, Pins(pin, dir="o", invert=board.leds_active_low), levels)
                for number, pin in enumerate(board.leds) if ("led", number) not in names]
    platform = type(base.__name__, (base,), {
        "default_clk": clock, "default_rst": None, "resources": [*base.resources, *lacking],
        "device": board.device, "package": board.package, "speed": board.speed})()
    return platform


def _class(board):
    if not board.platform:
        return type("Platform", (_PLATFORMS[board.family],), {"resources": [], "connectors": []})
    module, name = board.platform.split(":")
    try:
        return getattr(import_module(f"amaranth_boards.{module}"), name)
    except ModuleNotFoundError as error:
        raise ToolError("amaranth-boards was not found: pip install 'spikeloom[fpga]'") from error


def _pins(resource) -> list[str]:
    """The pins of a resource; of a pair both."""
    pins = resource.ios[0]
    return pins.names if hasattr(pins, "names") else [*pins.p.names, *pins.n.names]
