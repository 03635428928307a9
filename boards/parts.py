"""What the parts have, as nextpnr counts it, and how nextpnr is told of them."""

from spikeloom.boards.budget import Budget

_EBR = {"ram_bits": 18_432, "ram_width": 36}    # ECP5

BUDGETS = {
    "iCE40HX1K": Budget(lut=1280, ram=16, ram_bits=4096, ram_width=16),
    "iCE40HX8K": Budget(lut=7680, ram=32, ram_bits=4096, ram_width=16),
    "iCE40UP5K": Budget(lut=5280, ram=30, ram_bits=4096, ram_width=16, spram=4, spram_bits=262_144, dsp=8),
    # The 12F is the die of the 25F, and the open tools open all of it.
    "LFE5U-12F": Budget(lut=24_288, ram=56, dsp=28, **_EBR),
    "LFE5U-25F": Budget(lut=24_288, ram=56, dsp=28, **_EBR),
    "LFE5U-45F": Budget(lut=43_848, ram=108, dsp=72, **_EBR),
    "LFE5U-85F": Budget(lut=83_640, ram=208, dsp=156, **_EBR),
    "LFE5UM-45F": Budget(lut=43_848, ram=108, dsp=72, **_EBR),
    "LFE5UM5G-45F": Budget(lut=43_848, ram=108, dsp=72, **_EBR),
    "LFE5UM5G-85F": Budget(lut=83_640, ram=208, dsp=156, **_EBR),
}
PACKAGES = {
    "SG48": "sg48", "TQ144": "tq144", "CT256": "ct256",
    "BG256": "CABGA256", "MG285": "CSFBGA285", "BG381": "CABGA381", "BG554": "CABGA554",
}


def nextpnr_options(device: str, package: str, speed: str) -> list[str]:
    """The device, package and speed grade of a part as `nextpnr-ice40` or `nextpnr-ecp5` takes them."""
    if device.startswith("iCE40"):
        return [f"--{device.removeprefix('iCE40').lower()}", "--package", PACKAGES[package]]
    kind, size = device.removeprefix("LFE5").removesuffix("F").lower().split("-")
    return [f"--{size}k" if kind == "u" else f"--{kind}-{size}k", "--package", PACKAGES[package], "--speed", speed]
