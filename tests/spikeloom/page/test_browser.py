"""The page in a real browser: its script runs, nothing complains, and what a hand would do has its effect."""

import re
import shutil

import pytest

from .conftest import HOSTILE
from .pages import BROWSER, browse, read

pytestmark = pytest.mark.skipif(shutil.which(BROWSER) is None, reason=f"{BROWSER} is not installed")
HAND = """<script>
const slider = document.getElementById("step"), press = (k) => document.querySelectorAll("button")[k].click();
press(1); slider.value = "2"; slider.dispatchEvent(new Event("input"));
document.querySelector("#weights .tip rect").dispatchEvent(new Event("pointerover", {bubbles: true}));
</script>"""


def visible(dom: str) -> list[int]:
    """Numbers of the samples that are shown."""
    return [k for k, tag in enumerate(re.findall(r"<article[^>]*>", dom)) if " hidden" not in re.sub('".*?"', "", tag)]


def bands(dom: str) -> list[str]:
    """Where the cursors of the samples stand."""
    return re.findall(r'class="scrub" data-width="[\d.]+" transform="translate\(([\d.]+)', dom)


def test_the_script_runs_and_nothing_complains(example):
    dom, console = browse(example.path)
    assert console == []
    assert '<html lang="en" class="js">' in dom
    assert visible(dom) == [0]
    found = read(dom)
    assert sum(name == "svg" for name, _ in found.elements) >= 25
    assert not [1 for name, attributes in found.elements if name == "title" and found.elements[0] is attributes]
    assert dom.count("<title>") == 1        # the marks' own are told by the script


def test_an_address_leads_to_a_sample_and_a_timestep(example):
    dom, console = browse(example.path, hash_="#sample=2&step=1")
    assert console == [] and visible(dom) == [2]
    assert "Timestep 1: " in re.findall(r"<output[^>]*>([^<]*)", dom)[2]
    assert 'aria-pressed="true">sample 17' in dom
    dom, console = browse(example.path, hash_="#sample=99&step=-4")
    assert console == [] and visible(dom) == [2] and "Timestep 0: " in re.findall(r"<output[^>]*>([^<]*)", dom)[2]


def test_a_hand_moves_the_cursor(example, tmp_path):
    """With the policy taken away, which else lets no other script run."""
    moved = tmp_path / "moved.html"
    policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>', example.page)[0]
    moved.write_text(example.page.replace(policy, "").replace("</body>", HAND + "</body>"))
    dom, console = browse(moved)
    assert console == [] and visible(dom) == [1]
    assert "Timestep 2: " in re.findall(r"<output[^>]*>([^<]*)", dom)[1]
    per_sample = len(bands(dom)) // 3
    before, after = bands(example.page)[per_sample:2 * per_sample], bands(dom)[per_sample:2 * per_sample]
    assert [3 * float(a) for a in after] == pytest.approx([2 * float(b) for b in before], rel=0.01)
    tip = re.search(r'<div id="tip"([^>]*)>([^<]*)', dom)
    assert "hidden" not in tip[1] and re.fullmatch(r"[-+0-9]+: [\d,]+ of 401,408, .*%", tip[2])


def test_a_script_that_is_not_the_pages_does_not_run(example, tmp_path):
    added = tmp_path / "added.html"
    added.write_text(example.page.replace("</body>", HAND + "</body>"))
    dom, console = browse(added)
    assert visible(dom) == [0]
    assert len(console) == 1 and "Content Security Policy" in console[0]


def test_a_broken_script_is_noticed(example, tmp_path):
    broken = tmp_path / "broken.html"
    policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>', example.page)[0]
    broken.write_text(example.page.replace(policy, "").replace("samples.forEach", "samples.foreach"))
    dom, console = browse(broken)
    assert any("samples.foreach is not a function" in line for line in console)
    assert visible(dom) == [0, 1, 2]


def test_a_broken_drawing_is_noticed(example, tmp_path):
    broken = tmp_path / "broken.html"
    broken.write_text(example.page.replace(' d="M', ' d="M&lt;', 1))
    assert any("attribute d" in line for line in browse(broken)[1])


def test_hostile_names_do_nothing(full):
    page, path = full
    dom, console = browse(path)
    assert console == [] and "owned" not in re.search("<title>.*?</title>", dom)[0]
    assert HOSTILE[:40] in read(dom).words


def test_it_prints(example, tmp_path):
    paper = tmp_path / "page.pdf"
    _, console = browse(example.path, f"--print-to-pdf={paper}", "--no-pdf-header-footer")
    assert console == [] and paper.read_bytes()[:5] == b"%PDF-"
    pages = len(re.findall(rb"/Type\s*/Page\b", paper.read_bytes()))
    assert 3 <= pages <= 14


def test_the_keyboard_reaches_what_a_method_tells(full, tmp_path):
    page, _ = full
    policy = re.search(r'<meta http-equiv="Content-Security-Policy"[^>]*>', page)[0]
    hand = '<script>document.querySelector("#compression .method .tip").focus();</script>'
    focused = tmp_path / "focused.html"
    focused.write_text(page.replace(policy, "").replace("</body>", hand + "</body>"))
    dom, console = browse(focused)
    assert console == []
    tip = re.search(r'<div id="tip"([^>]*)>([^<]*)', dom)
    assert "hidden" not in tip[1] and tip[2] == "weights in the codebook 50%: 90.00&nbsp;%"
