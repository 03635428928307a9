"""One inference of the trained N-MNIST network, by the integer reference: camera, spikes, membranes."""

from pathlib import Path

import numpy as np
import torch
from drawing import drawing

from spikeloom import load
from spikeloom.page.markup import number, tag
from spikeloom.page.svg import Scale, bottom_axis, left_axis, line, words
from spikeloom.sim.reference import simulate
from spikeloom.train import load_frames

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SAMPLE, SHOTS, MOST = 4, 5, 60


def inference() -> str:
    """Camera events, spikes of the second layer and membranes of the outputs of one recording."""
    torch.set_num_threads(1)
    network = load(EXAMPLES / "nmnist-ulx3s85.qsnn")
    frames, labels = load_frames(network, count=SAMPLE + 1, beside=EXAMPLES)
    frame = np.asarray(frames[SAMPLE:SAMPLE + 1]).reshape(1, network.timesteps, *network.input.shape)
    answer = simulate(network, frame, trace=True, device="cpu")
    steps, best = network.timesteps, int(answer.classes[0])
    x = Scale(low=0, high=steps - 1, start=70, stop=610)
    parts = [words(20, 20, f"A {int(labels[SAMPLE])}, seen by an event camera, and how the integer network decides",
                   class_="title")]
    for shot in range(SHOTS):
        part = frame[0, shot * steps // SHOTS:(shot + 1) * steps // SHOTS].any(axis=0)
        left = 70 + shot * 110
        for polarity, class_ in enumerate(("on", "off")):
            path = "".join(f"M{column} {row}.5h1" for row, column in zip(*np.nonzero(part[polarity]), strict=True))
            parts.append(tag("path", d=path, class_=class_,
                             transform=f"translate({left} 36) scale({number(100 / network.input.shape[-1])})"))
    spikes = np.asarray(answer.spikes[1]).reshape(steps, -1)
    firing = np.nonzero(spikes.any(axis=0))[0]
    rows = firing[::-(-len(firing) // MOST)]
    y = Scale(low=0, high=max(len(rows) - 1, 1), start=156, stop=296)
    path = "".join(f"M{number(x(t) - 6)} {number(y(row))}h12" for row, neuron in enumerate(rows)
                   for t in np.nonzero(spikes[:, neuron])[0])
    shown = f"spikes of {len(rows)} neurons of layer 1, of {len(firing)} that fire and {spikes.shape[1]} in all"
    parts += [tag("path", d=path, class_="spikes"), words(20, 152, shown, class_="small")]
    membranes = np.asarray(answer.membranes[-1]).reshape(steps, -1)
    y = Scale(low=float(membranes.min()), high=float(membranes.max()), start=446, stop=326)
    parts += [words(20, 316, "membranes of the ten outputs; the greatest at the end is the class", class_="small"),
              *left_axis(y, 70, 610, 4), *bottom_axis(x, 446, 10)]
    for output in sorted(range(membranes.shape[1]), key=lambda one: one == best):
        parts.append(line([(x(t), y(float(v))) for t, v in enumerate(membranes[:, output])],
                          "a" if output == best else "grey"))
    parts += [words(614, y(float(membranes[-1, best])) + 4, best), words(340, 478, "timestep", anchor="middle")]
    return drawing("Camera events, spikes and membranes of one inference", 640, 486, *parts)
