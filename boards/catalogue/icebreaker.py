"""iCEBreaker 1.0: iCE40 UP5K, 12 MHz, FT2232H as programmer and UART."""

from spikeloom.boards.board import Board, Budget

BOARDS = (
    Board(
        name="icebreaker",
        title="iCEBreaker",
        family="ice40",
        device="iCE40UP5K",
        package="SG48",
        clock_hz=12_000_000,
        rx="6",
        tx="9",
        leds=("11", "37"),
        leds_active_low=True,
        budget=Budget(lut=5280, ram=30, ram_bits=4096, ram_width=16, spram=4, spram_bits=262_144, dsp=8),
        platform="icebreaker:ICEBreakerPlatform",
    ),
)
