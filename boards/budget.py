"""What a part has to give."""

from dataclasses import dataclass

from spikeloom.check import integer


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a part has: logic cells (one LUT and one flip-flop each), block RAMs and their bits, and the rarer blocks.

    `ram_bits` is the capacity of one block RAM, `ram_width` the widest word it gives in a clock. `spram` counts
    single-port RAMs without initial contents, of `spram_bits` each.
    """

    lut: int
    ram: int
    ram_bits: int
    ram_width: int
    spram: int = 0
    spram_bits: int = 0
    dsp: int = 0

    def __post_init__(self) -> None:
        for field in ("lut", "ram", "ram_bits", "ram_width"):
            integer(field, getattr(self, field), 1, 1 << 24)
        for field in ("spram", "spram_bits", "dsp"):
            integer(field, getattr(self, field), 0, 1 << 24)
