"""A finished bitstream as text: the packers' counterparts, which come with them and are not tools of their own."""

import re
from pathlib import Path

from spikeloom import tools

_PROGRAMS = {"ice40": ("icepack", "iceunpack", "asc"), "ecp5": ("ecppack", "ecpunpack", "config")}


def unpacked(bitstream: Path, family: str) -> str:
    """What `iceunpack` (iCE40: the bits by tile) or `ecpunpack` (ECP5: settings by tile) says; kept beside it, too."""
    pack, unpack, suffix = _PROGRAMS[family]
    packer = tools.find(pack)
    command = (re.sub(rf"{pack}(?=[^/]*$)", unpack, packer.command[0]), *packer.command[1:])
    tool = tools.Tool(name=unpack, command=command, version="", origin=packer.origin)
    tools.run(tool, [bitstream.name, f"decoded.{suffix}"], folder=bitstream.parent, log="decoded.log")
    return (bitstream.parent / f"decoded.{suffix}").read_text()
