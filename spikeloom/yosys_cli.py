"""The `yosys` command over the `pyosys` wheel, which has none: -V, -q, -l LOG, -p COMMANDS, -s FILE and input files.

Run as a program of its own, never imported: `import pyosys` makes its symbols global for the whole interpreter, and a
failing pass ends the process.
"""

import os
import sys
from importlib.metadata import version

_READERS = {".ys": "script", ".v": "read_verilog", ".sv": "read_verilog -sv", ".il": "read_rtlil"}


def _passes(arguments: list[str]) -> tuple[list[str], str | None]:
    """The passes to run in order, and where the log goes (None: standard output)."""
    passes, log = [], None
    remaining = iter(arguments)
    for argument in remaining:
        extension = os.path.splitext(argument)[1]
        if argument == "-q":
            log = log or os.devnull
        elif argument in ("-l", "-p", "-s"):
            value = next(remaining, None)
            if value is None:
                sys.exit(f"{argument} must be followed by a value")
            if argument == "-l":
                log = value
            else:
                passes.append(value if argument == "-p" else f"script {value}")
        elif extension in _READERS and not argument.startswith("-"):
            passes.append(f"{_READERS[extension]} {argument}")
        else:
            sys.exit(f"argument must be one of -V -q -l -p -s or a .ys .v .sv .il file, not {argument!r}")
    return passes, log


def main(arguments: list[str]) -> None:
    """Run Yosys and leave with its exit code."""
    if "-V" in arguments or "--version" in arguments:
        print(f"Yosys {version('pyosys')} (pyosys wheel)")
        return
    passes, log = _passes(arguments)
    if log:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(descriptor, 1)
        os.close(descriptor)
    from pyosys import libyosys

    design = libyosys.Design()
    for one in passes:
        libyosys.run_pass(one, design)
    libyosys.log_flush()
    os._exit(0)  # the destructors of libyosys and of Python disagree on who goes first


if __name__ == "__main__":
    main(sys.argv[1:])
