"""Which memories are built of logic: on iCE40 the smallest block RAM has 4096 bits, and there are few of them."""

from dataclasses import dataclass

from spikeloom.rtl_gen.strategies import Cost


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
# What Yosys reckons with: a block RAM, 16 x 4 bits of LUT RAM, a bit of a multiplexer's input.
BLOCK_RAM, LUT_RAM, MUX = {"ice40": 64, "ecp5": 128}, 4, 0.5


def blocks(family: str, depth: int, width: int, *, written: bool = False) -> int:
    """Block RAMs of a memory that is not built of anything else."""
    return cheapest(family, depth, width, written)[0][0]


def columns(family: str, depth: int, width: int) -> int:
    """How many columns of such a memory that is never written follow each other, and have to be chosen from."""
    return cheapest(family, depth, width, False)[0][1]


def cheapest(family: str, depth: int, width: int, written: bool) -> tuple[tuple[int, int], float]:
    """Block RAMs and columns of the shape of least cost, and that cost, as Yosys 0.70 reckons.

    It cuts a memory into columns as deep as a block RAM and lays them side by side. What is written cannot be cut
    finer than its write enables, 9 bits on ECP5.
    """
    found = []
    for words, bits in RAM_SHAPES[family]:
        unit = min(9, bits) if written and family == "ecp5" else 1
        deep = -(-depth // words)
        count = -(-(deep * -(-width // unit) * unit) // bits)
        found.append((BLOCK_RAM[family] * count + MUX * (width + written) * (deep - 1), count, deep))
    cost, count, deep = min(found)
    return (count, deep), cost


def rom_blocks(family: str, depth: int, width: int) -> int:
    """Block RAMs of a memory that is never written: none if Yosys finds logic cheaper, a sixteenth of a cell a bit."""
    (count, _), cost = cheapest(family, depth, width, False)
    return 0 if depth * width <= 16 * cost else count


def ram_blocks(family: str, depth: int, width: int, logic: int = 0) -> int:
    """Block RAMs of a memory that is written, of which up to `logic` bits are built of logic by rule.

    Yosys takes flip-flops where a bit each costs no more than all block RAMs together.
    """
    (count, _), cost = cheapest(family, depth, width, True)
    if depth * width <= max(logic, cost if family == "ice40" else 0):
        return 0
    rows = -(-depth // 16)
    if family == "ecp5" and LUT_RAM * rows * -(-width // 4) + MUX * (width + 1) * (rows - 1) <= cost:
        return 0
    return count


def ram_cost(family: str, depth: int, width: int, logic: int = 0) -> Cost:
    """Block RAMs, or else the cells of a memory that is written.

    On iCE40 a flip-flop a bit, none of which shares a cell with a look-up table, and the multiplexers that read them;
    on ECP5 LUT RAM of 16 words of 4 bits, four cells each, and the multiplexers between them.
    """
    depth = max(depth, 2)
    if count := ram_blocks(family, depth, width, logic):
        return Cost(cells=0, ram=count)
    if family == "ice40":
        return Cost(cells=depth * width + (depth - 1) * width + depth, ram=0)
    rows = -(-depth // 16)
    return Cost(cells=4 * rows * -(-width // 4) + width * (rows - 1), ram=0)
