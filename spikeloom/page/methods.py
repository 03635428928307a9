"""What a compression method says of itself, drawn: known facts as charts, all others as a table.

A method is a plug-in, and a network's file may come from anyone: a fact is drawn by what it is called and only if its
values are what the chart needs; whatever is left is written down.
"""

from collections.abc import Callable, Iterator

from spikeloom.page import parts
from spikeloom.page.curve import Axis, curve, shares
from spikeloom.page.figures import called, percent, plural, real, rows, said, share, table, whole
from spikeloom.page.markup import Markup, tag

MOST_POINTS, MOST_LAYERS, MOST_ROWS, MOST_COLUMNS = 400, 48, 24, 8
NAMES = {"powers": "exponents by layer, least and greatest", "timesteps": "timesteps of the search"}
VALIDATION = shares("validation")


def drawn(stage: dict) -> Markup | None:
    """Charts and a table of a stage's facts; None if it has none."""
    left = dict(table(stage.get("facts")))
    if not left:
        return None
    charts = [made for draw in DRAWERS if (made := draw(left)) is not None]
    return tag("div", tag("h3", f"What {called(stage.get('name'))} tells"),
               tag("div", charts, class_="two") if charts else None, *_tables(left), _others(left), class_="method")


def _numbers(value: object, read: Callable[[object], float | None] = real) -> list[float]:
    """The numbers of a list; none if it holds anything else, nothing, or too much."""
    if not isinstance(value, list) or not 0 < len(value) <= MOST_POINTS:
        return []
    found = [read(one) for one in value]
    return [] if None in found else found


def _portions(left: dict) -> Markup | None:
    """INQ: accuracy, the more weights are in the codebook."""
    portions, reached = _numbers(left.get("portions"), share), _numbers(left.get("validation"), share)
    if not portions or len(portions) != len(reached):
        return None
    del left["portions"], left["validation"]
    return parts.figure(
        "Accuracy on validation samples after each portion of the weights was put into the codebook for good and the "
        "rest was trained on.", curve(list(zip(portions, reached, strict=True)), "Accuracy by portion",
                                      shares("weights in the codebook"), VALIDATION))


def _epochs(left: dict) -> Markup | None:
    """Accuracy, epoch by epoch."""
    reached = _numbers(left.get("validation"), share)
    if len(reached) < 2:
        return None
    del left["validation"]
    return parts.figure("Accuracy on validation samples after each epoch.", curve(
        list(enumerate(reached, 1)), "Accuracy by epoch", Axis(name="epoch"), VALIDATION))


def _flips(left: dict) -> Markup | None:
    """Binary weights: how many signs turn in an epoch."""
    turned = _numbers(table(left.get("flips")).get("epochs"), share)
    if not turned:
        return None
    left["flips"] = {name: value for name, value in left["flips"].items() if name != "epochs"}
    return parts.figure("Share of the binary weights whose sign turned, epoch by epoch: training settles.", curve(
        list(enumerate(turned, 1)), "Turned signs by epoch", Axis(name="epoch"), shares("signs turned")))


def _divergences(left: dict) -> Markup | None:
    """Lottery tickets that look for the timesteps that are enough."""
    found = _numbers(left.get("divergences"))
    if not found:
        return None
    del left["divergences"]
    enough = real(left.get("timesteps"))
    caption = "How much a timestep more changes the answers (divergence from those of a timestep less)"
    return parts.figure(caption + (f"; {whole(enough)} were enough for the search." if enough else "."), curve(
        list(enumerate(found, 2)), "Divergence by timesteps", Axis(name="timesteps"), Axis(name="divergence")))


