"""Write a network as readable Verilog: the bare stream core, or with --link the core with its UART host link."""

from pathlib import Path

from spikeloom import commands, report, terminal
from spikeloom.qsnn import load

EXAMPLE = "spikeloom generate examples/mnist-icebreaker.qsnn -o core.v"


def add(parser) -> None:
    commands.network_argument(parser)
    commands.plan_arguments(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the Verilog file (default: NAME.v)")
    parser.add_argument("--link", action="store_true", help="add the host link: a module with rx and tx pins")
    parser.add_argument("--clock", type=float, default=12, metavar="MHZ", help="the link's clock (default: 12)")
    parser.add_argument("--baud", type=int, default=1_000_000, help="of the link (default: 1000000)")


def run(arguments) -> int:
    from spikeloom.rtl_gen import verilog
    from spikeloom.rtl_gen.core import Core
    from spikeloom.rtl_gen.linked import LinkedTop
    network = load(arguments.network)
    plan = commands.plan(arguments, network)
    output = arguments.output or Path(Path(arguments.network).with_suffix(".v").name)
    name = "top" if arguments.link else "core"
    component = LinkedTop(plan, round(arguments.clock * 1e6), arguments.baud) if arguments.link else Core(plan)
    text = f"// Network {network.digest}\n" + verilog.to_verilog(component, name)
    report.write(output, text)
    found = {"output": str(output), "module": name, "bytes": len(text), "plan": commands.plan_summary(plan)}
    if arguments.json:
        terminal.dump(found)
        return 0
    terminal.show([("module", name), ("file", output), ("size", f"{len(text):,} bytes")])
    terminal.show([(k, layer.lanes, plan.passes(k), layer.update_lanes) for k, layer in enumerate(plan.layers)],
                  columns=("layer", "lanes", "passes", "update lanes"))
    return 0
