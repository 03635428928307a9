"""The page, read back without a browser."""

import re

import pytest

from spikeloom.page import SECTIONS
from spikeloom.page.markup import joined, tag

from .conftest import BOARD, HOSTILE, row
from .pages import faults, read


@pytest.mark.parametrize("name", ["bare", "full"])
def test_a_page_is_valid_and_self_contained(name, request):
    page, _ = request.getfixturevalue(name)
    assert faults(page) == []


def test_an_example_is_valid_and_small(example):
    assert faults(example.page) == []
    assert len(example.page) < 300_000
    assert "Ankle boot" in example.page and "88.38" in example.page


@pytest.mark.parametrize("old, new, fault", [
    ('id="weights"', 'id="weight"', "section weights is missing"),
    ("</main>", "", "</body> closes what is not open"),
    ('id="tip"', 'id="road"', "id road is there twice"),
    ("</main>", '<img src="https://example.org/x.png"></main>', "<img> leads to https://example.org/x.png"),
    ("<main>", '<main onclick="f()">', "<main> has onclick"),
    ("<main>", '<main style="x">', "<main> has style"),
    ('"use strict"', "'use strict'", "the policy must allow just the <script> that is there"),
    ("</main>", "<script>1</script></main>", "there must be one <script>, not 2"),
    ("default-src &#x27;none&#x27;", "default-src *", "the policy must allow nothing else"),
    ('href="#road"', 'href="#street"', "#street leads nowhere"),
])
def test_faults_are_noticed(bare, old, new, fault):
    page, _ = bare
    assert old in page
    assert fault in faults(page.replace(old, new, 1))


def test_hostile_words_stay_words(full):
    page, _ = full
    found = read(page)
    assert "<img src=x" not in page and "<script>document" not in page
    assert {name for name, _ in found.elements}.isdisjoint({"img", "iframe", "object", "embed", "base"})
    shown = HOSTILE.replace("\u202e", "\ufffd").replace("\x07", "\ufffd")
    assert found.words.count(shown) >= 5
    assert "\u202e" not in found.words and "\x07" not in found.words


def test_what_is_not_known_names_its_command(bare):
    page, path = bare
    words, file = read(page).words, path.with_name("net.qsnn")
    for command in (f"spikeloom build {file}", f"spikeloom verify {file} --level 1",
                    f"spikeloom verify {file} --level 2", f"spikeloom verify {file} --level 3",
                    f"spikeloom deploy {file}", "spikeloom compress RECIPE inq:bits=4", "spikeloom search RECIPE",
                    f"spikeloom report {file} --images IDX --labels IDX"):
        assert command in words, command
    tiles = re.findall(r'class="sign (\w+)"', page)
    assert tiles == ["yes", "open", "open", "open"]     # it should fit, and no more is known


def test_what_is_known_is_told(full):
    page, _ = full
    words = read(page).words
    assert re.findall(r'class="sign (\w+)"', page) == ["yes"] * 4
    for told in ("4,184 of 5,280", "30 of 30", "24\u00a0MHz", "30.5\u00a0MHz", "53.9\u00a0\u00b5s", "96.00\u00a0%",
                 "8,220 values of 20 samples, none differs", "1 of 1 claim proven", "virtual board",
                 "1,293 cycles, 53.9\u00a0\u00b5s at 24\u00a0MHz", "Layers as built", "7 candidates", "net.qsnn"):
        assert told in words, told
    assert words.count("= integer") == 3
    assert "spikeloom build" not in words and "spikeloom search" not in words


def test_what_is_bad_is_told(tiny, written):
    parts = BOARD | {"fmax_mhz": 20.0, "verify": [row(1, 0), row(2, 3)]}
    parts["resources"] = {"lut": {"used": 5281, "available": 5280}}
    page, _ = written(tiny(), parts)
    words = read(page).words
    assert re.findall(r'class="sign (\w+)"', page) == ["no", "no", "no", "open"]
    assert "differs: netlist" in words and "3 differ of 8,220 values of 20 samples" in words
    assert "meter-no" in page


