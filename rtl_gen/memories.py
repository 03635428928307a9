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
