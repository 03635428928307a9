# amaranth: UnusedElaboratable=no
"""RAM against a dictionary of bytes, under random accesses of every width."""

import random

import pytest
from amaranth.sim import Simulator

from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen.soc.ram import Ram
from tests.rtl_gen.soc.initiator import access

WORDS = 12


def test_bytes_are_where_they_were_put():
    rng = random.Random(3)
    contents = [rng.getrandbits(32) for _ in range(WORDS)]
    dut, bytes_ = Ram(contents), bytearray(b"".join(word.to_bytes(4, "little") for word in contents))

    async def bench(ctx):
        for _ in range(400):
            word, select, data = rng.randrange(WORDS), rng.randrange(16), rng.getrandbits(32)
            if rng.random() < 0.4:
                await access(ctx, dut.bus, 4 * word + rng.randrange(4), write=data, select=select)
                for k in range(4):
                    if select >> k & 1:
                        bytes_[4 * word + k] = data >> 8 * k & 255
            else:
                answer, clocks = await access(ctx, dut.bus, 4 * word)
                assert (answer, clocks) == (int.from_bytes(bytes_[4 * word:4 * word + 4], "little"), 2)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize(("contents", "message"), [
    ([], "words of RAM must be an integer from 1 to 65536, not 0"),
    ([0, 1 << 32], "RAM word 1 must be an integer from 0 to 4294967295, not 4294967296"),
])
def test_wrong_contents_are_refused(contents, message):
    with pytest.raises(SpikeloomError, match=f"^{message}$"):
        Ram(contents)
