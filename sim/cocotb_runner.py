"""Runs cocotb's runner: `python -m spikeloom.sim.cocotb_runner build|test SIMULATOR FOLDER WORK TEST WAVES [MODULE]`.

`build` compiles FOLDER/core.v there; `test` runs the tests of MODULE whose name ends in TEST, inside WORK. For the
module `cocotb_pins` only signals that say so can be seen: gates are too many to keep them all.
"""

import sys
from pathlib import Path

from cocotb_tools.runner import get_runner

# Warnings about generated code stay in the log: its packed ports look circular to Verilator, bit by bit they are not.
BUILD = {
    "verilator": {"build_args": ["-Wno-lint", "-Wno-fatal", "-O3", "--no-timing"]},
    "icarus": {"timescale": ("1ns", "1ps")},
}
HIDDEN = {"verilator": ["--no-public-flat-rw"], "icarus": []}


def main(action: str, simulator: str, folder: str, work: str, test: str, waves: str,
         module: str = "cocotb_core") -> None:
    runner = get_runner(simulator)
    if action == "build":
        options = dict(BUILD[simulator])
        if module == "cocotb_pins":
            options["build_args"] = [*options.get("build_args", ()), *HIDDEN[simulator]]
        runner.build(sources=[Path(folder, "core.v")], hdl_toplevel="core", build_dir=folder, waves=bool(waves),
                     **options)
        return
    runner.test(test_module=f"spikeloom.sim.{module}", hdl_toplevel="core", hdl_toplevel_lang="verilog",
                build_dir=folder, test_dir=work, results_xml=str(Path(work, "results.xml")), waves=bool(waves),
                test_filter=f"{test}$", timescale=BUILD[simulator].get("timescale"))


if __name__ == "__main__":
    main(*sys.argv[1:])
