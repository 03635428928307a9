"""benchmarks/peers: its repairs, its integers of another tool's hardware, its judge, its stages and its table."""

import json
import os
import re
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spikeloom import boards, tools
from spikeloom.boards.build import sources
from spikeloom.errors import SpikeloomError, ToolError

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / "benchmarks" / "peers"
sys.path.insert(0, str(PEERS))

import frame  # noqa: E402
import ghdl  # noqa: E402
import peer_dwn2rtl  # noqa: E402
import peer_spikerplus  # noqa: E402
import spikerplus_rtl  # noqa: E402
from rows import Row, table  # noqa: E402
from stages import Stages, command  # noqa: E402
from verilog_repairs import repair  # noqa: E402

VERILOG = """module chosen (input [1:0] n1_o, input clk, input [1:0] a, output reg [1:0] n2_o, output reg [1:0] n3_o);
  always @*
    case (n1_o)
      2'b10: n2_o <= a;
      2'b01: n2_o <= 2'b00;
    endcase
  always @*
    case (n1_o)
      2'b10: n3_o <= a;
    endcase
endmodule
"""
VHDL = """  with n1_o select n2_o <=
    a when "10",
    "00" when "01",
    "11" when others;
  with n1_o select n3_o <=
    a when "10",
    (1 downto 0 => 'X') when others;
"""


def test_a_default_left_out_comes_from_the_vhdl():
    repaired, said = repair(VERILOG, VHDL)
    assert "      2'b01: n2_o <= 2'b00;\n      default: n2_o <= 2'b11;\n    endcase" in repaired
    assert "default: n3_o <= {2{1'bx}};" in repaired
    assert said[0] == "the missing default of each case, 2 of them, from GHDL's own VHDL"
    assert "default: n2_o <= b;" in repair(VERILOG, VHDL.replace('"11" when', "b when"))[0]
    assert "default: n2_o <= 1'b0;" in repair(VERILOG, VHDL.replace('"11" when', "'0' when"))[0]


@pytest.mark.parametrize(("text", "latches"), [(VERILOG, True), (repair(VERILOG, VHDL)[0], False)])
def test_only_what_is_repaired_has_no_latch(text, latches, tmp_path):
    (tmp_path / "chosen.v").write_text(text)
    log = tools.run(tools.find("yosys"), ["-p", "read_verilog chosen.v; proc; select -list t:$dlatch"],
                    folder=tmp_path, log="log")
    assert ("chosen/$auto$proc_dlatch" in log) == latches


def test_a_selection_that_the_vhdl_does_not_have_is_an_error():
    with pytest.raises(ValueError, match="selection must be in both netlists, n3_o is in the Verilog alone"):
        repair(VERILOG, VHDL.replace("n3_o", "n4_o"))
    with pytest.raises(ValueError, match=re.escape("value must be a name, bits or X, not 'a + b'")):
        repair(VERILOG, VHDL.replace('"11" when', "a + b when"))


def test_long_literals_are_cut_and_keep_their_value():
    digits = "".join("01"[k % 3 == 0] for k in range(5000))
    repaired, said = repair(f"localparam [5000:0] p = 5001'b{digits};\nassign q = 4'b01xz;\n", "")
    pieces = re.findall(r"(\d+)'b([01]+)[,}]", repaired)
    assert [int(width) for width, _ in pieces] == [4096, 905]
    assert "".join(bits for _, bits in pieces) == "0" + digits
    assert "4'b01xz" in repaired
    assert said[1] == "literals longer than 4096 digits cut into pieces, 1 of them"


def test_sums_saturate_at_each_step():
    generator = np.random.default_rng(1)
    weights = generator.integers(-32, 32, (7, 40))
    spikes = generator.random((30, 40)) < 0.5
    membranes = generator.integers(-128, 128, (30, 7))
    expected = membranes.copy()
    for image, neuron, k in np.ndindex(30, 7, 40):
        if spikes[image, k]:
            expected[image, neuron] = min(127, max(-128, expected[image, neuron] + weights[neuron, k]))
    assert (spikerplus_rtl.integrate(membranes, weights, spikes, 8) == expected).all()
    assert (membranes + spikes @ weights.T != expected).any()


def test_a_neuron_fires_or_leaks_and_its_spike_arrives_a_timestep_later():
    spikes = np.array([[[True], [False], [False], [False]]])
    trace = spikerplus_rtl.run(spikes, np.array([[48]]), np.array([[33]]), 16, 8)
    # 48 is above 16, 32 is, and 16 is not: it leaks. The output gets 33 twice; above 16 it grows by 33 >> 4.
    assert trace.hidden[0, :, 0].tolist() == [False, True, True, False, False]
    assert trace.membranes[0, :, 0].tolist() == [0, 0, 33, 68, 72]
    assert trace.output[0, :, 0].tolist() == [False, False, False, True, True]


