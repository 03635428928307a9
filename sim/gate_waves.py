"""Waveforms of levels 2 and 3: a build as gates, seen at its pins and in the output registers of its layers.

Nothing is added to the design. A module around the gates looks on: it puts bytes together from the pins of the link,
and keeps what each layer's own flip-flops held (`sim/taps.py`), a signal a neuron, under the same names as at level 1.
What no flip-flop holds is not there. The answers that the host driver read are signals too.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from spikeloom import check, plugins
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.readout import result_layout
from spikeloom.sim import cosim, fst, gates, ladder, netlist, waves
from spikeloom.sim.cocotb_pins import PERIOD
from spikeloom.sim.ladder import Answers, Build, Design
from spikeloom.sim.mismatch import compare
from spikeloom.sim.reference import simulate
from spikeloom.sim.taps import Tap
from spikeloom.sim.volume import FOLDER, HardwareError
from spikeloom.sim.waves import SHOWN, Written, span

NOUNS = {2: "netlist after synthesis", 3: "routed design"}
TOPS = {2: "netlist", 3: "routed"}
BYTES = "to_board", "from_board"
_SIMULATOR = "verilator"


def about(level: int) -> str:
    """What the waveform of a level says of itself."""
    return f"Spikeloom, exactness level {level}: {NOUNS[level]}"


def write(build: Build, frames: np.ndarray, level: int, path: Path, *, design: Design | None = None,
          folder: Path = FOLDER, progress: Callable[[str, int, int], None] | None = None) -> Written:
    """Send `frames` to the gates of `build` on Verilator, and leave the waveform in `path`, a save file beside it.

    Parameters
    ----------
    level : 2 is the netlist after synthesis, 3 what was routed.
    path : ends in .fst.
    design : replaces the gates.
    folder, progress : see `ladder.verify`.

    Raises `HardwareError` if the design does not answer by the protocol, the waveform up to there is left all the same;
    `ToolError` if a tool is missing.
    """
    check.integer("level", level, *ladder.LEVELS)
    check.choice("suffix of the waveform", path.suffix, (".fst",))
    plan, report = build.plan, progress or (lambda what, done, total: None)
    frames = plan.network.frames(frames)
    report(f"waveform of the {NOUNS[level]}, compiling", 0, len(frames))
    design = design or ladder.opened(build, level)
    core = netlist.to_verilog(design.module, design.taps)
    text = viewed(netlist.models(build.board.family), core, build, design.taps)
    expected, save_file = simulate(plan.network, frames, trace=True), path.with_suffix(".gtkw")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".waves-", dir=path.parent) as work:
        made = gates.build(text, clock_hz=build.clock_hz, baud=build.baud, simulator=_SIMULATOR, folder=folder,
                           effort=ladder.effort(build, len(frames)), waves=Path(work, cosim.WAVES[_SIMULATOR]))
        try:
            answers = ladder.answered(made, plan, frames, lambda done: report(
                f"waveform of the {NOUNS[level]}", done, len(frames)))
        except HardwareError as error:
            if made.waves.is_file():
                fst.from_vcd(made.waves, path, about=about(level), top=TOPS[level])
                fst.save(save_file, path, _groups(plan, design.taps, level), about(level))
                raise HardwareError(f"{error} (see {path})") from None
            raise
        fst.from_vcd(made.waves, path, about=about(level), top=TOPS[level], more=_heard(made, plan, answers))
    found, filled = ladder.traced(expected, answers.outcome, design.taps, answers.line.taps, plan)
    result = compare(expected, found)
    result = ladder.with_streamed(replace(result, spikes=result.spikes - filled), expected, answers.streamed)
    fst.save(save_file, path, [*_groups(plan, design.taps, level), *_answers(plan)], about(level))
    return Written(waveform=path, save_file=save_file, comparison=result, level=level,
                   shown=tuple(seen(plan, design.taps, k) for k in range(len(plan.layers))))


def viewed(models: str, text: str, build: Build, looked_at: Sequence[Tap]) -> str:
    """The Verilog of a build's cells and of its gates, with the onlookers inside `core`; only that is traced."""
    head, _, core = text.rpartition("module core(")
    views, lines = [_byte_view()], []
    for name, pin in zip(BYTES, ("rx", "tx"), strict=True):
        lines.append(f"  wire [7:0] {name}; byte_view #(.CLOCK({build.clock_hz}), .BAUD({build.baud})) {name}_line("
                     f".clk(clock), .line({pin}), .value({name}));")
    for tap in looked_at:
        groups = _groups_of(build.plan, tap.layer)
        views.append(waves.layer_view(build.plan, tap.layer, _bits(groups), _lanes(tap), bool(tap.membranes)))
        lines += _onlooker(build.plan, tap, groups)
    return "\n".join(["/* verilator tracing_off */", models, head, "/* verilator tracing_on */", *views,
                      "module core(" + core.removesuffix("endmodule\n").rstrip(), *lines, "endmodule", ""])


def _lanes(tap: Tap) -> tuple[int, ...]:
    """The lanes whose spikes a flip-flop holds."""
    return tuple(lane for lane, net in enumerate(tap.spikes) if net is not None)


