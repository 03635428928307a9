# amaranth: UnusedElaboratable=no
import numpy as np
import pytest

from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.encoders.delta import Delta
from spikeloom.rtl_gen.encoders.direct import Direct
from spikeloom.rtl_gen.source import Source

from . import streams
from .small import network
from .streams import STALLS, Bench, gaps
from .test_collision_proofs import Watched, proven


def packed(net, frames: np.ndarray, rng) -> list[int]:
    """Words of `frames`, with rubbish wherever hardware must not look."""
    bits, slot, lanes = net.input.bits, words.slot(net.input.bits), words.values(net)
    out = []
    for page in frames.reshape(-1, net.input.size):
        for first in range(0, net.input.size, lanes):
            word = int(rng.integers(1 << 16))
            for k, value in enumerate(page[first:first + lanes].tolist()):
                mask = (1 << bits) - 1 << k * slot
                word = word & ~mask | (value << k * slot) & mask
            out.append(word)
    return out


def expected(net, frames: np.ndarray) -> list[tuple[dict[int, int], int]]:
    """The timesteps that the first layer must see: one an inference if they are all the same."""
    encoder = net.encoder
    shown = frames if encoder is None else encoder.encode(frames, net.timesteps, net.input.bits)
    return [({n: int(x) for n, x in enumerate(step) if x}, int(t == len(steps) - 1))
            for steps in shown for t, step in enumerate(steps)]


def check(net, *, passes: int, inferences: int = 3, **options) -> Bench:
    rng = np.random.default_rng(net.input.bits)
    low, high = net.input.range
    frames = rng.integers(low, high + 1, (inferences, *net.frame_shape))
    frames[0] = frames[0] * (rng.random(frames[0].shape) < 0.3)
    frames[1].flat[0], frames[1].flat[-1] = low, high
    wanted = expected(net, frames)
    bench = Bench(Source(net, passes=passes), seed=passes, **options)
    got = bench.run(packed(net, frames, rng), expect=passes * sum(len(values) + 1 for values, _ in wanted))
    assert streams.timesteps(got, passes=passes) == wanted
    return bench


KINDS = [(None, {}), ("direct", {}), ("threshold", {"level": 1}), ("rate", {"seed": 12345}),
         ("latency", {"level": 1}), ("delta", {"level": 2})]


@pytest.mark.parametrize(("encoder", "parameters", "bits"), [
    (*kind, bits) for kind in KINDS for bits in (range(1, 17) if kind[0] is None else (1, 2, 4, 7, 8, 9, 16))])
def test_every_slot_width(encoder, parameters, bits):
    """Whole words and a partial last one, unsigned and signed."""
    for signed in {False, bits > 1 and encoder not in ("rate", "latency")}:
        for size in (16 // words.slot(bits), 16 // words.slot(bits) + 1):
            net = network((size, 2), bits=bits, signed=signed, encoder=encoder, timesteps=2, **parameters)
            check(net, passes=1)


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("passes", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 9])
@pytest.mark.parametrize(("encoder", "parameters"), KINDS)
def test_passes_and_stalls(encoder, parameters, size, passes, stalls):
    net = network((size, 2), bits=4, encoder=encoder, timesteps=3, **parameters)
    check(net, passes=passes, **stalls)


@pytest.mark.parametrize("level", [-9, -8, -1, 0, 7, 8])
def test_threshold_levels_at_and_beyond_the_range(level):
    check(network((9, 2), bits=4, signed=True, encoder="threshold", level=level), passes=1)


@pytest.mark.parametrize("timesteps", [1, 2, 3, 7, 16, 19, 40])
def test_latency_whatever_the_timesteps(timesteps):
    """Fewer, as many and more timesteps than values; every value, and a level that leaves some of them out."""
    net = network((16, 2), bits=4, encoder="latency", timesteps=timesteps, level=3)
    frame = np.arange(16)
    frames = np.stack([frame, frame[::-1], frame])
    wanted = expected(net, frames)
    bench = Bench(Source(net, passes=1))
    got = bench.run(packed(net, frames, np.random.default_rng(1)), expect=sum(len(x) + 1 for x, _ in wanted))
    assert streams.timesteps(got) == wanted


@pytest.mark.parametrize(("bits", "signed"), [(1, False), (3, False), (3, True)])
@pytest.mark.parametrize("level", [1, 4, 9])
def test_delta_levels_within_and_beyond_the_range(level, bits, signed):
    check(network((21, 2), bits=bits, signed=signed, encoder="delta", timesteps=9, level=level), passes=1)


def test_delta_takes_two_clocks_for_a_word():
    net = network((32, 2), bits=4, encoder="delta", timesteps=2, level=15)
    bench = Bench(Source(net, passes=1))
    bench.run([0] * 16, expect=2)
    assert bench.i.clocks == list(range(1, 33, 2))


@pytest.mark.parametrize("seed", [1, (1 << 31) - 1])
def test_rate_draws_begin_anew_with_every_inference(seed):
    net = network((11, 2), bits=5, encoder="rate", timesteps=4, seed=seed)
    frame = np.arange(11) * 3 % 32
    bench = Bench(Source(net, passes=1))
    wanted = expected(net, np.stack([frame, frame]))
    got = bench.run(packed(net, np.stack([frame, frame]), np.random.default_rng(1)),
                    expect=sum(len(values) + 1 for values, _ in wanted))
    steps = streams.timesteps(got)
    assert steps == wanted
    assert steps[:4] == steps[4:]
    assert steps[0] != steps[3]


def test_an_event_a_clock_and_a_clock_for_an_empty_word():
    net = network((36, 2), bits=4, encoder="direct")
    empty, one, full = 0, 0x0010, 0x1111
    bench = Bench(Source(net, passes=1))
    bench.run([one, empty, empty, one, *[empty] * 5] + [full] * 9, expect=3 + 37)
    assert bench.o.clocks[:4] == [1, 4, 9, 10], "an empty word takes a clock, the mark comes from the last word"
    assert bench.o.clocks[4:] == list(range(11, 47)), "no gap"


def test_words_are_taken_ahead():
    """Four with events wait; empty ones take their clock while events of others leave."""
    net = network((64, 2), bits=4, encoder="direct")
    full, empty = 0x1111, 0
    bench = Bench(Source(net, passes=1))
    bench.run([full, empty, empty, full, empty, full] + [full] * 9 + [empty], expect=4 * 12 + 1)
    assert gaps(bench.o.clocks) == 0
    assert bench.i.clocks[:12] == [*range(10), 13, 17]


def test_a_lost_value_is_caught(monkeypatch):
    monkeypatch.setattr(Direct, "present", lambda self, m, values: [value > 0 for value in values])
    check(network((9, 2), bits=4, encoder="direct"), passes=1)
    with pytest.raises(AssertionError):
        check(network((9, 2), bits=4, signed=True, encoder="direct"), passes=1)


@pytest.mark.parametrize("size", [1, 16, 50])
def test_references_are_never_read_where_they_are_written(size):
    net = network((size, 2), bits=16 if size == 1 else 1, encoder="delta", level=1)
    assert proven(Watched(Delta(net), "references"))
