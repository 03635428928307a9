import pytest

from spikeloom.rtl_gen import protocol
from spikeloom.rtl_gen.link.memory_map import MemoryMap
from spikeloom.rtl_gen.protocol import Identity


def identity(**changes: int) -> Identity:
    return Identity(**{"digest": bytes(range(8)), "inputs": 784, "value_bits": 1, "value_signed": 0, "frame_words": 49,
                       "timesteps": 8, "outputs": 10, "score_words": 1, "readout": 0, **changes})


def test_the_parts_follow_each_other():
    memory = MemoryMap(identity=identity(outputs=4, score_words=3))
    assert memory.reply(protocol.STATUS) == (0, 5)
    assert memory.reply(protocol.IDENTIFY) == (5, 28)
    assert memory.digest == 6
    assert memory.reply(protocol.READ) == (28, 43)
    assert memory.reply(protocol.RUN) == (40, 43)
    assert (memory.frame, memory.crc(protocol.RUN), memory.depth) == (43, 92, 93)


@pytest.mark.parametrize(("frame_words", "load_words", "depth"), [(49, 47, 93), (49, 48, 94), (1, 3, 49), (1, 1, 48)])
def test_there_is_room_for_weights(frame_words, load_words, depth):
    memory = MemoryMap(identity=identity(outputs=4, score_words=3, frame_words=frame_words, load_words=load_words))
    assert memory.crc(protocol.LOAD) == memory.frame + 2 + load_words
    assert memory.crc(protocol.COMMIT) == memory.frame + 4
    assert memory.depth == depth


@pytest.mark.parametrize("version", protocol.VERSIONS)
@pytest.mark.parametrize("command", [c for c in protocol.COMMANDS if identity().offers(c)])
def test_a_reply_is_as_long_as_its_table(command, version):
    start, stop = MemoryMap(identity=identity(version=version)).reply(command)
    sizes = {"u8": 1, "u16": 2, "u32": 4, "8 bytes": 8, "scores": 20}
    assert 2 * (stop - start) == sum(sizes[field.kind] for field in protocol.known(command.reply, version))


def test_a_watched_device_has_more_counters_and_a_checksum():
    memory = MemoryMap(identity=identity(version=protocol.WATCHED, load_words=3))
    assert memory.reply(protocol.STATUS) == (0, 8) and memory.passes == 5
    assert memory.reply(protocol.IDENTIFY) == (8, 35) and memory.digest == 9
    assert memory.crc(protocol.COMMIT) == memory.frame + 6


def test_the_identity_is_there_from_the_start():
    memory = MemoryMap(identity=identity())
    start, stop = memory.reply(protocol.IDENTIFY)
    words = memory.init[start:stop]
    assert b"".join(word.to_bytes(2, "little") for word in words) == identity().pack()
    assert memory.init[:start] == [0] * 5


def test_what_is_read_back_takes_the_place_of_a_frame():
    memory = MemoryMap(identity=identity(membrane_words=2, probe_neurons=24, readback=1, load_words=20))
    for command, words in ((protocol.PROBE, 48), (protocol.FETCH, 20)):
        assert memory.reply(command) == (memory.frame, memory.frame + words)
        assert memory.crc(command) == memory.frame + 2
    assert memory.depth == memory.frame + 50
    small = MemoryMap(identity=identity(frame_words=1, membrane_words=1, probe_neurons=8))
    assert small.depth == small.frame + 8


def test_timesteps_take_the_place_of_a_frame():
    memory = MemoryMap(identity=identity(frame_words=24, outputs=18, stream_steps=5))
    assert memory.crc(protocol.STREAM) == memory.frame + 2 + 5 * 3
    assert memory.reply(protocol.STREAM) == (memory.frame, memory.frame + 1 + 5 * 2)
    assert memory.depth == memory.frame + 25
    small = MemoryMap(identity=identity(frame_words=8, outputs=40, stream_steps=8))
    assert small.depth == small.frame + 1 + 8 * 3


def test_mnist_spikes_fit_one_block_ram():
    assert MemoryMap(identity=identity()).depth <= 256
