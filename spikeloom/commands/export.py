"""Take a network out: as a NIR graph for other tools, or as one Python file that needs nothing but torch.

The ending says which: .nir or .py. A NIR graph is in units of an LSB and a timestep; `spikeloom import` makes the same
network of it again.
"""

from pathlib import Path

from spikeloom import commands, terminal
from spikeloom.errors import SpikeloomError
from spikeloom.qsnn import load

EXAMPLE = "spikeloom export examples/mnist-icebreaker.qsnn -o mnist.py"


def add(parser) -> None:
    commands.network_argument(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="a .nir or a .py file")


def run(arguments) -> int:
    network = load(arguments.network)
    ending = arguments.output.suffix
    if ending not in (".nir", ".py"):
        raise SpikeloomError(f"--output must end in .nir or .py, not {arguments.output.name!r}")
    from spikeloom.train import exporting
    write = exporting.write_nir if ending == ".nir" else exporting.write_module
    path = write(network, arguments.output)
    if arguments.json:
        terminal.dump({"network_digest": network.digest, "output": str(path)})
    else:
        terminal.show([("digest", network.digest), ("file", path), ("bytes", path.stat().st_size)])
    return 0
