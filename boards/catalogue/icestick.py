"""iCEstick: iCE40 HX1K, 12 MHz, FT2232H as programmer and UART. The smallest board; for very small networks."""

from spikeloom.boards.board import Board, Programmer

BOARDS = (
    Board(
        name="icestick",
        title="iCEstick",
        family="ice40",
        device="iCE40HX1K",
        package="TQ144",
        clock="21",
        clock_hz=12_000_000,
        rx="9",
        tx="8",
        leds=("99", "98", "97", "96", "95"),
        programmer=Programmer(tool="iceprog", usb="0403:6010"),
        platform="icestick:ICEStickPlatform",
    ),
)
