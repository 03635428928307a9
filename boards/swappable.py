"""A placed and routed design whose memories' contents are put in last, so that others can be put in without a build.

The design is synthesised, placed and routed with random contents, which depend on nothing but the shapes of the
memories; then the real contents take their place in nextpnr's output. A folder so built holds, besides a build's usual
files, `swap.il` (the design, with the contents that a swap replaces at random), `swap.asc` or `swap.config` (what
nextpnr wrote) and `swap.npz` (which bit of which memory is where in it).
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spikeloom import aside, tools
from spikeloom.boards import contents, placement, routed
from spikeloom.boards.contents import Contents
from spikeloom.errors import SpikeloomError, ToolError

ROUTED = {"ice40": "asc", "ecp5": "config"}
# abc9 trips over wires that Amaranth names after elements of arrays, `x[1]` beside bit 1 of `x`.
AFTER_READ = {"ice40": "", "ecp5": "rename -hide w:*[*"}
_SCRIPT = """read_rtlil swap.il
{after_read}
synth_{family} {options} -top top -run begin:map_ram
select t:$mem_v2
write_json -selected coarse.json
select -clear
synth_{family} {options} -top top -run map_ram:
write_json top.json
"""


def synthesise(yosys: tools.Tool, family: str, folder: Path, options: str) -> None:
    """From `top.il` to `top.json` and `swap.il`, with random contents in every memory that a swap may change."""
    design = contents.in_block_ram((folder / "top.il").read_text())
    shapes = contents.read(design)
    aside.text(folder / "swap.il", contents.write(design, contents.markers(shapes)))
    (folder / "synthesis.ys").write_text(_SCRIPT.format(family=family, options=options, after_read=AFTER_READ[family]))
    tools.run(yosys, ["-q", "-l", "synthesis.log", "synthesis.ys"], folder=folder, log="synthesis.err")
    coarse, netlist = (json.loads((folder / name).read_text()) for name in ("coarse.json", "top.json"))
    arrays, start = {}, 0
    for path, places in placement.layouts(coarse, list(shapes), family, folder).items():
        cells = placement.block_rams(netlist, family, path)
        if set(cells) != set(places):
            raise ToolError(f"yosys must build the memory {path} of the same block RAMs in every design")
        for place, positions in places.items():
            bits = np.frombuffer(placement.cell_bits(cells[place]).encode(), np.uint8) == ord("1")
            arrays[f"{path}.{place}"] = np.stack([np.where(positions < 0, -1, positions + start), bits])
        start += len(shapes[path].bits)
    np.savez_compressed(folder / "layout.npz", **arrays)


def locate(family: str, folder: Path) -> None:
    """From nextpnr's output to `swap.asc` (`swap.config`) and `swap.npz`: each block RAM is known by its contents."""
    output = folder / f"top.{ROUTED[family]}"
    os.replace(output, output.with_stem("swap"))
    places: dict[bytes, list[str]] = {}
    for place, bits in routed.contents(output.with_stem("swap").read_text(), family).items():
        places.setdefault(bits.tobytes(), []).append(place)
    found = {}
    with np.load(folder / "layout.npz") as layouts:
        for name, (positions, bits) in layouts.items():
            where = places.get(routed.from_netlist(bits.astype(np.uint8), family).tobytes(), [])
            if len(where) != 1:
                raise ToolError(f"nextpnr must place the block RAM {name} once, not {len(where)} times")
            found[where[0]] = routed.from_netlist(positions, family).astype(np.int32)
    with aside.writing(folder / "swap.npz") as beside:
        np.savez_compressed(beside, **found)


def fill(family: str, folder: Path, design: str, into: Path) -> Mapping[str, Contents]:
    """Put the contents of `design`, RTLIL, into the routed design of `folder`, as `top.asc` (`top.config`) in `into`.

    Returns what was put in. Raises `SpikeloomError` that names what else differs from the design that was routed.
    """
    built = (folder / "swap.il").read_text()
    design = contents.in_block_ram(design)
    real = contents.read(design)
    bare = contents.write(design, contents.markers(real))
    if bare != built:
        reasons = "; ".join(contents.differences(built, bare)[:4])
        raise SpikeloomError(f"network must differ only in what is in block RAM, but {reasons}: build again")
    source = folder / f"swap.{ROUTED[family]}"
    text = source.read_text()
    bits = np.frombuffer("".join(found.bits for found in real.values()).encode(), np.uint8) - ord("0")
    with np.load(folder / "swap.npz") as places:
        old = routed.contents(text, family)
        new = {place: np.where(positions < 0, old[place], bits[positions]).astype(np.uint8)
               for place, positions in places.items()}
    aside.text(into / f"top.{ROUTED[family]}", routed.replaced(text, family, new))
    return real
