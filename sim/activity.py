"""What happens in a network on given frames: what planning and the timing model judge strategies by."""

import numpy as np

from spikeloom.network import Network
from spikeloom.rtl_gen.timing import Activity
from spikeloom.sim.outcome import Outcome
from spikeloom.sim.reference import simulate


def measure(network: Network, frames: np.ndarray, outcome: Outcome | None = None) -> Activity:
    """The activity on `frames` (batch, *network.frame_shape); `outcome` is their traced outcome, if there is one."""
    frames = network.frames(frames)
    outcome = outcome or simulate(network, frames, trace=True)
    first = frames.reshape(len(frames), -1, network.input.size)
    if network.encoder is not None:
        first = network.encoder.encode(frames, network.timesteps, network.input.bits)
        first = first[:, :1] if network.encoder.constant else first
    return Activity(first=first != 0, spikes=outcome.spikes)
