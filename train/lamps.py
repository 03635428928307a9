"""How much to prune of each layer: LAMPS, layer-adaptive magnitude pruning (arXiv 2010.07611, eq. 3).

A weight's score is its square over the sum of its own and all squares that come after it in its layer, by magnitude:
what its removal costs the layer at most, relative to what is left. The weights of all layers are ranked together.
"""

from collections.abc import Sequence

import torch


def scores(weights: torch.Tensor) -> torch.Tensor:
    """`w_i^2 / sum of w_j^2 over j from i on, in rising order of |w|`, like `weights`; 0 for weights that are 0."""
    squares, order = weights.detach().double().flatten().square().sort(stable=True)
    later = squares.flip(0).cumsum(0).flip(0)
    found = torch.empty_like(squares)
    found[order] = torch.where(squares > 0, squares / later.clamp(min=torch.finfo(torch.float64).tiny), 0.0)
    return found.view_as(weights)


def allocate(layers: Sequence[torch.Tensor], count: int) -> list[int]:
    """How many of each layer's weights are among the `count` with the lowest scores; ties go to the earlier layer."""
    every = torch.cat([scores(weights).flatten() for weights in layers])
    owner = torch.cat([torch.full((weights.numel(),), k) for k, weights in enumerate(layers)])
    lowest = owner[every.sort(stable=True).indices[:count]]
    return torch.bincount(lowest, minlength=len(layers)).tolist()
