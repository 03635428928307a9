"""Chooses a Plan: what fits a part first, then what is best for the goal. The same arguments give the same plan.

Every layer has candidates: strategies with their lanes and widths, their cost from `rtl_gen.cost` and their clocks for
typical events. Layers are joined one by one, and of the plans so far only those are kept that no other beats in
everything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spikeloom import check, synapses
from spikeloom.errors import FitError, SpikeloomError
from spikeloom.network import Network
from spikeloom.rtl_gen import cost, presynaptic, strategies, words
from spikeloom.rtl_gen.memories import BY_FAMILY, MemoryRules
from spikeloom.rtl_gen.plan import MULTIPLES, STRATEGIES_OF, LayerPlan, Plan, check_layer, obstacle
from spikeloom.rtl_gen.roomy import roomy
from spikeloom.rtl_gen.strategies import Cost

FAMILIES, GOALS = ("ice40", "ecp5"), ("latency", "cells", "throughput")
UPDATES, LANES = (1, 2, 4, 8, 16), (8, 16, 24, 32, 48, 64, 80, 96, 128, 192, 256)
SPARSE_LANES, CHANNELS = (1, 2, 4, 8, 16, 32), (1, 2, 4, 8, 16, 32)
POPCOUNT_LANES, WIDTHS = (1, 2, 4, 8, 16), (16, 32, 64)
FANS = (64,)                # terms that a chain of parallel layers adds in a clock, beside `adder.FAN`
LARGEST_FILL = 0.85         # share of a part's logic cells that the planner fills while it has a choice
MOST_PASSES = 24            # of a dense layer, beside those of the usual numbers of lanes
MOST_KEPT = 400             # plans of the layers so far
PARALLEL_SYNAPSES = 40_000  # more are not worth trying on any part
TYPICAL_STEPS = 6           # timesteps of typical events that strategies are judged by
ACTIVE_INPUTS, ACTIVE_NEURONS = 0.25, 0.2   # shares of events in a timestep, unless measured


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a part has to give; None: as much as is needed."""

    cells: int | None = None
    ram: int | None = None
    spram: int = 0

    def excess(self, used: Cost, *, fill: float = LARGEST_FILL) -> float:
        """1 if it fits into `fill` of the cells, else how many times too large the worst of it is."""
        shares = [1.0]
        if self.cells is not None:
            shares.append(used.cells / (fill * self.cells))
        if self.ram is not None:
            shares.append(used.ram / self.ram)
        if used.spram:
            shares.append(used.spram / self.spram if self.spram else float("inf"))
        return max(shares)

    def holds(self, used: Cost) -> bool:
        """True if it fits into the whole part."""
        return self.excess(used, fill=1.0) <= 1


@dataclass(frozen=True, kw_only=True)
class Partial:
    """The first layers, planned: their cost, clocks of the slowest one in a timestep, and of all together."""

    layers: tuple[LayerPlan, ...] = ()
    cost: Cost
    slowest: float = 0.0
    filling: float = 0.0

    def clocks(self, timesteps: int) -> float:
        """Of an inference: the pipeline fills, then the slowest layer sets the pace."""
        return self.filling + (timesteps - 1) * self.slowest

    def rank(self, goal: str, timesteps: int) -> tuple:
        """Less is better."""
        clocks, cells = self.clocks(timesteps), self.cost.cells
        return {"latency": (clocks, cells), "cells": (cells, clocks),
                "throughput": (self.slowest, clocks, cells)}[goal]


def make(network: Network, *, family: str | None = None, cells: int | None = None, ram: int | None = None,
         spram: int = 0, goal: str = "latency", source: str = "words",
         lanes: tuple[int, ...] | None = None, update_lanes: tuple[int, ...] | None = None,
         layers: Mapping[int, Mapping[str, object]] | None = None,
         activity: Sequence[np.ndarray] | None = None, must_fit: bool = False) -> Plan:
    """A plan for `network`: as given, and for the rest the best that fits.

    Parameters
    ----------
    family : "ice40" or "ecp5": which memories are built of logic, and how RAM is counted; None: no part in mind.
    cells, ram, spram : logic cells, block RAMs and SPRAMs of the part; None: as many as needed.
    goal : "latency" (fewest clocks an inference), "cells" (fewest logic cells) or "throughput" (fewest clocks between
        inferences that follow each other).
    lanes, update_lanes : one number a layer, instead of the planner's choice.
    layers : of some layers, fields of `LayerPlan` that are not to be chosen: `{0: {"strategy": "sparse"}}`.
    activity : for each layer typical events, `(timesteps, inputs)`; by default some are drawn.
    must_fit : raise `FitError` if nothing fits the whole part, instead of giving what comes closest.

    Raises `SpikeloomError` where what is given breaks a rule.
    """
    if family is not None:
        check.choice("family", family, FAMILIES)
    check.choice("goal", goal, GOALS)
    given = _given(network, lanes, update_lanes, layers)
    loaded = [k for k, how in enumerate(given) if how.get("weights", "rom") != "rom"]
    if loaded:
        network = roomy(network, only=loaded)
    budget = Budget(cells=cells, ram=ram, spram=spram)
    counted, rules = family or "ice40", BY_FAMILY[family]
    events = activity or [typical(network, k) for k in range(len(network.layers))]
    kept = [Partial(cost=cost.LINK[counted])]
    for k in range(len(network.layers)):
        options = _best(_options(network, k, given[k], counted, rules, events[k]), budget, goal, network.timesteps)
        kept = _best([_joined(network, partial, option, counted, rules) for partial in kept for option in options],
                     budget, goal, network.timesteps)
    chosen = min(kept, key=lambda p: (budget.excess(p.cost), *p.rank(goal, network.timesteps)))
    plan = Plan(network=network, layers=chosen.layers, source=source, memories=rules)
    if must_fit and not budget.holds(chosen.cost):
        raise FitError(f"network must fit {cells} logic cells and {ram} block RAMs, but the smallest plan takes about "
                       f"{chosen.cost.cells} and {chosen.cost.ram}")
    return plan


