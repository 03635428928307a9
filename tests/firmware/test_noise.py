import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeloom.errors import SpikeloomError
from spikeloom.firmware.noise import RATES, Noise

EVERY = bytes(range(256))


def test_no_noise_changes_nothing():
    noise = Noise()
    assert noise.pieces(EVERY) == [(0.0, EVERY)] and noise.pieces(b"") == [] and noise.faults == 0


@pytest.mark.parametrize(("kind", "becomes"), [
    ("drop", b""), ("repeat", b"aabbccdd"), ("swap", b"badc"),
])
def test_each_kind_alone(kind, becomes):
    assert Noise(**{kind: 1.0}).damage(b"abcd") == becomes


def test_a_flip_is_one_bit():
    flipped = Noise(flip=1.0).damage(EVERY)
    assert {(one ^ other).bit_count() for one, other in zip(EVERY, flipped, strict=True)} == {1}
    assert len({one ^ other for one, other in zip(EVERY, flipped, strict=True)}) == 8


def test_an_added_byte_comes_first():
    assert Noise(add=1.0).damage(b"abcd")[1::2] == b"abcd"


def test_a_delay_is_silence_before_the_byte():
    assert Noise(delay=1.0, pause=0.5).pieces(b"ab") == [(0.5, b"a"), (0.5, b"b")]


@given(st.binary(max_size=400), st.floats(0, 1), st.integers(0, 1 << 30))
def test_the_seed_is_all_there_is(data, rate, seed):
    one, other = (Noise.of_all_kinds(rate, seed=seed) for _ in range(2))
    assert one.pieces(data) == other.pieces(data) and one.faults == other.faults


def test_the_share_of_faults():
    noise = Noise.of_all_kinds(0.06)
    noise.damage(bytes(100_000))
    assert 5_500 < noise.faults < 6_500


@pytest.mark.parametrize("name", RATES)
def test_rates_are_shares(name):
    with pytest.raises(SpikeloomError) as error:
        Noise(**{name: 1.5})
    assert str(error.value) == f"noise {name} must lie within 0 to 1, not be 1.5"


def test_a_pause_has_an_end():
    with pytest.raises(SpikeloomError) as error:
        Noise(pause=-1)
    assert str(error.value) == "noise pause must lie within 0 to 60 seconds, not be -1"
