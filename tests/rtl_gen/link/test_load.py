"""Weights over the link: they arrive whole and in order, or not at all."""

import random

import pytest
from amaranth import Module, Signal

from spikeloom.firmware.framing import frame
from spikeloom.rtl_gen.protocol import (
    BAD_LENGTH,
    COMMIT,
    IDENTIFY,
    LOAD,
    NO_WEIGHTS,
    READ,
    RESET,
    RUN,
    STATUS,
    UNKNOWN_COMMAND,
    Identity,
)

from .fake_core import LinkedFake
from .test_host_link import Host, packed, refusal

WORDS = [0x7e7d, 0x1234, 0xffff, 0x0001, 0x8000]


class LinkedLoader(LinkedFake):
    """A link with weights to load, which are taken every third clock."""

    def elaborate(self, platform):
        m = Module()
        m.submodules.rest = super().elaborate(platform)
        turn = Signal(range(3))
        m.d.sync += turn.eq(turn + 1)
        m.d.comb += self.link.load.ready.eq(turn == 2)
        return m


class Loader(Host):
    """A host of such a link, and what has been loaded."""

    def __init__(self, **shape):
        super().__init__(LinkedLoader(load_words=len(WORDS), **shape))
        self.loaded, self.clashes = [], 0
        self.line._simulator.add_testbench(self._watch, background=True)

    async def _watch(self, ctx):
        load, link = self.device.link.load, self.device.link
        while True:
            _, _, valid, ready, payload, read, write = await ctx.tick().sample(
                load.valid, load.ready, load.payload, link._read.en, link._write.en)
            self.clashes += bool(read and write)
            if valid and ready:
                self.loaded.append((payload.layer, payload.start, payload.word))

    def load(self, layer=3, row=5, words=WORDS, sequence=9):
        return self.request(LOAD, packed(layer, row, *words), sequence)


def expected(layer, row, words):
    return [(layer, 1, row), *((layer, 0, word) for word in words)]


@pytest.mark.parametrize("words", [1, 3, 20])
def test_weights_arrive_in_order(words):
    """Whether the longest request is a RUN, a LOAD or a COMMIT."""
    host = Loader(words=words)
    host.load()
    host.load(layer=0x1ff, row=0xffff, words=WORDS[::-1])
    assert host.loaded == expected(3, 5, WORDS) + expected(0xff, 0xffff, WORDS[::-1])
    host.request(COMMIT, b"digested")
    host.request(RUN, packed(*range(words)))
    host.load()
    assert host.loaded[12:] == expected(3, 5, WORDS)
    assert host.clashes == 0


def test_nothing_runs_without_weights():
    host = Loader()
    run = frame(bytes([RUN.code, 1]) + packed(1, 2, 3))
    assert host.send(run) == refusal(RUN.code, 1, NO_WEIGHTS)
    host.load()
    assert host.send(run) == refusal(RUN.code, 1, NO_WEIGHTS)
    host.request(COMMIT, b"digested")
    host.request(RUN, packed(1, 2, 3))
    host.request(RESET)
    host.request(RUN, packed(1, 2, 3))
    before = host.request(READ)
    host.load()
    assert host.send(run) == refusal(RUN.code, 1, NO_WEIGHTS)
    assert host.request(READ) == before
    host.request(COMMIT, b"digested")
    host.request(RUN, packed(1, 2, 3))


def test_the_digest_is_the_one_committed():
    host = Loader()
    made = host.device.identity
    assert Identity.unpack(host.request(IDENTIFY)) == made
    for digest in (b"digested", b"12345678"):
        host.request(COMMIT, digest)
        assert Identity.unpack(host.request(IDENTIFY)) == Identity(**{**vars(made), "digest": digest})


@pytest.mark.parametrize("command", [LOAD, COMMIT, RUN])
@pytest.mark.parametrize("words", [1, 20])
def test_another_length_is_refused(command, words):
    host = Loader(words=words)
    right = {LOAD: 2 * (2 + len(WORDS)), COMMIT: 8, RUN: 2 * words}[command]
    for length in {0, 1, 2, right - 2, right - 1, right + 1, right + 2, right + 40} - {right}:
        assert host.send(frame(bytes([command.code, 7]) + bytes(length))) == refusal(command.code, 7, BAD_LENGTH)
    assert host.loaded == []
    assert Identity.unpack(host.request(IDENTIFY)) == host.device.identity


def test_a_damaged_load_loads_nothing():
    host, rng = Loader(), random.Random(1)
    good = frame(bytes([LOAD.code, 0x33]) + packed(3, 5, *WORDS))
    host.request(COMMIT, b"digested")
    damaged = [good[:place] + bytes([good[place] ^ rng.randrange(1, 256)]) + good[place + 1:]
               for place in range(1, len(good) - 1)] + [good[:length] for length in range(2, len(good) - 1)]
    for line in damaged:
        host.send(line + b"~", cycles=60, quiet=0)
    assert host.loaded == []
    host.request(RUN, packed(1, 2, 3))
    assert host.counters().bad_crc + host.counters().bad_length > 0.9 * len(damaged)


def test_a_device_without_weights_to_load_knows_no_such_command():
    host = Host()
    for command, payload in ((LOAD, packed(0, 0, *WORDS)), (COMMIT, b"digested")):
        assert host.send(frame(bytes([command.code, 1]) + payload)) == refusal(command.code, 1, UNKNOWN_COMMAND)
    host.request(STATUS)
    host.request(RUN, packed(1, 2, 3))
