"""Two outcomes compared: how much was compared, how much differs, and where first."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeloom.errors import SpikeloomError
from spikeloom.sim.outcome import Outcome


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """The first place where hardware leaves the reference; `str()` tells it in one paragraph.

    Parameters
    ----------
    sample : number of the frame.
    timestep, layer, neuron : where a spike or membrane differs; timestep and layer are None if only the answer does,
        and `neuron` is then the output.
    expected, found : (S, V) of that neuron after that timestep, None for one that was not looked at; or (score, class).
    waveform : a VCD file of the cycles around it.
    cycle : in that file, the cycle in which the value was shown.
    """

    sample: int
    timestep: int | None
    layer: int | None
    neuron: int
    expected: tuple[int | None, int | None]
    found: tuple[int | None, int | None]
    waveform: Path | None = None
    cycle: int | None = None

    def __str__(self) -> str:
        if self.layer is None:
            what = (f"in sample {self.sample} every compared spike and membrane is right, but output {self.neuron} has "
                    f"score {self.found[0]} instead of {self.expected[0]}, and the class is {self.found[1]} instead of "
                    f"{self.expected[1]}")
        else:
            values = ", ".join(f"{what} {found} instead of {expected}" for what, found, expected
                               in zip(("spike", "membrane"), self.found, self.expected, strict=True)
                               if found is not None)
            what = (f"the first difference is in sample {self.sample}, timestep {self.timestep}, layer {self.layer}, "
                    f"neuron {self.neuron}: {values}")
        if self.waveform is None:
            return what
        when = "" if self.cycle is None else f" (the value shows in cycle {self.cycle}, at {10 * self.cycle} ns)"
        return f"{what}; waveform around it in {self.waveform}{when}"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How many values were compared (`answers` are scores and classes), how many differ, and the first that does."""

    samples: int
    spikes: int
    membranes: int
    answers: int
    mismatches: int
    first: Mismatch | None


def compare(expected: Outcome, found: Outcome) -> Comparison:
    """Compare every score and class and, of outcomes with a trace, every spike and membrane.

    Where `found` has None for a layer's spikes or membranes, they were not looked at.

    Raises `SpikeloomError` if the two are not of one shape, or only one has a trace.
    """
    traces = [(expected.spikes, found.spikes), (expected.membranes, found.membranes)]
    if all(trace is None for pair in traces for trace in pair):
        traces = [((), ()), ((), ())]
    pairs = [(expected.classes, found.classes), (expected.scores, found.scores)]
    if any(one is None or other is None or len(one) != len(other) for one, other in traces):
        raise SpikeloomError("outcomes must both hold the trace of the same layers")
    spikes, membranes = ([pair for pair in zip(*trace, strict=True) if pair[1] is not None] for trace in traces)
    for one, other in [*pairs, *spikes, *membranes]:
        if one.shape != other.shape:
            raise SpikeloomError(f"outcomes must have the same shape, not {one.shape} and {other.shape}")
    mismatches = sum(int(np.count_nonzero(one != other)) for one, other in [*pairs, *spikes, *membranes])
    return Comparison(
        samples=len(expected.classes),
        spikes=sum(one.size for one, _ in spikes),
        membranes=sum(one.size for one, _ in membranes),
        answers=sum(one.size for one, _ in pairs),
        mismatches=mismatches,
        first=_first(expected, found) if mismatches else None,
    )


def _first(expected: Outcome, found: Outcome) -> Mismatch:
    wrong = (expected.classes != found.classes) | (expected.scores != found.scores).any(axis=1)
    places = []
    for k in range(len(expected.spikes or ())):
        differs = np.zeros(expected.spikes[k].shape, bool)
        for right, seen in ((expected.spikes[k], found.spikes[k]), (expected.membranes[k], found.membranes[k])):
            if seen is not None:
                differs |= right != seen
        where = np.flatnonzero(differs.any(axis=(1, 2)))
        if where.size:
            sample = int(where[0])
            timestep, neuron = (int(n) for n in np.argwhere(differs[sample])[0])
            places.append((sample, timestep, k, neuron))
    sample = int(np.flatnonzero(wrong)[0]) if wrong.any() else len(wrong)
    if places and min(places)[0] <= sample:
        sample, timestep, k, neuron = place = min(places)
        at = place[:2] + place[3:]
        seen = (found.spikes[k], found.membranes[k])
        values = [tuple(None if one is None else int(values[at]) for one, values in zip(seen, trace, strict=True))
                  for trace in ((expected.spikes[k], expected.membranes[k]), seen)]
        return Mismatch(sample=sample, timestep=timestep, layer=k, neuron=neuron, expected=values[0], found=values[1])
    differs = np.flatnonzero(expected.scores[sample] != found.scores[sample])
    output = int(differs[0]) if differs.size else int(expected.classes[sample])
    values = [(int(x.scores[sample, output]), int(x.classes[sample])) for x in (expected, found)]
    return Mismatch(sample=sample, timestep=None, layer=None, neuron=output, expected=values[0], found=values[1])
