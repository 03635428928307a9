"""Icepi Zero 1.3: ECP5 25F in the shape of a Raspberry Pi Zero, 50 MHz, FT231X as programmer and UART."""

from spikeloom.boards.board import Board, Programmer

BOARDS = (
    Board(
        name="icepi-zero",
        title="Icepi Zero",
        family="ecp5",
        device="LFE5U-25F",
        package="BG256",
        speed="6",
        clock="M1",
        clock_hz=50_000_000,
        default_hz=25_000_000,
        rx="K16",
        tx="K15",
        leds=("E13", "D14", "E12", "C13", "D13"),
        programmer=Programmer(tool="openfpgaloader", options=("-b", "icepi-zero"), keep=("-f",), usb="0403:6015"),
        platform="icepi_zero:IcepiZero1_3Platform",
    ),
)
