"""The command line: every verb helps, bad input is one line and exit code 2, `--json` parses, results are files."""

import json
import subprocess
import sys

import pytest

from spikeloom import boards, cli, plugins, save
from spikeloom.report import merge

RECIPES = ", ".join(name.replace("_", "-") for name in plugins.names("spikeloom.train.recipes"))

VERBS = plugins.names("spikeloom.commands")


@pytest.fixture
def spikeloom(capsys, monkeypatch, tmp_path):
    """`spikeloom(*words)` in a folder of its own: (exit code, output, errors)."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> tuple[int, str, str]:
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as exit_:
            code = exit_.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def file(small, tmp_path):
    """A network's file in the folder where `spikeloom` runs."""
    return save(small(), tmp_path / "small.qsnn").name


def test_the_verbs_of_the_issue_are_there():
    assert {"demo", "train", "show", "generate", "verify", "build", "boards", "doctor"} <= set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example_that_parses(spikeloom, verb):
    code, out, _ = spikeloom(verb, "--help")
    example = out.strip().splitlines()[-1]
    assert code == 0
    assert example.startswith(f"example: spikeloom {verb}")
    assert cli.parser().parse_args(example.split()[2:]).verb == verb


@pytest.mark.parametrize(("words", "message"), [
    (["show"], "spikeloom show: FILE must be given (see spikeloom show --help)"),
    (["show", "no.qsnn"], "spikeloom show: no.qsnn must be a readable file, but No such file or directory"),
    (["show", "."], "spikeloom show: . must be a readable file, but Is a directory"),
    (["boards", "--jsn"], "spikeloom boards: --jsn must be an option that there is (did you mean '--json'?) "
                          "(see spikeloom boards --help)"),
    (["train", "digit"], f"spikeloom train: recipe must be one of {RECIPES}, not 'digit' "
                         "(did you mean 'digits'?)"),
    (["train", "digits", "--epochs", "0"], "spikeloom train: epochs must be an integer from 1 to 100000, not 0"),
    (["build", "small.qsnn", "--board", "icebraker"],
     f"spikeloom build: board must be one of {', '.join(sorted(one.name for one in boards.boards()))}, not 'icebraker' "
     "(did you mean 'icebreaker'?)"),
    (["build", "small.qsnn", "--extras", "probe=1"],
     "spikeloom build: --extras must be of probe, readback, stream=NUMBER, queue=NUMBER, guard, watchdog, "
     "not 'probe=1'"),
    (["build", "small.qsnn", "--extras", "queue=3"],
     "spikeloom build: queue must be an integer from 16 to 32768, not 3"),
    (["build", "small.qsnn", "--extras", "probe", "--swappable"],
     "spikeloom build: --extras must be left out with --swappable, not 'probe'"),
    (["generate", "small.qsnn", "--extras", "probe"],
     "spikeloom generate: --extras must come with --link, whose they are, not 'probe' alone"),
    (["generate", "small.qsnn", "--lanes", "8"],
     "spikeloom generate: --lanes must be 2 whole numbers with commas between, not '8'"),
    (["generate", "small.qsnn", "--lanes", "99,10"],
     "spikeloom generate: layer 0 lanes must be an integer from 1 to 20, not 99"),
    (["generate", "small.qsnn", "--update-lanes", "3,1"],
     "spikeloom generate: layer 0 update lanes must be a power of two, not 3"),
    (["verify", "small.qsnn", "--random", "0"],
     "spikeloom verify: --random must be an integer from 1 to 1048576, not 0"),
    (["verify", "small.qsnn", "--test-set"],
     "spikeloom verify: network must name its data set and preprocessing in its provenance to use images"),
])
def test_bad_input_is_one_line_and_exit_code_2(spikeloom, file, words, message):
    code, out, err = spikeloom(*words)
    assert (code, out, err) == (2, "", message + "\n")


def test_damaged_files_are_named(spikeloom, file, tmp_path):
    path = tmp_path / file
    path.write_bytes(path.read_bytes()[:-5])
    code, out, err = spikeloom("show", file)
    assert (code, out) == (2, "")
    assert err == ("spikeloom show: small.qsnn: checksum must match: the file was cut short, damaged or edited\n")


