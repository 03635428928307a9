"""How much of the block RAM bandwidth a dense first layer uses while it integrates frames.

    python benchmarks/bandwidth.py

Simulates the source of the example networks on the 100 images beside them, in front of a layer that takes an event,
and so reads a weight word, in every clock. Writes benchmarks/bandwidth.json and prints one Markdown table.
"""

import json
from pathlib import Path

import numpy as np
from amaranth.hdl import Module
from amaranth.sim import Simulator

from spikeloom import aside, load, report
from spikeloom.commands import _samples as samples
from spikeloom.network import Network
from spikeloom.rtl_gen import words
from spikeloom.rtl_gen.source import Source

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "bandwidth.json"
PASSES = {"mnist-icebreaker": 3, "mnist-ulx3s": 1, "fashion-ulx3s85": 2}    # of their first layers, on their boards


def watch(network: Network, passes: int, frames: np.ndarray) -> list[tuple[int, int, int]]:
    """Of each frame: its events in all passes, and clocks until the last mark, from the first word and first event."""
    top, found = Module(), []
    top.submodules.source = source = Source(network, passes=passes)

    async def bench(ctx):
        ctx.set(source.o.ready, 1)
        for frame in words.pack(network, frames).tolist():
            sent, events, marks, clock, first = 0, 0, 0, 0, None
            while marks < passes:
                ctx.set(source.i.valid, sent < len(frame))
                if sent < len(frame):
                    ctx.set(source.i.payload, frame[sent])
                    sent += ctx.get(source.i.ready)
                if ctx.get(source.o.valid):
                    first = clock if first is None else first
                    mark = ctx.get(source.o.p.mark)
                    marks, events = marks + mark, events + 1 - mark
                clock += 1
                await ctx.tick()
            found.append((events, clock, clock - first))

    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return found


def case(name: str, passes: int) -> dict:
    """Mean shares of the bound, which is a weight word a clock, over the images."""
    path = ROOT / "examples" / f"{name}.qsnn"
    network = load(path)
    events, whole, integrating = np.array(watch(network, passes, samples.choose(path, network).frames)).T
    return {"images": len(events), "passes": passes, "outputs": network.layers[0].size,
            "events": float(events.mean()), "clocks": float(whole.mean()),
            "from_first_event": round(float((events / integrating).mean()), 4),
            "from_first_word": round(float((events / whole).mean()), 4)}


def main() -> None:
    found = {name: case(name, passes) for name, passes in PASSES.items()}
    aside.text(RESULTS, json.dumps({"cases": found, "versions": report.versions()}, indent=2) + "\n")
    print("| network | outputs | passes | events | clocks | of the bound, from the first event | from the first word |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, one in found.items():
        print(f"| {name} | {one['outputs']} | {one['passes']} | {one['events']:.1f} | {one['clocks']:.1f} "
              f"| {one['from_first_event']:.3f} | {one['from_first_word']:.3f} |")


if __name__ == "__main__":
    main()
