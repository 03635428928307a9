import numpy as np
import pytest

from spikeloom.boards import routed

ASC = ".comment x\n.ram_data 6 17\n{}.ram_data 19 11\n{}.sym 1 a\n"
CONFIG = ".device LFE5U-25F\n.bram_init 3\n{}\n.bram_init 12\n{}\n.tile R1\n"


def rendered(family, bits):
    """What the formats' descriptions say, in plain Python."""
    if family == "ice40":
        return "".join(f"{int(''.join(map(str, bits[k:k + 256][::-1])), 2):064x}\n" for k in range(0, 4096, 256))
    words = [f"{int(''.join(map(str, bits[k:k + 9][::-1])), 2):03x}" for k in range(0, 18432, 9)]
    return "".join(" ".join(words[k:k + 8]) + "\n" for k in range(0, 2048, 8))


@pytest.mark.parametrize(("family", "form", "places", "size"), [
    ("ice40", ASC, ["6 17", "19 11"], 4096), ("ecp5", CONFIG, ["3", "12"], 18432)])
def test_contents_are_read_and_replaced(family, form, places, size):
    rng = np.random.default_rng(0)
    one, two, three = (rng.integers(0, 2, size, dtype=np.uint8) for _ in range(3))
    text = form.format(rendered(family, one), rendered(family, two))
    found = routed.contents(text, family)
    assert list(found) == places
    assert (found[places[0]] == one).all() and (found[places[1]] == two).all()
    assert routed.replaced(text, family, {}) == text
    assert routed.replaced(text, family, found) == text
    changed = routed.replaced(text, family, {places[1]: three})
    assert changed == form.format(rendered(family, one), rendered(family, three))


def test_netlist_bits_of_ecp5_come_in_words_of_20():
    bits = np.zeros(64 * 320, np.int64)
    for row in range(64):
        for word in range(16):
            for k in range(18):
                bits[row * 320 + word * 20 + k] = (row * 16 + word) * 18 + k + 1
    assert (routed.from_netlist(bits, "ecp5") == np.arange(1, 18433)).all()
