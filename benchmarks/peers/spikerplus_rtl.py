"""What Spiker+'s VHDL computes, in integers, as read from the VHDL; held against GHDL before it is believed.

In each timestep a neuron first fires, if its membrane is above the threshold, or leaks, never both; then the inputs are
added one by one, each sum saturated. A layer's spikes reach the next one a timestep later.
"""

from dataclasses import dataclass

import numpy as np

SHIFT = 4                           # of the leak: 1 - 2**-4 = 0.9375


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """Of `images` images in `updates` timesteps: `hidden` and `output` spikes, `membranes` of the output.

    Spikes are those that a timestep begins with, membranes those that it ends with.
    """

    hidden: np.ndarray
    output: np.ndarray
    membranes: np.ndarray


def run(spikes: np.ndarray, hidden: np.ndarray, output: np.ndarray, threshold: int, bits: int) -> Trace:
    """The network on `spikes` (images, timesteps, inputs); weights (outputs, inputs), thresholds and states in LSB.

    The hidden layer resets by subtraction; the output never does, but what its neurons do instead of leaking, when
    they are above the threshold, is to grow by the leak.
    """
    images, steps = spikes.shape[:2]
    first, last = np.zeros((images, len(hidden)), int), np.zeros((images, len(output)), int)
    arrived = np.zeros((images, len(hidden)), bool)
    seen = ([], [], [])
    for step in range(steps + 1):                       # one update more than timesteps, with no input
        frame = spikes[:, step] if step < steps else np.zeros_like(spikes[:, 0])
        fired, firing = first > threshold, last > threshold
        first = np.where(fired, first - threshold, first - (first >> SHIFT))
        last = saturated(np.where(firing, last + (last >> SHIFT), last - (last >> SHIFT)), bits)
        first = integrate(first, hidden, frame, bits)
        last = integrate(last, output, arrived, bits)
        arrived = fired
        for kept, values in zip(seen, (fired, firing, last), strict=True):
            kept.append(values)
    hidden_spikes, output_spikes, membranes = (np.stack(values, 1) for values in seen)
    return Trace(hidden=hidden_spikes, output=output_spikes, membranes=membranes)


def integrate(membranes: np.ndarray, weights: np.ndarray, spikes: np.ndarray, bits: int) -> np.ndarray:
    """`membranes` (images, outputs) after the weights of `spikes` (images, inputs), in order, each sum saturated."""
    given = spikes.astype(np.float32)
    up = (given @ np.maximum(weights, 0).T.astype(np.float32)).astype(int)
    down = (given @ np.minimum(weights, 0).T.astype(np.float32)).astype(int)
    found = membranes + up + down
    images, neurons = np.nonzero((membranes + up >= 2 ** (bits - 1)) | (membranes + down < -(2 ** (bits - 1))))
    slow = membranes[images, neurons]
    for k in range(weights.shape[1]):
        slow = saturated(slow + weights[neurons, k] * spikes[images, k], bits)
    found[images, neurons] = slow
    return found


def saturated(values: np.ndarray, bits: int) -> np.ndarray:
    """`values` within `bits` bits, signed."""
    return np.clip(values, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
