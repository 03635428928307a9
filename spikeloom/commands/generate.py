"""Write a network as readable Verilog: the bare stream core, with --link the core with its UART host link, or with
--axi a core with AXI4-Stream and AXI4-Lite ports, its FuseSoC core file and a page on how to use it."""

from pathlib import Path

from spikeloom import aside, commands, terminal
from spikeloom.errors import SpikeloomError
from spikeloom.qsnn import load

EXAMPLE = "spikeloom generate examples/mnist-icebreaker.qsnn -o core.v"


def add(parser) -> None:
    commands.network_argument(parser)
    commands.plan_arguments(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the Verilog file (default: NAME.v)")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--link", action="store_true", help="add the host link: a module with rx and tx pins")
    kind.add_argument("--axi", action="store_true", help="AXI ports; also writes NAME.core (FuseSoC) and NAME.md")
    parser.add_argument("--clock", type=float, default=12, metavar="MHZ", help="the link's clock (default: 12)")
    parser.add_argument("--baud", type=int, help="of the link (default: the board's, 1000000 for most)")
    commands.extras_argument(parser)


def run(arguments) -> int:
    from spikeloom.rtl_gen import fusesoc, verilog
    network = load(arguments.network)
    plan = commands.planned(arguments, network)
    output = arguments.output or Path(Path(arguments.network).with_suffix(".v").name)
    name, component = _component(arguments, plan, output)
    text = f"// Network {network.digest}\n" + verilog.to_verilog(component, name)
    aside.text(output, text)
    if arguments.axi:
        title = f"Spiking neural network {network.digest[:16]} with AXI ports"
        aside.text(output.with_suffix(".core"), fusesoc.core_file(name, description=title, verilog=output.name))
        aside.text(output.with_suffix(".md"), fusesoc.page(name, plan, verilog=output.name))
    found = {"output": str(output), "module": name, "bytes": len(text), "plan": commands.plan_summary(plan)}
    if arguments.json:
        terminal.dump(found)
        return 0
    terminal.show([("module", name), ("file", output), ("size", f"{len(text):,} bytes")])
    terminal.show([(k, layer.lanes, plan.passes(k), layer.update_lanes) for k, layer in enumerate(plan.layers)],
                  columns=("layer", "lanes", "passes", "update lanes"))
    return 0


def _component(arguments, plan, output: Path):
    """Module name and component."""
    from spikeloom import boards
    from spikeloom.rtl_gen.axi import AxiCore
    from spikeloom.rtl_gen.core import Core
    from spikeloom.rtl_gen.fusesoc import module_name
    from spikeloom.rtl_gen.link import uart
    from spikeloom.rtl_gen.linked import LinkedTop
    if arguments.extras and not arguments.link:
        raise SpikeloomError(f"--extras must come with --link, whose they are, not {arguments.extras!r} alone")
    if arguments.axi:
        return module_name(output.stem), AxiCore(plan)
    if arguments.link:
        baud = boards.board(arguments.board).baud if arguments.baud is None else arguments.baud
        clock_hz, extras = commands.hertz(arguments.clock), commands.extras(arguments)
        uart.divisor(clock_hz, baud)
        return "top", LinkedTop(plan, clock_hz, baud, extras=extras)
    return "core", Core(plan)
