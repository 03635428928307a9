# amaranth: UnusedElaboratable=no
import pytest
from amaranth.hdl import unsigned

from spikeloom.rtl_gen.skid import Skid

from .streams import STALLS, Bench


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("places", [1, 2, 3, 4])
def test_everything_passes_in_order(places, stalls):
    bench = Bench(Skid(unsigned(8), places=places), seed=places, **stalls)
    assert bench.run(list(range(100)), expect=100) == list(range(100))
    if not stalls:
        assert bench.i.clocks == bench.o.clocks == list(range(100))


@pytest.mark.parametrize("places", [1, 2, 4])
def test_as_many_wait_as_there_are_places(places):
    """Each transfer is taken in the clock after the first that waits has left."""
    bench = Bench(Skid(unsigned(8), places=places), stall_out=0.8)
    bench.run(list(range(60)), expect=60)
    came, went = bench.i.clocks, bench.o.clocks
    assert came[:places] == list(range(places))
    expected = [max(came[n - 1] + 1, went[n - places] + 1) for n in range(places, 60)]
    assert came[places:] == expected
