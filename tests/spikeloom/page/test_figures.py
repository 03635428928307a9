"""What the charts show is what there is."""

import re
from importlib.resources import files

import numpy as np
import pytest

from spikeloom import encoders
from spikeloom.page import activity, confusion, figures, levels, weights
from spikeloom.page.facts import Facts, Samples, Trace, running_scores
from spikeloom.page.svg import Scale
from spikeloom.rtl_gen import planner, timing
from spikeloom.sim.activity import measure
from spikeloom.sim.reference import simulate

from .conftest import row
from .pages import read


def facts(network, **changes) -> Facts:
    none = np.zeros(0, np.int64)
    values = {"name": "n", "file": "n.qsnn", "network": network, "board": "icebreaker", "report": {}, "search": {},
              "samples": Samples(origin="o", classes=none, labels=None, traces=()), "hardware": None, "versions": {}}
    return Facts(**(values | changes))


@pytest.mark.parametrize("readout", ["count", "first-spike", "membrane-last", "membrane-max", "membrane-sum"])
def test_scores_run_to_those_of_the_reference(tiny, readout):
    network = tiny(readout=readout, encoder=encoders.make("rate", seed=5))
    frames = np.random.default_rng(0).integers(0, 2, (20, 9))
    found = simulate(network, frames, trace=True)
    for k in range(20):
        trace = Trace(number=k, frame=frames[k], inputs=None, spikes=tuple(s[k] for s in found.spikes),
                      membranes=tuple(v[k] for v in found.membranes), answer=0, truth=None)
        scores = running_scores(network, trace)
        assert (scores[-1] == found.scores[k]).all()
        assert (scores[2] == simulate(tiny(readout=readout, timesteps=3, encoder=network.encoder), frames[k:k + 1])
                .scores[0] + (3 * (scores[2] > 0) if readout == "first-spike" else 0)).all()


def test_a_spike_in_the_page_is_a_spike_of_the_reference(example):
    from spikeloom.train import load_frames
    frames, truth = load_frames(example.network, count=18, beside="examples")
    found = simulate(example.network, frames, trace=True)
    assert found.classes[17] != truth[17]
    shown = np.linspace(0, 511, activity.ROWS).astype(int)
    drawn = [attributes["d"].count("M") for name, attributes in read(example.page).elements
             if name == "path" and attributes.get("class") == "spikes"]
    assert drawn == [int(found.spikes[0][k][:, shown].sum()) for k in (0, 1, 17)]
    fired = [attributes for name, attributes in read(example.page).elements if attributes.get("class") == "fired"]
    assert fired
    assert "Sample 17: answer" in read(example.page).words
    story = [attributes["data-story"] for _, attributes in read(example.page).elements if "data-story" in attributes]
    assert f"Timestep 2: {int(found.spikes[0][17][2].sum())} of 512 in layer 0 fire." in story[2]


