"""Print the completion of this command line for a shell: commands, options, boards, recipes and files.

bash: source <(spikeloom completion bash), or write it to ~/.local/share/bash-completion/completions/spikeloom.
zsh: write it to a file _spikeloom in a folder of $fpath. fish: to ~/.config/fish/completions/spikeloom.fish.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from spikeloom import plugins, terminal

EXAMPLE = "spikeloom completion bash"
SHELLS = ("bash", "zsh", "fish")


def add(parser) -> None:
    parser.add_argument("shell", choices=SHELLS, help=", ".join(SHELLS))


def run(arguments) -> int:
    text = script(arguments.shell)
    if arguments.json:
        terminal.dump({"shell": arguments.shell, "script": text})
    else:
        print(text)
    return 0


def script(shell: str) -> str:
    """The completion of the whole command line for `shell`."""
    import shtab

    from spikeloom import cli
    known = {"board": _known(_boards), "recipe": _known(_recipes)}
    top = cli.parser()
    for action in _actions(top):
        if known.get(action.dest) and action.choices is None:
            action.choices = known[action.dest]
        elif action.dest == "out":
            action.complete = shtab.DIRECTORY
        elif action.type is Path or action.dest in ("network", "data", "dataset"):
            action.complete = shtab.FILE
    return shtab.complete(top, shell)


def _boards() -> list[str]:
    from spikeloom import boards
    return [board.name for board in boards.boards()]


def _recipes() -> list[str]:
    return [name.replace("_", "-") for name in plugins.names("spikeloom.train.recipes")]


def _known(names: Callable[[], list[str]]) -> list[str] | None:
    """None where what they are found in is not installed."""
    try:
        return names()
    except ModuleNotFoundError:
        return None


def _actions(top: argparse.ArgumentParser):
    """The arguments of every command."""
    (verbs,) = (action for action in top._actions if isinstance(action, argparse._SubParsersAction))
    return [action for parser in verbs.choices.values() for action in parser._actions]
