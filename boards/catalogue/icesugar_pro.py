"""iCESugar-pro: ECP5 25F module on its extension board; 25 MHz, iCELink as programmer and UART."""

from spikeloom.boards.board import Board, Programmer

BOARDS = (
    Board(
        name="icesugar-pro",
        title="iCESugar-pro",
        family="ecp5",
        device="LFE5U-25F",
        package="BG256",
        speed="6",
        clock="P6",
        clock_hz=25_000_000,
        rx="A9",
        tx="B9",
        baud=115_200,
        leds=("B11", "A11", "A12"),
        leds_active_low=True,
        programmer=Programmer(tool="icesprog", usb="1d50:602b"),
        platform="icesugar_pro:ICESugarProPlatform",
        unverified=("leds",),
        notes="amaranth-boards and litex-boards agree on the LEDs' pins, not on their colours and polarity; here it is "
              "as in litex-boards. The drive iCELink takes the bitstream too: copy it there.",
    ),
)
