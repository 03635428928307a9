"""Samples on their way through the network: spikes of every layer, membranes against their thresholds, the scores.

Everything is drawn for all timesteps at once; a script moves a cursor over them and shows one sample at a time.
"""

import json

import numpy as np

from spikeloom import plugins
from spikeloom.network import Network
from spikeloom.page import parts
from spikeloom.page.facts import Facts, Trace, running_scores
from spikeloom.page.figures import named, plural, short
from spikeloom.page.markup import Markup, number, tag
from spikeloom.page.svg import WIDTH, Scale, box, chart, left_axis, line, rule, words

STEPS, ROWS, LAYERS, OUTPUTS, CELLS = 200, 192, 6, 10, 40
"""Most timesteps, neurons of a layer, layers, outputs and pixels of a picture's side that are drawn."""
LEFT, SMALL = 52, 190


def section(facts: Facts) -> Markup:
    """One panel a sample."""
    traces, network = facts.samples.traces, facts.network
    if not traces:
        return parts.section("activity", "Spikes and membranes", parts.missing(
            "There are no samples.", f"spikeloom report {facts.file} --images IDX"))
    steps = min(network.timesteps, STEPS)
    cut = f" The first {steps} of {network.timesteps} timesteps are drawn." if steps < network.timesteps else ""
    return parts.section(
        "activity", "Spikes and membranes", _controls(network, traces, steps),
        [_panel(network, trace, steps) for trace in traces],
        parts.note(f"Samples: {facts.samples.origin}. Membranes are shown after each timestep, when a neuron that "
                   f"fired has been reset; a triangle marks its spike.{cut}"))


def _controls(network: Network, traces: tuple[Trace, ...], steps: int) -> Markup:
    choices = [tag("button", f"sample {trace.number}", type="button", data_sample=str(k),
                   aria_pressed="true" if k == 0 else "false") for k, trace in enumerate(traces)]
    slider = tag("input", type="range", id="step", min="0", max=str(steps - 1), value=str(steps - 1), step="1")
    return tag("div", tag("div", choices, class_="choices", role="group", aria_label="sample"), tag(
        "label", tag("span", "timestep"), slider, class_="slider"), class_="controls")


def _panel(network: Network, trace: Trace, steps: int) -> Markup:
    scores = running_scores(network, trace)[:steps]
    story = [_story(network, trace, scores, t) for t in range(steps)]
    truth = "" if trace.truth is None else f", right is {named(network.labels, trace.truth)}"
    wrong = trace.truth is not None and trace.truth != trace.answer
    head = tag("h3", f"Sample {trace.number}: answer {named(network.labels, trace.answer)}{truth}",
               class_="wrong" if wrong else None)
    picture = _picture(network, trace)
    top = tag("div", picture, parts.figure("Scores, timestep by timestep: the answer's in colour; where it is wrong, "
                                           "the right one's is a broken line.", _scores(network, trace, scores)),
              class_="shown" if picture else "shown alone")
    body = tag("div", parts.figure(_raster_caption(network), _raster(network, trace, steps)),
               tag("div", _membranes(network, trace, steps), class_="smalls"), class_="two")
    told = tag("output", story[-1], class_="story", aria_live="polite")
    return tag("article", head, told, top, body, class_="sample", data_story=json.dumps(story))


def _story(network: Network, trace: Trace, scores: np.ndarray, t: int) -> str:
    firing = [f"{int(layer[t].sum())} of {layer.shape[1]} in layer {k}" for k, layer in enumerate(trace.spikes)
              if network.layers[k].fires][:LAYERS]
    order = np.argsort(-scores[t], kind="stable")[:2]
    leading = ", then ".join(f"{named(network.labels, int(k))} ({scores[t, k]:,})" for k in order)
    return f"Timestep {t}: {', '.join(firing) + ' fire. ' if firing else ''}Leading: {leading}."


def _picture(network: Network, trace: Trace) -> Markup | None:
    """The frame as grey squares: of a sequence, all timesteps added up; none for what is no picture."""
    shape = network.input.shape
    if len(shape) < 2 or max(shape[-2:]) > CELLS or min(shape[-2:]) < 2:
        return None
    values = np.abs(trace.frame.reshape(-1, *shape[-2:]).sum(axis=0)).astype(float)
    grey = np.rint(15 * values / max(values.max(), 1)).astype(int)
    side = 96 / max(shape[-2:])
    marks = [tag("path", d="".join(f"M{number(x * side)} {number(y * side)}h{number(side)}v{number(side)}"
                                   f"h{number(-side)}z" for y, x in np.argwhere(grey == level)),
                 class_="ink", fill_opacity=float(level / 15)) for level in range(1, 16) if (grey == level).any()]
    height, width = shape[-2] * side, shape[-1] * side
    return parts.figure("Input", chart("Input as a picture", height, box(0, 0, width, height, "frame"), marks,
                                       width=width, class_="chart picture"), class_="input")


