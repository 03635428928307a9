"""A waveform for reading: the RTL under cocotb, with each neuron's membrane and spikes as signals of their own.

The trace ports show a layer's neurons one group after another, packed into bits. Here a module around the core, which
only looks on, keeps what they showed, so that the waveform has `layer0.membrane_12` and `layer0.spike_12`, and counts
timesteps and inferences. A GTKWave save file groups them.
"""

import re
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeloom import check, plugins
from spikeloom.rtl_gen import verilog
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.readout import result_layout
from spikeloom.sim import cosim, fst
from spikeloom.sim.mismatch import Comparison, compare
from spikeloom.sim.reference import simulate
from spikeloom.sim.volume import FOLDER

SHOWN = 256     # neurons of a layer that the save file lists; the waveform has them all
_CORE = re.compile(r"^module core\((?P<ports>[^)]*)\);\n(?P<body>.*?)^endmodule$", re.MULTILINE | re.DOTALL)
_PORT = re.compile(r"^ +(input|output) (?:\[(\d+):0\] )?(\w+);$", re.MULTILINE)
_TOP = "core"
ABOUT = "Spikeloom, exactness level 1: RTL"


@dataclass(frozen=True, kw_only=True)
class Written:
    """A waveform and its save file, and what came of comparing the same run with the reference.

    Parameters
    ----------
    level : of the exactness ladder.
    shown : what can be seen of each layer, in words.
    """

    waveform: Path
    save_file: Path
    comparison: Comparison
    level: int = 1
    shown: tuple[str, ...] = ()

    def row(self) -> dict[str, object]:
        """What a script wants to know, in JSON types."""
        return {"level": self.level, "waveform": str(self.waveform), "save_file": str(self.save_file),
                "mismatches": self.comparison.mismatches}


def write(plan: Plan, frames: np.ndarray, path: Path, *, text: str | None = None, folder: Path = FOLDER) -> Written:
    """Simulate `frames` on Verilator, one after another, and leave the waveform in `path` and a save file beside it.

    Parameters
    ----------
    path : ends in .fst.
    text : replaces the Verilog of the core.
    folder : of the simulator's builds.

    Raises `HardwareError` if the hardware hangs or breaks a rule of its interface, `ToolError` if a tool is missing.
    """
    check.choice("suffix of the waveform", path.suffix, (".fst",))
    text = viewed(text or verilog.to_verilog(Core(plan), "core"), plan)
    built = cosim.build(plan, text=text, folder=folder, waves=True)
    expected = simulate(plan.network, plan.network.frames(frames), trace=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".waves-", dir=path.parent) as work:
        dump = Path(work, "dump.vcd")
        observed, _ = built.run(frames, expected, pipelined=False, waves=dump)
        fst.from_vcd(dump, path, about=ABOUT)
    save_file = path.with_suffix(".gtkw")
    fst.save(save_file, path, _groups(plan), ABOUT)
    return Written(waveform=path, save_file=save_file, comparison=compare(expected, observed))


def viewed(text: str, plan: Plan) -> str:
    """The Verilog `text` of the core of `plan` with the onlooker around it: the same module name, the same ports."""
    found = _CORE.search(text)
    ports = [(way, int(high or 0) + 1, name) for way, high, name in _PORT.findall(found["body"])]
    lines = [f"module core({', '.join(name for _, _, name in ports)});"]
    lines += [f"  {way} {span(width)}{name};" for way, width, name in ports]
    lines += [f"  core_rtl rtl({', '.join(f'.{name}({name})' for _, _, name in ports)});"]
    views = []
    for k in range(len(plan.network.layers)):
        joined = ", ".join(f".{name}(trace{k}__{name})" for name in ("valid", "group", "spikes", "membranes"))
        lines.append(f"  layer{k}_view layer{k}(.clk(clk), .rst(rst), {joined});")
        group = next(width for _, width, name in ports if name == f"trace{k}__group")
        views.append(layer_view(plan, k, group, range(plan.trace_lanes(k))))
    lines += ["  answer_view answer(.clk(clk), .rst(rst), .valid(o__valid), .ready(o__ready), .payload(o__payload));",
              "endmodule"]
    inner = text[:found.start()] + text[found.start():].replace("module core(", "module core_rtl(", 1)
    return "\n".join([inner, *views, _answer_view(plan), *lines, ""])


