"""Which levels of the exactness ladder are known to hold, from the rows that `spikeloom verify` left."""

from dataclasses import dataclass

from spikeloom.page.facts import Facts
from spikeloom.page.figures import plural, real, rows, table

NAMES = ("trained model", "RTL", "netlist", "routed", "proofs")
EXACT, DIFFERS, UNKNOWN = "exact", "differs", "not checked"


@dataclass(frozen=True, kw_only=True)
class Level:
    """One level: what is known of it, on how many samples, and what was compared, in words."""

    number: int
    state: str
    samples: int = 0
    detail: str = ""

    @property
    def name(self) -> str:
        return NAMES[self.number]


def levels(facts: Facts) -> list[Level]:
    """All five, lowest first."""
    found = rows(facts.report.get("verify"))
    zero = table(facts.report.get("level0"))
    compared = [[{**zero, "level": 0}] if zero else [], [], [], []]
    for row in found:
        if row.get("level") in (0, 1, 2, 3):
            compared[row["level"]].append(row)
    return [*(_compared(k, some) for k, some in enumerate(compared)), _proven(rows(facts.report.get("proofs")))]


def _compared(number: int, found: list[dict]) -> Level:
    wrong = [real(row.get("mismatches")) for row in found]
    if not found or None in wrong:
        return Level(number=number, state=UNKNOWN)
    samples = max(int(real(row.get("samples")) or 0) for row in found)
    values = sum(int(real(row.get(f"compared_{what}")) or 0) for row in found
                 for what in ("spikes", "membranes", "answers"))
    detail = f"{plural(values, 'value')} of {plural(samples, 'sample')}"
    if any(wrong):
        return Level(number=number, state=DIFFERS, samples=samples, detail=f"{sum(wrong):,.0f} differ of {detail}")
    if not values:
        return Level(number=number, state=UNKNOWN)
    return Level(number=number, state=EXACT, samples=samples, detail=f"{detail}, none differs")


def _proven(found: list[dict]) -> Level:
    if not found:
        return Level(number=4, state=UNKNOWN)
    good = sum(row.get("result") == "proven" for row in found)
    detail = f"{good} of {plural(len(found), 'claim')} proven"
    if any(row.get("result") == "refuted" for row in found):
        return Level(number=4, state=DIFFERS, detail=detail)
    return Level(number=4, state=EXACT if good == len(found) else UNKNOWN, detail=detail)
