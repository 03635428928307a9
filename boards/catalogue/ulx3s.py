"""ULX3S: one board, four ECP5 parts; 25 MHz, FT231X UART of up to 3 Mbaud."""

from spikeloom.boards.board import Board, Programmer


def _ulx3s(size: str) -> Board:
    return Board(
        name=f"ulx3s-{size.lower()}",
        title=f"ULX3S {size}",
        family="ecp5",
        device=f"LFE5U-{size}",
        package="BG381",
        speed="6",
        clock="G2",
        clock_hz=25_000_000,
        rx="M1",
        tx="L4",
        leds=("B2", "C2", "C1", "D2", "D1", "E2", "E1", "H3"),
        programmer=Programmer(tool="openfpgaloader", options=("-b", "ulx3s"), keep=("-f",), usb="0403:6015"),
        platform=f"ulx3s:ULX3S_{size}_Platform",
    )


BOARDS = tuple(map(_ulx3s, ("12F", "25F", "45F", "85F")))
