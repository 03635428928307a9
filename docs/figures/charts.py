"""Figures of measurements: accuracy against bits, and what trained networks take on their boards."""

import json
import statistics
from pathlib import Path

from drawing import drawing

from spikeloom.page.figures import short
from spikeloom.page.markup import tag
from spikeloom.page.svg import Scale, bottom_axis, left_axis, line, rule, words

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
BITS = (2, 3, 4, 5)
ARMS = (("one-shot", "rounded at once", "b"), ("INQ magnitude", "INQ", "a"),
        ("STE", "trained through the codebook", "c"))
KINDS = {"dense": "a", "sparse": "b", "parallel": "c"}


def bits() -> str:
    """Accuracy of power-of-two weights against their bits."""
    arms = json.loads((BENCHMARKS / "compression" / "inq.json").read_text())["arms"]

    def of(arm: str) -> tuple[float, float]:
        found = [100 * run["accuracy"] for run in arms[arm].values()]
        return statistics.mean(found), statistics.stdev(found)

    x = Scale(low=1.8, high=5.2, start=60, stop=430)
    y = Scale(low=91, high=96, start=250, stop=46)
    parts = [words(20, 18, "Accuracy in % on MNIST, 784-256-10, T = 8", class_="title"),
             words(60, 34, "mean and standard deviation of three seeds", class_="small"),
             *left_axis(y, 60, 430, 5), rule(60, 250, 430, 250, "axis"),
             *(words(x(b), 267, b, anchor="middle", class_="tick") for b in BITS),
             words(245, 286, "bits of a weight, powers of two", anchor="middle")]
    mean, _ = of("float")
    parts += [line([(60, y(mean)), (430, y(mean))], "grey"), words(434, y(mean) + 4, "float", class_="small")]
    for row, (arm, name, class_) in enumerate(ARMS):
        points = [(b, *of(f"{arm}, {b} bit, mse")) for b in BITS]
        parts.append(line([(x(b), y(value)) for b, value, _ in points], class_))
        for b, value, deviation in points:
            parts += [line([(x(b), y(value - deviation)), (x(b), y(value + deviation))], class_),
                      tag("circle", cx=x(b), cy=y(value), r=3.5, class_=f"dot-{class_}")]
        parts += [line([(210, 196 + 18 * row), (230, 196 + 18 * row)], class_), words(236, 200 + 18 * row, name)]
    return drawing("Accuracy against bits of a weight", 470, 296, *parts)


def designs() -> str:
    """Latency against logic cells of the designs for one small board."""
    cases = json.loads((BENCHMARKS / "networks.json").read_text())["cases"]
    x = Scale(low=4000, high=5280, start=60, stop=600)
    y = Scale(low=1, high=100, start=270, stop=44, logarithmic=True)
    parts = [words(20, 20, "Networks for MNIST on an iCEBreaker, placed and routed with their host link",
                   class_="title"),
             words(60, 38, "latency in us at the clock they were built for, by how layer 0 is built", class_="small"),
             *left_axis(y, 60, 600, 6), *bottom_axis(x, 270, 6),
             words(330, 306, "logic cells, of 5,280", anchor="middle")]
    built = [case for case in cases.values() if case["board"] == "icebreaker" and "resources" in case]
    lowest = 0.0
    for case in sorted(built, key=lambda one: -one["latency_us"]):
        kind, right = case["plan"]["layers"][0]["strategy"], case["reference"]["accuracy"]
        at = x(case["resources"]["lut"]["used"]), y(case["latency_us"])
        lowest = max(at[1], lowest + 13)
        said = (f"{case['network']}, {kind}: {short(case['latency_us'])} us, {100 * right:.2f} %, "
                f"{case['resources']['ram']['used']} block RAMs")
        turned = at[0] > 300
        parts += [tag("circle", cx=at[0], cy=at[1], r=5, class_=f"dot-{KINDS.get(kind, 'grey')}"),
                  words(at[0] + (-10 if turned else 10), lowest + 4, said, anchor="end" if turned else "start",
                        class_="small")]
    return drawing("Latency against logic cells of networks on an iCEBreaker", 640, 316, *parts)
