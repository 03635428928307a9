"""What a board has, what the network takes of it, and where its clock cycles go."""

from spikeloom.page import parts
from spikeloom.page.facts import Facts, Hardware
from spikeloom.page.figures import THIN, duration, percent, plural, real, short, table, whole
from spikeloom.page.markup import Markup, tag
from spikeloom.page.svg import WIDTH, Scale, bottom_axis, box, chart, words
from spikeloom.page.verdict import resources

NAMES = {"lut": "logic cells", "ff": "flip-flops", "ram": "block RAMs", "spram": "SPRAMs", "dsp": "multipliers",
         "pll": "PLLs", "io": "pins", "lutram": "LUT RAMs"}
BARS = 240          # that the schedule draws
FULL, TIGHT = 0.9, ("logic cells", "flip-flops", "block RAMs")      # of these, a bar warns from that share on


def budget(facts: Facts) -> Markup:
    """The board's budget as bars: measured after a build, else the plan's estimate."""
    used, title = resources(facts), f"The budget of {facts.board}"
    build = f"spikeloom build {facts.file}{facts.on_board}"
    if used:
        bars = [(NAMES.get(name, name), *used[name]) for name in (*NAMES, *sorted(set(used) - set(NAMES)))
                if name in used]
        said = parts.note(f"As placed and routed on {facts.report.get('device', facts.board)}.")
    elif facts.hardware is not None:
        plan = facts.hardware.summary
        bars = [(name, plan["cost"][key], plan["budget"][key]) for name, key in
                (("logic cells", "cells"), ("block RAMs", "ram"), ("SPRAMs", "spram")) if plan["budget"].get(key)]
        said = parts.missing("This is the plan's estimate; a build measures.", build)
    else:
        return parts.section("budget", title, parts.missing(f"There is no plan: {facts.obstacle}.", build))
    drawn = tag("div", [_bar(*bar) for bar in bars], class_="bars")
    return parts.section("budget", title, drawn, said, _layers(facts.hardware))


def _bar(name: str, taken: float, there: float) -> Markup:
    tight = name in TIGHT and taken >= FULL * there
    tone = "meter-no" if taken > there else "meter-warn" if tight else "meter-main"
    return parts.bar(name, taken / there, f"{whole(taken)} of {whole(there)}", percent(taken / there, 0), tone)


def _layers(hardware: Hardware | None) -> Markup | None:
    if hardware is None:
        return None
    rows = [(one["layer"], one["strategy"], one["lanes"], one["passes"], whole(one["cells"]), whole(one["ram"]),
             short(one["events"]), short(one["clocks"])) for one in hardware.summary["layers"]]
    source = "as built" if hardware.built else "as planned now"
    return parts.rows_of(("layer", "strategy", "lanes", "passes", "cells", "block RAM", "events", "clocks"), rows,
                         numbers=(2, 3, 4, 5, 6, 7),
                         caption=f"Layers {source}: the plan's estimate; events and clocks of a typical timestep")


def latency(facts: Facts) -> Markup:
    """When each layer works, in clock cycles, and how long that takes."""
    title = "Where the time goes"
    if facts.hardware is None:
        return parts.section("latency", title, parts.missing(
            f"There is no plan: {facts.obstacle}.", f"spikeloom plan {facts.file}{facts.on_board}"))
    plan, known = facts.hardware.summary, []
    clock = real(facts.report.get("clock_hz")) or plan["clock_hz"]
    measured = real(table(facts.report.get("cycles_per_inference")).get("mean"))
    if measured:
        known.append(("measured in co-simulation", _cycles(measured, clock)))
    if plan["cycles"]:
        known.append((f"timing model, {plan['events'].removeprefix('measured on ')}",
                      _cycles(plan["cycles"]["mean"], clock)))
        known.append(("longest of these", _cycles(plan["cycles"]["max"], clock)))
    slowest = max(plan["layers"], key=lambda one: one["clocks"])
    known.append(("slowest layer", f"layer {slowest['layer']}, {short(slowest['clocks'])} clocks a timestep"))
    return parts.section("latency", title, tag(
        "div", _schedule(facts, facts.hardware), parts.facts_of(known), class_="two"))


def _cycles(cycles: float, clock: float) -> str:
    return f"{whole(cycles)} cycles, {duration(cycles / clock)} at {clock / 1e6:g}{THIN}MHz"


def _schedule(facts: Facts, hardware: Hardware) -> Markup:
    """A bar for each stage and timestep; bars above each other are work at the same time."""
    if not hardware.schedule:
        return parts.missing("There are no samples to time.", f"spikeloom plan {facts.file}{facts.on_board}")
    lanes = sorted({work.layers for work in hardware.schedule})
    height, left = 30, 66
    shown = min(max(work.timestep for work in hardware.schedule) + 1, max(1, BARS // len(lanes)))
    drawn = [work for work in hardware.schedule if work.timestep < shown]
    end = max(work.stop for work in drawn)
    across, bottom = Scale(low=0, high=end, start=left, stop=WIDTH - 12), 8 + height * len(lanes)
    marks = [words(left - 8, 8 + height * k + 18, _lane(layers), anchor="end", class_="tick")
             for k, layers in enumerate(lanes)]
    for work in drawn:
        y, x = 8 + height * lanes.index(work.layers), across(work.start)
        width, even = max(across(work.stop) - x, 0.75), " even" * (work.timestep % 2)
        marks.append(tag("g", tag("title", f"{_lane(work.layers)}, timestep {work.timestep}: cycle {work.start:,} to "
                                  f"{work.stop:,}"), box(x + 0.5, y + 3, max(width - 1, 0.5), height - 8,
                                                         f"block{even}"), class_="tip"))
        if width > 14:
            marks.append(words(x + width / 2, y + 18.5, str(work.timestep), anchor="middle", class_=f"inside{even}"))
    marks += [*bottom_axis(across, bottom), words(WIDTH - 12, bottom + 32, "clock cycles", anchor="end", class_="soft")]
    number = facts.samples.traces[0].number
    some = "" if shown == facts.network.timesteps else f" The first {shown} of {facts.network.timesteps} are drawn."
    label = f"Schedule of sample {number}: {plural(len(lanes), 'stage')}, {end:,} clock cycles"
    return parts.figure(f"Sample {number} by the timing model: each bar is a timestep, from the first event a stage "
                        "gets to the last it sends." + some, chart(label, bottom + 40, marks, role="group"))


def _lane(layers: tuple[int, ...]) -> str:
    return f"layer {layers[0]}" if len(layers) == 1 else f"layers {layers[0]}-{layers[-1]}"