def test_show_prints_and_parses(spikeloom, file, small):
    code, out, _ = spikeloom("show", file)
    assert code == 0
    assert small().digest in out
    code, out, _ = spikeloom("show", file, "--json")
    shown = json.loads(out)
    assert shown["digest"] == small().digest
    assert shown["layers"][0]["threshold"] == small().layers[0].neurons.threshold.tolist()
    assert shown["layers"][1]["codebook"] == {"kind": "pow2", "exponents": 3, "fraction": 0}


@pytest.mark.parametrize("options", [[], ["--link", "--clock", "24"], ["--board", "ulx3s-25f", "--lanes", "8,5"]])
def test_generate_writes_verilog(spikeloom, file, small, tmp_path, options):
    code, out, _ = spikeloom("generate", file, "-o", "out.v", "--json", *options)
    text, found = (tmp_path / "out.v").read_text(), json.loads(out)
    assert code == 0
    assert text.startswith(f"// Network {small().digest}\n")
    assert f"\nmodule {found['module']}(" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.v", "small.qsnn"]


def test_extras_are_in_the_hardware(spikeloom, file, tmp_path):
    spikeloom("generate", file, "-o", "plain.v", "--link")
    spikeloom("generate", file, "-o", "probed.v", "--link", "--extras", "probe,queue=64")
    plain, probed = ((tmp_path / name).read_text() for name in ("plain.v", "probed.v"))
    assert "request_queue" not in plain and "probe" not in plain
    assert len(probed) > len(plain) and "probe" in probed


def test_boards_and_doctor_parse(spikeloom):
    boards = json.loads(spikeloom("boards", "--json")[1])["boards"]
    assert {"icebreaker", "ulx3s-25f", "ulx3s-85f"} <= {board["name"] for board in boards}
    tools = {tool["tool"]: tool for tool in json.loads(spikeloom("doctor", "--json")[1])["tools"]}
    assert tools["yosys"]["found"]
    assert all(tool["cost"] for tool in tools.values())
    assert "yosys" in spikeloom("doctor")[1]


@pytest.mark.slow
def test_verify_compares_and_reports(spikeloom, file, small, tmp_path):
    code, out, _ = spikeloom("verify", file, "--random", "40", "--path", "volume", "--out", "found")
    assert code == 0
    assert "40 samples: random values" in out
    report = json.loads((tmp_path / "found" / "report.json").read_text())
    assert report["network_digest"] == small().digest
    assert [row["mismatches"] for row in report["verify"]] == [0, 0]
    assert report["verify"][0]["compared_membranes"] == 40 * 4 * 30
    assert report["cycles_per_inference"]["max"] >= report["cycles_per_inference"]["mean"] > 0


@pytest.mark.slow
def test_build_adds_to_the_same_report(spikeloom, file, small, tmp_path):
    merge(tmp_path / "build/small", small(), {"cycles_per_inference": {"mean": 120.0, "max": 130}, "seconds": {"a": 1}})
    code, _, _ = spikeloom("build", file)
    report = json.loads((tmp_path / "build/small/report.json").read_text())
    assert code == 0
    assert report["board"] == "icebreaker"
    assert report["latency_us"] == 10.0
    assert {"a", "build: place and route"} <= set(report["seconds"])
    assert 0 < report["resources"]["lut"]["used"] < report["resources"]["lut"]["available"] == 5280
    assert (tmp_path / report["bitstream"]).stat().st_size > 100_000


def test_a_report_about_another_network_is_not_kept(small, tmp_path):
    merge(tmp_path, small(), {"verify": [1]}, plan={"lanes": 1})
    assert merge(tmp_path, small(), {}, plan={"lanes": 1})["verify"] == [1]
    assert "verify" not in merge(tmp_path, small(), {}, plan={"lanes": 2})
    assert "plan" not in merge(tmp_path, small(timesteps=5), {})


def test_the_installed_command_is_quick_to_say_its_version():
    result = subprocess.run([sys.executable, "-X", "importtime", "-m", "spikeloom", "--version"],
                            capture_output=True, text=True, check=True)
    assert result.stdout.startswith("spikeloom 0.")
    assert "torch" not in result.stderr
