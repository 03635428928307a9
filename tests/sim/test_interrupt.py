# amaranth: UnusedElaboratable=no
"""A reset in the middle of work, as the link's RESET makes one: the next inference is the first again."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Signal

from spikeloom import codebooks, encoders
from spikeloom.decay import Decay
from spikeloom.network import Dense, Input, Layer, Lif, Network, Residual
from spikeloom.rtl_gen import (
    accumulators,
    delay,
    deserializer,
    map_sums,
    queue,
    readout,
    repeater,
    spike_vector,
    stateful,
    verilog,
)
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.encoders import delta
from spikeloom.rtl_gen.parallel import neurons
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.rtl_gen.strategies import dense
from spikeloom.sim import cxxrtl, volume
from spikeloom.sim.mismatch import compare
from spikeloom.sim.mutation import Bounded
from spikeloom.sim.random_networks import random_frames
from spikeloom.sim.reference import simulate
from spikeloom.sim.volume import HardwareError, Volume
from spikeloom.synapses.conv import Conv
from spikeloom.synapses.max_pool import MaxPool

from .golden import layer

POINTS = 24     # of reset, evenly over the work on all frames
DENSE, SPARSE = LayerPlan(lanes=2), LayerPlan(strategy="sparse", lanes=2)
POPCOUNT, PARALLEL = LayerPlan(strategy="popcount", lanes=2, width=2), LayerPlan(strategy="parallel")
LATE = {"membrane_bits": 6, "reset": "subtract-late", "refractory": 1}


def weights(outputs: int, inputs: int) -> list[list[int]]:
    """Mostly excitatory."""
    return np.random.default_rng([outputs, inputs]).integers(-3, 5, (outputs, inputs)).tolist()


def made(*layers: Layer, by: tuple[LayerPlan, ...], shape: tuple[int, ...] = (5,), timesteps: int = 3,
         readout: str = "count", encoder: object = None, bits: int = 1) -> Plan:
    network = Network(input=Input(shape=shape, bits=bits), layers=layers, readout=readout, timesteps=timesteps,
                      encoder=encoder)
    return Plan(network=network, layers=by)


def single(how: LayerPlan) -> Plan:
    """One layer of four neurons on five spikes."""
    return made(layer(weights(4, 5), threshold=4, membrane_bits=6, reset="subtract"), by=(how,))


def convolution() -> Plan:
    """A convolution, pooling, and a dense layer."""
    kernel = Conv(weights=np.array(weights(2, 9)).reshape(2, 1, 3, 3), codebook=codebooks.make("integer", bits=4),
                  input=(1, 4, 4), padding=1)
    pool = MaxPool(input=kernel.output, kernel=2)
    return made(Layer(synapses=kernel, neurons=Lif(neurons=32, threshold=4, membrane_bits=6)),
                Layer(synapses=pool, neurons=None), layer(weights(3, 8), threshold=6, membrane_bits=6),
                by=(LayerPlan(strategy="conv", lanes=2, update_lanes=2), LayerPlan(strategy="pool"), LayerPlan()),
                shape=(1, 4, 4))


def recurrent() -> Plan:
    """Current-based neurons that hear themselves; membranes summed."""
    first = layer(weights(4, 5), threshold=6, membrane_bits=6, synaptic_decay=Decay.shift_leak(1), synaptic_bits=6)
    again = Dense(weights=np.array(weights(4, 4)), codebook=first.synapses.codebook)
    return made(replace(first, recurrent=again), layer(weights(2, 4), threshold=None, membrane_bits=7),
                by=(POPCOUNT, DENSE), timesteps=5, readout="membrane-sum")


def references() -> Plan:
    """Delta encoding, neurons that rest and are reset late, a delay, and the first spike."""
    return made(layer(weights(4, 10), delay=1, threshold=3, **LATE), layer(weights(3, 4), threshold=2, **LATE),
                by=(SPARSE, SPARSE), timesteps=4, readout="first-spike", bits=3,
                encoder=encoders.make("delta", level=2))


def residual() -> Plan:
    """A layer that is delayed in memory, with a residual around it."""
    first, second, last = (layer(weights(4, inputs), threshold=3, membrane_bits=6) for inputs in (5, 4, 4))
    return made(first, replace(second, delay=1), replace(last, residual=Residual(source=0, weight=2)),
                by=(DENSE, SPARSE, POPCOUNT), timesteps=4)


def drawn() -> Plan:
    """Rate coding out of frame memory, events twice."""
    return made(layer(weights(4, 5), threshold=4, membrane_bits=6), by=(DENSE,), timesteps=4, readout="count",
                encoder=encoders.make("rate"), bits=4)


def wires() -> Plan:
    """Parallel layers with a delay between them."""
    return made(layer(weights(4, 5), delay=1, threshold=3, **LATE), layer(weights(3, 4), threshold=2, **LATE),
                by=(PARALLEL, PARALLEL), timesteps=4)


PLANS = {
    "dense": single(DENSE), "popcount": single(POPCOUNT), "convolution": convolution(), "recurrent": recurrent(),
    "delta": references(), "residual": residual(), "rate": drawn(), "parallel": wires(),
}


@pytest.fixture(scope="module")
def cores() -> dict[str, Volume]:
    return dict(zip(PLANS, volume.build_many(list(PLANS.values())), strict=True))


def wrong(core: Volume) -> Iterator[int]:
    """After how many cycles of work a reset spoils what follows: silence, which shows what is left, then noise."""
    network = core.network
    frames = np.concatenate([random_frames(network, seed, 2) for seed in (3, 4)])
    frames[0] = 0
    expected = simulate(network, frames, trace=True, device="cpu")
    good = core.run(frames)
    assert not compare(expected, good).mismatches
    for cycles in np.linspace(1, good.total_cycles, POINTS, dtype=int).tolist():
        try:
            spoilt = bool(compare(expected, core.run(frames, interrupt=cycles)).mismatches)
        except HardwareError:
            spoilt = True
        if spoilt:
            yield cycles


@pytest.mark.parametrize("name", PLANS)
def test_reset_forgets(cores, name):
    assert list(wrong(cores[name])) == []


class Lasting:
    """A `Signal` that no reset reaches."""

    like = staticmethod(Signal.like)

    def __new__(cls, *shape, **options):
        return Signal(*shape, **options | {"reset_less": True, "src_loc_at": 1})


class LastingEvent(Lasting):
    """The same, but only of a register behind one that is reset: a reset of two cycles would empty it."""

    def __new__(cls, *shape, **options):
        made = Signal(*shape, **options | {"src_loc_at": 1})
        return Lasting(*shape, **options, name="s1_event") if made.name == "s1_event" else made


FAULTS = [
    ("popcount", spike_vector, Lasting), ("convolution", map_sums, Lasting), ("dense", stateful, Lasting),
    ("delta", delta, Lasting), ("delta", delay, Lasting), ("delta", accumulators, Lasting), ("dense", readout, Lasting),
    ("residual", queue, Lasting), ("residual", deserializer, Lasting), ("rate", repeater, Lasting),
    ("parallel", neurons, Lasting), ("dense", dense, LastingEvent),
]


@pytest.fixture(scope="module")
def faulty() -> list[Volume]:
    """A core for each of FAULTS; they share one library."""
    designs = []
    for name, module, signal in FAULTS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "Signal", signal)
            designs.append(cxxrtl.Design(rtlil=verilog.to_rtlil(Core(PLANS[name]), "core"),
                                         layers=len(PLANS[name].layers)))
    library = cxxrtl.library(designs, folder=volume.FOLDER, effort="compile")
    return [Bounded(plan=PLANS[name], library=library, number=k, bound=1000) for k, (name, *_) in enumerate(FAULTS)]


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=[module.__name__.split(".")[-1] for _, module, _ in FAULTS])
def test_what_outlives_a_reset_is_caught(faulty, number):
    assert any(wrong(faulty[number]))


def test_what_is_not_looked_at_is_not_there(cores):
    frames = random_frames(cores["dense"].network, 3, 2)
    seen, answers = cores["dense"].run(frames), cores["dense"].run(frames, traces=False)
    assert answers.spikes is None and answers.membranes is None and len(seen.spikes) == 1
    assert np.array_equal(seen.scores, answers.scores)
