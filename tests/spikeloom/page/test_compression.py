"""What a compression or an import left in a network's file, drawn; and files that make no sense."""

import json
import math
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom import Decay, load
from spikeloom.neurons.alif import Alif
from spikeloom.page import board, closeness, compression, methods, pareto, road, verdict, weights
from spikeloom.page.facts import Hardware, Work
from spikeloom.page.figures import called, said

from .pages import faults, read
from .test_figures import facts

INQ = {"portions": [0.3, 0.8, 1], "validation": [0.9, 0.88, 0.95], "powers": [[5, 8]], "zeros": [0.25, 0.5]}
AGMM = {"alpha": [[1.5], [2.0, 4.0]], "rates": [0.25, 0.125], "validation": [0.9, 0.95],
        "flips": {"epochs": [0.5, 0.25], "first": 0.5, "mean": 0.375}}
OSBC = {"samples": 100, "layers": [{"dead_inputs": 2, "error": 0.02}, {"dead_inputs": 0, "error": 0.005}]}
IMP = {"kept": [0.1, 0.4], "timesteps": 3, "divergences": [0.1, 0.05, 0.001], "timestep_epochs": {"total": 171}}


def stage(name: str, bits: int, nonzero: int, validation: float, told: dict) -> dict:
    return {"name": name, "bits": bits, "nonzero": nonzero, "weights": 1000, "validation": validation, "seconds": 2.5,
            "facts": told}


def circles(markup: str) -> list[tuple[float, float]]:
    return [(float(one["cx"]), float(one["cy"])) for name, one in read(markup).elements if name == "circle"]


def told(markup: str) -> list[str]:
    return re.findall(r"<title>([^<]*)</title>", markup)


def filled(markup: str) -> list[float]:
    """How far each bar is filled, in percent."""
    return [float(one["width"]) for name, one in read(markup).elements if one.get("class") == "meter-main"]


def test_portions_of_inq_are_drawn_in_their_place():
    made = methods.drawn({"name": "inq", "facts": INQ})
    places = circles(made)
    assert len(places) == 3
    (x0, y0), (x1, y1), (x2, y2) = places
    assert (x1 - x0) / (x2 - x0) == pytest.approx(5 / 7, abs=0.01)
    assert (y0 - y1) / (y0 - y2) == pytest.approx(-2 / 5, abs=0.01) and y2 < y0 < y1 < 190      # lower is worse
    assert told(made)[1] == "weights in the codebook 80%: 88.00&#160;%".replace("&#160;", "\u00a0")
    assert filled(made) == [25, 50]
    assert "exponents by layer, least and greatest[[5, 8]]" in read(made).words and "portions" not in read(made).words


def test_agmm_is_drawn_by_epoch_and_layer():
    made = methods.drawn({"name": "agmm", "facts": AGMM})
    assert told(made) == ["epoch 1: 90.00\u00a0%", "epoch 2: 95.00\u00a0%", "epoch 1: 50.00\u00a0%",
                          "epoch 2: 25.00\u00a0%"]
    assert filled(made) == [50, 100, 25, 12.5]
    words = read(made).words
    assert "2 to 4" in words and "flips mean0.375" in words and "epochs" not in words


def test_osbc_tells_layer_by_layer():
    made = methods.drawn({"name": "osbc", "facts": OSBC})
    assert filled(made) == [100, 25]
    assert [row for row in re.findall(r"<tr>(.*?)</tr>", made) if "<td" in row][0].count("<td") == 3
    words = read(made).words
    assert "2.00\u00a0%" in words and "dead inputs" in words and "samples100" in words


def test_a_ticket_tells_when_it_searched():
    made = methods.drawn({"name": "imp", "facts": IMP})
    assert told(made)[-1] == "timesteps 4: 0.001" and filled(made) == [10, 40]
    assert "3 were enough" in read(made).words and "timestep epochs total171" in read(made).words


def test_layers_that_were_chosen_are_named():
    made = methods.drawn({"name": "ticket", "facts": {"kept": [0.5, 0.25], "layers": [1, 3], "sign_seed": 0}})
    assert re.findall("layer \\d", read(made).words) == ["layer 1", "layer 3"]
    assert "sign seed0" in read(made).words and "layers" not in read(made).words


