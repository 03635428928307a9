"""How strong the checks are, on cores of every strategy: `python benchmarks/mutation.py [--only NAME] [--mutants N]`.

Small cores, small enough for ABC to decide what nobody noticed, and a sample of the MNIST example's. See
`spikeloom.sim.mutation`. Rows gather in `benchmarks/mutation.json`; the last line sums up those whose survivors are
decided. Exit code 1 if fewer than 95 % of their mutants were caught; what is not decided in time counts as not caught.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from spikeloom import Dense, Input, Layer, Lif, Network, aside, codebooks, terminal
from spikeloom.commands import _samples as samples
from spikeloom.commands import mutate
from spikeloom.decay import Decay
from spikeloom.qsnn import load
from spikeloom.rtl_gen import planner
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.sim import mutation
from spikeloom.synapses.conv import Conv
from spikeloom.synapses.max_pool import MaxPool

RESULTS = Path(__file__).with_suffix(".json")
EXAMPLE = Path(__file__).parents[1] / "examples" / "mnist-icebreaker.qsnn"
WANTED = 0.95
DRAWN, MNIST_DRAWN, MNIST_RESETS = 40, 4, 4


def main() -> int:
    """Prints one line a core and one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=tuple(CORES), action="append")
    parser.add_argument("--mutants", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--limit", type=float, default=900, help="seconds to decide the survivors of a core in")
    arguments = parser.parse_args()
    for name in arguments.only or CORES:
        large = name == "mnist-icebreaker"
        plan, frames = CORES[name]()
        ways = (mutation.ways(plan, frames, drawn=MNIST_DRAWN, resets=MNIST_RESETS) if large
                else mutation.ways(plan, frames, drawn=DRAWN))
        began, busy = time.perf_counter(), time.process_time()
        with terminal.progress(name) as update:
            found = mutation.run(plan, ways, count=arguments.mutants, seed=arguments.seed,
                                 seconds=arguments.seconds, limit=arguments.limit, decide=not large,
                                 progress=lambda what, done, total: update(done, total, what))
        row = {"core": name, **mutate.summary(found), "cpu_seconds_python": round(time.process_time() - busy, 1),
               "wall_seconds": round(time.perf_counter() - began, 1), "seed": arguments.seed}
        rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
        rows = [one for one in rows if (one["core"], one["seed"]) != (name, arguments.seed)] + [row]
        rows.sort(key=lambda one: (one["seed"], list(CORES).index(one["core"])))
        aside.text(RESULTS, json.dumps(rows, indent=1) + "\n")
        print(json.dumps({key: value for key, value in row.items() if key != "survivors"}))
    told = together([row for row in rows if row["seed"] == arguments.seed])
    print(json.dumps(told), json.dumps(together(rows)), sep="\n")
    return int(told["share"] < WANTED)


def together(rows: list[dict]) -> dict:
    """All cores whose survivors are decided; `at_best` is the share if what is unknown were equivalent."""
    rows = [row for row in rows if row["core"] != "mnist-icebreaker"]
    told = {key: sum(row[key] for row in rows) for key in ("mutants", *mutate.OUTCOMES)}
    relevant = told["mutants"] - told["equivalent"]
    shares = {"share": (told["caught"], relevant), "at_best": (told["caught"], relevant - told["unknown"]),
              "unless_only_slower": (told["caught"], relevant - told["slower"])}
    return {"cores": [f"{row['core']}, seed {row['seed']}" for row in rows], **told,
            **{name: round(part / max(whole, 1), 4) for name, (part, whole) in shares.items()},
            **{f"{name}_interval": [round(end, 4) for end in mutation.interval(*shares[name])] for name in shares}}


def dense():
    """Graded inputs, 5 then 3 neurons, several passes, two lanes to update; soft reset, leak."""
    rng = np.random.default_rng(0)
    net = Network(input=Input(shape=(6,), bits=4, signed=True), readout="count", timesteps=5, layers=(
        full(rng, 5, 6, threshold=12, membrane_bits=8, reset="subtract", decay=Decay.shift_leak(2)),
        full(rng, 3, 5, threshold=4, membrane_bits=6)))
    return small(net, LayerPlan(lanes=4, update_lanes=2), LayerPlan(lanes=2))


def sparse():
    """Spikes in as events, ternary weights of which two thirds are zero; late reset, refractory, bias."""
    rng = np.random.default_rng(1)
    book = codebooks.make("ternary", fraction=2)
    first = ternary(rng, (6, 8), 0.4) * 4
    second = ternary(rng, (3, 6), 0.6) * 4
    net = Network(input=Input(shape=(8,), bits=1), readout="first-spike", timesteps=5, layers=(
        Layer(synapses=Dense(weights=first, codebook=book),
              neurons=Lif(neurons=6, threshold=5, membrane_bits=6, reset="subtract-late", refractory=1,
                          bias=np.array([1, 2, 0, 1, 3, 0]))),
        Layer(synapses=Dense(weights=second, codebook=book), neurons=Lif(neurons=3, threshold=3, membrane_bits=6))))
    return small(net, LayerPlan(strategy="sparse", lanes=2), LayerPlan(strategy="sparse", lanes=1), source="events")


def popcount():
    """Binary weights, current-based neurons, membranes as scores."""
    rng = np.random.default_rng(2)
    book = codebooks.make("binary")
    net = Network(input=Input(shape=(10,), bits=1), readout="membrane-max", timesteps=4, layers=(
        Layer(synapses=Dense(weights=rng.choice([-1, 1], (5, 10)), codebook=book),
              neurons=Lif(neurons=5, threshold=3, membrane_bits=6, synaptic_decay=Decay.shift_leak(1),
                          synaptic_bits=6)),
        Layer(synapses=Dense(weights=rng.choice([-1, 1], (3, 5)), codebook=book),
              neurons=Lif(neurons=3, threshold=None, membrane_bits=6))))
    return small(net, LayerPlan(strategy="popcount", lanes=2, width=4), LayerPlan(strategy="popcount", width=2))


def parallel():
    """Two layers of wiring, power-of-two weights, no memories."""
    rng = np.random.default_rng(3)
    book = codebooks.make("pow2", exponents=2)
    net = Network(input=Input(shape=(8,), bits=1), readout="count", timesteps=4, layers=(
        Layer(synapses=Dense(weights=ternary(rng, (5, 8), 0.6) * rng.choice([1, 2], (5, 8)), codebook=book),
              neurons=Lif(neurons=5, threshold=2, membrane_bits=5, reset="subtract")),
        Layer(synapses=Dense(weights=ternary(rng, (3, 5), 0.7), codebook=book),
              neurons=Lif(neurons=3, threshold=1, membrane_bits=5))))
    return small(net, LayerPlan(strategy="parallel"), LayerPlan(strategy="parallel"))


def conv():
    """A convolution with padding and stride, max pooling, and a dense layer."""
    rng = np.random.default_rng(4)
    book = codebooks.make("integer", bits=3)
    kernel = Conv(weights=rng.integers(-3, 4, (2, 1, 3, 3)), codebook=book, input=(1, 4, 4), padding=1, stride=1)
    size = int(np.prod(kernel.output))
    pool = MaxPool(input=kernel.output, kernel=2)
    net = Network(input=Input(shape=(1, 4, 4), bits=1), readout="count", timesteps=3, layers=(
        Layer(synapses=kernel, neurons=Lif(neurons=size, threshold=4, membrane_bits=6)),
        Layer(synapses=pool, neurons=None),
        full(rng, 3, int(np.prod(pool.output)), threshold=6, membrane_bits=6)))
    return small(net, LayerPlan(strategy="conv", lanes=2, update_lanes=2), LayerPlan(strategy="pool"), LayerPlan())


def recurrent():
    """Recurrent synapses, a delayed output, reset to a value, membranes summed."""
    rng = np.random.default_rng(5)
    book = codebooks.make("integer", bits=4)
    again = Dense(weights=rng.integers(-4, 5, (4, 4)), codebook=book)
    net = Network(input=Input(shape=(5,), bits=1), readout="membrane-sum", timesteps=5, layers=(
        Layer(synapses=Dense(weights=rng.integers(-4, 8, (4, 5)), codebook=book), recurrent=again, delay=2,
              neurons=Lif(neurons=4, threshold=6, membrane_bits=6, v_reset=-2, decay=Decay.shift_leak(3))),
        full(rng, 2, 4, threshold=None, membrane_bits=7)))
    return small(net, LayerPlan(lanes=2), LayerPlan(lanes=2))


def mnist():
    """The example as the iCEBreaker runs it, on images; nothing is decided about what nobody notices."""
    network = load(EXAMPLE)
    return planner.make(network, family="ice40", cells=5280, ram=30), samples.choose(EXAMPLE, network).frames[:2]


CORES = {"dense": dense, "sparse": sparse, "popcount": popcount, "parallel": parallel, "conv": conv,
         "recurrent": recurrent, "mnist-icebreaker": mnist}


def full(rng: np.random.Generator, outputs: int, inputs: int, **parameters) -> Layer:
    """A dense layer of small integer weights."""
    synapses = Dense(weights=rng.integers(-8, 8, (outputs, inputs)), codebook=codebooks.make("integer", bits=4))
    return Layer(synapses=synapses, neurons=Lif(neurons=outputs, **parameters))


def ternary(rng: np.random.Generator, shape: tuple[int, int], density: float) -> np.ndarray:
    return rng.choice([-1, 1], shape) * (rng.random(shape) < density)


def small(network: Network, *layers: LayerPlan, source: str = "words") -> tuple[Plan, np.ndarray]:
    """A plan, and the first of the frames that `spikeloom verify` takes where there is no data set."""
    return Plan(network=network, layers=layers, source=source), samples.random(network, 100).frames


if __name__ == "__main__":
    sys.exit(main())