def test_a_file_of_nonsense_is_believed_nothing(tiny, written):
    nonsense = {
        "board": "icebreaker", "resources": [1], "verify": [1, {"level": 1}, {"level": [], "mismatches": 0}],
        "proofs": "yes", "fmax_mhz": "9", "device": [], "level0": 3, "plan": {"layers": [{"strategy": {}}, 4]}}
    search = {"recipe": [], "cost": "rm", "accuracy": [], "candidates": [
        3, {"cost": -1, "accuracy": 0.5}, {"cost": 1e400, "accuracy": 0.5}, {"cost": 5, "accuracy": "1"},
        {"cost": 5e-324, "accuracy": 0.5}]}
    network = tiny(provenance={"accuracy": {"integer": "1", "float": 7}, "stages": [{"bits": "x"}, 3, {"bits": 0}],
                               "test_images": [], "dataset": None, "method": {"a": []}})
    page, _ = written(network, nonsense, search)
    assert faults(page) == []
    assert re.findall(r'class="sign (\w+)"', page) == ["yes", "open", "open", "open"]
    assert "No search was found" in page and "tells of no compression" in page


def test_a_report_of_another_network_is_not_believed(tiny, written, capsys):
    _, path = written(tiny(), BOARD | {"verify": [row(1)]})
    from spikeloom import cli, save
    other = save(tiny(timesteps=5), path.with_name("net.qsnn"))
    assert cli.main(["report", str(other), "--out", str(path.parent)]) == 0
    capsys.readouterr()
    assert re.findall(r'class="sign (\w+)"', path.read_text("ascii")) == ["yes", "open", "open", "open"]


def test_the_figures_of_another_board_are_left_out(tiny, written):
    page, _ = written(tiny(), BOARD | {"verify": [row(1)]}, None, "--board", "ulx3s-25f")
    words = read(page).words
    assert "The budget of ulx3s-25f" in words and "4,184 of 5,280" not in words and "8,220 values" in words
    assert "net.qsnn --board ulx3s-25f" in words


def test_the_same_facts_are_the_same_page(tiny, written):
    first, path = written(tiny())
    again, second = written(tiny())
    assert first.replace(str(path.parent), "") == again.replace(str(second.parent), "")


@pytest.mark.parametrize("words, message", [
    (("--show", "0,100"), "--show must be at most 8 numbers from 0 to 99 with commas between, not '0,100'"),
    (("--show", "x"), "--show must be at most 8 numbers from 0 to 99 with commas between, not 'x'"),
    (("--show", "0,1,2,3,4,5,6,7,8"), "--show must be at most 8 numbers from 0 to 99 with commas between, "
                                      "not '0,1,2,3,4,5,6,7,8'"),
    (("--board", "icebraker"), "(did you mean 'icebreaker'?)"),
    (("--search", "nowhere"), "nowhere/candidates.json must be the JSON that a search leaves"),
])
def test_errors(tiny, written, capsys, words, message):
    from spikeloom import cli
    _, path = written(tiny())
    capsys.readouterr()
    assert cli.main(["report", str(path.with_name("net.qsnn")), "--out", str(path.parent), *words]) == 2
    assert message in capsys.readouterr().err


def test_a_data_set_that_is_not_at_hand_is_no_obstacle(tiny, written, capsys, monkeypatch, tmp_path):
    from spikeloom import cli
    monkeypatch.setenv("SPIKELOOM_DATA", str(tmp_path))
    network = tiny(provenance={"dataset": "nobody's", "preprocess": {"bits": 1}})
    page, path = written(network)
    assert "random values, as the data set is not at hand" in read(page).words
    capsys.readouterr()
    assert cli.main(["report", str(path.with_name("net.qsnn")), "--out", str(path.parent), "--test-set"]) == 2
    assert "network provenance must name a data set among" in capsys.readouterr().err


def test_samples_are_chosen(tiny, written):
    page, _ = written(tiny(), None, None, "--show", "7,2,7")
    assert re.findall(r"<h3>Sample (\d+):", page) == ["7", "2"]


def test_every_section_is_linked(bare):
    page, _ = bare
    linked = {attributes["href"][1:] for name, attributes in read(page).elements if name == "a"}
    assert linked == set(SECTIONS) - {"verdict", "import"}


def test_markup_escapes_everything_once():
    made = tag("p", "<b>&", joined("x", None, [1, "'"]), title='"<', class_="a", hidden=True, alt=None, x=1.5)
    assert made == '<p title="&quot;&lt;" class="a" hidden x="1.5">&lt;b&gt;&amp;x1&#x27;</p>'
    assert tag("br") == "<br>" and tag("rect", x=1) == '<rect x="1"/>' and tag("p") == "<p></p>"
    assert tag("p", "a\ud800\x00\u200fb\nc") == "<p>a\ufffd\ufffd\ufffdb\nc</p>"
    assert len(tag("p", "x" * 5000)) < 500 and len(tag("p", title="x" * 5000)) > 5000
