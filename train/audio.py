"""Sound as a network takes it: WAV files, and how loud each band of frequencies is, in integers from end to end.

All of it is exact: integer tables for window, transform and bands, sums that no 64-bit integer overflows, and a
logarithm of bit positions. The same file gives the same bytes on every machine, and a microcontroller can do the same.
"""

import wave
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np

from spikeloom import check
from spikeloom.errors import FileError, SpikeloomError

MAX_BYTES = 1 << 26
TABLE_BITS, BAND_BITS, FRACTION = 14, 8, 4      # FRACTION bits of log2: 16 steps an octave of power, 3.01 dB


def read_wav(file: str | Path | BinaryIO, name: str = "") -> tuple[np.ndarray, int]:
    """Samples int64 `(samples,)` of 16 bits and their rate in Hz; channels are averaged, other widths scaled.

    Raises `FileError` for what is no PCM of 8 to 32 bits.
    """
    name = name or str(file)
    try:
        with wave.open(str(file) if isinstance(file, Path) else file) as source:
            count, size, channels, rate = (source.getnframes(), source.getsampwidth(), source.getnchannels(),
                                           source.getframerate())
            if count * size * channels > MAX_BYTES:
                raise FileError(f"{name} must hold at most {MAX_BYTES} bytes, not {count * size * channels}")
            data = source.readframes(count)
    except OSError as error:
        raise FileError(f"{name} must be a readable file, but {error.strerror}") from None
    except (wave.Error, EOFError, ValueError, RuntimeError) as error:
        if isinstance(error, SpikeloomError):
            raise
        raise FileError(f"{name} must be a WAV file, PCM, but {str(error) or 'it is cut short'}") from None
    if not 1 <= size <= 4 or not channels or len(data) % (size * channels) or rate < 1:
        raise FileError(f"{name} must be a whole WAV file of 8 to 32 bits, not {len(data)} bytes")
    if size == 1:
        values = (np.frombuffer(data, np.uint8).astype(np.int64) - 128) << 8
    else:
        padded = np.zeros((len(data) // size, 4), np.uint8)
        padded[:, 4 - size:] = np.frombuffer(data, np.uint8).reshape(-1, size)
        values = padded.view("<i4")[:, 0].astype(np.int64) >> 16
    return values.reshape(-1, channels).sum(axis=1) // channels, rate


@dataclass(frozen=True, kw_only=True)
class LogMel:
    """How loud each of some bands is, step by step, as a byte: 16 steps an octave of power below the loudest value.

    Parameters
    ----------
    rate : of the samples, Hz.
    window : samples that are looked at, weighted by a Hann window.
    hop : samples from one look to the next: a shorter sound is followed by silence, a longer one cut; 0: the looks are
        spread over the whole sound, however long it is.
    timesteps : looks.
    bands : triangles of equal width in mel, 2595 log10(1 + f / 700), each overlapping its neighbours by half.
    low, high : where the first begins and the last ends, Hz.
    """

    rate: int = 8000
    window: int = 256
    hop: int = 0
    timesteps: int = 32
    bands: int = 16
    low: int = 100
    high: int = 3800

    def __post_init__(self):
        check.integer("rate", self.rate, 1000, 192_000)
        check.integer("window", self.window, 16, 4096)
        check.integer("hop", self.hop, 0, 1 << 16)
        check.integer("timesteps", self.timesteps, 1, 4096)
        check.integer("bands", self.bands, 1, 256)
        check.integer("high", self.high, 1, self.rate // 2)
        check.integer("low", self.low, 0, self.high - 1)
        if not self._triangles.any(axis=0).all():
            raise SpikeloomError(f"bands must each have a frequency of the transform: with a window of {self.window} "
                                 f"samples {self.bands} are too many")

    def apply(self, samples: np.ndarray) -> np.ndarray:
        """uint8 `(timesteps, bands)` of integers of 16 bits `(samples,)`."""
        hop = self.hop or max(1, -((self.window - len(samples)) // max(1, self.timesteps - 1)))
        need = hop * (self.timesteps - 1) + self.window
        padded = np.zeros(need, np.int64)
        padded[:min(need, len(samples))] = samples[:need]
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.window)[::hop]
        weighted = windows * self._hann >> TABLE_BITS
        # in float64 for its speed: every sum is an integer below 2^53
        parts = (weighted.astype(np.float64) @ self._waves).astype(np.int64) >> TABLE_BITS
        power = (parts * parts).reshape(len(parts), 2, -1).sum(axis=1)
        loud = _log2(power @ self._triangles + 1)
        return np.clip(255 + loud - loud.max(), 0, 255).astype(np.uint8)

    @cached_property
    def _hann(self) -> np.ndarray:
        return np.rint((0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.window) / self.window))
                       * (1 << TABLE_BITS)).astype(np.int64)

    @cached_property
    def _waves(self) -> np.ndarray:
        """Cosines, then sines, `(window, 2 frequencies)`."""
        phase = 2 * np.pi * np.outer(np.arange(self.window), np.arange(self.window // 2 + 1)) / self.window
        return np.rint(np.concatenate([np.cos(phase), np.sin(phase)], axis=1) * (1 << TABLE_BITS))

    @cached_property
    def _triangles(self) -> np.ndarray:
        """`(frequencies, bands)`, each at most 2^8."""
        edges = 700 * (10 ** (np.linspace(*(2595 * np.log10(1 + f / 700) for f in (self.low, self.high)),
                                          self.bands + 2) / 2595) - 1)
        f = np.arange(self.window // 2 + 1)[:, None] * self.rate / self.window
        rising, falling = (f - edges[:-2]) / (edges[1:-1] - edges[:-2]), (edges[2:] - f) / (edges[2:] - edges[1:-1])
        return np.rint(np.clip(np.minimum(rising, falling), 0, 1) * (1 << BAND_BITS)).astype(np.int64)


def _log2(values: np.ndarray) -> np.ndarray:
    """`2^FRACTION log2` of positive integers: the place of the highest bit, then the bits behind it (Mitchell 1962)."""
    place, fraction = np.zeros_like(values), values << 0
    for shift in (32, 16, 8, 4, 2, 1):
        high = fraction >> shift > 0
        place += shift * high
        fraction = np.where(high, fraction >> shift, fraction)
    mantissa = np.where(place >= FRACTION, values >> np.maximum(place - FRACTION, 0),
                        values << np.maximum(FRACTION - place, 0))
    return (place << FRACTION) + mantissa - (1 << FRACTION)
