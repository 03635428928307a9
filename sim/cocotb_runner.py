"""Runs cocotb's runner: `python -m spikeloom.sim.cocotb_runner build|test SIMULATOR FOLDER WORK TEST WAVES`.

`build` compiles FOLDER/core.v there; `test` runs the tests of `cocotb_core` whose name ends in TEST, inside WORK.
"""

import sys
from pathlib import Path

from cocotb_tools.runner import get_runner

# Warnings about generated code stay in the log: its packed ports look circular to Verilator, bit by bit they are not.
BUILD = {
    "verilator": {"build_args": ["-Wno-lint", "-Wno-fatal", "-O3"]},
    "icarus": {"timescale": ("1ns", "1ps")},
}


def main(action: str, simulator: str, folder: str, work: str, test: str, waves: str) -> None:
    runner = get_runner(simulator)
    if action == "build":
        runner.build(sources=[Path(folder, "core.v")], hdl_toplevel="core", build_dir=folder, waves=bool(waves),
                     **BUILD[simulator])
        return
    runner.test(test_module="spikeloom.sim.cocotb_core", hdl_toplevel="core", hdl_toplevel_lang="verilog",
                build_dir=folder, test_dir=work, results_xml=str(Path(work, "results.xml")), waves=bool(waves),
                test_filter=f"{test}$", timescale=BUILD[simulator].get("timescale"))


if __name__ == "__main__":
    main(*sys.argv[1:])
