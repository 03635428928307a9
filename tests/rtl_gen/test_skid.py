# amaranth: UnusedElaboratable=no
import pytest
from amaranth.hdl import unsigned

from spikeloom.rtl_gen.skid import Skid

from .streams import STALLS, Bench


@pytest.mark.parametrize("stalls", STALLS)
def test_everything_passes_in_order(stalls):
    bench = Bench(Skid(unsigned(8)), **stalls)
    assert bench.run(list(range(100)), expect=100) == list(range(100))
    if not stalls:
        assert bench.i.clocks == bench.o.clocks == list(range(100))
