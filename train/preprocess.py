"""From the pixels of a data set to the integers that a network is given; kept in its provenance, to be done again."""

from dataclasses import asdict, dataclass

import numpy as np

from spikeloom import check
from spikeloom.errors import SpikeloomError


@dataclass(frozen=True, kw_only=True)
class Preprocess:
    """Cut out the centre, add up squares of pixels, keep the highest bits.

    Parameters
    ----------
    crop : side of the centred square that is kept, in pixels; 0: the whole image.
    pool : side of the squares of pixels that become one value, their mean.
    bits : of a value, 1 to 8: `floor(mean / 2^(8 - bits))`, exact in integers.
    level : where `bits` is 1, a value is 1 from this mean on.
    """

    crop: int = 0
    pool: int = 1
    bits: int = 8
    level: int = 128

    def __post_init__(self):
        check.integer("preprocess crop", self.crop, 0, 1 << 12)
        check.integer("preprocess pool", self.pool, 1, 16)
        check.integer("preprocess bits", self.bits, 1, 8)
        check.integer("preprocess level", self.level, 1, 255)
        if self.bits > 1 and self.level != 128:
            raise SpikeloomError(f"preprocess level must be 128 with {self.bits} bits, not {self.level}")

    @classmethod
    def from_json(cls, value: object) -> "Preprocess":
        """What `to_json` gave, as found in a network's provenance; older ones have no level."""
        if not isinstance(value, dict) or {"level", *value} != set(cls.__dataclass_fields__):
            raise SpikeloomError(f"preprocess must be an object with {', '.join(cls.__dataclass_fields__)}, "
                                 f"not {str(value)[:200]}")
        return cls(**value)

    def to_json(self) -> dict:
        return asdict(self)

    def shape(self, height: int, width: int) -> tuple[int, int]:
        """Shape of what becomes of an image."""
        if self.crop > min(height, width):
            raise SpikeloomError(f"preprocess crop must be at most {min(height, width)}, not {self.crop}")
        height, width = (self.crop or height), (self.crop or width)
        if height % self.pool or width % self.pool:
            raise SpikeloomError(f"preprocess pool must divide {height} and {width}, not be {self.pool}")
        return height // self.pool, width // self.pool

    def apply(self, images: np.ndarray) -> np.ndarray:
        """`images` uint8 `(images, height, width)` as int64 `(images, *shape)`, each `0 .. 2^bits - 1`."""
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.ndim != 3:
            raise SpikeloomError(f"images must be uint8 (images, height, width), not {images.dtype} {images.shape}")
        high, wide = self.shape(*images.shape[1:])
        top, left = (images.shape[1] - high * self.pool) // 2, (images.shape[2] - wide * self.pool) // 2
        kept = images[:, top:top + high * self.pool, left:left + wide * self.pool].astype(np.int64)
        squares = kept.reshape(len(kept), high, self.pool, wide, self.pool)
        sums = kept if self.pool == 1 else squares.sum(axis=(2, 4))
        if self.bits == 1:
            return (sums >= self.level * self.pool**2).astype(np.int64)
        return sums // (self.pool**2 << 8 - self.bits)
