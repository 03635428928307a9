"""ULX3S: one board, four ECP5 parts; 25 MHz, FT231X UART of up to 3 Mbaud.

The 12F is the die of the 25F, and the open tools open all of it.
"""

from spikeloom.boards.board import Board, Budget


def _ulx3s(size: str, *, lut: int, ram: int, dsp: int) -> Board:
    return Board(
        name=f"ulx3s-{size.lower()}",
        title=f"ULX3S {size}",
        family="ecp5",
        device=f"LFE5U-{size}",
        package="BG381",
        speed="6",
        clock_hz=25_000_000,
        rx="M1",
        tx="L4",
        leds=("B2", "C2", "C1", "D2", "D1", "E2", "E1", "H3"),
        budget=Budget(lut=lut, ram=ram, ram_bits=18_432, ram_width=36, dsp=dsp),
        platform=f"ulx3s:ULX3S_{size}_Platform",
    )


BOARDS = (
    _ulx3s("12F", lut=24_288, ram=56, dsp=28),
    _ulx3s("25F", lut=24_288, ram=56, dsp=28),
    _ulx3s("45F", lut=43_848, ram=108, dsp=72),
    _ulx3s("85F", lut=83_640, ram=208, dsp=156),
)
