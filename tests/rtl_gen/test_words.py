import numpy as np
import pytest

from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen import words

from .small import network


def naive(net, frame: np.ndarray) -> list[int]:
    """Words written as strings of bits, a page at a time."""
    slot = next(s for s in (1, 2, 4, 8, 16) if s >= net.input.bits)
    out = []
    for page in frame.reshape(-1, net.input.size).tolist():
        text = "".join(format(value % (1 << slot), f"0{slot}b")[::-1] for value in page)
        text += "0" * (-len(text) % 16)
        out += [int(text[k:k + 16][::-1], 2) for k in range(0, len(text), 16)]
    return out


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize("encoder", [None, "direct"])
def test_pack_is_the_naive_packing(bits, encoder):
    for signed in {False, bits > 1}:
        for size in (1, 5, 16, 33):
            net = network((size, 2), bits=bits, signed=signed, encoder=encoder, timesteps=3)
            low, high = net.input.range
            frames = np.random.default_rng(size).integers(low, high + 1, (4, *net.frame_shape))
            packed = words.pack(net, frames)
            assert packed.dtype == np.uint16
            assert packed.shape == (4, words.per_frame(net))
            assert packed.tolist() == [naive(net, frame) for frame in frames]


def test_by_hand():
    net = network((5, 2), bits=3, signed=True, encoder="direct")
    assert words.pack(net, np.array([[1, -1, 3, -4, 2]])).tolist() == [[0xC3F1, 0x0002]]
    net = network((3, 2), timesteps=2)
    assert words.pack(net, np.array([[[1, 0, 1], [0, 1, 1]]])).tolist() == [[5, 6]]


@pytest.mark.parametrize(("bits", "slot"), [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (8, 8), (9, 16), (16, 16)])
def test_sizes(bits, slot):
    net = network((33, 2), bits=bits, timesteps=3)
    assert words.slot(bits) == slot
    assert words.values(net) == 16 // slot
    assert words.per_page(net) == -(-33 * slot // 16)
    assert words.per_frame(net) == 3 * words.per_page(net)
    assert words.per_frame(network((33, 2), bits=bits, encoder="direct")) == words.per_page(net)


def test_values_out_of_range_are_refused():
    with pytest.raises(SpikeloomError) as error:
        words.pack(network((3, 2), bits=2, encoder="direct"), np.array([[0, 4, 1]]))
    assert str(error.value) == "input values must lie within 0 to 3, not hold 4"
