"""What a case has of all that the contract, the Plan, the host link and frames can have: named, so that it is counted.

`FEATURES` is written down here, and not gathered from what is drawn: what is never drawn shows as never drawn.
"""

import numpy as np

from spikeloom import codebooks, encoders, synapses
from spikeloom import neurons as models
from spikeloom.decay import ROUNDINGS
from spikeloom.network import READOUTS, Network
from spikeloom.neurons.lif import RESETS
from spikeloom.rtl_gen import presynaptic
from spikeloom.rtl_gen.loading import KINDS
from spikeloom.rtl_gen.memories import NO_RULES
from spikeloom.rtl_gen.paths import stored
from spikeloom.rtl_gen.plan import SOURCES, STRATEGIES_OF, WEIGHTS
from spikeloom.sim.cases import Case
from spikeloom.synapses import LIMIT

_CODEBOOKS, _ENCODERS = ("binary", "integer", "pow2", "ternary"), ("delta", "direct", "latency", "rate", "threshold")
_MODELS = ("alif", "lif")
_STRATEGIES = ("conv", "dense", "parallel", "pool", "popcount", "sparse")
_AROUND = ("recurrent", "residual", "current-based", "delay")

FEATURES: dict[str, tuple[str, ...]] = {
    "input": ("spikes", "graded unsigned", "graded signed", "16 bits", "1 dimension", "2 dimensions", "3 dimensions",
              "8 dimensions", "1 value"),
    "encoder": ("none", *_ENCODERS),
    "readout": (*READOUTS, "labels"),
    "timesteps": ("1", "2 to 12", "13 to 255", "256 or more"),
    "layers": ("1", "2", "3", "4", "5 or more", "1 neuron", "more than 64 neurons"),
    "synapses": (*sorted(STRATEGIES_OF), "conv over 1 dimension", "conv over 2 dimensions", "stride", "padding",
                 "groups", "graded values of a pool", "a row of zeros", "a dead input"),
    "codebook": (*_CODEBOOKS, "fraction", "16 bits", "15 exponents"),
    "neurons": (*_MODELS, *(f"reset {kind}" for kind in RESETS), "v_reset above 0", "v_reset below 0", "floor 0",
                "floor below 0", "refractory", "refractory of 255 or outlasting", "threshold for all",
                "own thresholds", "a threshold never reached", "bias", "own biases", "never fire", "2 bits", "32 bits",
                "the widest current"),
    "decay": (*(f"rounding {kind}" for kind in ROUNDINGS), "none", "to zero at once", "shift of 16"),
    "synaptic current": ("leaks", "does not leak", "2 bits", "32 bits", *(f"rounding {kind}" for kind in ROUNDINGS),
                         "of a conv layer", "of the last layer"),
    "around layers": ("recurrent", "recurrent in the last layer", "residual", "residual below 0",
                      "residual of a pool", "two residuals", "delay", "delay outlasts the inference", "delay of 255",
                      "delay of a pool", "stored delay"),
    "strategy": (*_STRATEGIES, "three in one network", "parallel with a width",
                 "two layers in a parallel chain", "frames into a register", "held currents", "popcount with a width",
                 *(f"{how}, {what}" for how in ("dense", "sparse", "popcount") for what in _AROUND),
                 "conv, residual", "conv, current-based", "conv, delay", "parallel, delay"),
    "lanes": ("1", "all neurons at once", "several passes", "a last pass not full", "update of 1", "update of 2 to 8",
              "update of 16 or more", "more update lanes than neurons"),
    "weights": (*WEIGHTS, "loaded in two layers", "loaded beside fixed"),
    "source": SOURCES,
    "memories": ("left to synthesis", "small ones of logic", "all of logic"),
    "link": ("plain", "probe", "readback", "stream", "stream of a part", "queue", "guard", "watchdog"),
    "frames": ("all zero", "all greatest", "all least", "one-hot", "alternating", "others"),
}
NAMES = tuple(f"{group}: {name}" for group, names in FEATURES.items() for name in names)
LINK = tuple(name for name in NAMES if name.startswith("link: "))
"""Features that only the way over the host link exercises."""


def features(case: Case) -> set[str]:
    """Which of `NAMES` a case has."""
    found: set[str] = set()
    for group, names in (
            ("input", _input(case.network)), ("frames", _frames(case)), ("link", _link(case)),
            ("lanes", _lanes(case)), ("weights", _weights(case)), ("strategy", _strategies(case)),
            *_whole(case), *(part for k in range(len(case.network.layers)) for part in _layer(case.network, k))):
        found |= {f"{group}: {name}" for name in names}
    return found