def _alpha(left: dict) -> Markup | None:
    """AGMM: the gates, layer by layer."""
    layers = left.get("alpha")
    layers = [_numbers(one) for one in layers] if isinstance(layers, list) and len(layers) <= MOST_LAYERS else []
    if not layers or not all(layers):
        return None
    del left["alpha"]
    means = [sum(one) / len(one) for one in layers]
    bars = [parts.bar(f"gate {k}", mean / (max(map(abs, means)) or 1), f"{mean:.4g}", _spread(one))
            for k, (mean, one) in enumerate(zip(means, layers, strict=True))]
    return parts.figure("What each gated layer's gate multiplies by (alpha); the mean, where timesteps have their own.",
                        tag("div", bars, class_="bars"))


def _spread(values: list[float]) -> str:
    return "" if len(values) == 1 else f"{min(values):.3g} to {max(values):.3g}"


def _by_layer(name: str, caption: str) -> Callable[[dict], Markup | None]:
    """A drawer of a list of shares, one a layer."""
    def draw(left: dict) -> Markup | None:
        found = _numbers(left.get(name), share)
        if not found or len(found) > MOST_LAYERS:
            return None
        del left[name]
        numbers = _numbers(left.get("layers"))
        numbers = left.pop("layers") if len(numbers) == len(found) else range(len(found))
        bars = [parts.bar(f"layer {number}", value, "", percent(value, 1))
                for number, value in zip(numbers, found, strict=True)]
        return parts.figure(caption, tag("div", bars, class_="bars"))
    return draw


def _errors(left: dict) -> Markup | None:
    """OSBC: what a layer lost, of what it says."""
    found = [(k, share(one.get("error"))) for k, one in enumerate(rows(left.get("layers"))[:MOST_LAYERS])]
    if not found or None in (error for _, error in found):
        return None
    most = max(error for _, error in found) or 1
    bars = [parts.bar(f"layer {k}", error / most, "", percent(error)) for k, error in found]
    return parts.figure("Error of each layer, as a share of the power of what its synapses add up to; the longest bar "
                        "is the greatest.", tag("div", bars, class_="bars"))


DRAWERS = (_portions, _epochs, _flips, _divergences, _errors, _alpha,
           _by_layer("kept", "Share of each layer's weights that were kept."),
           _by_layer("zeros", "Share of each layer's weights that are 0."),
           _by_layer("rates", "Spikes a neuron and timestep, layer by layer."))


def _tables(left: dict) -> Iterator[Markup]:
    """Facts that are lists of records, one a layer: a table each."""
    for name in [name for name, value in left.items() if value and value == rows(value)][:4]:
        made = records(_named(name), rows(left.pop(name)))
        if made is not None:
            yield made


def records(caption: str, found: list[dict]) -> Markup | None:
    """A table of records, a line each, with a column for each of their names; None without any."""
    columns = list(dict.fromkeys(key for record in found[:MOST_LAYERS] for key in record))[:MOST_COLUMNS]
    if not columns:
        return None
    lines = [(k, *(said(record.get(key, "")) for key in columns)) for k, record in enumerate(found[:MOST_LAYERS])]
    more = "" if len(found) <= MOST_LAYERS else f", the first {MOST_LAYERS} of {len(found):,}"
    return parts.rows_of(("layer", *map(_named, columns)), lines, numbers=tuple(range(1, len(columns) + 1)),
                         caption=f"{caption}{more}")


def _others(left: dict) -> Markup | None:
    """What no chart knows, as names and values."""
    found = [(_named(name), said(value)) for name, value in _leaves(left) if value not in ({}, [])]
    more = parts.note(f"{plural(len(found) - MOST_ROWS, 'fact')} more not shown.") if len(found) > MOST_ROWS else None
    return tag("div", parts.facts_of(found[:MOST_ROWS]), more) if found else None


def _leaves(facts: dict) -> Iterator[tuple[str, object]]:
    """Facts by name; those of a table inside by both names."""
    for name, value in facts.items():
        if isinstance(value, dict):
            yield from ((f"{name} {inner}", one) for inner, one in value.items())
        else:
            yield name, value


def _named(name: str) -> str:
    return NAMES.get(name, name.replace("_", " "))[:80]
