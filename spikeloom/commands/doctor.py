"""Say which tools are found, where, in which version, and what is lost without them."""

from dataclasses import asdict

from spikeloom import terminal, tools

EXAMPLE = "spikeloom doctor"


def add(parser) -> None:
    """No arguments of its own."""


def run(arguments) -> int:
    checks = tools.doctor()
    if arguments.json:
        terminal.dump({"tools": [asdict(check) for check in checks]})
        return 0
    rows = [(check.tool, check.version or "-", check.origin or "not found", check.where or check.note, check.cost)
            for check in checks]
    terminal.show(rows, columns=("tool", "version", "origin", "where", "without it"))
    return 0
