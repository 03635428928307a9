"""Versa ECP5 and ECP5 5G: 45F, a differential 100 MHz, FT2232H as programmer and UART."""

from spikeloom.boards.board import Board, Programmer


def _versa(name: str, title: str, device: str, platform: str) -> Board:
    return Board(
        name=name,
        title=title,
        family="ecp5",
        device=device,
        package="BG381",
        speed="8",
        clock="P3 P4",
        clock_hz=100_000_000,
        default_hz=50_000_000,
        rx="C11",
        tx="A11",
        leds=("E16", "D17", "D18", "E18", "F17", "F18", "E17", "F16"),
        leds_active_low=True,
        programmer=Programmer(tool="openfpgaloader", options=("-c", "ft2232"), keep=("-f",), usb="0403:6010"),
        platform=platform,
        unverified=("programmer",),
        notes="openFPGALoader has no entry for this board, the cable alone is named; amaranth-boards uses openocd.",
    )


BOARDS = (
    _versa("versa-ecp5", "Versa ECP5", "LFE5UM-45F", "versa_ecp5:VersaECP5Platform"),
    _versa("versa-ecp5-5g", "Versa ECP5 5G", "LFE5UM5G-45F", "versa_ecp5_5g:VersaECP55GPlatform"),
)