def test_facts_of_an_unknown_method_are_a_table():
    made = methods.drawn({"name": "new", "facts": {"heat": [1, 2], "depth": {"a": 1.5, "b": "x"}, "rows": [{"c": 7}]}})
    assert "<svg" not in made
    assert "heat[1, 2]" in read(made).words and "depth a1.5depth bx" in read(made).words
    assert "<th scope=\"col\" class=\"number\">c</th>" in made.replace('class="number" scope="col"',
                                                                       'scope="col" class="number"')


def test_no_facts_are_nothing():
    assert methods.drawn({"name": "float", "facts": {}}) is None and methods.drawn({"facts": [1]}) is None


NONSENSE = [
    {"portions": [0.3, 1], "validation": [0.9]}, {"portions": [2, 3], "validation": [9, 8]},
    {"portions": [], "validation": []}, {"portions": {"a": 1}, "validation": "x"}, {"validation": [0.5, True]},
    {"validation": [0.5] * 500}, {"flips": {"epochs": ["x"]}}, {"flips": [1]}, {"divergences": [1e400]},
    {"divergences": [None, 1]}, {"alpha": [[]]}, {"alpha": [1]}, {"alpha": [["1"]]}, {"alpha": [[0.0]] * 99},
    {"kept": [0.5] * 99}, {"kept": [-1]}, {"layers": [{}]}, {"layers": [{"error": "x"}, {"error": 0.5}]},
    {"layers": [1, {"error": 1}]}, {"layers": "all"}, {"": ""}, {"x": "y" * 9000}, {str(k): k for k in range(99)},
    {"a": {"b": {"c": {"d": [{}] * 50}}}}, {"many": [{str(k): k for k in range(50)}] * 90}]


@pytest.mark.parametrize("odd", NONSENSE, ids=range(len(NONSENSE)))
def test_facts_without_sense_break_nothing(odd):
    made = methods.drawn({"name": ["x"], "facts": odd})
    found = read(made)
    assert not found.wrong and not found.open
    assert "<svg" not in re.sub(r'<svg[^>]*class="meter".*?</svg>', "", made)
    assert len(made) < 40_000


KNOWN = ("portions", "validation", "flips", "divergences", "timesteps", "alpha", "kept", "zeros", "rates", "layers",
         "epochs", "error", "name", "bits", "nonzero", "weights", "seconds", "facts", "graph", "network", "common", "x")
NUMBERS = st.one_of(st.floats(0, 1), st.floats(), st.integers(-3, 10**18), st.booleans())
VALUES = st.recursive(st.one_of(NUMBERS, st.lists(st.floats(0, 1), max_size=5), st.none(), st.text(max_size=9)),
                      lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(
                          st.sampled_from(KNOWN), inner, max_size=6)), max_leaves=20)
TABLES = st.dictionaries(st.sampled_from(KNOWN), VALUES, max_size=8)


@settings(max_examples=80)
@given(stages=st.lists(TABLES, max_size=3), close=TABLES, candidate=VALUES)
def test_whatever_a_file_says_is_drawn_or_left_out(stages, close, candidate):
    provenance = {"stages": stages, "closeness": close, "candidate": candidate, "assumptions": [candidate]}
    found = SimpleNamespace(network=SimpleNamespace(provenance=provenance), imported=False)
    for made in (compression.section(found), closeness.section(found)):
        parts = read(made or "")
        assert not parts.wrong and not parts.open
        for _, attributes in parts.elements:
            for name in {"cx", "cy", "x", "y", "width", "height"} & set(attributes):
                assert math.isfinite(float(attributes[name]))


def test_costs_below_one_are_no_costs(tiny):
    stages = [stage("a", 5e-324, 1e-300, 0.5, {}), stage("b", 8192, 10, 0.5, {})]
    assert "<figure>" not in compression.section(facts(tiny(provenance={"stages": stages})))


def test_what_is_cut_off_is_said():
    words = read(methods.drawn({"name": "x", "facts": {str(k): k for k in range(99)}})).words
    assert "75 facts more not shown." in words
    many = read(methods.drawn({"name": "x", "facts": {"many": [{"a": k} for k in range(90)]}})).words
    assert "many, the first 48 of 90" in many


def test_names_and_values_of_files():
    assert (called("a" * 99), called(3)) == ("a" * 80, "-")
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert said(deep) == "nested too deep"
    assert [said(v) for v in (1234, 0.5, True, None, "w", [1], "x" * 200)] == [
        "1,234", "0.5", "true", "null", "w", "[1]", "x" * 160 + " ..."]