def test_membranes_are_those_of_the_reference(example):
    from spikeloom.train import load_frames
    frames, _ = load_frames(example.network, count=18, beside="examples")
    found = simulate(example.network, frames, trace=True)
    labels = [attributes["aria-label"] for name, attributes in read(example.page).elements
              if attributes.get("aria-label", "").startswith("Membrane of")]
    assert len(labels) == 12
    for k, label in enumerate(labels):
        neuron, layer, values, threshold, spikes = re.fullmatch(
            r"Membrane of neuron (\d+) of layer (\d+): ([-\d, ]+); threshold (\d+); (\d+) spikes?", label).groups()
        sample, n = (0, 1, 17)[k // 4], int(neuron)
        assert [int(value) for value in values.split(",")] == found.membranes[int(layer)][sample, :, n].tolist()
        assert int(threshold) == example.network.layers[0].neurons.threshold[n]
        assert int(spikes) == found.spikes[0][sample, :, n].sum()


def test_titles_tell_what_is_drawn(example):
    titles = re.findall(r"<title>([^<]*)</title>", example.page)
    weights_of_first = example.network.layers[0].synapses.weights
    for value, written in ((-1, "-1"), (0, "0"), (2, "+2")):
        count = int((weights_of_first == value).sum())
        assert f"{written}: {count:,} of 401,408, {100 * count / 401_408:.2f}&#160;%" in titles
    answers = [re.fullmatch(r"(.*) taken for (.*): (\d+), .* of its class", title) for title in titles]
    pairs = [(one[1], one[2], int(one[3])) for one in answers if one]
    assert sum(count for *_, count in pairs) == 100
    assert sum(count for is_, said, count in pairs if is_ == said) == 89
    assert sum(title.startswith("layer 0, timestep ") for title in titles) == 4


def test_bars_and_fronts_are_as_long_as_what_they_show(full):
    page, _ = full
    meters = [float(attributes["width"]) for name, attributes in read(page).elements
              if name == "rect" and attributes.get("class") in ("meter-main", "meter-warn")]
    assert meters[meters.index(79.24) + 1] == 100
    joined = [attributes["points"].split() for _, attributes in read(page).elements
              if attributes.get("class") == "joined"]
    assert [len(points) for points in joined] == [2, 2, 6]
    for points in joined:
        places = [tuple(map(float, point.split(","))) for point in points]
        if len(points) == 6:
            assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert sum(name == "polygon" for name, _ in read(page).elements) == 1


def test_the_schedule_ends_with_the_latency(tiny):
    network = tiny()
    plan = planner.make(network, family="ice40", cells=5280, ram=30)
    seen = []
    frames = np.random.default_rng(1).integers(0, 2, (5, 9))
    clocks = timing.latency(plan, measure(network, frames), lambda *work: seen.append(work))
    assert [work[:2] for work in seen] == [(k, t) for t in range(6) for k in range(len(plan.stages))]
    assert (np.max([ends for *_, ends in seen], axis=0) + timing.READOUT == clocks).all()
    assert all((came <= ends).all() for _, _, came, ends in seen)


def test_telling_neurons():
    spikes = np.zeros((4, 6), bool)
    spikes[:, 2], spikes[:2, 4], spikes[1, 5] = True, True, True
    membranes = np.zeros((4, 6), int)
    membranes[2, 3] = 7
    assert activity.telling(spikes, membranes, np.full(6, 9)) == [2, 4, 5, 3]
    assert activity.telling(spikes[:, :2], membranes[:, :2], np.full(2, 9)) == [0]
    assert activity.telling(np.ones((2, 1), bool), membranes[:2, :1], np.full(1, 9)) == [0]


def test_counts_of_weights():
    assert weights.counts(np.array([[1, -1], [1, 0]])) == [(-1, -1, 1), (0, 0, 1), (1, 1, 2)]
    many = weights.counts(np.arange(-100, 100))
    assert sum(count for *_, count in many) == 200 and len(many) <= weights.BARS
    assert all(count == high - low + 1 for low, high, count in many)


def test_counts_of_answers():
    found = confusion.counts(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
    assert found.tolist() == [[1, 1], [0, 1]]


@pytest.mark.parametrize("rows, proofs, states", [
    ([], [], ["not checked"] * 5),
    ([row(1), row(3)], [{"result": "proven"}], ["not checked", "exact", "not checked", "exact", "exact"]),
    ([row(1), row(1, 2)], [{"result": "bounded"}], ["not checked", "differs", *["not checked"] * 3]),
    ([row(0), row(2, mismatches=None)], [{"result": "refuted"}], ["exact", *["not checked"] * 3, "differs"]),
    ([row(1, compared_spikes=0, compared_membranes=0, compared_answers=0)], [], ["not checked"] * 5),
])
def test_levels(tiny, rows, proofs, states):
    found = levels.levels(facts(tiny(), report={"verify": rows, "proofs": proofs}))
    assert [level.state for level in found] == states


@pytest.mark.parametrize("value, real, share", [
    (0.5, 0.5, 0.5), (1, 1.0, 1.0), (2, 2.0, None), (-1, -1.0, None), (True, None, None), ("1", None, None),
    (float("nan"), None, None), (float("inf"), None, None), (10**400, None, None), (None, None, None)])
def test_numbers_of_files(value, real, share):
    assert figures.real(value) == real and figures.share(value) == share


def test_figures_are_written_for_people():
    assert figures.percent(0.9838) == "98.38\u00a0%"
    assert [figures.duration(s) for s in (2, 0.0431, 43.1e-6, 2e-8)] == [
        "2\u00a0s", "43.1\u00a0ms", "43.1\u00a0\u00b5s", "20\u00a0ns"]
    assert [figures.short(v) for v in (0.25, 43.123, 1293.2, 12_930, 2.5e6)] == [
        "0.25", "43.1", "1,293", "12.9\u00a0k", "2.5\u00a0M"]
    assert figures.plural(1, "bit") == "1 bit" and figures.plural(2000, "bit") == "2,000 bits"


@pytest.mark.parametrize("low, high, logarithmic, expected", [
    (0, 10, False, [0, 2, 4, 6, 8, 10]), (-120, 130, False, [-100, -50, 0, 50, 100]), (3, 3, False, [3]),
    (0.93, 0.99, False, [0.94, 0.96, 0.98]), (1, 1000, True, [1, 5, 20, 100, 500]), (2.1, 5.2, True, [3, 4, 5])])
def test_ticks_are_round_and_within(low, high, logarithmic, expected):
    scale = Scale(low=low, high=high, start=0, stop=100, logarithmic=logarithmic)
    assert [round(value, 9) for value in scale.ticks()] == expected


def test_scales_reach_from_end_to_end():
    for logarithmic in (False, True):
        scale = Scale(low=2, high=32, start=10, stop=110, logarithmic=logarithmic)
        assert (scale(2), scale(32)) == (10, 110)
    assert scale(8) == pytest.approx(60)


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.1 defines it."""
    parts = [int(colour[k:k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_words_stand_out_in_light_dark_and_print():
    style = files("spikeloom.page").joinpath("style.css").read_text("ascii")
    palettes = [dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", style, re.S)]
    assert len(palettes) == 3
    for palette in palettes:
        for ground in ("paper", "sheet"):
            for words in ("ink", "soft", "main", "warm", "good", "bad"):
                assert contrast(palette[words], palette[ground]) >= 4.5, (words, ground)
        for ground in ("main", "good", "bad"):
            assert contrast(palette["on"], palette[ground]) >= 4.5, ground
    assert contrast("#777777", "#888888") < 4.5