def _given(network: Network, lanes, update_lanes, layers) -> list[dict[str, object]]:
    """What is not to be chosen, layer by layer."""
    given = [dict((layers or {}).get(k, {})) for k in range(len(network.layers))]
    for k in layers or {}:
        check.integer("layer", k, 0, len(network.layers) - 1)
    for name, field, numbers in (("lanes", "lanes", lanes), ("update lanes", "update_lanes", update_lanes)):
        if numbers is None:
            continue
        if len(numbers) != len(network.layers):
            raise SpikeloomError(f"{name} must be {len(network.layers)} numbers, not {len(numbers)}")
        for k, number in enumerate(numbers):
            given[k].setdefault(field, number)
    return given


def typical(network: Network, k: int) -> np.ndarray:
    """Events `(timesteps, inputs)` of layer number `k` as good as any other."""
    share = ACTIVE_INPUTS if k == 0 else ACTIVE_NEURONS
    rng = np.random.default_rng([0xAC71, k])
    return rng.random((TYPICAL_STEPS, network.layers[k].synapses.inputs)) < share


def alternatives(network: Network, k: int, family: str, events: np.ndarray, budget: Budget) -> list[Partial]:
    """The fastest way of each strategy that could build layer number `k`, on a part of its own; fastest first."""
    fastest: dict[str, Partial] = {}
    for option in _options(network, k, {}, family, BY_FAMILY[family], events):
        name = option.layers[0].strategy
        rank = (budget.excess(option.cost), *option.rank("latency", network.timesteps))
        if name not in fastest or rank < fastest[name][0]:
            fastest[name] = rank, option
    return [option for _, option in sorted(fastest.values(), key=lambda pair: pair[0])]


def _options(network: Network, k: int, given: dict, family: str, rules: MemoryRules, events: np.ndarray
             ) -> list[Partial]:
    """All ways to build layer number `k`, as plans of one layer."""
    found = {}
    for how in _ways(network, k, given):
        if given:
            check_layer(network, k, how)
        used = cost.layer(network, k, how, family, rules)
        step = clocks(network, k, how, events)
        first = 0.0 if k or presynaptic.hold(network, 0) == 1 else _once(network, how, events)
        found[how] = Partial(layers=(how,), cost=used, slowest=step, filling=first + step)
    if not found:
        raise SpikeloomError(f"layer {k} must be buildable, but no strategy can with {given}")
    return list(found.values())


def _ways(network: Network, k: int, given: dict) -> list[LayerPlan]:
    """All LayerPlans to try for layer number `k`."""
    layer, last = network.layers[k], k == len(network.layers) - 1
    kind = synapses.kind(layer.synapses)
    known = STRATEGIES_OF[kind]
    if "strategy" in given:
        reason = obstacle(network, k, check.choice(f"layer {k} strategy", given["strategy"],
                                                   ("parallel", *strategies.names())))
        if reason:
            raise SpikeloomError(f"layer {k} strategy must not be {given['strategy']}: {reason}")
        known = [given["strategy"]]
    elif given.get("weights", "rom") != "rom":
        known = [one for one in known if one == "dense"]    # the only one whose weights can be loaded
    ways = []
    for strategy in known:
        if obstacle(network, k, strategy) is None and ("strategy" in given or _worthwhile(layer, strategy, given)):
            ways += _strategy_ways(layer, strategy, last, given, k)
    return list(dict.fromkeys(ways))


def _worthwhile(layer, strategy: str, given: dict) -> bool:
    """False for strategies that would lose anyway, so that they are not worked out."""
    if strategy == "dense" or layer.neurons is None or synapses.kind(layer.synapses) != "dense":
        return True
    if "lanes" in given and strategy != "dense":
        return False
    alive = np.count_nonzero(layer.synapses.weights)
    if strategy == "sparse":
        return alive < 0.4 * layer.synapses.weights.size
    return strategy != "parallel" or alive <= PARALLEL_SYNAPSES


