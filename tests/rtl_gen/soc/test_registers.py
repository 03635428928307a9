"""One table: the hardware's, the header's and the manual's."""

import re
from pathlib import Path

from spikeloom.network import READOUTS
from spikeloom.rtl_gen.soc import registers
from tests.rtl_gen import small

PAGE = Path(__file__).resolve().parents[3] / "docs" / "soc.md"
NETWORK = small.network((20, 6, 3), bits=4, encoder="direct", readout="membrane-last")


def test_the_manual_holds_the_tables():
    assert registers.markdown() in PAGE.read_text()


def test_the_header_gives_every_register_its_address():
    header = registers.c_header(NETWORK)
    found = {name: int(address, 16) for name, address in
             re.findall(r"^#define (\w+) \(\*?\(volatile (?:const )?uint32_t \*\)(0x[0-9a-f]+)u\)$", header, re.M)}
    expected = {f"{block.name}_{one.name}": block.base + one.offset
                for block in registers.BLOCKS for one in block.registers}
    assert found == expected | {"NETWORK_FRAME": 0x4000_0080 + 4 * 3}


def test_what_a_program_cannot_write_is_const():
    header = registers.c_header(NETWORK)
    for block in registers.BLOCKS:
        for one in block.registers:
            line = next(line for line in header.splitlines() if line.startswith(f"#define {block.name}_{one.name} "))
            assert ("const" in line) == (one.access == "ro"), line


def test_the_header_knows_the_network():
    header = registers.c_header(NETWORK)
    known = {name: int(value, 16) for name, value in re.findall(r"^#define NETWORK_IS_(\w+) (0x\w+)u$", header, re.M)}
    digest = b"".join(known.pop(f"DIGEST{k}").to_bytes(4, "little") for k in range(8))
    assert digest.hex() == NETWORK.digest
    assert known == {"MAGIC": int.from_bytes(b"SPKL", "little"), "VERSION": 1, "INPUTS": 20, "INPUT_FORMAT": 4,
                     "FRAME_WORDS": 5, "TIMESTEPS": 3, "OUTPUTS": 3, "READOUT": READOUTS.index("membrane-last")}


def test_registers_do_not_overlap():
    for block in registers.BLOCKS[1:]:
        taken = [one.offset + 4 * k for one in block.registers for k in range(8 if one.name == "DIGEST" else 1)]
        assert len(set(taken)) == len(taken)
        assert all(offset % 4 == 0 for offset in taken)
    assert max(one.offset for one in registers.NETWORK.registers) == registers.SCORES_AT