def _groups_of(plan: Plan, layer: int) -> int:
    return -(-plan.network.layers[layer].size // plan.trace_lanes(layer))


def _bits(count: int) -> int:
    return max(1, (count - 1).bit_length())


def _onlooker(plan: Plan, tap: Tap, groups: int) -> list[str]:
    """Lines that count the groups of a layer, and show them to its view."""
    k, lanes, there = tap.layer, plan.trace_lanes(tap.layer), _lanes(tap)
    wires = [f"held{k}[{there.index(lane)}]" if lane in there else "1'b0" for lane in range(lanes)]
    width = lanes * plan.network.state_bits(k)
    membranes = f"held{k}[{len(there)} +: {width}]" if tap.membranes else f"{width}'b0"
    return [
        f"  reg loaded{k} = 0; reg {span(_bits(groups))}group{k} = 0; wire shown{k} = loaded{k} && valid{k};",
        f"  always @(posedge clock) begin loaded{k} <= {'~' * tap.inverted}loads{k}; if (shown{k}) group{k} <= "
        f"group{k} == {groups - 1} ? 0 : group{k} + 1; end",
        f"  layer{k}_view layer{k}(.clk(clock), .rst(1'b0), .valid(shown{k}), .group(group{k}), "
        f".spikes({{{', '.join(wires[::-1])}}}), .membranes({membranes}));"]


def _byte_view() -> str:
    """Bytes on a serial line: 8 bits, the lowest first, after a bit 0; `number` counts them."""
    return "\n".join([
        "module byte_view #(parameter CLOCK = 1, parameter BAUD = 1) (input clk, input line, output reg [7:0] value);",
        "  reg [31:0] number = 0; initial value = 0;",
        "  reg busy = 0; reg [3:0] place = 0; reg [7:0] bits = 0; reg [31:0] phase = 0;",
        "  always @(posedge clk)",
        "    if (!busy) begin busy <= !line; place <= 0; phase <= CLOCK / 2; end",
        "    else if (phase + BAUD < CLOCK) phase <= phase + BAUD;",
        "    else begin",
        "      phase <= phase + BAUD - CLOCK; place <= place + 4'd1; bits <= {line, bits[7:1]};",
        "      if (place == 9) begin busy <= 0; if (line) begin value <= bits; number <= number + 1; end end",
        "    end",
        "endmodule"])


def _heard(made: gates.Gates, plan: Plan, answers: Answers) -> list[fst.Signal]:
    """The answers, from when the host driver had each of them."""
    layout, times = result_layout(plan.network), [PERIOD * (made.start_cycles + end) for end in answers.ends]

    def signal(name: str, bits: int, values: Sequence[int]) -> fst.Signal:
        return fst.Signal(scope="host", name=name, bits=bits, changes=tuple(zip(times, map(int, values), strict=True)))
    outcome = answers.outcome
    return [signal("inference", 32, range(len(times))), signal("best", layout["best"].width, outcome.classes),
            *(signal(f"score_{k}", layout["score"].width, outcome.scores[:, k])
              for k in range(outcome.scores.shape[1]))]


def seen(plan: Plan, looked_at: Sequence[Tap], layer: int) -> str:
    """What a waveform shows of a layer, in words."""
    found = next((tap for tap in looked_at if tap.layer == layer), None)
    size, lanes = plan.network.layers[layer].size, plan.trace_lanes(layer)
    spikes = sum(n % lanes in _lanes(found) for n in range(size)) if found else 0
    parts = [f"spikes of {spikes} of {size} neurons"] * bool(spikes)
    parts += ["all membranes"] * bool(found and found.membranes)
    return f"layer {layer}: {' and '.join(parts) or 'nothing, no flip-flop holds it'}"


def _groups(plan: Plan, looked_at: Sequence[Tap], level: int) -> list[fst.Group]:
    """What the save file shows: the pins, the bytes on them, layer by layer what is seen."""
    top = TOPS[level]
    found = [fst.Group(title="pins", signals=tuple(f"{top}.{name}" for name in ("clock", "rx", "tx"))),
             fst.Group(title="bytes to the board and back", signals=tuple(
                 f"{top}.{name}" for name in BYTES))]
    for tap in looked_at:
        k, size, lanes = tap.layer, plan.network.layers[tap.layer].size, plan.trace_lanes(tap.layer)
        scope, there = f"{top}.layer{k}", _lanes(tap)
        spikes = tuple(f"{scope}.spike_{n}" for n in range(size) if n % lanes in there)[:SHOWN]
        membranes = tuple(f"{scope}.membrane_{n}" for n in range(size) if tap.membranes)[:SHOWN]
        found.append(fst.Group(title=f"layer {k}: {plugins.kind(plan.network.layers[k].synapses)}", numbers="dec",
                               signals=(f"{scope}.inference", f"{scope}.timestep")))
        found += [fst.Group(title=f"layer {k}: spikes", signals=spikes)] * bool(spikes)
        found += [fst.Group(title=f"layer {k}: membranes", numbers="signed", signals=membranes)] * bool(membranes)
    return found


def _answers(plan: Plan) -> list[fst.Group]:
    """What it shows of the answers."""
    scores = tuple(f"host.score_{k}" for k in range(plan.network.layers[-1].size))
    return [fst.Group(title="class that the host read", numbers="dec", signals=("host.inference", "host.best")),
            fst.Group(title="scores that the host read", numbers="signed", signals=scores[:SHOWN])]
