"""The first thing on the page: does it fit, is it fast enough, is it exact, is it good."""

from dataclasses import dataclass

from spikeloom.page.facts import Facts
from spikeloom.page.figures import THIN, duration, percent, real, share, table, whole
from spikeloom.page.levels import DIFFERS, EXACT, Level, levels
from spikeloom.page.markup import Markup, tag

YES, NO, OPEN = "yes", "no", "open"
SIGNS = {YES: "\u2713", NO: "\u2715", OPEN: "?"}
WORDS = {YES: "yes", NO: "no", OPEN: "not known"}


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A question, whether it is answered well, the answer in a few words, and what it rests on."""

    question: str
    state: str
    answer: str
    detail: str | Markup


def section(facts: Facts) -> Markup:
    """The tiles; nothing is said that was not measured or computed."""
    tiles = [fits(facts), timing(facts), exact(levels(facts), facts), accuracy(facts)]
    return tag("section", tag("h2", "Verdict", id="verdict-title", class_="unseen"), tag(
        "div", [_drawn(tile) for tile in tiles], class_="tiles"), id="verdict", aria_labelledby="verdict-title")


def _drawn(tile: Tile) -> Markup:
    sign = tag("span", SIGNS[tile.state], tag("span", WORDS[tile.state], class_="unseen"), class_=f"sign {tile.state}")
    return tag("div", tag("h3", sign, tile.question), tag("p", tile.answer, class_="answer"),
               tag("p", tile.detail, class_="detail"), class_="tile")


def fits(facts: Facts) -> Tile:
    """By the build's figures, else by the plan's estimate."""
    used = resources(facts)
    if used:
        over = [name for name, (taken, there) in used.items() if taken > there]
        detail = ", ".join(f"{whole(used[k][0])} of {whole(used[k][1])} {name}" for k, name in
                           (("lut", "logic cells"), ("ram", "block RAMs")) if k in used)
        return Tile(question="Fits", state=NO if over else YES, answer=facts.board, detail=f"Built: {detail}")
    if facts.hardware is None:
        return Tile(question="Fits", state=OPEN, answer=facts.board, detail=facts.obstacle or "There is no plan.")
    plan = facts.hardware.summary
    detail = (f"Estimate: {whole(plan['cost']['cells'])} of {whole(plan['budget']['cells'])} logic cells, "
              f"{whole(plan['cost']['ram'])} of {whole(plan['budget']['ram'])} block RAMs")
    return Tile(question="Should fit", state=YES if plan["fits"] else NO, answer=facts.board, detail=detail)


def timing(facts: Facts) -> Tile:
    """By the router's figure."""
    clock, most = real(facts.report.get("clock_hz")), real(facts.report.get("fmax_mhz"))
    latency = real(facts.report.get("latency_us"))
    if not clock or not most:
        detail = tag("span", "Not built yet: ", tag("code", f"spikeloom build {facts.file}{facts.on_board}"))
        return Tile(question="Meets timing", state=OPEN, answer="not known", detail=Markup(detail))
    good = most * 1e6 >= clock
    detail = f"Routed: could run at {most:g}{THIN}MHz"
    modelled = facts.hardware.summary.get("cycles") if facts.hardware and facts.hardware.built else None
    if latency:
        detail += f"; an inference takes {duration(latency * 1e-6)}"
    elif modelled:
        detail += f"; an inference takes {duration(modelled['mean'] / clock)} by the timing model"
    return Tile(question="Meets timing", state=YES if good else NO, answer=f"{clock / 1e6:g}{THIN}MHz", detail=detail)


def exact(found: list[Level], facts: Facts) -> Tile:
    """Good if some level was checked and none differs."""
    held = [level for level in found if level.state == EXACT]
    wrong = [level for level in found if level.state == DIFFERS]
    state = NO if wrong else YES if held else OPEN
    if wrong:
        answer = "differs: " + ", ".join(level.name for level in wrong)
    elif held:
        answer = ", ".join(level.name for level in held)
    else:
        answer = "not known"
    compared = [f"level {level.number}: {level.detail}" for level in (wrong or held)]
    unknown = [f"{level.number} {level.name}" for level in found if level not in held and level not in wrong]
    if unknown:
        compared.append(f"not checked here: {', '.join(unknown)}")
    detail = "; ".join(compared)
    detail = detail[:1].upper() + detail[1:]
    return Tile(question="Exact", state=state, answer=answer, detail=detail)


def accuracy(facts: Facts) -> Tile:
    """Of the integer network; a figure of the samples at hand, where nothing else is known."""
    known = share(table(facts.network.provenance.get("accuracy")).get("integer"))
    if known is not None:
        images = real(facts.network.provenance.get("test_images"))
        detail = "Integer network, " + (f"{whole(images)} test samples" if images else "by its file")
        real_one = share(table(facts.network.provenance.get("accuracy")).get("float"))
        if real_one is not None:
            detail += f"; the float model has {percent(real_one)}"
        return Tile(question="Accuracy", state=YES, answer=percent(known), detail=detail)
    imported = table(facts.network.provenance.get("closeness"))
    known, count = share(imported.get("accuracy_network")), real(imported.get("samples"))
    if known is not None and count:
        return Tile(question="Accuracy", state=YES, answer=percent(known),
                    detail=f"Integer network, {whole(count)} samples when it was imported")
    found = facts.samples
    if found.labels is None or not len(found.labels):
        return Tile(question="Accuracy", state=OPEN, answer="not known", detail="No labelled samples are at hand.")
    right = float((found.classes == found.labels).mean())
    return Tile(question="Accuracy", state=YES, answer=percent(right), detail=found.origin)


def resources(facts: Facts) -> dict[str, tuple[float, float]]:
    """What the build used of what there is, where both are numbers."""
    found = {}
    for name, use in table(facts.report.get("resources")).items():
        taken, there = real(table(use).get("used")), real(table(use).get("available"))
        if taken is not None and there:
            found[name] = (taken, there)
    return found
