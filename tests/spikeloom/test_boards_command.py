"""`spikeloom boards`: the catalogue, and which of it a network fits."""

import json

import pytest

from spikeloom import boards, cli

SMALL = "examples/mnist-icebreaker.qsnn"


def run(capsys, *words: str) -> tuple[int, str, str]:
    code = cli.main(["boards", *words])
    return code, *capsys.readouterr()


def test_every_board_is_listed(capsys):
    code, out, _ = run(capsys)
    assert code == 0 and all(one.title in out for one in boards.boards())
    found = json.loads(run(capsys, "--json")[1])["boards"]
    assert [one["name"] for one in found] == [one.name for one in boards.boards()]
    orangecrab = next(one for one in found if one["name"] == "orangecrab-25f")
    assert "USB-serial adapter" in orangecrab["notes"] and orangecrab["programmer"]["tool"] == "dfu-util"
    assert [one["name"] for one in found if one["unverified"]] == [
        "icesugar-pro", "pico-ice", "versa-ecp5", "versa-ecp5-5g"]


def test_a_network_is_planned_for_every_board(capsys):
    code, out, _ = run(capsys, SMALL, "--json")
    rows = json.loads(out)["boards"]
    found = {one["board"]: one for one in rows}
    assert code == 0 and set(found) == {one.name for one in boards.boards()}
    assert [name for name, one in found.items() if not one["fits"]] == ["icestick"] == [rows[-1]["board"]]
    assert found["icebreaker"]["cycles"] > found["hx8k"]["cycles"] > found["ulx3s-25f"]["cycles"]
    assert found["ecpix5-45f"]["latency_us"] == round(found["ecpix5-45f"]["cycles"] / 50, 3)
    assert cli.main(["plan", SMALL, "--board", "hx8k", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert planned["cost"] == found["hx8k"]["used"] and planned["cycles"]["mean"] == found["hx8k"]["cycles"]


def test_a_person_sees_what_fits(capsys):
    code, out, err = run(capsys, SMALL)
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert code == 0 and "plan" in err
    assert " yes " in lines["icebreaker"] and "us at 12 MHz" in lines["icebreaker"]
    assert " no " in lines["icestick"] and "of 1,280" in lines["icestick"] and " us " not in lines["icestick"]


@pytest.mark.parametrize(("words", "message"), [
    (["no.qsnn"], "no.qsnn"),
    ([SMALL, "--goal", "beauty"], "goal must be one of latency, cells, throughput, not 'beauty'"),
])
def test_wrong_input_is_one_line(capsys, words, message):
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "") and message in err and "Traceback" not in err
