"""Where the gates of a build show what each layer did: the registers of its output, found again by their names.

Every group of updated neurons leaves a layer through a register: spikes and, where somebody reads them, membranes.
Yosys keeps at least one of the names that a net had in the design, nextpnr one of Yosys'; a net that was changed into
something else loses its name, and is not found. Nothing is added to the design: its flip-flops are looked at.
"""

import json
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spikeloom.errors import FileError, SpikeloomError
from spikeloom.rtl_gen import verilog
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim.volume import HardwareError

_SYMBOL = re.compile(r"^\.sym (\d+) (\S+)$", re.M)
Net = int | str     # a number, or a constant: "0", "1"


@dataclass(frozen=True, kw_only=True)
class Tap:
    """The output register of a layer, as nets of a module.

    Parameters
    ----------
    layer : its number.
    loads : 1 in a cycle at whose end the register is loaded, 0 if `inverted`.
    valid : of the register: what it was loaded with is a group.
    spikes : one net a lane, None for one that is not there: nobody reads what it says. None at all if the layer does
        not fire.
    membranes : bits of lane 0 from the lowest on, then of lane 1 ..; none unless all are there.
    """

    layer: int
    loads: Net
    inverted: bool
    valid: Net
    spikes: tuple[Net | None, ...]
    membranes: tuple[Net, ...]

    @property
    def file(self) -> str:
        """Where a simulator writes it to."""
        return f"layer{self.layer}.txt"

    @property
    def held(self) -> tuple[Net, ...]:
        """Everything in it that is there."""
        return (*(net for net in self.spikes if net is not None), *self.membranes)


@dataclass(frozen=True, kw_only=True)
class Names:
    """What the nets of a layer's output register are called: for each bit all names that mean it, or its constant."""

    valid: tuple[frozenset[str], ...]
    spikes: tuple[frozenset[str], ...]
    membranes: tuple[frozenset[str], ...]

    def renamed(self, others: Mapping[str, frozenset[str]]) -> "Names":
        """With the names that `others` has for any of the names of a bit."""
        return Names(**{part: tuple(bit.union(*(others.get(name, ()) for name in bit)) for bit in getattr(self, part))
                        for part in ("valid", "spikes", "membranes")})


def names(folder: Path, plan: Plan) -> list[Names]:
    """The names in the netlist of the build in `folder`, `top.json`, layer by layer.

    Those of the design come from `top.il`, flattened but not optimised. Raises `FileError` if that is not there.
    """
    if not (folder / "top.il").is_file():
        raise FileError(f"{folder} must hold top.il: build again")
    with tempfile.TemporaryDirectory(prefix="spikeloom-") as work:
        script = f"read_rtlil {(folder / 'top.il').resolve()}; proc; flatten; write_json flat.json"
        verilog.yosys(script, work)
        design = json.loads(Path(work, "flat.json").read_text())["modules"]["top"]
    kept = by_net(json.loads((folder / "top.json").read_text())["modules"]["top"])
    others = {name: _alike(bit, kept) for bit, found in kept.items() for name in found}
    return [_names(design, by_net(design), *_called(plan, k)).renamed(others) for k in range(len(plan.layers))]


def by_net(module: dict) -> dict[Net, frozenset[str]]:
    """The names of each net of a module in the form of Yosys' JSON, of a vector's bits as "name[3]"."""
    found: dict[Net, set[str]] = {}
    for name, net in module["netnames"].items():
        first = net.get("offset", 0)
        for k, bit in enumerate(net["bits"]):
            found.setdefault(bit, set()).add(name if len(net["bits"]) == 1 else f"{name}[{first + k}]")
    return {bit: frozenset(alike) for bit, alike in found.items() if bit != "x"}


def nets(module: dict) -> dict[str, list[Net]]:
    """The nets of each name of a module."""
    return _inverse(by_net(module).items())


def routed_nets(text: str) -> dict[str, list[Net]]:
    """The nets of each name, in an iCE40's `top.asc`: its wires, by the numbers of `decoded.Decoder`."""
    return _inverse((int(wire) + 2, (name,)) for wire, name in _SYMBOL.findall(text))


def find(module: dict, plan: Plan, known: Iterable[Names], named: Mapping[str, list[Net]]) -> list[Tap]:
    """The taps of those layers of which anything can be seen, in a module whose nets are `named`."""
    registers = {cell["connections"]["Q"][0]: cell for cell in module["cells"].values() if _is_register(cell)}
    found = []
    for k, layer in enumerate(known):
        valid, spikes, membranes = (tuple(_net(bit, named, registers) for bit in part)
                                    for part in (layer.valid, layer.spikes, layer.membranes))
        load = _load(registers[valid[0]]) if valid[0] in registers else None
        if load:
            tap = Tap(layer=k, loads=load[0], inverted=load[1], valid=valid[0],
                      spikes=spikes if fires(plan, k) and any(spikes) else (),
                      membranes=() if None in membranes else membranes)
            found += [tap] if tap.held else []
    return found