def _true(pairs: dict[str, object]) -> set[str]:
    return {name for name, there in pairs.items() if there}


def _input(network: Network) -> set[str]:
    source = network.input
    dimensions = {1: "1 dimension", 2: "2 dimensions", 3: "3 dimensions", 8: "8 dimensions"}
    graded = source.bits > 1
    return {dimensions.get(len(source.shape), "")} - {""} | _true({
        "spikes": not graded, "graded unsigned": graded and not source.signed, "graded signed": source.signed,
        "16 bits": source.bits == 16, "1 value": source.size == 1})


def _whole(case: Case) -> list[tuple[str, set[str]]]:
    network, steps, count = case.network, case.network.timesteps, len(case.network.layers)
    sizes = [layer.size for layer in network.layers]
    residuals = [layer.residual for layer in network.layers if layer.residual is not None]
    rules = case.memories
    return [
        ("encoder", {"none" if network.encoder is None else encoders.kind(network.encoder)}),
        ("readout", {network.readout} | _true({"labels": network.labels})),
        ("timesteps", {"1" if steps == 1 else "2 to 12" if steps <= 12 else "13 to 255" if steps < 256
                       else "256 or more"}),
        ("layers", {str(count) if count < 5 else "5 or more"}
         | _true({"1 neuron": min(sizes) == 1, "more than 64 neurons": max(sizes) > 64})),
        ("around layers", _true({"two residuals": len(residuals) > 1})),
        ("source", {case.source}),
        ("memories", {"left to synthesis" if rules == NO_RULES else
                      "all of logic" if min(rules.rom, rules.ram) >= 4096 else "small ones of logic"}),
    ]


def _layer(network: Network, k: int) -> list[tuple[str, set[str]]]:
    layer, last = network.layers[k], k == len(network.layers) - 1
    kind, graded = synapses.kind(layer.synapses), k > 0 and network.presynaptic_range(k) != (0, 1)
    found = [("synapses", {kind} | _true({"graded values of a pool": graded}))]
    found.append(("around layers", _true({
        "delay": layer.delay, "delay outlasts the inference": layer.delay >= network.timesteps,
        "delay of 255": layer.delay == 255, "delay of a pool": layer.delay and layer.neurons is None,
        "stored delay": stored(network, k), "recurrent": layer.recurrent is not None,
        "recurrent in the last layer": last and layer.recurrent is not None, "residual": layer.residual is not None,
        "residual below 0": layer.residual is not None and layer.residual.weight < 0,
        "residual of a pool": layer.residual is not None
        and network.layers[layer.residual.source].neurons is None})))
    if kind == "conv":
        over = {1: "conv over 1 dimension", 2: "conv over 2 dimensions"}[len(layer.synapses.kernel)]
        found.append(("synapses", {over} | _true({
            "stride": max(layer.synapses.stride) > 1, "padding": max(layer.synapses.padding) > 0,
            "groups": layer.synapses.groups > 1})))
    if layer.neurons is None:
        return found
    rows = layer.synapses.weights.reshape(layer.synapses.weights.shape[0], -1)
    found.append(("synapses", _true({"a row of zeros": not rows.any(axis=1).all(),
                                     "a dead input": not rows.any(axis=0).all()})))
    for book in (layer.synapses.codebook, *(() if layer.recurrent is None else (layer.recurrent.codebook,))):
        found.append(("codebook", {codebooks.kind(book)} | _true({
            "fraction": book.fraction, "16 bits": codebooks.kind(book) == "integer" and book.bits == 16,
            "15 exponents": getattr(book, "exponents", 0) == 15})))
    return [*found, *_neurons(network, k)]


