"""The engine against one row at a time, written down as the paper has it, and against trying everything."""

import heapq
import itertools

import numpy as np
import pytest
import torch

from spikeloom import SpikeloomError
from spikeloom.train import obs


def problem(rows: int = 5, columns: int = 14, *, seed: int = 0, samples: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    """A Hessian of correlated inputs, and weights."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(samples, columns)) @ (np.eye(columns) + 0.4 * draw.normal(size=(columns, columns)))
    return torch.tensor(2 * x.T @ x / samples), torch.tensor(draw.normal(size=(rows, columns)))


def naive(hessian: np.ndarray, row: np.ndarray, free: np.ndarray, pinned: np.ndarray, target=lambda w: 0.0,
          limit: float = np.inf):
    """Order, losses, and the weights after every step, with the inverse written out and nothing put off."""
    members = [j for j in range(len(row)) if free[j] or pinned[j]]
    inverse = np.linalg.inv(hessian[np.ix_(members, members)])
    w, left = row[members].copy(), [k for k, j in enumerate(members) if free[j]]
    order, losses, trace = [], [], []
    while left:
        over = [k for k in left if abs(w[k]) >= limit]
        cost = {k: (w[k] - target(w[k]))**2 / inverse[k, k] for k in left}
        p = max(over, key=lambda k: abs(w[k])) if over else min(left, key=cost.get)
        goal = target(w[p])
        losses.append(cost[p] / 2)
        w = w - (w[p] - goal) / inverse[p, p] * inverse[:, p]
        inverse = inverse - np.outer(inverse[:, p], inverse[p]) / inverse[p, p]
        w[p] = goal
        left.remove(p)
        order.append(members[p])
        whole = row * ~free
        whole[members] = w
        trace.append(whole)
    return order, losses, trace


MASKS = {
    "all": lambda rows, columns: torch.ones(rows, columns, dtype=torch.bool),
    "some": lambda rows, columns: torch.rand(rows, columns, generator=torch.Generator().manual_seed(3)) < 0.6,
    "none in a row": lambda rows, columns: torch.arange(rows)[:, None].expand(rows, columns) > 1,
}


def setting(mask: str, pin: bool, **size) -> tuple[torch.Tensor, ...]:
    hessian, weights = problem(**size)
    pinned = torch.zeros(weights.shape[1], dtype=torch.bool)
    pinned[-1] = pin
    free = MASKS[mask](*weights.shape) & ~pinned
    return hessian, torch.where(free | pinned, weights, 0.0), free, pinned


def cut(monkeypatch, block: int, memory: int) -> None:
    monkeypatch.setattr(obs, "BLOCK", block)
    monkeypatch.setattr(obs, "MEMORY", memory)


@pytest.mark.parametrize(("block", "memory"), [(64, 1 << 25), (4, 3 * 8 * 14 * 14), (1, 1)])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("pin", [False, True])
def test_removals_are_those_of_one_row_after_the_other(monkeypatch, mask, pin, block, memory):
    cut(monkeypatch, block, memory)
    hessian, weights, free, pinned = setting(mask, pin)
    order, losses = obs.removals(hessian, weights, free, pinned)
    assert order.shape == losses.shape == (5, int(free.sum(1).max()))
    for k in range(len(weights)):
        expected, costs, _ = naive(hessian.numpy(), weights[k].numpy(), free[k].numpy(), pinned.numpy())
        assert order[k, :len(expected)].tolist() == expected
        np.testing.assert_allclose(losses[k, :len(costs)], costs, rtol=1e-9)
        assert bool((losses[k, len(costs):] == torch.inf).all())


@pytest.mark.parametrize("pin", [False, True])
def test_refitting_is_what_removing_one_after_the_other_leads_to(pin):
    hessian, weights, free, pinned = setting("some", pin)
    for count in (1, 3):
        kept, expected = free.clone(), []
        for k in range(len(weights)):
            order, _, trace = naive(hessian.numpy(), weights[k].numpy(), free[k].numpy(), pinned.numpy())
            kept[k, order[:count]] = False
            expected.append(trace[count - 1])
        np.testing.assert_allclose(obs.refitted(hessian, weights, free, kept, pinned), expected, atol=1e-10)


def test_losses_add_up_to_the_error_of_the_row():
    hessian, weights, free, pinned = setting("all", True)
    order, losses = obs.removals(hessian, weights, free, pinned)
    for count in range(1, 14):
        kept = free.scatter(1, order[:, :count], False)
        change = obs.refitted(hessian, weights, free, kept, pinned) - weights
        error = (change @ hessian * change).sum(1) / 2
        assert torch.allclose(losses[:, :count].sum(1), error, rtol=1e-9)


def test_nothing_with_two_weights_less_is_better_than_the_best_refit():
    """Over all pairs, no weights do better than the refit (least squares by another road), and greedy is near."""
    hessian, weights, free, pinned = setting("all", False, rows=1, columns=7)
    root = torch.linalg.cholesky(hessian, upper=True)
    best = np.inf
    for pair in itertools.combinations(range(7), 2):
        left = [j for j in range(7) if j not in pair]
        solved = np.linalg.lstsq(root[:, left].numpy(), (root @ weights[0]).numpy(), rcond=None)[0]
        kept = free.clone()
        kept[0, list(pair)] = False
        found = obs.refitted(hessian, weights, free, kept, pinned)[0]
        np.testing.assert_allclose(found[left], solved, atol=1e-10)
        best = min(best, float((found - weights[0]) @ hessian @ (found - weights[0])) / 2)
    _, losses = obs.removals(hessian, weights, free, pinned)
    assert best <= float(losses[0, :2].sum()) + 1e-12 <= 1.5 * best
    singles = []
    for j in range(7):
        kept = free.clone()
        kept[0, j] = False
        change = obs.refitted(hessian, weights, free, kept, pinned)[0] - weights[0]
        singles.append(float(change @ hessian @ change) / 2)
    assert float(losses[0, 0]) == pytest.approx(min(singles))


def test_the_cheapest_are_taken_as_from_a_heap():
    losses = torch.tensor([[1.0, 5, 2, 9], [3, 4, 7, torch.inf], [6, 6, 6, 6]])
    for count in range(12):
        heap, expected = [(float(row[0]), k) for k, row in enumerate(losses)], [0, 0, 0]
        for _ in range(count):
            _, k = heapq.heappop(heap)
            expected[k] += 1
            if expected[k] < 4:
                heapq.heappush(heap, (float(losses[k, expected[k]]), k))
        assert obs.cheapest(losses, count).tolist() == expected


def half(w):
    """Multiples of 0.5 up to 1."""
    return np.clip(np.round(w * 2) / 2, -1, 1) if isinstance(w, float) else (w * 2).round().clamp(-2, 2) / 2


@pytest.mark.parametrize(("block", "memory"), [(64, 1 << 25), (4, 2 * 8 * 14 * 14)])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("pin", [False, True])
def test_greedy_sets_one_weight_after_the_other(monkeypatch, mask, pin, block, memory):
    cut(monkeypatch, block, memory)
    hessian, weights, free, pinned = setting(mask, pin)
    assert bool((weights.abs() > 1.25).any())
    found = obs.greedy(hessian, weights, free, pinned, half, 1.25)
    for k in range(len(weights)):
        order, _, trace = naive(hessian.numpy(), weights[k].numpy(), free[k].numpy(), pinned.numpy(),
                                lambda w: float(half(float(w))), 1.25)
        np.testing.assert_allclose(found[k], trace[-1] if order else weights[k], atol=1e-9)
    assert torch.equal(found[free], half(found[free]))


def test_a_weight_beyond_the_codebook_is_set_first():
    """Set late, its error would find nobody left to make up for it."""
    hessian = torch.tensor([[2.0, 1.9], [1.9, 2.0]], dtype=torch.float64)
    weights = torch.tensor([[0.05, 2.0]], dtype=torch.float64)
    free, pinned = torch.ones(1, 2, dtype=torch.bool), torch.zeros(2, dtype=torch.bool)
    assert obs.greedy(hessian, weights, free, pinned, half, 1.25).tolist() == [[1.0, 1.0]]
    assert obs.greedy(hessian, weights, free, pinned, half, torch.inf).tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("pin", [False, True])
def test_by_column_is_the_same_in_a_given_order(mask, pin):
    """Each column's error goes to the columns after it, by the inverse over these and itself."""
    hessian, weights, free, pinned = setting(mask, pin)
    found = obs.by_column(hessian, weights, free, pinned, half)
    columns = [j for j in range(14) if pinned[j] or free[:, j].any()]
    for k, row in enumerate(weights.numpy()):
        w = row.copy()
        for n, j in enumerate(columns):
            if pinned[j]:
                continue
            goal = float(half(float(w[j]))) if free[k, j] else 0.0
            inverse = np.linalg.inv(hessian.numpy()[np.ix_(columns[n:], columns[n:])])
            w[columns[n:]] -= (w[j] - goal) / inverse[0, 0] * inverse[:, 0]
            w[j] = goal
        np.testing.assert_allclose(found[k], w, atol=1e-9)
    assert bool((found[~free & ~pinned] == 0).all())


@pytest.mark.parametrize("mask", MASKS)
def test_without_correlations_there_is_a_shorter_way(monkeypatch, mask):
    hessian, weights, free, pinned = setting(mask, True)
    hessian, kept = torch.diag(hessian.diagonal()), free.clone()
    kept[:, ::2] = False
    monkeypatch.setattr(obs, "_diagonal", lambda hessian: True)
    short = (*obs.removals(hessian, weights, free, pinned), obs.refitted(hessian, weights, free, kept, pinned),
             obs.greedy(hessian, weights, free, pinned, half, 1.25),
             obs.by_column(hessian, weights, free, pinned, half))
    monkeypatch.setattr(obs, "_diagonal", lambda hessian: False)
    long = (*obs.removals(hessian, weights, free, pinned), obs.refitted(hessian, weights, free, kept, pinned),
            obs.greedy(hessian, weights, free, pinned, half, 1.25),
            obs.by_column(hessian, weights, free, pinned, half))
    finite = long[1] < torch.inf
    assert torch.equal(short[0][finite], long[0][finite])
    for one, other in zip(short[1:], long[1:], strict=True):
        assert torch.allclose(one, other)


def test_damping_is_a_share_of_the_mean_over_live_columns():
    hessian = torch.tensor([[2.0, 1.0, 0.0], [1.0, 4.0, 0.0], [0.0, 0.0, 0.0]])
    live = torch.tensor([True, True, False])
    expected = torch.tensor([[3.5, 1.0, 0.0], [1.0, 5.5, 0.0], [0.0, 0.0, 0.0]])
    assert torch.equal(obs.damped(hessian, 0.5, live), expected)
    assert torch.equal(obs.damped(hessian, 0.5, torch.zeros_like(live)), hessian)


def test_a_singular_hessian_is_refused():
    weights, pinned = torch.ones(1, 2, dtype=torch.float64), torch.zeros(2, dtype=torch.bool)
    with pytest.raises(SpikeloomError) as caught:
        obs.removals(torch.ones(2, 2, dtype=torch.float64), weights, weights > 0, pinned)
    assert str(caught.value) == ("Hessian must be positive definite, not singular: calibrate with more samples or "
                                 "raise the damping")