def fires(plan: Plan, k: int) -> bool:
    """Whether layer number `k` has spikes: neurons that can, or none at all."""
    neurons = plan.network.layers[k].neurons
    return neurons is None or neurons.fires


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What a tap has shown of each sample.

    Parameters
    ----------
    spikes : bool `(samples, timesteps, neurons)`; None if none were seen.
    seen : bool `(neurons,)`, of which neurons; the spikes of the others mean nothing.
    membranes : int32 `(samples, timesteps, neurons)`; None if they were not seen.
    """

    spikes: np.ndarray | None
    seen: np.ndarray
    membranes: np.ndarray | None


def read(tap: Tap, text: str, plan: Plan, samples: int) -> Seen:
    """What a simulator wrote, by sample and timestep. Raises `HardwareError` if it is not as much as they make."""
    steps, size = plan.network.timesteps, plan.network.layers[tap.layer].size
    lanes, bits = plan.trace_lanes(tap.layer), plan.network.state_bits(tap.layer)
    groups = -(-size // lanes)
    lines = text.split()
    if len(lines) != samples * steps * groups:
        raise HardwareError(f"layer {tap.layer} must be updated {samples * steps * groups} times, not {len(lines)}")
    held = np.frombuffer("".join(lines).encode(), np.uint8).reshape(len(lines), -1)[:, ::-1] - ord("0")
    if held.max() > 1:
        odd = next(line for line in lines if set(line) - {"0", "1"})
        raise HardwareError(f"layer {tap.layer} must have known spikes and membranes, not {odd!r}")
    there = np.array([net is not None for net in tap.spikes], bool)
    spikes = membranes = None
    if tap.spikes:
        lines_of_all = np.zeros((len(lines), lanes), bool)
        lines_of_all[:, there] = held[:, :there.sum()]
        spikes = lines_of_all.reshape(samples, steps, -1)[..., :size]
    if tap.membranes:
        values = held[:, there.sum():].reshape(len(lines), lanes, bits).astype(np.int64)
        weights = np.int64(1) << np.arange(bits)
        weights[-1] = -weights[-1]
        membranes = (values @ weights).astype(np.int32).reshape(samples, steps, -1)[..., :size]
    return Seen(spikes=spikes, seen=np.tile(there, groups)[:size], membranes=membranes)


def _called(plan: Plan, k: int) -> tuple[str, str, str]:
    """How the design calls the output register of layer number `k`: whether it holds anything, spikes, membranes."""
    first = next(first for first, last in plan.stages if first <= k <= last)
    if plan.layers[k].strategy == "parallel":
        chain = f".chain{first}"
        return f"{chain}.spikes{k}_step_d0", f"{chain}.neurons{k}.spikes", f"{chain}.neurons{k}.membranes"
    register = f".layer{k}.neurons.o__"
    return f"{register}valid", f"{register}payload.spikes", f"{register}payload.membranes"


def _names(design: dict, meaning: dict[Net, frozenset[str]], *endings: str) -> Names:
    """The names of the signals of a design that end so."""
    found = []
    for ending in endings:
        signals = [net["bits"] for name, net in design["netnames"].items() if name.endswith(ending)]
        if len(signals) != 1:
            raise SpikeloomError(f"design must have one signal {ending}, not {len(signals)}")
        found.append(tuple(_alike(bit, meaning) for bit in signals[0]))
    return Names(**dict(zip(("valid", "spikes", "membranes"), found, strict=True)))


def _alike(bit: Net, meaning: Mapping[Net, frozenset[str]]) -> frozenset[str]:
    return frozenset([bit]) if bit in ("0", "1") else meaning.get(bit, frozenset())


def _inverse(pairs: Iterable[tuple[Net, Iterable[str]]]) -> dict[str, list[Net]]:
    found: dict[str, list[Net]] = {}
    for net, alike in pairs:
        for name in alike:
            found.setdefault(name, []).append(net)
    return found


def _net(bit: frozenset[str], named: Mapping[str, list[Net]], registers: Mapping[Net, dict]) -> Net | None:
    """The net of a bit of a register, or what it always is."""
    for constant in ("0", "1"):
        if constant in bit:
            return constant
    return next((net for name in sorted(bit) for net in named.get(name, ()) if net in registers), None)


def _is_register(cell: dict) -> bool:
    return (cell["type"].startswith("SB_DFF") or cell["type"] == "TRELLIS_FF") and bool(cell["connections"].get("Q"))


def _load(cell: dict) -> tuple[Net, bool] | None:
    """When a flip-flop takes its data, and whether that is inverted. None for one that can be set, or falls."""
    if cell["type"] == "TRELLIS_FF":
        set_to = {name: value.strip() for name, value in cell["parameters"].items()}
        enable = (cell["connections"].get("CE") or ["1"])[0]
        if set_to.get("REGSET", "RESET") == "SET" or set_to.get("CLKMUX", "CLK") != "CLK":
            return None
        return ("1", False) if set_to.get("CEMUX", "CE") == "1" else (enable, set_to.get("CEMUX") == "INV")
    if re.search(r"DFFN|S$", cell["type"]):
        return None
    return (cell["connections"].get("E") or ["1"])[0], False
