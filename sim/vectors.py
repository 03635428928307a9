"""The volume path of a `VectorCore`: whole frames in, whole results out, as fast as the hardware takes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeloom.network import Network
from spikeloom.rtl_gen import verilog
from spikeloom.rtl_gen.parallel import adder
from spikeloom.rtl_gen.parallel.core import VectorCore
from spikeloom.rtl_gen.parallel.readout import verdict_layout
from spikeloom.rtl_gen.parallel.timing import timing
from spikeloom.sim import cxxrtl
from spikeloom.sim.stimulus import Stimulus
from spikeloom.sim.volume import FOLDER, Compiled, Interface


@dataclass(frozen=True, kw_only=True)
class VectorVolume(Compiled):
    """A compiled `VectorCore`. `build` makes it."""

    answers: Network
    fan: int

    @property
    def network(self) -> Network:
        return self.answers

    def interface(self) -> Interface:
        layout, network = verdict_layout(self.network), self.network
        scores = layout["scores"]
        return Interface(payload_bits=network.input.size * network.input.bits, result_bits=layout.size,
                         score=(scores.offset, scores.shape.elem_shape.width),
                         best=(layout["best"].offset, layout["best"].width),
                         lanes=tuple(layer.size for layer in network.layers),
                         patience=1000 + 16 * timing(network, fan=self.fan).latency)

    def stimulus(self, frames: np.ndarray, shuffle: int | None) -> Stimulus:
        return vectors(self.network, frames)


def vectors(network: Network, frames: np.ndarray) -> Stimulus:
    """The transfers of `frames` (batch, *network.frame_shape): all values of a frame, or of a timestep, in each."""
    frames = network.frames(frames)
    count, bits, size = len(frames), network.input.bits, network.input.size
    rows = frames.reshape(-1, size, 1) >> np.arange(bits) & 1
    raw = np.packbits(rows.astype(np.uint8).reshape(len(rows), -1), axis=1, bitorder="little")
    padded = np.zeros((len(rows), -(-size * bits // 32) * 4), np.uint8)
    padded[:, :raw.shape[1]] = raw
    return Stimulus(payloads=padded.view("<u4"), starts=np.arange(count + 1) * (len(rows) // max(count, 1)))


def build(networks: Sequence[Network], *, fan: int = adder.FAN, folder: Path = FOLDER,
          effort: str = "run") -> list[VectorVolume]:
    """Compiled `VectorCore`s that share one library. See `cxxrtl.library` for the other parameters."""
    designs = [cxxrtl.Design(rtlil=verilog.to_rtlil(VectorCore(network, fan=fan), "core"), layers=len(network.layers))
               for network in networks]
    library = cxxrtl.library(designs, folder=folder, effort=effort)
    return [VectorVolume(library=library, number=k, answers=network, fan=fan) for k, network in enumerate(networks)]
