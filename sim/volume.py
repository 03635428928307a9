"""The volume path: a Core's RTL, compiled by CXXRTL, answers whole data sets and shows every spike and membrane."""

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeloom.errors import SpikeloomError
from spikeloom.network import Network
from spikeloom.rtl_gen import verilog
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.plan import Plan
from spikeloom.rtl_gen.readout import result_layout
from spikeloom.sim import cxxrtl, stimulus
from spikeloom.sim.outcome import Observation

FOLDER = Path("build", "sim")
_HANG = 1
_ERRORS = {
    _HANG: "the core must make progress, but nothing moved for {patience} cycles: it hangs",
    2: "trace{layer} groups must come in ascending order, each once a timestep",
    3: "trace{layer} must end with the last inference, but goes on",
    4: "results must come after the frame they answer, one for each output, but there is one more",
    5: "result transfers must carry last at output {outputs} of {outputs} and nowhere else",
    6: "a result that is not taken must be held, but valid or payload changed",
    7: "result valid must not depend on ready",
}


class HardwareError(SpikeloomError):
    """Hardware that breaks a rule of its interface: it hangs, or says too much, too little or out of order."""


class Hang(HardwareError):
    """Hardware that does nothing any more."""


@dataclass(frozen=True, kw_only=True)
class Waves:
    """A waveform to write: a VCD file of cycles `first..last`, counted from the end of reset."""

    path: Path
    first: int
    last: int


@dataclass(frozen=True, kw_only=True)
class Interface:
    """What the driver must know of a design's ports.

    Parameters
    ----------
    payload_bits, result_bits : widths of a transfer at `i` and at `o`.
    score, best, last : (lowest bit, width) in a result; without a `last` all scores come in one transfer.
    lanes : neurons in a group of each trace.
    patience : cycles without any transfer after which the design hangs.
    """

    payload_bits: int
    result_bits: int
    score: tuple[int, int]
    best: tuple[int, int]
    last: tuple[int, int] = (0, 0)
    lanes: tuple[int, ...]
    patience: int


@dataclass(frozen=True, kw_only=True)
class Compiled(ABC):
    """A compiled network: design number `number` of `library`, and of that number `mutant`, if it has such an input."""

    library: Path
    number: int = 0
    mutant: int = 0

    @property
    @abstractmethod
    def network(self) -> Network:
        """What the design computes."""

    @abstractmethod
    def interface(self) -> Interface:
        """Its ports."""

    @abstractmethod
    def stimulus(self, frames: np.ndarray, shuffle: int | None) -> stimulus.Stimulus:
        """The transfers of `frames`; see `stimulus.make`."""

    def run(
        self,
        frames: np.ndarray,
        *,
        pipelined: bool = False,
        stalls: int = 0,
        interrupt: int = 0,
        traces: bool = True,
        progress: Callable[[int, int], None] | None = None,
        waves: Waves | None = None,
        watch: tuple[int, int] = (-1, -1),
    ) -> Observation:
        """What the hardware answers to `frames` (batch, *network.frame_shape), from reset.

        Parameters
        ----------
        pipelined : offer the next frame at once; otherwise only after the result and all traces of the one before.
        stalls : unless 0, seeds the cycles in which input is withheld and results are refused, the order of events
            within their timestep, and what an invalid payload holds.
        interrupt : so many cycles of work before a second reset, from which all that is observed begins.
        traces : look at them; if not, there are no spikes and membranes, and no rule of theirs to break.
        progress : called with (frames done, all frames) now and then.
        waves : needs a library that was built with waves.
        watch : (layer, number of a group among all that its trace shows): see `cycle_of`.

        Raises `Hang` if nothing moves, `HardwareError` if it breaks a rule of its interface.
        """
        return self._run(frames, pipelined, stalls, interrupt, traces, progress, waves, watch)[0]

    def cycle_of(self, frames: np.ndarray, layer: int, group: int, *, pipelined: bool = False, stalls: int = 0) -> int:
        """The cycle, counted from the end of reset, in which the trace of `layer` shows its group number `group`."""
        return self._run(frames, pipelined, stalls, 0, True, None, None, (layer, group))[1].watch_cycle

    def _run(self, frames, pipelined, stalls, interrupt, traces, progress, waves, watch) -> tuple[Observation, "_Run"]:
        network, ports = self.network, self.interface()
        sent = self.stimulus(frames, stalls or None)
        payloads = sent.chunks(ports.payload_bits)
        count, steps = sent.inferences, network.timesteps
        sizes = [layer.size for layer in network.layers]
        observation = {
            "classes": np.full(count, -1, np.int64),
            "scores": np.zeros((count, network.outputs), np.int64),
            "cycles": np.zeros(count, np.int64),
        }
        spikes = tuple(np.zeros((count, steps, n), bool) for n in sizes)
        membranes = tuple(np.zeros((count, steps, n), np.int32) for n in sizes)
        layers = (_Layer * len(sizes))(*(
            _Layer(n, lanes, network.state_bits(k), s.ctypes.data, v.ctypes.data)
            for k, (n, lanes, s, v) in enumerate(zip(sizes, ports.lanes, spikes, membranes, strict=True))))
        stopped: list[BaseException] = []

        def report(done: int) -> int:
            try:
                if progress:
                    progress(done, count)
            except BaseException as error:  # ctypes would print and forget it, a KeyboardInterrupt too
                stopped.append(error)
            return len(stopped)

        run = _Run(
            payloads=payloads.ctypes.data, starts=sent.starts.ctypes.data, inferences=count, timesteps=steps,
            outputs=network.outputs, payload_bits=ports.payload_bits, result_bits=ports.result_bits,
            layers=len(sizes) if traces else 0, layer=ctypes.addressof(layers),
            score=_Field(*ports.score), best=_Field(*ports.best), last=_Field(*ports.last),
            pipelined=pipelined, stall_seed=stalls, patience=ports.patience,
            **{name: array.ctypes.data for name, array in observation.items()},
            watch_layer=watch[0], watch_event=watch[1], watch_cycle=-1,
            waves=str(waves.path).encode() if waves else None, waves_from=waves.first if waves else 0,
            waves_to=waves.last if waves else 0, mutant=self.mutant, interrupt=interrupt,
            progress=_PROGRESS(report),
        )
        if count:
            getattr(ctypes.CDLL(str(self.library.resolve())), f"design{self.number}_run")(ctypes.byref(run))
        if stopped:
            raise stopped[0]
        if run.error:
            text = _ERRORS[run.error].format(layer=run.error_layer, patience=run.patience, outputs=run.outputs)
            kind = Hang if run.error == _HANG else HardwareError
            raise kind(f"{text} (inference {run.error_inference}, cycle {run.error_cycle})")
        trace = {"spikes": spikes, "membranes": membranes} if traces else {}
        return Observation(**observation, **trace, total_cycles=run.total_cycles), run


