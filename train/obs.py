"""The optimal brain surgeon, exactly, for all rows of a layer: ExactOBS (arXiv 2208.11580).

Every row of weights has the quadratic error `(w - w0) H (w - w0)' / 2`, with one Hessian for all rows. One weight after
the other is set to its target, 0 or a value of a codebook, always the one that costs least, and the others make up for
it: with `Hi` the inverse over the weights that are still free and the error `e = w_p - target(w_p)`,

    loss = e^2 / (2 Hi[p, p]),   w -= e / Hi[p, p] * Hi[:, p],   Hi -= Hi[:, p] Hi[p, :] / Hi[p, p].

Rows are worked on together, and the updates of `Hi` are put off and made `BLOCK` at a time, as in a Cholesky
factorization that chooses its pivots. Weights, Hessians and losses are float64.
"""

from collections.abc import Callable, Iterator

import torch

from spikeloom.errors import SpikeloomError

BLOCK = 64
MEMORY = 1 << 25     # bytes of the inverses that are worked on together
Target = Callable[[torch.Tensor], torch.Tensor]


def damped(hessian: torch.Tensor, damping: float, live: torch.Tensor) -> torch.Tensor:
    """`hessian` with `damping` times the mean of its diagonal over `live` columns added to the diagonal there."""
    return hessian + torch.diag(damping * hessian.diagonal()[live].mean().nan_to_num() * live)


def removals(hessian: torch.Tensor, weights: torch.Tensor, free: torch.Tensor, pinned: torch.Tensor
             ) -> tuple[torch.Tensor, torch.Tensor]:
    """In which order the weights of each row are removed, and what each removal adds to the row's error.

    Parameters
    ----------
    hessian : `(columns, columns)`, damped.
    weights : `(rows, columns)`.
    free : bool `(rows, columns)`: what may be removed.
    pinned : bool `(columns,)`: what stays but makes up for others, such as a bias. Anything else is no part of it.

    Both `(rows, most free weights of a row)`; rows that have fewer end in losses of infinity.
    """
    most = int(free.sum(1).max())
    order = torch.zeros(len(weights), most, dtype=torch.int64)
    losses = torch.full((len(weights), most), torch.inf, dtype=weights.dtype)
    if _diagonal(hessian):
        score = (weights.square() * hessian.diagonal() / 2).masked_fill(~free, torch.inf)
        losses, order = score.sort(dim=1, stable=True)
        return order[:, :most], losses[:, :most]
    for rows, where, inside, inverse in _systems(hessian, free, pinned):
        some = weights[rows].gather(1, where) * inside
        chosen, costs, _ = _eliminate(inverse, some, ~pinned[where] | ~inside, torch.zeros_like)
        outside = ~inside.gather(1, chosen)
        back = outside.to(torch.int8).sort(dim=1, stable=True).indices[:, :most]
        order[rows, :back.shape[1]] = where.gather(1, chosen.gather(1, back))
        costs = costs.masked_fill(outside, torch.inf).gather(1, back)
        losses[rows, :back.shape[1]] = costs
    return order, losses


def cheapest(losses: torch.Tensor, count: int) -> torch.Tensor:
    """How many weights each row loses if `count` of all rows go, always the next one that is cheapest."""
    rising = losses.cummax(1).values.flatten()
    taken = torch.zeros(losses.numel(), dtype=torch.int64)
    taken[rising.sort(stable=True).indices[:count]] = 1
    return taken.view_as(losses).sum(1)


def refitted(hessian: torch.Tensor, weights: torch.Tensor, free: torch.Tensor, kept: torch.Tensor,
             pinned: torch.Tensor) -> torch.Tensor:
    """`weights` with 0 where `free` and not `kept`, and what is kept or pinned at the least error that this allows.

    What `removals` leads to, whatever the order: `H[S, S] w[S] = (H w0)[S]` over what is left, `S`.
    """
    found = torch.where(free, 0.0, weights)
    if _diagonal(hessian):
        return torch.where(kept, weights, found)
    goal = torch.where(free | pinned, weights, 0.0) @ hessian
    for rows, where, inside in _batches(kept, pinned):
        system = _part(hessian, where, inside)
        solved = torch.linalg.solve(system, (goal[rows].gather(1, where) * inside)[:, :, None])[:, :, 0]
        found[rows] = found[rows].scatter(1, where, torch.where(inside, solved, found[rows].gather(1, where)))
    return found


def greedy(hessian: torch.Tensor, weights: torch.Tensor, free: torch.Tensor, pinned: torch.Tensor, target: Target,
           limit: float) -> torch.Tensor:
    """`weights` whose free ones are all targets, set in the order of their losses (OBQ).

    Parameters
    ----------
    target : the nearest value of the codebook, like its argument.
    limit : weights of at least this magnitude, beyond the codebook, are set first, the largest before the others.
    """
    found = torch.where(free, target(weights), weights)
    if _diagonal(hessian):
        return found
    for rows, where, inside, inverse in _systems(hessian, free, pinned):
        some = weights[rows].gather(1, where) * inside
        _, _, values = _eliminate(inverse, some, ~pinned[where] | ~inside, target, limit)
        found[rows] = found[rows].scatter(1, where, torch.where(inside, values, found[rows].gather(1, where)))
    return found