def _across(steps: int, right: float = WIDTH - 8, left: float = LEFT) -> Scale:
    """Timestep t fills t to t + 1."""
    return Scale(low=0, high=steps, start=left, stop=right)


def _cursor(across: Scale, top: float, bottom: float) -> Markup:
    """A band over the last timestep; the script moves it by `data-width` a timestep."""
    width, steps = across(1) - across(0), int(across.high)
    return tag("g", box(across(0), top, width, bottom - top, "cursor"), class_="scrub", data_width=number(width),
               transform=f"translate({number(width * (steps - 1))} 0)")


def _time_axis(across: Scale, bottom: float, count: int) -> list[Markup]:
    steps = int(across.high)
    every = -(-steps // count)
    return [words(across(t + 0.5), bottom + 14, str(t), anchor="middle", class_="tick") for t in range(0, steps, every)]


def _scores(network: Network, trace: Trace, scores: np.ndarray) -> Markup:
    steps, height, right = len(scores), 150, WIDTH - 64
    order = np.argsort(-scores[-1], kind="stable")[:OUTPUTS]
    shown = [int(k) for k in order[::-1] if k != trace.answer] + [trace.answer]
    if trace.truth is not None and trace.truth < scores.shape[1] and trace.truth not in shown:
        shown.insert(0, trace.truth)
    low, high = int(scores[:, shown].min()), int(scores[:, shown].max())
    up, across = Scale(low=low, high=max(high, low + 1), start=height - 26, stop=10), _across(steps, right=right)
    marks = [_cursor(across, 6, height - 22), *left_axis(up, LEFT, right, 4)]
    for k in shown:
        tone = "score best" if k == trace.answer else "score right" if k == trace.truth else "score"
        points = [(across(t + 0.5), up(int(scores[t, k]))) for t in range(steps)]
        marks.append(tag("g", tag("title", f"{named(network.labels, k)}: {', '.join(map(str, scores[:12, k]))}"),
                         line(points, tone), [tag("circle", cx=x, cy=y, r="2.2", class_=tone) for x, y in points]
                         if steps <= 32 else None, class_="tip"))
    marks += _ends(network, trace, shown, lambda k: up(int(scores[-1, k])), across(steps - 0.5) + 8)
    marks += _time_axis(across, height - 24, 10)
    return chart(f"Scores of sample {trace.number} by timestep", height, marks, role="group")


def _ends(network: Network, trace: Trace, shown: list[int], place, x: float) -> list[Markup]:
    """Names at the ends of the lines of the answer, the right output and the runner-up, no two over each other."""
    others = [k for k in reversed(shown) if k not in (trace.answer, trace.truth)][:1]
    wanted = sorted({trace.answer, *others, *({trace.truth} & set(shown))}, key=lambda k: (place(k), k))
    marks, last = [], -100.0
    for k in wanted:
        y = max(place(k) + 4, last + 13)
        last = y
        tone = "tick strong" if k == trace.answer else "tick warm" if k == trace.truth else "tick"
        label = named(network.labels, k)
        marks.append(words(x, y, label if len(label) < 9 else label[:8] + ".", class_=tone))
    return marks


def _chosen(size: int, most: int) -> np.ndarray:
    """Numbers of neurons, evenly spaced if there are too many."""
    return np.arange(size) if size <= most else np.linspace(0, size - 1, most).astype(int)


def _raster(network: Network, trace: Trace, steps: int) -> Markup:
    """A row a neuron, a column a timestep; layers below each other."""
    bands = [] if trace.inputs is None else [("input", trace.inputs)]
    bands += [(f"layer {k}", spikes) for k, spikes in enumerate(trace.spikes) if network.layers[k].fires][:LAYERS]
    across, marks, y = _across(steps), [], 4.0
    for name, spikes in bands:
        rows = _chosen(spikes.shape[1], ROWS)
        pitch = 4.0 if len(rows) <= 32 else 2.0 if len(rows) <= 64 else 1.2
        width, height = across(1) - across(0), pitch * len(rows)
        gap = min(2.0, 0.12 * width)
        path = "".join(f"M{number(across(t) + gap / 2)} {number(y + pitch * (r + 0.5))}h{number(width - gap)}"
                       for r, t in np.argwhere(spikes[:steps, rows].T))
        marks += [box(LEFT, y, across(steps) - LEFT, height, "band"),
                  words(LEFT - 6, y + min(height / 2 + 4, height), name, anchor="end", class_="tick"),
                  tag("path", d=path, class_="spikes", stroke_width=max(0.8 * pitch, 0.8)) if path else None]
        y += height + 10
    marks += [_cursor(across, 2, y - 8), *_time_axis(across, y - 8, 10)]
    label = f"Spikes of sample {trace.number}: " + ", ".join(
        f"{name} {plural(int(spikes[:steps].sum()), 'spike')}" for name, spikes in bands)
    return chart(label, y + 12, marks)


def _raster_caption(network: Network) -> str:
    cut = [f"{ROWS} of {layer.size:,} of layer {k}" for k, layer in enumerate(network.layers)
           if layer.fires and layer.size > ROWS]
    return "Spikes: a row is a neuron, a column a timestep" + (f" ({', '.join(cut)}, evenly spaced)." if cut else ".")


def _membranes(network: Network, trace: Trace, steps: int) -> list[Markup]:
    """Small charts of some neurons of each layer that has thresholds."""
    drawn = []
    for k, layer in enumerate(network.layers):
        if layer.neurons is None or not layer.neurons.fires or len(drawn) >= 4 * LAYERS:
            continue
        moves = "" if plugins.kind(layer.neurons) == "lif" else ", threshold at the start"
        drawn += [_membrane(k, n, int(layer.neurons.threshold[n]), trace, steps, moves) for n in telling(
            trace.spikes[k][:steps], trace.membranes[k][:steps], layer.neurons.threshold)]
    return drawn


def telling(spikes: np.ndarray, membranes: np.ndarray, threshold: np.ndarray) -> list[int]:
    """Up to four neurons: the busiest, one of the middle and the laziest of those that fire, and of those that do not
    the one that came closest."""
    count = spikes.sum(axis=0)
    order = np.lexsort((np.arange(len(count)), -count))
    firing = [int(n) for n in order if count[n]]
    silent = [int(n) for n in order if not count[n]]
    some = list(dict.fromkeys(firing[i] for i in (0, len(firing) // 2, -1))) if firing else []
    if silent:
        some.append(min(silent, key=lambda n: (int(threshold[n]) - int(membranes[:, n].max()), n)))
    return some


def _membrane(layer: int, neuron: int, threshold: int, trace: Trace, steps: int, moves: str) -> Markup:
    v, fired = trace.membranes[layer][:steps, neuron], trace.spikes[layer][:steps, neuron]
    low, high, height = min(int(v.min()), 0), max(int(v.max()), threshold), 112
    pad = 0.12 * max(high - low, 1)
    up = Scale(low=low - pad, high=high + pad, start=height - 20, stop=8)
    across = _across(steps, right=SMALL - 6, left=40)
    points = [(across(t + 0.5), up(int(x))) for t, x in enumerate(v)]
    spikes = [tag("path", d=f"M{number(across(t + 0.5) - 3.5)} {number(up(threshold) - 7)}h7l-3.5 6z", class_="fired")
              for t in np.flatnonzero(fired)]
    marks = [_cursor(across, 4, height - 18), rule(40, up(0), SMALL - 6, up(0), "rule"),
             rule(40, up(threshold), SMALL - 6, up(threshold), "threshold"),
             words(36, up(threshold) + 4, short(threshold), anchor="end", class_="tick warm"),
             words(36, up(0) + 4, "0", anchor="end", class_="tick") if abs(up(0) - up(threshold)) > 13 else None,
             line(points, "v"),
             [tag("circle", cx=x, cy=y, r="2", class_="v-dot") for x, y in points] if steps <= 32 else None,
             spikes, _time_axis(across, height - 18, 5)]
    label = (f"Membrane of neuron {neuron} of layer {layer}: {', '.join(map(str, v[:32]))}; threshold {threshold}; "
             f"{plural(int(fired.sum()), 'spike')}")
    return parts.figure(f"layer {layer}, neuron {neuron}{moves}", chart(label, height, marks, width=SMALL))