def _seen() -> tuple[dict, spikerplus_rtl.Trace]:
    generator = np.random.default_rng(2)
    trace = spikerplus_rtl.run(generator.random((3, 5, 12)) < 0.5, generator.integers(-9, 20, (4, 12)),
                               generator.integers(-9, 9, (2, 4)), 16, 10)
    return {"hidden": trace.hidden[:, 1:], "membranes": np.pad(trace.membranes[:, 2:], ((0, 0), (0, 1), (0, 0)))}, trace


def test_the_judge_sees_a_spike_or_a_membrane_that_differs():
    model, trace = _seen()
    found = peer_spikerplus.judge(model, trace, trace)
    assert (found["rtl"]["images_alike"], found["model"]["images_alike"]) == (3, 3)
    for part in ("hidden", "output", "membranes"):
        wrong = getattr(trace, part).copy()
        wrong[1, 3, 0] ^= 1
        assert peer_spikerplus.judge(model, replace(trace, **{part: wrong}), trace)["rtl"]["images_alike"] == 2
    wrong = model["hidden"].copy()
    wrong[0, 2, 1] ^= True
    found = peer_spikerplus.judge(model | {"hidden": wrong}, trace, trace)["model"]
    assert (found["images_alike"], found["hidden_alike"]) == (2, 2)
    wrong = model["membranes"].copy()
    wrong[2, 1, 0] += 1
    assert peer_spikerplus.judge(model | {"membranes": wrong}, trace, trace)["model"]["images_alike"] == 2


def test_what_the_test_bench_writes_is_read():
    before, first, second = "00 0 7", "01 1 -3", "10 0 4"
    seen, cycles = peer_spikerplus.read_seen("\n".join(
        (before, first, second, "end 22866", before, second, first, "end 9")))
    assert cycles == [22866, 9]
    assert seen.hidden.tolist() == [[[True, False], [False, True]], [[False, True], [True, False]]]
    assert seen.output[:, :, 0].tolist() == [[True, False], [False, True]]
    assert seen.membranes[:, :, 0].tolist() == [[-3, 4], [4, -3]]


def test_the_port_for_the_test_bench_goes_into_the_entity_alone():
    text = ("component multi is\n    port (\n        clk\nentity network is\n    generic (\n    );\n    port (\n"
            "        clk\nbegin\n    sample <= start_all;\n")
    found = peer_spikerplus.with_hidden_spikes(text)
    assert found == text.replace("    );\n    port (\n", "    );\n    port (\n        layer_0_seen : out "
                                 "std_logic_vector(127 downto 0);\n").replace(
                                     "start_all;\n", "start_all;\n    layer_0_seen <= layer_0_feedback;\n")


def test_the_frame_has_as_many_flip_flops_as_it_says(tmp_path):
    core = frame.Core(module="peer", inputs={"x": 5, "start": 1}, outputs={"y": 3}, reset=("rst_n", False),
                      constants={"one": 1})
    verilog = ("module peer(input clk, input rst_n, input [4:0] x, input start, input one, output [2:0] y);\n"
               "assign y = {x[4] & rst_n, ^x[3:1], x[0] & start & one};\nendmodule\n")
    files, _ = sources(lambda clock_hz: frame.Frame(core, verilog), boards.board("ulx3s-85f"))
    for name in ("peer.v", "top.il"):
        (tmp_path / name).write_text(files[name])
    log = tools.run(tools.find("yosys"), [
        "-p", "read_verilog peer.v; read_rtlil top.il; hierarchy -top top; proc; opt_clean; simplemap; "
        "select -count top.design/t:*DFF*"], folder=tmp_path, log="log")
    assert core.flip_flops == 6 + 3 + 2
    assert f"{core.flip_flops} objects." in log


def test_fmax_is_the_slowest_clock_also_below_what_was_asked_for():
    report = {"fmax": {"a": {"achieved": 80.5, "constraint": 50}, "b": {"achieved": 46.123, "constraint": 50}}}
    assert frame.read_fmax(report) == 46.12


def test_an_absent_ghdl_says_what_to_install(monkeypatch):
    monkeypatch.setenv("GHDL", "no-ghdl-here")
    with pytest.raises(ToolError, match="^ghdl was not found: install the package ghdl, or set GHDL to its command$"):
        ghdl.find()


def test_stages_are_done_once(tmp_path):
    done, stages = [], Stages(name="peer", folder=tmp_path)

    def work() -> dict:
        done.append(1)
        return {"count": len(done)}
    assert stages.run("one", work)["count"] == stages.run("one", work)["count"] == 1
    assert replace(stages, again=True).run("one", work)["count"] == 2
    assert stages.run("one", work)["count"] == 2
    assert {"count", "seconds", "cpu_seconds"} == set(json.loads((tmp_path / "stages/one.json").read_text()))
    with pytest.raises(ToolError, match="^python.* failed with exit code 3: nothing to do$"):
        stages.run("two", lambda: {"said": command(
            [sys.executable, "-c", "import sys; print('nothing to do', file=sys.stderr); sys.exit(3)"], tmp_path)})
    assert not (tmp_path / "stages/two.json").exists()


