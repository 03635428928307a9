"""Stream rules, checked: drives and watches a component's streams clock by clock, with stalls on both sides.

The numbers are those of `spikeloom.rtl_gen.events`. `Bench` checks rules 1 to 4 on every clock, `timesteps` rules 5 and
6 on the events that came out, and `groups` the order of groups.
"""

import random
from dataclasses import dataclass, field

from amaranth.hdl import ClockDomain, Elaboratable, Module
from amaranth.sim import Simulator

STALLS = [
    {},
    {"stall_in": 0.4},
    {"stall_out": 0.5},
    {"stall_in": 0.3, "stall_out": 0.3, "patient": True},
]


class BrokenRule(AssertionError):
    """`rule` is the number of the rule; 0 for a component that stands still or says too much."""

    def __init__(self, rule: int, text: str):
        super().__init__(f"rule {rule}: {text}")
        self.rule = rule


@dataclass
class Port:
    """One side of a stream: what is sent or was received, and in which clocks.

    Parameters
    ----------
    stream : a stream member of the component.
    stall : probability of a clock in which the bench does not offer, or does not take, a transfer. With `patient` an
        output is never taken in the first clock of its `valid`.
    """

    stream: object
    stall: float = 0.0
    patient: bool = False
    items: list = field(default_factory=list)
    clocks: list[int] = field(default_factory=list)
    accepting: list[int] = field(default_factory=list)


class Bench:
    """`dut` with a source of payloads at `i` and a sink at `o`.

    `pauses` maps the number of a transfer to the clocks for which it is withheld once its turn has come.

    After `run`, `i.clocks` and `o.clocks` hold the clock of each transfer, `i.accepting` each clock in which `i.ready`
    was 1, and `o.items` the payloads, as the simulator gives them.
    """

    def __init__(self, dut: Elaboratable, *, seed: int = 0, stall_in: float = 0.0, stall_out: float = 0.0,
                 patient: bool = False, pauses: dict[int, int] | None = None):
        self.dut, self.random, self.pauses = dut, random.Random(seed), dict(pauses or {})
        self.i, self.o = Port(stream=dut.i, stall=stall_in), Port(stream=dut.o, stall=stall_out, patient=patient)
        self.watched = {}

    def run(self, sent: list, *, expect: int, settle: int = 8, watch: dict | None = None, patience: int = 300) -> list:
        """Send all of `sent`, take `expect` transfers, then `settle` clocks in which nothing more may come.

        `patience` is the most clocks in which nothing moves.

        `watch` maps names to signals; `self.watched[name]` lists their values, one a clock. Returns `o.items`.
        """
        self.i.items, self.expect, self.settle, self.patience = list(sent), expect, settle, patience
        self.probes = watch or {}
        self.watched = {name: [] for name in self.probes}
        top = Module()
        top.domains.sync = ClockDomain()
        top.submodules.dut = self.dut
        simulator = Simulator(top)
        simulator.add_clock(1e-6)
        simulator.add_testbench(self._bench)
        simulator.run()
        return self.o.items

    async def _bench(self, ctx):
        i, o = self.i.stream, self.o.stream
        raw = o.payload.as_value() if hasattr(o.payload, "as_value") else o.payload
        clock, idle, quiet, taken = 0, 0, 0, 0
        offered, stalled, held = False, 0, None
        while quiet < self.settle:
            if not offered and self.pauses.get(taken):
                self.pauses[taken] -= 1
            elif not offered and taken < len(self.i.items) and self.random.random() >= self.i.stall:
                offered = True
                ctx.set(i.payload, self.i.items[taken])
            ctx.set(i.valid, offered)

            ctx.set(o.ready, 0)
            valid, payload = ctx.get(o.valid), ctx.get(raw)
            ctx.set(o.ready, 1)
            if ctx.get(o.valid) != valid:
                raise BrokenRule(2, f"valid depends on ready in clock {clock}")
            if valid and ctx.get(raw) != payload:
                raise BrokenRule(3, f"payload depends on ready in clock {clock}")
            if held is not None and not valid:
                raise BrokenRule(3, f"valid fell before clock {clock} without a transfer")
            if held is not None and payload != held:
                raise BrokenRule(3, f"payload changed from {held:#x} to {payload:#x} while stalled, clock {clock}")

            ready = self.random.random() >= self.o.stall and (stalled > 0 or not self.o.patient)
            ctx.set(o.ready, ready)
            held, stalled = (payload, stalled + 1) if valid and not ready else (None, 0)
            moved = False
            if ctx.get(i.ready):
                self.i.accepting.append(clock)
                if offered:
                    self.i.clocks.append(clock)
                    offered, taken, moved = False, taken + 1, True
            if valid and ready:
                self.o.items.append(ctx.get(o.payload))
                self.o.clocks.append(clock)
                moved = True
            for name, signal in self.probes.items():
                self.watched[name].append(ctx.get(signal))

            if len(self.o.items) > self.expect:
                raise BrokenRule(0, f"transfer {len(self.o.items)} came, {self.expect} were expected")
            done = taken == len(self.i.items) and len(self.o.items) == self.expect
            quiet, idle = quiet + 1 if done and not moved else 0, 0 if moved or done else idle + 1
            if idle > self.patience:
                rule = 2 if taken == len(self.i.items) or self.o.patient else 0
                raise BrokenRule(rule, f"nothing moved for {self.patience} clocks after {len(self.o.items)} transfers")
            clock += 1
            await ctx.tick()


def timesteps(events: list, *, passes: int = 1) -> list[tuple[dict[int, int], int]]:
    """Events of whole timesteps as `({index: value}, last)`, repetitions removed; the value of a spike is 1."""
    steps, current = [], {}
    for event in events:
        if event.mark:
            steps.append((current, event.last))
            current = {}
        elif event.index in current:
            raise BrokenRule(5, f"neuron {event.index} came twice in timestep {len(steps)}")
        else:
            current[event.index] = event.value if "value" in event.shape().members else 1
    if current:
        raise BrokenRule(5, f"events {sorted(current)} came without a mark")
    if len(steps) % passes:
        raise BrokenRule(6, f"{len(steps)} timesteps are not a multiple of {passes} passes")
    repeated = [steps[k:k + passes] for k in range(0, len(steps), passes)]
    for number, copies in enumerate(repeated):
        if any(copy != copies[0] for copy in copies):
            raise BrokenRule(6, f"timestep {number} is not the same in all of its {passes} passes")
    return [copies[0] for copies in repeated]


def groups(transfers: list, count: int) -> list[list]:
    """Transfers of a group stream as timesteps of `count` groups, `end` checked."""
    for k, group in enumerate(transfers):
        if group.end != (k % count == count - 1):
            raise BrokenRule(5, f"end is {group.end} at group {k % count} of {count}")
    if len(transfers) % count:
        raise BrokenRule(5, f"{len(transfers)} groups are not whole timesteps of {count}")
    return [transfers[k:k + count] for k in range(0, len(transfers), count)]


def gaps(clocks: list[int]) -> int:
    """Clocks between the first and the last of `clocks` that are not among them."""
    return clocks[-1] - clocks[0] + 1 - len(clocks) if clocks else 0
