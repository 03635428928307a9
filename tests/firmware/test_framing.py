from hypothesis import given
from hypothesis import strategies as st

from spikeloom.firmware.framing import FillRemover, Unframer, frame

bodies = st.lists(st.binary(min_size=1, max_size=20) | st.text("~}]^ ", min_size=1).map(str.encode), max_size=8)


def test_known_frames():
    """The CRC of the nine digits is published; the escapes are written by hand."""
    assert frame(b"123456789") == b"~123456789\x6e\x90~"
    assert frame(b"}~")[:5] == b"~}]}^"


@given(bodies, st.integers(1, 7))
def test_round_trip_in_any_pieces(bodies, size):
    unframer, found = Unframer(), []
    line = b"".join(map(frame, bodies))
    for k in range(0, len(line), size):
        found += unframer.feed(line[k:k + size])
    assert (found, unframer.damaged) == (bodies, 0)


@given(bodies)
def test_flags_may_be_shared(bodies):
    assert Unframer().feed(b"~" + b"".join(frame(body)[1:] for body in bodies)) == bodies


def test_no_single_damaged_byte_is_accepted():
    good = frame(b"\x81\x07\x00}~ ")
    for place in range(len(good)):
        for value in set(range(256)) - {good[place]}:
            unframer = Unframer()
            line = b"~" + good[:place] + bytes([value]) + good[place + 1:] + frame(b"after")
            assert unframer.feed(line) == [b"after"]


def test_damage_is_counted():
    unframer = Unframer()
    assert unframer.feed(b"not yet~damaged~" + frame(b"ok") + b"open}~~~") == [b"ok"]
    assert unframer.damaged == 2


@given(bodies, st.integers(1, 7), st.integers(0, 5))
def test_fill_is_removed_and_frames_stay(bodies, size, fill):
    line = b"~" * fill + b"".join(frame(body) + b"~" * fill for body in bodies)
    remover = FillRemover()
    kept = b"".join(remover.feed(line[k:k + size]) for k in range(0, len(line), size))
    assert kept == b"".join(map(frame, bodies))


def test_fill_alone_is_silence():
    remover = FillRemover()
    assert [remover.feed(b"~"), remover.feed(b"~~~"), remover.feed(b"x"), remover.feed(b"~"), remover.feed(b"~")] == [
        b"", b"", b"~x", b"~", b""]
