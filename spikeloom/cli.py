"""The command `spikeloom`: one stage of the road a verb, each a module of `spikeloom.commands`."""

import argparse
import os
import sys

import spikeloom
from spikeloom import plugins
from spikeloom.errors import SpikeloomError

USAGE, INTERRUPTED = 2, 130


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str):
        self.exit(USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser() -> Parser:
    """The whole command line."""
    top = Parser(prog="spikeloom", description=spikeloom.__doc__, allow_abbrev=False,
                 epilog="example: spikeloom demo")
    top.add_argument("--version", action="version", version=f"spikeloom {spikeloom.__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="COMMAND", required=True, parser_class=Parser)
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
    arguments = parser().parse_args(argv)
    try:
        return arguments.run(arguments) or 0
    except SpikeloomError as error:
        print(f"spikeloom {arguments.verb}: {error}", file=sys.stderr)
        return USAGE
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("spikeloom"):
            raise
        extras = "sim,wave,fpga,train,search,import"
        print(f"spikeloom {arguments.verb}: {error.name} must be installed: pip install 'spikeloom[{extras}]'",
              file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED
