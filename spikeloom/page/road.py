"""The road from the float model to the board: what was kept at each stage, and who says so."""

from dataclasses import dataclass

from spikeloom.page import parts
from spikeloom.page.facts import Facts
from spikeloom.page.figures import called, percent, plural, real, rows, share, table, whole
from spikeloom.page.levels import DIFFERS, EXACT, UNKNOWN, levels
from spikeloom.page.markup import Markup, tag
from spikeloom.page.svg import meter


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stop: its accuracy or, where hardware was compared value by value, what the comparison found."""

    name: str
    accuracy: float | None = None
    said: str | Markup = ""
    state: str = ""


def section(facts: Facts) -> Markup:
    """A table of the stages, with a bar from the least accuracy shown to all right."""
    stages = road(facts)
    known = [stage.accuracy for stage in stages if stage.accuracy is not None]
    floor = max(0.0, (int(min(known) * 20) / 20 if min(known) * 20 % 1 else min(known) - 0.05)) if known else 0.0
    drawn = [(stage.name, _accuracy(stage, floor), _said(stage)) for stage in stages]
    return parts.section(
        "road", "The road", parts.rows_of(("stage", "accuracy", "what says so"), drawn),
        parts.note(f"Bars begin at {percent(floor)}. ") if known else None,
        parts.note("Hardware that answers as the integer network does, value by value, has its accuracy."))


def _accuracy(stage: Stage, floor: float) -> Markup | str:
    if stage.accuracy is None:
        word, tone = {EXACT: ("= integer", "yes"), DIFFERS: ("differs", "no")}.get(stage.state, ("-", "open"))
        return tag("span", word, class_=f"word {tone}")
    filled = (stage.accuracy - floor) / (1 - floor) if floor < 1 else 1.0
    return tag("span", tag("span", percent(stage.accuracy), class_="share"), meter(filled, "meter-main"), class_="bar")


def _said(stage: Stage) -> Markup | str:
    return tag("span", stage.said, class_="missing-cell") if stage.state == UNKNOWN else stage.said


def road(facts: Facts) -> list[Stage]:
    """All stages, in order; those of which nothing is known say what command tells."""
    known = table(facts.network.provenance.get("accuracy"))
    images = real(facts.network.provenance.get("test_images"))
    test = f"{whole(images)} test samples, by the network's file" if images else "by the network's file"
    stages = []
    for name, key in (("float model", "float"), ("quantized model", "model")):
        if share(known.get(key)) is not None:
            stages.append(Stage(name=name, accuracy=share(known[key]), said=test))
    stages += _imported(table(facts.network.provenance.get("closeness")), known)
    for stage in rows(facts.network.provenance.get("stages")):
        reached = share(stage.get("validation"))
        if reached is not None and stage.get("name") not in ("float", "integer"):
            stages.append(Stage(name=f"after {called(stage.get('name'))}", accuracy=reached, said="validation samples"))
    if share(known.get("integer")) is not None:
        stages.append(Stage(name="integer network", accuracy=share(known["integer"]), said=test))
    found = facts.samples
    if found.labels is not None and len(found.labels):
        right = float((found.classes == found.labels).mean())
        stages.append(Stage(name="integer network, here", accuracy=right,
                            said=f"computed for this page: {plural(len(found.labels), 'sample')}, {found.origin}"))
    return [*stages, *_hardware(facts), _board(facts)]


def _imported(found: dict, known: dict) -> list[Stage]:
    """What an import measured, of what is not `known` anyway."""
    count = real(found.get("samples"))
    said = f"{whole(count)} samples, when it was imported" if count else "when it was imported"
    named = (("imported graph", "accuracy_graph", "float"), ("integer network", "accuracy_network", "integer"))
    return [Stage(name=name, accuracy=share(found[key]), said=said) for name, key, same in named
            if share(found.get(key)) is not None and share(known.get(same)) is None]


def _hardware(facts: Facts) -> list[Stage]:
    stages = []
    for level in levels(facts)[1:4]:
        said: str | Markup = level.detail
        if level.state == UNKNOWN:
            said = tag("code", f"spikeloom verify {facts.file}{facts.on_board} --level {level.number}")
        stages.append(Stage(name=level.name, said=said, state=level.state))
    return stages


def _board(facts: Facts) -> Stage:
    found = table(facts.report.get("device"))
    wrong, count = real(found.get("mismatches")), real(found.get("samples"))
    if wrong is None or count is None:
        return Stage(name="board", state=UNKNOWN, said=tag(
            "code", f"spikeloom deploy {facts.file}{facts.on_board}"))
    where = "virtual board" if found.get("virtual") else "board"
    said = f"{plural(int(wrong), 'value')} of {plural(int(count), 'sample')} differ{'s' * (wrong == 1)}"
    return Stage(name=where, accuracy=share(found.get("accuracy")), said=said, state=DIFFERS if wrong else EXACT)