def test_the_stages_are_drawn_by_what_they_cost(tiny):
    stages = [stage("float", 8192 * 80, 1000, 0.97, {}), stage("inq", 8192 * 10, 400, 0.96, INQ)]
    made = compression.section(facts(tiny(provenance={"stages": stages})))
    titles = told(made)
    assert titles[:4] == ["float: 97.00\u00a0%, 80 KiB", "inq: 96.00\u00a0%, 10 KiB",
                          "float: 97.00\u00a0%, 1,000 weights that are not 0",
                          "inq: 96.00\u00a0%, 400 weights that are not 0"]
    (x0, y0), (x1, y1) = circles(made)[:2]
    assert x0 > x1 and y0 < y1
    lines = re.findall(r"<tr>(.*?)</tr>", made)
    assert [re.sub("<[^>]*>", "|", line).replace("||", "|") for line in lines] == [
        "|stage|KiB|not 0|validation|took|", "|float|80.0|100.0\u00a0%|97.00\u00a0%|2.5\u00a0s|",
        "|inq|10.0|40.0\u00a0%|96.00\u00a0%|2.5\u00a0s|"]


def test_a_cost_that_never_changes_is_no_chart(tiny):
    stages = [stage("agmm", 8192, 1000, 0.97, {}), stage("integer", 8192, 400, 0.96, {})]
    made = compression.section(facts(tiny(provenance={"stages": stages})))
    assert made.count("<figure>") == 1 and "not 0, linear" not in made and "not 0, logarithmic" in made
    near = [stage("a", 8192, 1000, 0.97, {}), stage("b", 8192, 900, 0.96, {})]
    assert "logarithmic" not in compression.section(facts(tiny(provenance={"stages": near})))


def test_widths_of_a_search_are_a_table(tiny):
    layers = [{"weights": 4, "membrane": 9}, {"weights": 3, "membrane": 8}]
    made = compression.section(facts(tiny(provenance={"candidate": {"scheme": "ptq", "layers": layers}})))
    assert "Widths that the search chose" in made and "tells of no compression" not in made
    assert re.findall(r'<td class="number">(\d+)</td>', made) == ["4", "9", "3", "8"]


CLOSE = {"samples": 20, "agree": 0.75, "accuracy_graph": 0.9, "accuracy_network": 0.85, "layers": [
    {"name": "conv", "graph": 100, "network": 60, "common": 40},
    {"name": "out", "graph": 0, "network": 0, "common": 0}]}


def test_an_import_is_told_layer_by_layer(tiny):
    found = facts(tiny(provenance={"method": "import", "closeness": CLOSE, "assumptions": ["a <b>", 3]}))
    made = closeness.section(found)
    assert filled(made) == [50, 100]
    words = read(made).words
    assert "conv1006040" in words and "over 20 samples" in words and "same class75.00" in words
    assert "a <b>" in words and "<b>" not in made and made.count("<li>") == 1
    assert compression.section(found) is None and pareto.search(found) is None
    assert [(one.name, one.accuracy) for one in road.road(found)[:2]] == [
        ("imported graph", 0.9), ("integer network", 0.85)]
    assert verdict.accuracy(found).detail == "Integer network, 20 samples when it was imported"
    both = facts(tiny(provenance={"method": "import, then inq", "closeness": CLOSE, "accuracy": {
        "float": 0.9, "integer": 0.85}}))
    assert [one.name for one in road.road(both)[:3]] == ["float model", "integer network", "RTL"]
    assert both.imported and pareto.search(both) is None
    assert not facts(tiny(provenance={"method": ["import"]})).imported


@pytest.mark.parametrize("odd", [
    {"graph": 5, "network": 4, "common": 5}, {"graph": -1, "network": 0, "common": -1}, {"graph": 1}, {}])
def test_spikes_without_sense_are_left_out(tiny, odd):
    found = facts(tiny(provenance={"closeness": {"samples": 1, "layers": [odd]}}))
    assert closeness.section(found) is None
    assert closeness.section(facts(tiny(provenance={"closeness": [1], "assumptions": {"a": 1}}))) is None


def test_a_page_of_an_import_is_valid(tiny, written):
    page, _ = written(tiny(provenance={"method": "import", "closeness": CLOSE, "assumptions": ["a"]}))
    assert faults(page) == []
    linked = {one["href"][1:] for name, one in read(page).elements if name == "a"}
    assert "import" in linked and not {"compression", "search"} & linked
    spoilt = re.sub(r'<section id="import".*?</section>', "", page).replace('href="#import"', 'href="#road"')
    assert faults(spoilt) == ["there must be what imports have, or what others have"]