def layer_view(plan: Plan, layer: int, group_bits: int, spikes: Collection[int], membranes: bool = True) -> str:
    """A module that keeps what the neurons of a layer hold after the timestep that `timestep` names: the spikes of
    those in the lanes `spikes`, and their membranes."""
    neurons, lanes = plan.network.layers[layer].size, plan.trace_lanes(layer)
    bits, last = plan.network.state_bits(layer), plan.network.timesteps - 1
    registers, resets, updates = [], [], []
    for n in range(neurons):
        group, lane = divmod(n, lanes)
        kept = [(f"membrane_{n}", f"signed [{bits - 1}:0] ", f"membranes[{lane * bits} +: {bits}]")] * membranes
        kept += [(f"spike_{n}", "", f"spikes[{lane}]")] * (lane in spikes)
        registers.append("  " + " ".join(f"reg {kind}{name} = 0;" for name, kind, _ in kept))
        loaded = " ".join(f"{name} <= {value};" for name, _, value in kept)
        updates.append(f"    if (valid && group == {group}) begin {loaded} end")
        resets.append("      " + " ".join(f"{name} <= 0;" for name, _, _ in kept))
    return "\n".join([
        f"module layer{layer}_view(input clk, input rst, input valid, input {span(group_bits)}group, "
        f"input {span(lanes)}spikes, input {span(lanes * bits)}membranes);",
        "  reg began = 0; reg [15:0] timestep = 0; reg [31:0] inference = 0;",
        *registers,
        "  always @(posedge clk) begin",
        "    if (valid && group == 0) begin",
        "      began <= 1;",
        f"      timestep <= began && timestep != {last} ? timestep + 16'd1 : 16'd0;",
        f"      if (began && timestep == {last}) inference <= inference + 1;",
        "    end",
        *updates,
        "    if (rst) begin",
        "      began <= 0; timestep <= 0; inference <= 0;",
        *resets,
        "    end",
        "  end",
        "endmodule",
    ])


def _answer_view(plan: Plan) -> str:
    """The last score that was taken, the output it is of, and the class as soon as it is known."""
    layout = result_layout(plan.network)
    score, best, last = layout["score"], layout["best"], layout["last"]
    return "\n".join([
        f"module answer_view(input clk, input rst, input valid, input ready, input {span(layout.size)}payload);",
        f"  reg signed [{score.width - 1}:0] score = 0; reg [{best.width - 1}:0] best = 0; reg [15:0] number = 0;",
        "  reg [15:0] next = 0; reg done = 0;",
        "  always @(posedge clk) begin",
        "    done <= 0;",
        "    if (valid && ready) begin",
        f"      score <= payload[{score.offset} +: {score.width}]; number <= next; next <= next + 16'd1;",
        f"      if (payload[{last.offset}]) begin",
        f"        best <= payload[{best.offset} +: {best.width}]; done <= 1; next <= 0;",
        "      end",
        "    end",
        "    if (rst) begin score <= 0; best <= 0; number <= 0; next <= 0; done <= 0; end",
        "  end",
        "endmodule",
    ])


def span(width: int) -> str:
    """A range of so many bits, as Verilog declares it."""
    return f"[{width - 1}:0] "


def _groups(plan: Plan) -> list[fst.Group]:
    """What the save file shows: the stream of words in, layer by layer, the answer."""
    groups = [fst.Group(title="input", signals=tuple(f"{_TOP}.{name}" for name in (
        "clk", "rst", "i__valid", "i__ready", "i__payload")))]
    for k, layer in enumerate(plan.network.layers):
        scope, shown = f"{_TOP}.layer{k}", range(min(layer.size, SHOWN))
        some = "" if layer.size <= SHOWN else f", the first {SHOWN} of {layer.size:,}"
        groups += [
            fst.Group(title=f"layer {k}: {plugins.kind(layer.synapses)}", numbers="dec",
                      signals=(f"{scope}.inference", f"{scope}.timestep")),
            fst.Group(title=f"layer {k}: spikes{some}", signals=tuple(f"{scope}.spike_{n}" for n in shown)),
            fst.Group(title=f"layer {k}: membranes{some}", numbers="signed",
                      signals=tuple(f"{scope}.membrane_{n}" for n in shown)),
        ]
    answer = tuple(f"{_TOP}.answer.{name}" for name in ("number", "score", "best", "done"))
    return [*groups, fst.Group(title="answer", numbers="dec", signals=answer)]
