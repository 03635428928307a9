"""The command `spikeloom`: one stage of the road a verb, each a module of `spikeloom.commands`."""

import argparse
import os
import sys
import warnings

import spikeloom
from spikeloom import aside, plugins, usage
from spikeloom.errors import FitError, SpikeloomError
from spikeloom.usage import USAGE

INTERRUPTED = 130


def parser() -> usage.Parser:
    """The whole command line."""
    top = usage.Top(prog="spikeloom", description=spikeloom.__doc__, allow_abbrev=False,
                    epilog="example: spikeloom demo")
    top.add_argument("--version", action="version", version=f"spikeloom {spikeloom.__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="COMMAND", parser_class=usage.Parser)
    for name in plugins.names("spikeloom.commands"):
        module = plugins.load("spikeloom.commands", name, "command")
        verb = verbs.add_parser(name, help=module.__doc__.splitlines()[0], description=module.__doc__,
                                allow_abbrev=False, epilog=f"example: {module.EXAMPLE}",
                                formatter_class=argparse.RawDescriptionHelpFormatter)
        module.add(verb)
        verb.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        verb.set_defaults(run=module.run)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit code: 0, 1 for a verdict that is not good, 2 for wrong input."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:      # closed by whoever called
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  as long as the process
    top = parser()
    arguments = top.parse_args(argv)
    if arguments.verb is None:
        top.print_help(sys.stderr)
        return USAGE
    try:
        aside.check(folder=getattr(arguments, "out", None), file=getattr(arguments, "output", None))
        code = arguments.run(arguments) or 0
        sys.stdout.flush()
        return code
    except SpikeloomError as error:
        return _wrong(arguments, type(error).__name__, f"{error}{_next_step(arguments, error)}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("spikeloom"):
            raise
        return _wrong(arguments, "ToolError", f"{usage.package(error.name or '')} must be installed: pip install "
                      f"'spikeloom[{','.join(usage.extras(error.name or ''))}]'")
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _silence()
        return INTERRUPTED
    except OSError as error:
        if error.filename is None:
            _silence()
        place = error.filename or "the output"
        return _wrong(arguments, "FileError", f"{place} must be usable, but {error.strerror or error}")


def _wrong(arguments: argparse.Namespace, kind: str, message: str) -> int:
    """Say what is wrong, and nothing else."""
    warnings.filterwarnings("ignore", ".* created but never used")      # hardware that was begun, of Amaranth
    if arguments.json:
        print(usage.as_json(kind, message))
    print(f"spikeloom {arguments.verb}: {message}", file=sys.stderr)
    return USAGE


def _next_step(arguments: argparse.Namespace, error: SpikeloomError) -> str:
    """What to try where a network is too large for a board."""
    if not isinstance(error, FitError) or not str(error).startswith(("network must fit", "design must fit")):
        return ""
    return f"; `spikeloom boards {getattr(arguments, 'network', 'FILE')}` says which boards it fits"


def _silence() -> None:
    """Let the interpreter's last flush go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
