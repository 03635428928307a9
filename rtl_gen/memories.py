"""Which memories are built of logic: on iCE40 the smallest block RAM has 4096 bits, and there are few of them."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MemoryRules:
    """Memories up to these sizes are built of look-up tables and flip-flops, larger ones are left to synthesis.

    Parameters
    ----------
    rom, ram : bits; 0 leaves all of them to synthesis.
    """

    rom: int = 0
    ram: int = 0

    def attributes(self, bits: int, *, written: bool) -> dict[str, str]:
        """Attributes of a memory of `bits` bits in all."""
        if bits > (self.ram if written else self.rom):
            return {}
        return {"ram_style": "logic"} if written else {"rom_style": "logic"}


NO_RULES = MemoryRules()
BY_FAMILY = {None: NO_RULES, "ice40": MemoryRules(rom=4096, ram=256), "ecp5": NO_RULES}

# Shapes (words, bits) in which a block RAM of each family can be used.
RAM_SHAPES = {
    "ice40": ((256, 16), (512, 8), (1024, 4), (2048, 2)),
    "ecp5": ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)),
}
BLOCK_RAM_CELLS = {"ice40": 64, "ecp5": 128}  # what a block RAM may save, as Yosys reckons
LUT_RAM_WORDS = {"ice40": 0, "ecp5": 64}    # memories up to this depth need no block RAM


def block_rams(family: str, depth: int, width: int) -> int:
    """Block RAMs of a memory of `depth` words of `width` bits."""
    if depth <= LUT_RAM_WORDS[family]:
        return 0
    return min(-(-depth // words_) * -(-width // bits) for words_, bits in RAM_SHAPES[family])


def rom_block_rams(family: str, depth: int, width: int) -> int:
    """Block RAMs of a memory that is never written: none if Yosys finds logic cheaper, a sixteenth of a cell a bit."""
    blocks = block_rams(family, depth, width)
    return 0 if depth * width <= 16 * BLOCK_RAM_CELLS[family] * blocks else blocks
