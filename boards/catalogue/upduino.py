"""UPduino 3: iCE40 UP5K, 12 MHz behind a jumper, FT232H as programmer; no UART of its own."""

from spikeloom.boards.board import Board, Programmer

BOARDS = (
    Board(
        name="upduino3",
        title="UPduino 3",
        family="ice40",
        device="iCE40UP5K",
        package="SG48",
        clock="20",
        clock_hz=12_000_000,
        rx="38",
        tx="28",
        leds=("41", "39", "40"),
        leds_active_low=True,
        programmer=Programmer(tool="iceprog", usb="0403:6014"),
        platform="upduino_v3:UpduinoV3Platform",
        notes="Close the OSC jumper, which joins the oscillator to pin 20; the oscillator in the FPGA is too inexact "
              "for a UART. Wire a 3.3 V USB-serial adapter: its TX to pin 38, its RX to pin 28, ground to ground.",
    ),
)