@dataclass(frozen=True, kw_only=True)
class Volume(Compiled):
    """A compiled Core. `build` makes it."""

    plan: Plan

    @property
    def network(self) -> Network:
        return self.plan.network

    def interface(self) -> Interface:
        result = result_layout(self.network)
        fields = {name: (result[name].offset, result[name].width) for name in ("score", "best", "last")}
        return Interface(payload_bits=stimulus.payload_bits(self.plan), result_bits=result.size, **fields,
                         lanes=tuple(self.plan.trace_lanes(k) for k in range(len(self.plan.layers))),
                         patience=patience(self.plan))

    def stimulus(self, frames: np.ndarray, shuffle: int | None) -> stimulus.Stimulus:
        return stimulus.make(self.plan, frames, shuffle=shuffle)


def build(plan: Plan, *, rtlil: str | None = None, folder: Path = FOLDER, effort: str = "run",
          waves: bool = False) -> Volume:
    """The compiled Core of `plan`; `rtlil` replaces its RTL. See `cxxrtl.library` for the other parameters."""
    design = cxxrtl.Design(rtlil=rtlil or verilog.to_rtlil(Core(plan), "core"), layers=len(plan.layers))
    return Volume(plan=plan, library=cxxrtl.library([design], folder=folder, effort=effort, waves=waves))


def build_many(plans: Sequence[Plan], *, folder: Path = FOLDER, effort: str = "compile") -> list[Volume]:
    """Compiled Cores that share one library: much cheaper than one each."""
    designs = [cxxrtl.Design(rtlil=verilog.to_rtlil(Core(plan), "core"), layers=len(plan.layers)) for plan in plans]
    library = cxxrtl.library(designs, folder=folder, effort=effort)
    return [Volume(plan=plan, library=library, number=k) for k, plan in enumerate(plans)]


def patience(plan: Plan) -> int:
    """Cycles without any transfer after which a Core hangs: many times what one timestep of its slowest layer takes."""
    layers = zip(plan.network.layers, plan.layers, strict=True)
    slowest = max(-(-layer.size // how.lanes) * (layer.synapses.inputs + how.lanes) + layer.size
                  for layer, how in layers)
    return 10_000 + 16 * slowest


_PROGRESS = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)


class _Field(ctypes.Structure):
    _fields_ = [("at", ctypes.c_int64), ("width", ctypes.c_int64)]


class _Layer(ctypes.Structure):
    _fields_ = [("neurons", ctypes.c_int64), ("lanes", ctypes.c_int64), ("bits", ctypes.c_int64),
                ("spikes", ctypes.c_void_p), ("membranes", ctypes.c_void_p)]


class _Run(ctypes.Structure):
    """`Run` of volume.h."""

    _fields_ = [
        ("payloads", ctypes.c_void_p), ("starts", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in (
            "inferences", "timesteps", "outputs", "payload_bits", "result_bits", "layers")),
        ("layer", ctypes.c_void_p),
        *((name, _Field) for name in ("score", "best", "last")),
        *((name, ctypes.c_int64) for name in ("pipelined", "stall_seed", "patience")),
        *((name, ctypes.c_void_p) for name in ("scores", "classes", "cycles")),
        *((name, ctypes.c_int64) for name in ("watch_layer", "watch_event", "watch_cycle")),
        ("waves", ctypes.c_char_p), *((name, ctypes.c_int64) for name in (
            "waves_from", "waves_to", "mutant", "interrupt")),
        ("progress", _PROGRESS),
        *((name, ctypes.c_int64) for name in (
            "total_cycles", "error", "error_layer", "error_inference", "error_cycle")),
    ]
