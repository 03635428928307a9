"""ECPIX-5: ECP5 5G 45F or 85F, 100 MHz, FT2232H as programmer and UART; the LEDs are the green of the four RGB LEDs."""

from spikeloom.boards.board import Board, Programmer


def _ecpix5(size: int) -> Board:
    return Board(
        name=f"ecpix5-{size}f",
        title=f"ECPIX-5 {size}F",
        family="ecp5",
        device=f"LFE5UM5G-{size}F",
        package="BG554",
        speed="8",
        clock="K23",
        clock_hz=100_000_000,
        default_hz=50_000_000,
        rx="R26",
        tx="R24",
        leds=("R21", "W21", "K24", "R23"),
        leds_active_low=True,
        programmer=Programmer(tool="openfpgaloader", options=("-b", "ecpix5"), keep=("-f",), usb="0403:6010"),
        platform=f"ecpix5:ECPIX5{size}Platform",
        notes="Revision 03 has another programmer chip: load it with 'openFPGALoader -b ecpix5_r03 top.bit'.",
    )


BOARDS = (_ecpix5(45), _ecpix5(85))
