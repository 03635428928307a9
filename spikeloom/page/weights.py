"""How often each weight occurs, layer by layer."""

import numpy as np

from spikeloom import codebooks
from spikeloom.network import Network
from spikeloom.page import parts
from spikeloom.page.facts import Facts
from spikeloom.page.figures import percent, plural, whole
from spikeloom.page.markup import Markup, tag
from spikeloom.page.svg import WIDTH, Scale, box, chart, left_axis, rule, words

BARS, NAMED, LAYERS = 64, 16, 24


def section(facts: Facts) -> Markup:
    """A histogram for each set of weights."""
    found = sets(facts.network)
    if not found:
        return parts.section("weights", "Weights", parts.note("No layer of this network has weights."))
    more = parts.note(f"{len(found) - LAYERS} more are not drawn.") if len(found) > LAYERS else None
    return parts.section("weights", "Weights", _left(found[:LAYERS]), tag(
        "div", [_histogram(*one) for one in found[:LAYERS]], class_="two"), more)


def sets(network: Network) -> list[tuple[str, object]]:
    """What has weights, by name: each layer's synapses, and its recurrent ones."""
    found = []
    for k, layer in enumerate(network.layers):
        if not layer.synapses.pools:
            found.append((f"layer {k}", layer.synapses))
        if layer.recurrent is not None:
            found.append((f"layer {k}, recurrent", layer.recurrent))
    return found


def _left(found: list[tuple[str, object]]) -> Markup:
    """How many weights of each set are not 0, as bars, and the bits of each."""
    bars = []
    for name, synapses in found:
        left, every = int(np.count_nonzero(synapses.weights)), synapses.weights.size
        bars.append(parts.bar(f"{name}, {plural(synapses.codebook.bits, 'bit')}", left / every,
                              f"{whole(left)} of {whole(every)}", percent(left / every, 1)))
    bits = sum(synapses.weights.size * synapses.codebook.bits for _, synapses in found)
    every = sum(synapses.weights.size for _, synapses in found)
    return parts.figure(f"Weights that are not 0, and the bits of a weight: {bits / 8192:,.1f} KiB with the zeros, "
                        f"{32 * every / bits:.1f} times less than of 32 bits each.", tag("div", bars, class_="bars"))


def counts(weights: np.ndarray) -> list[tuple[int, int, int]]:
    """(least, greatest, how many) of each bar; a bar is one value, where there are at most `BARS` values."""
    values, many = np.unique(weights, return_counts=True)
    if len(values) <= BARS:
        return [(int(value), int(value), int(count)) for value, count in zip(values, many, strict=True)]
    step = -(-(int(values[-1]) - int(values[0]) + 1) // BARS)
    place = (values - values[0]) // step
    return [(int(values[0] + k * step), int(values[0] + (k + 1) * step - 1), int(many[place == k].sum()))
            for k in np.unique(place)]


def _histogram(name: str, synapses) -> Markup:
    weights, book = synapses.weights, synapses.codebook
    bars, height, left = counts(weights), 170, 44
    up = Scale(low=0, high=max(count for _, _, count in bars) / weights.size, start=height - 24, stop=18)
    across = Scale(low=0, high=len(bars), start=left, stop=WIDTH - 8)
    width = across(1) - across(0)
    thick, marks = min(0.8 * width, 44), left_axis(up, left, WIDTH - 8, 3, lambda value: f"{100 * value:.3g}%")
    for k, (low, high, count) in enumerate(bars):
        middle, tone = across(k + 0.5), "bar-zero" if low == high == 0 else "bar-main"
        value = f"{low:+d}" if low else "0"
        span = value if low == high else f"{low:+d} to {high:+d}"
        part = count / weights.size
        marks.append(tag("g", tag("title", f"{span}: {whole(count)} of {whole(weights.size)}, {percent(part)}"),
                         box(middle - thick / 2, up(part), thick, up(0) - up(part), tone), class_="tip"))
        if len(bars) <= NAMED or k % (len(bars) // 8) == 0:
            marks.append(words(middle, height - 8, value, anchor="middle", class_="tick"))
        if len(bars) <= 9:
            marks.append(words(middle, up(part) - 5, f"{100 * part:.1f}%", anchor="middle", class_="soft"))
    marks.append(rule(left, up(0), WIDTH - 8, up(0), "axis"))
    zeros = percent(float((weights == 0).mean()))
    kind = codebooks.kind(book)
    caption = (f"{name}: {plural(weights.size, 'weight')}, {kind}, {plural(book.bits, 'bit')} each"
               + ("" if kind == "binary" else f", {zeros} zero"))
    return parts.figure(caption, chart(f"Weights of {caption}", height, marks, role="group"))