def test_dwn2rtl_is_believed_only_what_it_says():
    said = "Verilator 5.048\n  dwn_core  504 vectors  PASS\n  dwn_top   1369 vectors  FAIL\nRESULT   FAIL\n"
    assert peer_dwn2rtl.verdict(said) == {"vectors": 1873, "result": "FAIL"}
    with pytest.raises(ValueError, match="^verdict must have a line RESULT, not 'dwn_core  504 vectors  PASS'$"):
        peer_dwn2rtl.verdict("dwn_core  504 vectors  PASS")
    assert peer_dwn2rtl.latency("core      2000 nodes, 3 cycles\ntop       4 cycles latency, II=1\n") == 4


ROW = Row(peer="Peer", version="1.0", network="SNN 4-2", numbers="4 bits", timesteps=25, test_images=10_000,
          accuracy={"float": 0.975, "hardware": 0.9}, resources={"lut": {"used": 1200, "available": 83_640}},
          board="ulx3s-85f", fmax_mhz=50.0, cycles={"mean": 25_000.0, "max": 26_000}, seconds=90, cpu_seconds=30,
          repairs=("one thing", "another"), frame_flip_flops=1234, exactness="0 of 20 images are alike")


def test_a_row_says_what_was_measured_and_what_was_not():
    lines = table([ROW]).splitlines()
    assert lines[2] == ("| Peer 1.0 | SNN 4-2, T = 25 | 4 bits | 97.50%, -, 90.00% | 1,200 | 0 | 0 | 0 | 50.0 MHz "
                        "| 25,000 | 0.5 | no | 1.5 (0.5) |")
    assert lines[4] == ("* Peer 1.0, SNN 4-2: Compared here: 0 of 20 images are alike. By hand: one thing; another. "
                        "1,234 of the flip-flops are the frame around the core.")
    assert Row.from_json(json.loads(json.dumps(ROW.to_json()))) == ROW


def test_a_row_without_hardware_says_why():
    row = replace(ROW, resources=None, reason="it does not install", fmax_mhz=None, cycles=None, exactness="",
                  repairs=(), frame_flip_flops=0)
    lines = table([row]).splitlines()
    assert lines[2] == "| Peer 1.0 | SNN 4-2, T = 25 | 4 bits | 97.50%, -, 90.00% " + "| - " * 9 + "|"
    assert lines[4] == "* Peer 1.0, SNN 4-2: it does not install."
    with pytest.raises(SpikeloomError, match="^row must have either resources or a reason, Peer has neither$"):
        replace(row, reason=None)
    with pytest.raises(SpikeloomError, match="^row must have either resources or a reason, Peer has both$"):
        replace(ROW, reason="too slow")
    with pytest.raises(SpikeloomError, match="^accuracy must be a share from 0 to 1, float of Peer is 97.5$"):
        replace(ROW, accuracy={"float": 97.5})


def test_a_peer_that_does_not_run_leaves_a_row_that_says_why(tmp_path, monkeypatch):
    main = runpy.run_path(str(PEERS / "__main__.py"))

    def fails(stages: Stages) -> list[Row]:
        command([sys.executable, "-c", "import no_such_module"], stages.folder)
    monkeypatch.setattr(peer_dwn2rtl, "rows", fails)
    monkeypatch.setitem(main["run"].__globals__, "HERE", tmp_path)
    row, = main["run"]("dwn2rtl", tmp_path, False)
    assert row.reason.endswith(" failed with exit code 1: ModuleNotFoundError: No module named 'no_such_module'")
    assert json.loads((tmp_path / "dwn2rtl.json").read_text())["rows"] == json.loads(json.dumps([row.to_json()]))


def test_what_a_peer_needs_is_asked_for_first():
    for name, value, message in (("GHDL", "no-ghdl-here", "error: ghdl was not found: install the package ghdl, or set "
                                  "GHDL to its command\n"),
                                 ("SPIKELOOM_DATA", "nowhere", "error: MNIST must be in nowhere/mnist: set "
                                  "SPIKELOOM_DATA to the folder above it\n")):
        result = _command("--only", "spikerplus" if name == "GHDL" else "spikeloom", **{name: value})
        assert (result.returncode, result.stdout, result.stderr) == (2, "", message)


def _command(*words: str, **variables: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, PEERS, *words], cwd=ROOT, env=os.environ | variables, capture_output=True,
                          text=True, check=False)


def test_an_unknown_peer_is_refused_before_anything_is_done():
    result = _command("--only", "spikerplus", "brian")
    assert (result.returncode, result.stdout) == (2, "")
    assert re.fullmatch(r"error: peer must be one of spikerplus, .*, spikeloom, not 'brian'\n", result.stderr)


def test_the_page_holds_the_table_that_the_command_prints():
    result = _command("--only")
    assert result.returncode == 0
    assert result.stdout.strip() in (ROOT / "docs" / "peers.md").read_text()
