"""iCEBreaker 1.0: iCE40 UP5K, 12 MHz, FT2232H as programmer and UART."""

from spikeloom.boards.board import Board, Programmer

BOARDS = (
    Board(
        name="icebreaker",
        title="iCEBreaker",
        family="ice40",
        device="iCE40UP5K",
        package="SG48",
        clock="35",
        clock_hz=12_000_000,
        pll_pad=True,
        rx="6",
        tx="9",
        leds=("11", "37"),
        leds_active_low=True,
        programmer=Programmer(tool="iceprog", usb="0403:6010"),
        platform="icebreaker:ICEBreakerPlatform",
    ),
)
