"""Exactness level 4: proofs about the components of a network's hardware, at its own sizes.

A module of this package that has `proofs(plan)` adds proofs; nothing else is needed. The update of a neuron model is
proven in the module of its name; `gaps` says where there is none. A proof wraps a real component:

    class NeverBoth(wiring.Component):                      # a harness: its ports are inputs, all free in every clock
        def __init__(self, dut):
            self.dut = dut
            super().__init__({"valid": In(1), "ready": In(1)})

        def elaborate(self, platform):
            m = Module()
            m.submodules.dut = dut = self.dut
            m.d.comb += [dut.i.valid.eq(self.valid), dut.o.ready.eq(self.ready)]
            m.d.comb += Assert(~(dut.full & dut.empty), "full and empty are never both 1")
            return m

    def proofs(plan):
        yield Proof(claim="never full and empty", component="thing.Thing", size="8 entries",
                    make=lambda: NeverBoth(Thing(8)))

`prover.prove(NeverBoth(Thing(8)))` is the verdict of one. Memories are cut away (whatever is read is arbitrary):
`inside.Tracked` follows the word at one address. `inside.steady` makes an input the same in all clocks: an arbitrary
but fixed address, transaction or value. Registers of a component that no port shows are reached by name with
`inside.signals`; induction often needs them, in further assertions.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

from amaranth.lib import wiring

from spikeloom import neurons, plugins
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim.proofs.prover import Verdict, prove

TIMEOUT = 60.0      # seconds for one proof


@dataclass(frozen=True, kw_only=True)
class Proof:
    """One claim about one component.

    Parameters
    ----------
    claim : what is proven, in a few words.
    component : module and class of `spikeloom.rtl_gen`.
    size : widths, lanes, depths that it is proven at; where they are smaller than the network's, it says so.
    make : makes the harness.
    layers : numbers of the layers that it is about; none: the whole network.
    key : proofs of equal keys are one and the same, and proven once; None: there is no other like it.
    depth, start, bound : see `prover.prove`.
    """

    claim: str
    component: str
    size: str
    make: Callable[[], wiring.Component]
    layers: tuple[int, ...] = ()
    key: Hashable = None
    depth: int = 8
    start: int = 1
    bound: int = 20

    def prove(self, timeout: float = TIMEOUT) -> Verdict:
        """The verdict within so many seconds."""
        return prove(self.make(), depth=self.depth, start=self.start, bound=self.bound, timeout=timeout)


@dataclass(frozen=True, kw_only=True)
class ProofRecord:
    """A proof and its verdict."""

    proof: Proof
    verdict: Verdict

    @property
    def failed(self) -> bool:
        """True unless it is proven for ever: what holds for some clocks after reset is no proof."""
        return self.verdict.result != "proven"

    def row(self) -> dict:
        """As it stands in a JSON report."""
        proof, verdict = self.proof, self.verdict
        return {"level": 4, "claim": proof.claim, "component": proof.component, "layers": list(proof.layers),
                "size": proof.size, "result": verdict.result, "method": verdict.method, "seconds": verdict.seconds,
                "trace": verdict.trace or None, "reason": verdict.reason or None}


def names() -> list[str]:
    """The modules that have proofs."""
    return [name for name in plugins.names(__name__) if hasattr(plugins.load(__name__, name, "proof"), "proofs")]


def all_of(plan: Plan) -> list[Proof]:
    """The proofs of a plan, equal ones of several layers as one."""
    found: dict[Hashable, Proof] = {}
    for name in names():
        for number, proof in enumerate(plugins.load(__name__, name, "proof").proofs(plan)):
            key = (name, number) if proof.key is None else (name, proof.claim, proof.component, proof.key)
            known = found.get(key)
            layers = proof.layers if known is None else known.layers + proof.layers
            found[key] = replace(known or proof, layers=tuple(dict.fromkeys(layers)))
    return list(found.values())


def gaps(plan: Plan) -> list[str]:
    """What of a plan no proof is about: a sentence for each layer of neurons whose model has none."""
    models = [layer.neurons and neurons.kind(layer.neurons) for layer in plan.network.layers]
    return [f"layer {k}: the update of its {model} neurons is not proven: no proof knows this model"
            for k, model in enumerate(models) if model is not None and model not in names()]


def verify(plan: Plan, *, timeout: float = TIMEOUT,
           progress: Callable[[str, int, int], None] | None = None) -> list[ProofRecord]:
    """Prove all that there is to prove of a plan.

    Parameters
    ----------
    timeout : seconds for each proof.
    progress : called with (what is being proven, proofs done, all proofs).

    Raises `ToolError` if a tool is missing or fails.
    """
    report, proofs, records = progress or (lambda what, done, total: None), all_of(plan), []
    for proof in proofs:
        report(f"{proof.component}: {proof.claim}", len(records), len(proofs))
        records.append(ProofRecord(proof=proof, verdict=proof.prove(timeout)))
    report("", len(records), len(proofs))
    return records
