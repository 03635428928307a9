"""iCESugar 1.5: iCE40 UP5K, 12 MHz, iCELink (a microcontroller) as programmer and UART."""

from spikeloom.boards.board import Board, Programmer

BOARDS = (
    Board(
        name="icesugar",
        title="iCESugar 1.5",
        family="ice40",
        device="iCE40UP5K",
        package="SG48",
        clock="35",
        clock_hz=12_000_000,
        pll_pad=True,
        rx="4",
        tx="6",
        baud=115_200,
        leds=("40", "41", "39"),
        leds_active_low=True,
        programmer=Programmer(tool="icesprog", usb="1d50:602b"),
        platform="icesugar:ICESugarPlatform",
        notes="The drive iCELink takes the bitstream too: copy it there.",
    ),
)