def _strategy_ways(layer, strategy: str, last: bool, given: dict, k: int) -> list[LayerPlan]:
    fixed = {name: value for name, value in given.items() if name != "strategy"}
    if strategy == "parallel":
        widths = (fixed["width"],) if "width" in fixed else (None,) if k else (None, *FANS)
        return [LayerPlan(strategy=strategy, width=width) for width in widths]
    updates = (1,) if last else tuple(u for u in UPDATES if u < 2 * layer.size)
    if "update_lanes" in fixed:
        updates = (check.integer(f"layer {k} update lanes", fixed["update_lanes"], 1, 64),)
    elif "lanes" in fixed and strategy in MULTIPLES:
        updates = tuple(u for u in updates if fixed["lanes"] % u == 0)
    passes = tuple(-(-layer.size // count) for count in range(1, MOST_PASSES + 1))
    choices = {"dense": tuple(sorted({*LANES, *passes})), "sparse": SPARSE_LANES, "popcount": POPCOUNT_LANES,
               "conv": CHANNELS, "pool": (1,)}[strategy]
    widths = WIDTHS if strategy == "popcount" else (None,)
    ways = []
    for update in updates:
        for most in (fixed["lanes"],) if "lanes" in fixed else choices:
            lanes = most if "lanes" in fixed else _rounded(layer, strategy, most, update)
            for width in (fixed["width"],) if "width" in fixed else widths:
                if lanes is not None:
                    ways.append(LayerPlan(**{**fixed, "strategy": strategy, "lanes": lanes, "update_lanes": update,
                                             "width": width}))
    return ways


def _rounded(layer, strategy: str, most: int, update: int) -> int | None:
    """So many lanes at most, as the strategy can have them; None if that is no sensible number."""
    if strategy == "dense":
        width = -(-layer.size // -(-layer.size // most))
        return -(-width // update) * update
    if strategy == "conv":
        return most if most < 2 * len(layer.synapses.weights) else None
    if strategy == "pool":
        return 1
    return most if most % update == 0 and most < 2 * layer.size else None


def clocks(network: Network, k: int, how: LayerPlan, events: np.ndarray) -> float:
    """Mean clocks of a timestep with such events, once the pipeline is full."""
    layer = network.layers[k]
    if how.strategy == "parallel":
        return 1.0
    groups = -(-layer.size // how.update_lanes)
    neurons = groups + (0 if k == len(network.layers) - 1 else ACTIVE_NEURONS * layer.size * (1 - 1 / how.update_lanes))
    if presynaptic.hold(network, k) > 1:
        return max(neurons, 4)
    busy = float(np.mean(_occupancy(layer, how, events)))
    scan = how.passes(layer.size) * words.per_page(network) if k == 0 and network.encoder is None else 0
    return max(neurons, 4, busy, scan)


def _once(network: Network, how: LayerPlan, events: np.ndarray) -> float:
    """Mean clocks of the only integration of a constant input."""
    page = words.per_page(network)
    if how.strategy == "parallel":
        return max(page, float((events != 0).sum(axis=1).mean()))
    busy = float(np.mean(_occupancy(network.layers[0], how, events)))
    return max(busy, how.passes(network.layers[0].size) * page)


def _occupancy(layer, how: LayerPlan, events: np.ndarray) -> np.ndarray:
    return strategies.load(how.strategy).occupancy(
        layer.synapses, lanes=how.lanes, groups_of=how.update_lanes, events=events, **how.options)


def _joined(network: Network, before: Partial, option: Partial, family: str, rules: MemoryRules) -> Partial:
    """Both, one behind the other, with the network's ends and the adapters between strategies."""
    k, how = len(before.layers), option.layers[0]
    parts = [before.cost, option.cost]
    if k == 0:
        parts.append(cost.ends(network, how.passes(network.layers[0].size), family, rules))
    adapter = 0.0
    if k and (how.strategy == "parallel") != (before.layers[-1].strategy == "parallel"):
        adapter = ACTIVE_NEURONS * network.layers[k - 1].size
    return Partial(layers=before.layers + option.layers, cost=strategies.total(parts),
                   slowest=max(before.slowest, option.slowest, adapter),
                   filling=before.filling + option.filling + adapter)


def _best(plans: list[Partial], budget: Budget, goal: str, timesteps: int) -> list[Partial]:
    """Those that no other beats in everything, the best first, and no more of them than can be worked with."""
    ranked = sorted(plans, key=lambda p: (budget.excess(p.cost), *p.rank(goal, timesteps), p.cost.ram))
    kept: list[Partial] = []
    points = np.zeros((0, 5))
    for plan in ranked:
        point = np.array([plan.cost.cells, plan.cost.ram, plan.cost.spram, plan.slowest, plan.filling], float)
        if len(points) and (points <= point).all(axis=1).any():
            continue
        kept.append(plan)
        points = np.vstack([points, point])
        if len(kept) == MOST_KEPT:
            break
    smallest = min(plans, key=lambda p: (p.cost.ram, p.cost.cells))
    fewest = min(plans, key=lambda p: (p.cost.cells, p.cost.ram))
    return kept + [plan for plan in (smallest, fewest) if plan not in kept]
