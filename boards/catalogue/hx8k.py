"""iCE40-HX8K breakout board (iCE40HX8K-B-EVN): 12 MHz, FT2232H as programmer and UART."""

from spikeloom.boards.board import Board, Programmer

BOARDS = (
    Board(
        name="hx8k",
        title="iCE40-HX8K breakout",
        family="ice40",
        device="iCE40HX8K",
        package="CT256",
        clock="J3",
        clock_hz=12_000_000,
        rx="B10",
        tx="B12",
        leds=("C3", "B3", "C4", "C5", "A1", "A2", "B4", "B5"),
        programmer=Programmer(tool="iceprog", usb="0403:6010"),
        platform="ice40_hx8k_b_evn:ICE40HX8KBEVNPlatform",
        notes="The jumpers must be set for the flash memory.",
    ),
)
