"""A command line that says in one line what is wrong with it: the option, the rule, the value, the near miss."""

import argparse
import importlib.metadata
import json
import re
import sys

from spikeloom import check

USAGE = 2
ROAD = {
    "begin": ("demo", "doctor", "completion"),
    "a network": ("data", "train", "compress", "search", "import", "export", "show"),
    "hardware": ("boards", "plan", "generate", "build", "swap", "standalone", "soc"),
    "is it right": ("verify", "report", "faults", "mutate", "fuzz"),
    "a device": ("flash", "deploy", "run", "virtual", "firmware"),
}
CODES = ("Every command has --help with an example, and --json for scripts: one object on the output, for errors too.\n"
         "Exit code: 0; 1 for a verdict that is not good; 2 for what is wrong, said in one line; 130 for Ctrl-C.")
DEFAULT_EXTRAS = ["sim", "wave", "fpga", "train", "search", "import"]
_PACKAGES = {"sklearn": "scikit-learn", "serial": "pyserial", "vcd": "pyvcd", "cocotb_tools": "cocotb"}
_TYPES = {"int": "a whole number", "float": "a number", "Path": "a path"}


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line, or one JSON object where --json was asked for."""

    _words: tuple[str, ...] = ()

    def parse_known_args(self, args=None, namespace=None):
        """As the inherited one, but nothing may be left over: each command complains of its own."""
        self._words = tuple(sys.argv[1:] if args is None else args)
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(self._left_over(rest))
        return found, rest

    def error(self, message: str):
        message = plain(message)
        if "--json" in self._words:
            print(as_json("UsageError", message))
        self.exit(USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")

    def _left_over(self, rest: list[str]) -> str:
        option = next((word for word in rest if word.startswith("-") and word != "--"), None)
        if option is None:
            return f"there must be nothing more on the line, not {rest[0]!r}"
        name = option.partition("=")[0]
        if name in self._after_the_command():
            return f"{name} must come after the command"
        known = [known for known in self._option_string_actions if known.startswith("--")]
        return f"{name} must be an option that there is{check.near(name, known, 0.75)}"

    def _after_the_command(self) -> set[str]:
        """The options of all commands."""
        verbs = (action for action in self._actions if isinstance(action, argparse._SubParsersAction))
        return {name for action in verbs for verb in action.choices.values() for name in verb._option_string_actions}


class Top(Parser):
    """The command line as a whole, whose help shows the commands along the road."""

    def format_help(self) -> str:
        (verbs,) = (action for action in self._actions if isinstance(action, argparse._SubParsersAction))
        lines = [f"usage: {self.prog} COMMAND [ARGUMENT ..]", "", self.description, ""]
        others = tuple(sorted(set(verbs.choices) - {name for names in ROAD.values() for name in names}))
        for group, names in {**ROAD, "more": others}.items():
            if names:
                lines += [f"{group}:", *(f"  {name:<12}{phrase(verbs.choices[name].description)}" for name in names)]
                lines.append("")
        return "\n".join([*lines, CODES, "", f"version: {self.prog} --version", self.epilog]) + "\n"


def phrase(description: str) -> str:
    """The beginning of a description, up to the first stop."""
    return re.split(r"[,:;.](?:\s|$)", description, maxsplit=1)[0]


def as_json(kind: str, message: str) -> str:
    """What is wrong, for a script."""
    return json.dumps({"error": {"kind": kind, "message": message}}, indent=2)


def package(module: str) -> str:
    """What `pip` calls the package of `module`."""
    top = module.partition(".")[0]
    return _PACKAGES.get(top, top)


def extras(module: str) -> list[str]:
    """The extras of this package that bring `module`; of one that is in none, those that the whole road takes."""
    wanted, found = package(module).replace("_", "-").lower(), []
    for line in importlib.metadata.requires("spikeloom") or []:
        name = re.match(r"[\w.-]+", line)[0].replace("_", "-").lower()
        extra = re.search(r"""extra == ["']([\w-]+)["']""", line)
        if name == wanted and extra and extra[1] not in (*found, "test"):
            found.append(extra[1])
    return found or DEFAULT_EXTRAS


def plain(message: str) -> str:
    """A complaint of argparse in the words of the others; one that is not known stays as it is."""
    def last(name: str) -> str:
        return name.rpartition("/")[2]
    if found := re.fullmatch(r"argument (.+?): invalid choice: (.+?) \(choose from (.*)\)", message, re.S):
        choices = [word.strip("'\"") for word in found[3].split(", ")]
        name = "command" if found[1] == "COMMAND" else last(found[1])
        return (f"{name} must be one of {', '.join(choices)}, not {found[2]}"
                f"{check.near(found[2].strip(chr(39)), choices)}")
    if found := re.fullmatch(r"argument (.+?): invalid (\w+) value: (.*)", message, re.S):
        return f"{last(found[1])} must be {_TYPES.get(found[2], found[2])}, not {found[3]}"
    if found := re.fullmatch(r"argument (.+?): not allowed with argument (.+)", message, re.S):
        return f"{last(found[1])} must be left out with {last(found[2])}"
    if found := re.fullmatch(r"argument (.+?): expected (?:one|at least one) argument", message):
        name = last(found[1])
        return f"{name} must have a value; one that begins with - is written {name}=VALUE"
    if found := re.fullmatch(r"argument (.+?): ignored explicit argument (.*)", message, re.S):
        return f"{last(found[1])} must have no value, not {found[2]}"
    if found := re.fullmatch(r"the following arguments are required: (.*)", message):
        return f"{' and '.join(last(name) for name in found[1].split(', '))} must be given"
    return message
