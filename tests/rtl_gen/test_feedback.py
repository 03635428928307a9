import numpy as np
import pytest

from spikeloom import codebooks
from spikeloom.network import Dense
from spikeloom.rtl_gen.feedback import Feedback
from spikeloom.rtl_gen.plan import LayerPlan

from .streams import STALLS, Bench, BrokenRule, groups

N, T = 6, 4
WEIGHTS = np.random.default_rng(2).integers(-3, 4, (N, N))
SYNAPSES = Dense(weights=WEIGHTS, codebook=codebooks.make("integer", bits=3))
SHAPES = [(6, 1), (6, 2), (2, 2), (1, 1)]


def feedback(lanes, update, timesteps=T):
    return Feedback(SYNAPSES, LayerPlan(lanes=lanes, update_lanes=update), timesteps=timesteps)


def spikes_of(timesteps: int) -> np.ndarray:
    return (np.random.default_rng(timesteps).random((3, timesteps, N)) < 0.4).astype(int)


def events(spikes: np.ndarray) -> list[dict]:
    sent = []
    for inference in spikes:
        for t, step in enumerate(inference):
            sent += [{"index": int(n)} for n in np.flatnonzero(step)]
            sent.append({"mark": 1, "last": t == len(inference) - 1})
    return sent


@pytest.mark.parametrize("stalls", STALLS)
@pytest.mark.parametrize("timesteps", [1, 2, T])
@pytest.mark.parametrize("shape", SHAPES)
def test_spikes_come_back_one_timestep_later(shape, timesteps, stalls):
    """Inference after inference; the first timestep of the one after the last inference is there already."""
    spikes, count = spikes_of(timesteps), N // shape[1]
    before = np.concatenate([np.zeros_like(spikes[:, :1]), spikes[:, :-1]], axis=1)
    expected = [*(before @ WEIGHTS.T).reshape(-1, N).tolist(), [0] * N]
    got = Bench(feedback(*shape, timesteps), seed=timesteps, **stalls).run(
        events(spikes), expect=count * len(expected))
    assert [[x for group in step for x in group.item] for step in groups(got, count)] == expected


FULL = [{"index": n} for n in range(N)]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_whole_timestep_is_taken_while_its_sums_wait(shape):
    """Or the loop would stand: the neurons cannot go on with sums before their spikes have left."""
    Bench(feedback(*shape), stall_out=1.0).run(FULL, expect=0)


@pytest.mark.parametrize("shape", SHAPES[2:])
def test_several_passes_without_a_queue_are_caught(shape):
    dut = feedback(*shape)
    dut.queued = False
    with pytest.raises(BrokenRule):
        Bench(dut, stall_out=1.0).run(FULL, expect=0)