@pytest.mark.parametrize("name, figures", [("agmm", 4), ("imp90-inq4", 6), ("inq4", 4), ("osbc90", 3), ("ticket50", 1)])
def test_shipped_networks_tell_what_was_done(name, figures):
    network = load(f"examples/compressed/{name}.qsnn")
    made = compression.section(facts(network))
    assert made.count("<figure>") == figures
    for one in network.provenance["stages"]:
        for value in one["facts"].get("validation", ()):
            assert f"{100 * value:.2f}\u00a0%" in made
    assert json.dumps(network.provenance["stages"][0]["facts"]) not in made


def test_the_verdict_says_what_the_float_model_had(tiny):
    shares = {"integer": 0.9, "float": 0.95}
    assert verdict.accuracy(facts(tiny(provenance={"accuracy": shares}))).detail == (
        "Integer network, by its file; the float model has 95.00\u00a0%")
    assert "float" not in verdict.accuracy(facts(tiny(provenance={"accuracy": shares | {"float": None}}))).detail


def test_the_verdict_has_a_latency_without_a_measured_one(tiny):
    known = {"clock_hz": 1e6, "fmax_mhz": 2.0}
    made = Hardware(summary={"cycles": {"mean": 250.0}}, built=True)
    assert verdict.timing(facts(tiny(), report=known, hardware=made)).detail == (
        "Routed: could run at 2\u00a0MHz; an inference takes 250\u00a0\u00b5s by the timing model")
    measured = known | {"latency_us": 9.0}
    assert verdict.timing(facts(tiny(), report=measured, hardware=made)).detail.endswith("takes 9\u00a0\u00b5s")
    for other in (replace(made, built=False), replace(made, summary={"cycles": None}), None):
        assert verdict.timing(facts(tiny(), report=known, hardware=other)).detail.endswith("MHz")


def test_the_memory_of_all_weights(tiny):
    words = read(weights.section(facts(tiny()))).words
    assert "layer 0, 2 bits" in words and "0.0 KiB with the zeros, 16.0 times less than of 32 bits each" in words
    kept = [int((layer.synapses.weights != 0).sum()) for layer in tiny().layers]
    assert filled(weights.section(facts(tiny()))) == [pytest.approx(100 * kept[0] / 108, abs=0.01),
                                                      pytest.approx(100 * kept[1] / 36, abs=0.01)]


def test_no_compression_says_how_it_was_made(tiny):
    made = compression.section(facts(tiny(provenance={"method": "backprop"})))
    assert "tells of no compression: it was made by backprop." in read(made).words


def test_long_schedules_are_cut_whole_timesteps_at_a_time(tiny):
    work = tuple(Work(layers=(k,), timestep=t, start=10 * t, stop=10 * t + 5) for t in range(300) for k in (0, 1))
    trace = SimpleNamespace(number=7)
    found = facts(tiny(timesteps=300), samples=replace(facts(tiny()).samples, traces=(trace,)))
    made = board._schedule(found, Hardware(summary={}, built=True, schedule=work))
    titles = told(made)
    assert len(titles) == board.BARS and titles[-1] == "layer 1, timestep 119: cycle 1,190 to 1,195"
    assert "The first 120 of 300 are drawn." in read(made).words and "1,195 clock cycles" in made
    whole = board._schedule(replace(found, network=tiny(timesteps=2)), Hardware(summary={}, built=True,
                                                                               schedule=work[:4]))
    assert len(told(whole)) == 4 and "are drawn" not in whole


def test_a_threshold_that_moves_is_not_drawn_as_if_it_stood(tiny, written):
    assert "threshold at the start" not in read(written(tiny())[0]).words
    first = tiny().layers[0]
    adaptive = Alif(neurons=12, threshold=2, adaptation_step=1, reset="subtract",
                    adaptation_decay=Decay.shift_leak(3))
    page, _ = written(tiny(layers=(replace(first, neurons=adaptive), tiny().layers[1])))
    assert faults(page) == []
    assert re.findall(r"layer (\d), neuron \d+, threshold at the start", read(page).words)[0] == "0"
    assert not re.search(r"layer 1, neuron \d+, threshold", read(page).words)
