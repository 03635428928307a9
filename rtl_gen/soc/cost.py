"""What the system around a network takes of a part, so that a plan leaves room for it."""

from spikeloom import check
from spikeloom.network import Network
from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.cost import LINK
from spikeloom.rtl_gen.memories import ram_cost
from spikeloom.rtl_gen.soc.cpu import CPUS
from spikeloom.rtl_gen.soc.registers import frame_offset
from spikeloom.rtl_gen.strategies import Cost, total

# Processor, bus, serial line and the network's registers, without the memories of program and registers: logic cells
# placed and routed beyond those of the same network with a host link, and block RAMs of the processor's own registers.
SYSTEM = {
    ("ice40", "serv"): Cost(cells=162, ram=1), ("ice40", "picorv32"): Cost(cells=1281, ram=4),
    ("ecp5", "serv"): Cost(cells=48, ram=1), ("ecp5", "picorv32"): Cost(cells=1366, ram=0),
}


def system(network: Network, memory: int, *, cpu: str, family: str) -> Cost:
    """What the system takes beyond a network with a host link, which the planner reckons with.

    Parameters
    ----------
    memory : words of RAM.
    """
    check.choice("cpu", cpu, CPUS)
    depth = 1 << ((frame_offset(network.outputs) >> 2) + words.per_frame(network) - 1).bit_length()
    found = total([SYSTEM[family, cpu], ram_cost(family, memory, 32), ram_cost(family, depth, 32)])
    return Cost(cells=found.cells, ram=found.ram - LINK[family].ram)
