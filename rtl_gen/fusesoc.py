"""A generated core as a package: the FuseSoC core file (CAPI2) and the page beside its Verilog."""

import json
import re

from spikeloom.rtl_gen import axi

VENDOR, LIBRARY, RELEASE = "spikeloom", "networks", "1.0.0"


def module_name(stem: str) -> str:
    """A Verilog module name made from a file's."""
    name = re.sub(r"\W+", "_", stem)
    return name if re.match(r"[A-Za-z_]", name) else f"net_{name}"


def core_file(name: str, *, description: str, verilog: str) -> str:
    """The `.core` file of a module `name` in the file `verilog`: one key a line, its value as JSON, which is YAML."""
    body = {
        "name": f"{VENDOR}:{LIBRARY}:{name}:{RELEASE}",
        "description": description,
        "filesets": {"rtl": {"files": [{verilog: {"file_type": "verilogSource"}}]}},
        "targets": {
            "default": {"filesets": ["rtl"]},
            "lint": {"filesets": ["rtl"], "toplevel": name, "default_tool": "verilator",
                     "tools": {"verilator": {"mode": "lint-only", "verilator_options": ["-Wno-fatal"]}}},
        },
    }
    return "CAPI=2:\n" + "".join(f"{key}: {json.dumps(value)}\n" for key, value in body.items())


def page(name: str, plan, *, verilog: str) -> str:
    """The usage page of an AXI core."""
    network, score = plan.network, 8 * axi.score_bytes(plan)
    return f"""# {name}

Network `{network.digest}`, made by Spikeloom: module `{name}` in `{verilog}`.

* `aclk`, `aresetn`: the only clock; the reset is synchronous and active low.
* `s_axis_tdata[15:0]`, `tvalid`, `tready`, `tlast`: frames of {plan.words} words. A word holds as many input values of
  {network.input.bits} bits as fit in slots of 1, 2, 4, 8 or 16 bits, lowest first. `tlast` may stay 0: it is only
  checked.
* `m_axis_tdata[{score - 1}:0]`, `tuser[15:0]`, `tvalid`, `tready`, `tlast`: {network.outputs} scores an inference,
  two's complement; with `tlast`, `tuser` is the class.
* `s_axi_*`: AXI4-Lite, 8 address bits, 32 data bits. It may be left alone: tie its `valid` inputs to 0, its `ready`
  inputs to 1.

{axi.markdown()}"""
