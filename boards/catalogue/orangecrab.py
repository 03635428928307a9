"""OrangeCrab r0.2: ECP5 25F or 85F, 48 MHz, native USB for programming only; no UART of its own."""

from spikeloom.boards.board import Board, Programmer


def _orangecrab(size: int) -> Board:
    return Board(
        name=f"orangecrab-{size}f",
        title=f"OrangeCrab {size}F",
        family="ecp5",
        device=f"LFE5U-{size}F",
        package="MG285",
        speed="8",
        clock="A9",
        clock_hz=48_000_000,
        rx="N17",
        tx="M18",
        leds=("K4", "M3", "J3"),
        leds_active_low=True,
        programmer=Programmer(tool="dfu-util", options=("-d", "1209:5af0", "-a", "0", "-D"), usb="1209:5af0"),
        platform=f"orangecrab_r0_2:OrangeCrabR0_2_{size}FPlatform",
        notes="Hold the button while plugging it in: that starts the loader that dfu-util talks to. Wire a 3.3 V "
              "USB-serial adapter to the header: its TX to pin 0, its RX to pin 1, ground to ground.",
    )


BOARDS = (_orangecrab(25), _orangecrab(85))