def by_column(hessian: torch.Tensor, weights: torch.Tensor, free: torch.Tensor, pinned: torch.Tensor, target: Target
              ) -> torch.Tensor:
    """`weights` whose free ones are all targets, set column by column in all rows at once (GPTQ, arXiv 2210.17323).

    Pinned columns come last. A weight that is not free has to be 0 and stays so.
    """
    found = torch.where(free, target(weights), weights)
    if _diagonal(hessian):
        return found
    members = torch.cat([torch.nonzero(free.any(0) & ~pinned)[:, 0], torch.nonzero(pinned)[:, 0]])
    factor = torch.linalg.cholesky(_inverse(hessian[members][:, members]), upper=True)
    left = torch.where(free | pinned, weights, 0.0)[:, members]
    for k, column in enumerate(members.tolist()):
        now = left[:, k].clone()
        if not pinned[column]:
            found[:, column] = now = torch.where(free[:, column], target(now), 0.0)
            error = (left[:, k] - now) / factor[k, k]
            left[:, k:] -= error[:, None] * factor[k, k:]
        else:
            found[:, column] = now
    return found


def _eliminate(inverse: torch.Tensor, weights: torch.Tensor, free: torch.Tensor, target: Target,
               limit: float = torch.inf) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Order, losses and final weights of systems `(batch, size, size)`, each with as many `free` weights."""
    rows, steps = torch.arange(len(weights)), int(free.sum(1).max())
    weights, free, found = weights.clone(), free.clone(), weights.clone()
    names = torch.arange(weights.shape[1]).repeat(len(weights), 1)
    order, losses = torch.zeros(len(weights), steps, dtype=torch.int64), weights.new_zeros(len(weights), steps)
    for start in range(0, steps, BLOCK):
        size = min(BLOCK, steps - start)
        diagonal = inverse.diagonal(dim1=1, dim2=2).clone()
        pivots, gone = weights.new_zeros(len(weights), size, weights.shape[1]), torch.zeros_like(free)
        for k in range(size):
            error = weights - target(weights)
            score = error.square() / diagonal
            if limit < torch.inf:
                score = torch.where(weights.abs() >= limit, -weights.abs(), score)
            p = score.masked_fill(~free, torch.inf).argmin(1)
            column = inverse[rows, p] - (pivots[rows, :k, p][:, None] @ pivots[:, :k])[:, 0]
            pivot, step = column[rows, p], error[rows, p]
            order[:, start + k], losses[:, start + k] = names[rows, p], step.square() / pivot / 2
            found[rows, names[rows, p]] = weights[rows, p] - step
            weights -= (step / pivot)[:, None] * column
            pivots[:, k] = column / pivot.sqrt()[:, None]
            diagonal -= pivots[:, k].square()
            free[rows, p], gone[rows, p] = False, True
        left = gone.to(torch.int8).sort(dim=1, stable=True).indices[:, :weights.shape[1] - size]
        inverse = inverse[rows[:, None], left].gather(2, left[:, None].expand(-1, left.shape[1], -1))
        pivots = pivots.gather(2, left[:, None].expand(-1, size, -1))
        inverse.baddbmm_(pivots.mT, pivots, alpha=-1)
        weights, free, names = weights.gather(1, left), free.gather(1, left), names.gather(1, left)
    return order, losses, found.scatter(1, names, weights)


def _systems(hessian: torch.Tensor, free: torch.Tensor, pinned: torch.Tensor
             ) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]]:
    """`_batches` with the inverses `(batch, size, size)`; rows with the same weights share one until it is changed."""
    for rows, where, inside in _batches(free, pinned):
        kinds, which = torch.where(inside, where, -1).unique(dim=0, return_inverse=True)
        yield rows, where, inside, _inverse(_part(hessian, kinds.clamp(min=0), kinds >= 0))[which]


def _batches(free: torch.Tensor, pinned: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Rows of about one size: their numbers, their columns `(batch, size)`, and which of these are theirs."""
    member = free | pinned
    counts, rows = member.sum(1).sort(descending=True, stable=True)
    start = 0
    while start < len(rows) and counts[start]:
        size = int(counts[start])
        some = rows[start:start + max(1, MEMORY // (8 * size * size))]
        where = member[some].to(torch.int8).sort(dim=1, descending=True, stable=True).indices[:, :size]
        yield some, where, torch.arange(size) < member[some].sum(1)[:, None]
        start += len(some)


def _part(hessian: torch.Tensor, where: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """`hessian` at the columns of each row `(batch, size, size)`; what is outside gets those of the identity."""
    both = inside[:, :, None] & inside[:, None]
    return torch.where(both, hessian[where[:, :, None], where[:, None]], torch.eye(where.shape[1], dtype=hessian.dtype))


def _inverse(hessian: torch.Tensor) -> torch.Tensor:
    factor, failed = torch.linalg.cholesky_ex(hessian)
    if bool(failed.any()):
        raise SpikeloomError("Hessian must be positive definite, not singular: calibrate with more samples or "
                             "raise the damping")
    return torch.cholesky_inverse(factor)


def _diagonal(hessian: torch.Tensor) -> bool:
    """Whether no weight can make up for another."""
    return int(torch.count_nonzero(hessian)) == int(torch.count_nonzero(hessian.diagonal()))
