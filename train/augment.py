"""Random distortions of training images: turned, scaled, sheared, shifted and warped a little, or mirrored."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from spikeloom.errors import SpikeloomError

GRID = 7


@dataclass(frozen=True, kw_only=True)
class Augment:
    """How far an image may be distorted; each distortion is uniform within +- its field, but the normal `warp`.

    Parameters
    ----------
    degrees : of rotation.
    scale : share of the size, for each axis.
    shear : horizontal, share of the height.
    shift : pixels, for each axis.
    warp : standard deviation, in pixels, of a smooth displacement field on a 7 x 7 grid.
    flip : share of the images whose left and right are exchanged.
    """

    degrees: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    warp: float = 0.0
    flip: float = 0.0

    def __post_init__(self):
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 180:
                raise SpikeloomError(f"augment {name} must be a number from 0 to 180, not {value!r}")
        if self.scale >= 1:
            raise SpikeloomError(f"augment scale must be below 1, not {self.scale!r}")
        if self.flip > 1:
            raise SpikeloomError(f"augment flip must be at most 1, not {self.flip!r}")

    def apply(self, images: np.ndarray, generator: torch.Generator) -> np.ndarray:
        """`images` uint8 `(batch, height, width)`, distorted anew with every call; zeros come in from outside."""
        batch, height, width = images.shape

        def uniform(most: float) -> torch.Tensor:
            return (2 * torch.rand(batch, generator=generator) - 1) * most

        angle, shear = uniform(math.radians(self.degrees)), uniform(self.shear)
        wide, high = 1 + uniform(self.scale), 1 + uniform(self.scale)
        right, down = uniform(2 * self.shift / width), uniform(2 * self.shift / height)
        cos, sin = angle.cos(), angle.sin()
        rows = [torch.stack([cos / wide, (shear - sin) / wide, right], 1),
                torch.stack([sin / high, cos / high, down], 1)]
        shape = (batch, 1, height, width)
        grid = functional.affine_grid(torch.stack(rows, 1), shape, align_corners=False)
        if self.warp:
            field = torch.randn(batch, 2, GRID, GRID, generator=generator) * (2 * self.warp / width)
            smooth = functional.interpolate(field, size=(height, width), mode="bicubic", align_corners=False)
            grid = grid + smooth.permute(0, 2, 3, 1)
        if self.flip:
            mirrored = torch.rand(batch, generator=generator) < self.flip
            grid = torch.where(mirrored[:, None, None, None], grid * torch.tensor([-1.0, 1.0]), grid)
        pixels = torch.from_numpy(images)[:, None].float()
        return functional.grid_sample(pixels, grid, align_corners=False)[:, 0].round().to(torch.uint8).numpy()
