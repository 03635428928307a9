"""List the boards that a bitstream can be built for."""

from dataclasses import asdict

from spikeloom import terminal

EXAMPLE = "spikeloom boards --json"


def add(parser) -> None:
    """No arguments of its own."""


def run(arguments) -> int:
    from spikeloom import boards
    found = boards.boards()
    if arguments.json:
        terminal.dump({"boards": [asdict(board) for board in found]})
        return 0
    rows = [(board.name, board.title, f"{board.device}-{board.package}", f"{board.clock_hz / 1e6:g}", board.budget.lut,
             f"{board.budget.ram} x {board.budget.ram_bits:,} bits", f"{board.rx} / {board.tx}") for board in found]
    terminal.show(rows, columns=("board", "name", "part", "MHz", "logic cells", "block RAM", "UART rx / tx"))
    return 0
