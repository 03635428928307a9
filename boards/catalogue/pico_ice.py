"""pico-ice: iCE40 UP5K beside an RP2040, which makes its clock, programs it and is its UART.

Pins from the board's own files: the RP2040's header for its SDK (UART), the manual of its default firmware (clock
and UART), and the constraints of its test jig (LEDs).
"""

from spikeloom.boards.board import Board, Programmer

BOARDS = (
    Board(
        name="pico-ice",
        title="pico-ice",
        family="ice40",
        device="iCE40UP5K",
        package="SG48",
        clock="35",
        clock_hz=12_000_000,
        pll_pad=True,
        rx="27",
        tx="25",
        baud=115_200,
        leds=("41", "39", "40"),
        leds_active_low=True,
        programmer=Programmer(tool="dfu-util", options=("-d", "1209:b1c0", "-a", "0", "-D"), usb="1209:b1c0"),
        unverified=("programmer",),
        notes="The RP2040 must run its default firmware: it makes the 12 MHz at pin 35 and joins its second serial "
              "port to pins 27 and 25. Whether setting 0 is the FPGA's memory or the flash depends on its version.",
    ),
)
