"""ECP5 evaluation board (LFE5UM5G-85F-EVN): 12 MHz, FT2232H as programmer and, after a change, as UART."""

from spikeloom.boards.board import Board, Programmer

BOARDS = (
    Board(
        name="ecp5-evn",
        title="ECP5-EVN",
        family="ecp5",
        device="LFE5UM5G-85F",
        package="BG381",
        speed="8",
        clock="A10",
        clock_hz=12_000_000,
        rx="P2",
        tx="P3",
        leds=("A13", "A12", "B19", "A18", "B18", "C17", "A17", "B17"),
        leds_active_low=True,
        programmer=Programmer(tool="openfpgaloader", options=("-b", "ecp5_evn"), keep=("-f",), usb="0403:6010"),
        platform="ecp5_5g_evn:ECP55GEVNPlatform",
        notes="As sold, the UART is not connected: section 6.2 of its manual says which two resistors to move.",
    ),
)