def _neurons(network: Network, k: int) -> list[tuple[str, set[str]]]:
    layer, neurons = network.layers[k], network.layers[k].neurons
    least, greatest = network.current_range(k)
    threshold = neurons.threshold if neurons.fires else np.zeros(0, int)
    v_reset, refractory = (getattr(neurons, name, 0) for name in ("v_reset", "refractory"))     # LIF has them
    own = {"neurons": {models.kind(neurons)} | _true({
        f"reset {neurons.reset}": neurons.fires, "v_reset above 0": v_reset > 0,
        "v_reset below 0": v_reset < 0, "floor 0": neurons.floor == 0,
        "floor below 0": neurons.floor is not None and neurons.floor < 0, "refractory": refractory,
        "refractory of 255 or outlasting": refractory >= min(255, network.timesteps),
        "threshold for all": neurons.fires and not np.ptp(threshold),
        "own thresholds": neurons.fires and np.ptp(threshold),
        "a threshold never reached": (threshold > neurons.v_max).any(), "bias": neurons.bias.any(),
        "own biases": np.ptp(neurons.bias), "never fire": not neurons.fires, "2 bits": neurons.membrane_bits == 2,
        "32 bits": neurons.membrane_bits == 32, "the widest current": max(-least, greatest) == LIMIT}),
        "decay": _leak(neurons.decay)}
    if neurons.current_based:
        leak = neurons.synaptic_decay
        own["synaptic current"] = _true({
            "leaks": not leak.is_identity, "does not leak": leak.is_identity, "2 bits": neurons.synaptic_bits == 2,
            "32 bits": neurons.synaptic_bits == 32, f"rounding {leak.rounding}": not leak.is_identity,
            "of a conv layer": synapses.kind(layer.synapses) == "conv",
            "of the last layer": k == len(network.layers) - 1})
    return list(own.items())


def _leak(leak) -> set[str]:
    return {"none"} if leak.is_identity else {f"rounding {leak.rounding}"} | _true({
        "to zero at once": leak.num == 0, "shift of 16": leak.shift == 16})


def _strategies(case: Case) -> set[str]:
    plan, network = case.plan, case.network
    used = [how.strategy for how in case.layers]
    found = set(used) | _true({
        "three in one network": len(set(used)) > 2,
        "parallel with a width": any(h.strategy == "parallel" and h.width for h in case.layers),
        "popcount with a width": any(h.strategy == "popcount" and h.width for h in case.layers),
        "two layers in a parallel chain": any(last > first for first, last in plan.stages),
        "frames into a register": plan.vectors,
        "held currents": presynaptic.hold(network, 0) > 1})
    for layer, how in zip(network.layers, used, strict=True):
        around = _true({"recurrent": layer.recurrent is not None, "residual": layer.residual is not None,
                        "current-based": layer.neurons is not None and layer.neurons.current_based,
                        "delay": layer.delay})
        found |= {f"{how}, {name}" for name in around}
    return found & set(FEATURES["strategy"])


def _lanes(case: Case) -> set[str]:
    found: set[str] = set()
    for layer, how in zip(case.network.layers, case.layers, strict=True):
        if how.strategy not in ("dense", "sparse", "popcount", "conv"):
            continue
        update, dense = how.update_lanes, how.strategy == "dense"
        found |= {"update of 1" if update == 1 else "update of 2 to 8" if update <= 8 else "update of 16 or more"}
        found |= _true({
            "1": how.lanes == 1, "all neurons at once": how.lanes >= layer.size,
            "several passes": dense and how.lanes < layer.size,
            "a last pass not full": dense and layer.size % how.lanes and how.lanes < layer.size,
            "more update lanes than neurons": update > layer.size})
    return found


def _weights(case: Case) -> set[str]:
    kinds = [how.weights for layer, how in zip(case.network.layers, case.layers, strict=True) if layer.neurons]
    loaded = sum(kind in KINDS for kind in kinds)
    return set(kinds) | _true({"loaded in two layers": loaded > 1, "loaded beside fixed": loaded and "rom" in kinds})


def _link(case: Case) -> set[str]:
    if case.source != "words":
        return set()
    extras = case.extras
    found = _true({"probe": extras.probe, "readback": extras.readback, "stream": extras.stream,
                   "stream of a part": 0 < extras.stream < case.network.timesteps, "queue": extras.queue,
                   "guard": extras.guard, "watchdog": extras.watchdog})
    return found or {"plain"}


def _frames(case: Case) -> set[str]:
    low, high = case.network.input.range
    parity = np.indices(case.network.frame_shape).sum(axis=0) % 2
    found = set()
    for frame in case.frames:
        used = np.count_nonzero(frame)
        alternates = parity.any() and np.array_equal(frame, np.where(parity, high, low))
        found |= _true({"all zero": not used, "all greatest": (frame == high).all(), "all least": (frame == low).all(),
                        "one-hot": used == 1 and frame.max() == high, "alternating": alternates}) or {"others"}
    return found
