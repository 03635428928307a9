"""Frames become the right transfers: words in order, events in their timestep, marks where timesteps end."""

import numpy as np
import pytest

from spikeloom import encoders
from spikeloom.network import Input, Network
from spikeloom.rtl_gen import planner as plans
from spikeloom.rtl_gen import words
from spikeloom.sim import stimulus
from spikeloom.sim.random_networks import random_frames, random_network

from .golden import layer


def network(bits: int, signed: bool, encoder: str | None) -> Network:
    return Network(input=Input(shape=(3,), bits=bits, signed=signed), readout="membrane-last", timesteps=2,
                   encoder=None if encoder is None else encoders.make(encoder),
                   layers=(layer([[1, 1, 1]], threshold=None),))


def test_words():
    """Two 8-bit values a word: 0x01 and 0x80, then 0xff alone."""
    sent = stimulus.make(plans.make(network(8, False, "direct")), np.array([[1, 128, 255], [0, 0, 2]]))
    assert sent.payloads.tolist() == [0x8001, 0x00FF, 0x0000, 0x0002]
    assert sent.starts.tolist() == [0, 2, 4] and sent.inferences == 2


def test_spike_events():
    """A payload is index (2 bits), mark, last: a spike of 2 is 0b0010, a mark 0b0100, the last mark 0b1100 (and any
    index)."""
    plan = plans.make(network(1, False, None), source="events")
    sent = stimulus.make(plan, np.array([[[0, 1, 1], [0, 0, 0]], [[0, 0, 0], [1, 0, 0]]]))
    assert sent.payloads.tolist() == [1, 2, 0b0100, 0b1100, 0b0100, 0, 0b1100]
    assert sent.starts.tolist() == [0, 4, 7]
    assert stimulus.payload_bits(plan) == 4


def test_graded_events():
    """index (2 bits), value (4 bits, signed), mark, last: -1 of neuron 1 is 0b1111_01."""
    plan = plans.make(network(4, True, None), source="events")
    sent = stimulus.make(plan, np.array([[[0, -1, 0], [7, 0, -8]]]))
    assert sent.payloads.tolist() == [0b00_1111_01, 0b01_0000_00, 0b00_0111_00, 0b00_1000_10, 0b11_0000_00]
    assert stimulus.payload_bits(plan) == 8


def test_shuffled_events_are_the_same_events():
    sequences = (random_network(seed) for seed in range(200))
    chosen = [n for n in sequences if n.encoder is None and n.input.size > 4][:10]
    for net in chosen:
        plan = plans.make(net, source="events")
        frames = random_frames(net, 1, 5)
        plain, mixed = stimulus.make(plan, frames), stimulus.make(plan, frames, shuffle=7)
        assert stimulus.make(plan, frames, shuffle=7).payloads.tolist() == mixed.payloads.tolist()
        mark = 1 << stimulus.payload_bits(plan) - 2
        for b in range(5):
            one, other = (_timesteps(s.payloads[s.starts[b]:s.starts[b + 1]].tolist(), mark) for s in (plain, mixed))
            assert len(one) == len(other) == net.timesteps
            for t, (ordered, unordered) in enumerate(zip(one, other, strict=True)):
                assert set(ordered) <= set(unordered) and len(set(unordered)) == len(unordered)
                assert len(ordered) == np.count_nonzero(frames[b, t])


def _timesteps(payloads: list[int], mark: int) -> list[list[int]]:
    steps: list[list[int]] = [[]]
    for payload in payloads:
        if payload & mark:
            steps.append([])
        else:
            steps[-1].append(payload)
    assert not steps.pop()
    return steps


@pytest.mark.parametrize("seed", range(20))
def test_words_hold_what_rtl_gen_packs(seed):
    net = random_network(seed)
    frames = random_frames(net, seed, 3)
    sent = stimulus.make(plans.make(net), frames)
    assert np.array_equal(sent.payloads.reshape(3, -1), words.pack(net, frames))
