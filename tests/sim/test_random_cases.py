"""The draws of the fuzz leave out nothing that the contract, the Plan, the link and frames admit."""

from collections import Counter
from dataclasses import fields, replace

import numpy as np
import pytest

from spikeloom import neurons, plugins, synapses
from spikeloom.rtl_gen import strategies
from spikeloom.rtl_gen.link.extras import Extras
from spikeloom.rtl_gen.memories import MemoryRules
from spikeloom.sim.case_features import FEATURES, NAMES, features
from spikeloom.sim.random_cases import CORNERS, corner, draw

COUNT = 500


@pytest.fixture(scope="module")
def cases():
    return [draw(seed) for seed in range(COUNT)]


def test_same_seed_same_case(cases):
    for seed in range(0, COUNT, 50):
        again = draw(seed)
        assert (again.network, again.plan.layers, again.extras) == (
            cases[seed].network, cases[seed].plan.layers, cases[seed].extras)
        assert np.array_equal(again.frames, cases[seed].frames)


def test_no_feature_is_never_drawn(cases):
    drawn = Counter(name for case in cases for name in features(case))
    assert set(drawn) <= set(NAMES)
    assert not [name for name in NAMES if not drawn[name]]


def test_every_plug_in_is_a_feature():
    """A new codebook, encoder, synapse kind, strategy or extra of the link must be counted, and so be drawn."""
    assert set(plugins.names("spikeloom.codebooks")) <= set(FEATURES["codebook"])
    assert set(plugins.names("spikeloom.encoders")) <= set(FEATURES["encoder"])
    assert set(synapses.names()) <= set(FEATURES["synapses"])
    assert set(neurons.names()) <= set(FEATURES["neurons"])
    assert set(strategies.names()) <= set(FEATURES["strategy"])
    assert {field.name for field in fields(Extras)} <= set(FEATURES["link"])


def test_a_feature_is_named_only_where_it_is(cases):
    case = next(case for case in cases if {"link: probe", "strategy: dense", "frames: one-hot"} <= features(case))
    assert {one.strategy for one in case.layers} == {
        how for how in (*strategies.names(), "parallel") if f"strategy: {how}" in features(case)}
    without = replace(case, extras=replace(case.extras, probe=False), memories=MemoryRules(rom=1),
                      frames=np.stack([corner(np.random.default_rng(1), case.network.input, case.network.frame_shape,
                                              "all zero")]))
    lost = features(case) - features(without)
    assert {"link: probe", "frames: one-hot"} <= lost
    told = {name for name in features(without) if name.startswith("frames: ")}
    assert "frames: all zero" in told and told <= {"frames: all zero", "frames: all least"}
    assert "memories: small ones of logic" in features(without)


@pytest.mark.parametrize("kind", CORNERS)
def test_corners(cases, kind):
    for case in cases[:60]:
        source, shape = case.network.input, case.network.frame_shape
        frame = corner(np.random.default_rng(2), source, shape, kind)
        low, high = source.range
        assert frame.shape == shape and frame.min() >= low and frame.max() <= high
        values = set(np.unique(frame))
        assert values <= {"all zero": {0}, "all greatest": {high}, "all least": {low}, "one-hot": {0, high},
                          "alternating": {low, high}}[kind]
        assert kind != "one-hot" or np.count_nonzero(frame) == 1
