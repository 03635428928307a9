import struct
from pathlib import Path

import pytest

from spikeloom.errors import SpikeloomError
from spikeloom.rtl_gen import protocol
from spikeloom.rtl_gen.protocol import Counters, Identity

ROOT = Path(__file__).resolve().parents[2]
IDENTITY = Identity(digest=bytes(range(8)), plan=b"plandige", load_words=390, inputs=784, value_bits=8, value_signed=1,
                    frame_words=392, timesteps=8, outputs=10, score_words=1, readout=2, membrane_words=1, readback=1,
                    probe_neurons=32, stream_steps=4, queue=512)


def test_crc_is_the_published_one():
    assert protocol.CRC.compute(b"123456789") == 0x906e  # CRC-16/IBM-SDLC in the catalogue of parametrised CRCs


def test_codes_are_distinct_and_no_reply_bit():
    codes = [command.code for command in protocol.COMMANDS]
    assert len(set(codes)) == len(codes)
    assert not any(code & protocol.REPLY for code in codes)
    assert [status.code for status in protocol.STATUSES] == list(range(len(protocol.STATUSES)))


def test_statuses_count_in_the_counter_of_their_code():
    names = [field.name for field in protocol.COUNTERS]
    assert names[1:4] == [status.name.lower() for status in protocol.STATUSES[1:4]]


@pytest.mark.parametrize("table", [protocol.IDENTITY, protocol.RESULT, protocol.COUNTERS])
def test_replies_are_whole_words(table):
    assert struct.calcsize(protocol.layout(table)) % 2 == 0


def test_identity_packs_as_written_down():
    packed = IDENTITY.pack()
    assert packed == bytes.fromhex("0300 0001020304050607 706c616e64696765 8601 10030000 08 01 88010000 0800 0a000000"
                                   "01 02 01 01 2000 0400 0002")
    assert Identity.unpack(packed) == IDENTITY
    assert IDENTITY.readout_name == "membrane-last"


def test_what_a_device_offers_is_what_its_fields_say():
    plain = Identity(digest=bytes(8), inputs=1, value_bits=1, value_signed=0, frame_words=1, timesteps=1, outputs=33,
                     score_words=1, readout=0)
    assert [command.name for command in protocol.COMMANDS if plain.offers(command)] == [
        "IDENTIFY", "RUN", "READ", "STATUS", "RESET"]
    assert all(IDENTITY.offers(command) for command in protocol.COMMANDS)
    assert {command.needs for command in protocol.COMMANDS} <= {"", *(field.name for field in protocol.IDENTITY)}
    assert (plain.spike_words, IDENTITY.spike_words) == (3, 1)


def test_counters_and_scores_unpack():
    counters = Counters.unpack(bytes.fromhex("0100 0200 0300 0400 0500"))
    assert counters == Counters(frames=1, bad_crc=2, bad_length=3, unknown_command=4, overruns=5)
    small = Identity(**{**vars(IDENTITY), "outputs": 2, "score_words": 2})
    payload = bytes.fromhex("feffffff 00000100 0100 78563412")
    assert protocol.unpack_scores(payload, small) == ((-2, 65536), 1, 0x12345678)


@pytest.mark.parametrize(("unpack", "message"), [
    (Identity.unpack, "payload of a IDENTIFY reply must have 46 bytes at its fixed end, not 1"),
    (Counters.unpack, "payload of a STATUS reply must have 10 bytes at its fixed end, not 1"),
    (protocol.unpack_result, "payload of a RUN reply must have 6 bytes at its fixed end, not 1"),
    (lambda payload: protocol.unpack_scores(payload, IDENTITY),
     "payload of a READ reply must have 6 bytes at its fixed end, not 0"),
])
def test_short_payloads_are_named(unpack, message):
    with pytest.raises(SpikeloomError) as error:
        unpack(b"x")
    assert str(error.value) == message


@pytest.mark.parametrize(("field", "value", "message"), [
    ("digest", b"short", "identity digest must be 8 bytes, not b'short'"),
    ("plan", bytes(7), "identity plan must be 8 bytes, not b'\\x00\\x00\\x00\\x00\\x00\\x00\\x00'"),
    ("outputs", 0, "identity outputs must be an integer from 1 to 65536, not 0"),
    ("readout", 5, "identity readout must be an integer from 0 to 4, not 5"),
])
def test_identity_is_validated(field, value, message):
    with pytest.raises(SpikeloomError) as error:
        Identity(**{**vars(IDENTITY), field: value})
    assert str(error.value) == message


def test_the_page_holds_the_table():
    assert protocol.markdown() in (ROOT / "docs" / "link.md").read_text()
