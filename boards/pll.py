"""The PLLs of the two families: settings for a wanted frequency, and the cell.

Limits and the choice among equals are those of Project IceStorm's icepll and Project Trellis' ecppll.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

from amaranth.hdl import Const, Instance, Signal

from spikeloom.check import choice
from spikeloom.errors import SpikeloomError


@dataclass(frozen=True, kw_only=True)
class IcePll:
    """SB_PLL40 with simple feedback: output = reference / (divr + 1) * (divf + 1) / 2**divq, all in Hz.

    `pad`: the reference comes straight from the PLL's own pad, otherwise through the fabric.
    """

    reference_hz: int
    divr: int
    divf: int
    divq: int
    pad: bool = True

    @property
    def hz(self) -> Fraction:
        return Fraction(self.reference_hz * (self.divf + 1), (self.divr + 1) << self.divq)

    @property
    def filter_range(self) -> int:
        compared = Fraction(self.reference_hz, self.divr + 1)
        return next((i for i, limit in enumerate((17, 26, 44, 66, 101), 1) if compared < limit * 10**6), 6)

    def cell(self, reference, clock: Signal, locked: Signal) -> Instance:
        """The cell between the clock's IO port (with `pad`) or the buffered reference and the clock signal."""
        source = {"i_PACKAGEPIN": reference.io} if self.pad else {"i_REFERENCECLK": reference}
        return Instance(
            "SB_PLL40_PAD" if self.pad else "SB_PLL40_CORE",
            p_FEEDBACK_PATH="SIMPLE",
            p_DIVR=Const(self.divr, 4),
            p_DIVF=Const(self.divf, 7),
            p_DIVQ=Const(self.divq, 3),
            p_FILTER_RANGE=Const(self.filter_range, 3),
            i_RESETB=Const(1),
            i_BYPASS=Const(0),
            o_PLLOUTGLOBAL=clock,
            o_LOCK=locked,
            **source,
        )


@dataclass(frozen=True, kw_only=True)
class EcpPll:
    """EHXPLLL with its output fed back: output = reference / input_divider * feedback_divider, all in Hz."""

    reference_hz: int
    input_divider: int
    feedback_divider: int
    output_divider: int

    @property
    def hz(self) -> Fraction:
        return Fraction(self.reference_hz * self.feedback_divider, self.input_divider)

    def cell(self, reference: Signal, clock: Signal, locked: Signal) -> Instance:
        """The cell between the buffered reference and the clock signal."""
        return Instance(
            "EHXPLLL",
            a_FREQUENCY_PIN_CLKI=f"{self.reference_hz / 1e6:.6g}",
            a_FREQUENCY_PIN_CLKOP=f"{float(self.hz) / 1e6:.6g}",
            a_ICP_CURRENT="12",
            a_LPF_RESISTOR="8",
            a_MFG_ENABLE_FILTEROPAMP="1",
            a_MFG_GMCREF_SEL="2",
            p_CLKI_DIV=self.input_divider,
            p_CLKFB_DIV=self.feedback_divider,
            p_CLKOP_DIV=self.output_divider,
            p_CLKOP_ENABLE="ENABLED",
            p_CLKOP_CPHASE=max(self.output_divider // 2 - 1, 0),
            p_CLKOP_FPHASE=0,
            p_FEEDBK_PATH="CLKOP",
            i_CLKI=reference,
            i_CLKFB=clock,
            i_RST=Const(0),
            i_STDBY=Const(0),
            i_PHASESEL0=Const(0),
            i_PHASESEL1=Const(0),
            i_PHASEDIR=Const(1),
            i_PHASESTEP=Const(1),
            i_PHASELOADREG=Const(1),
            i_PLLWAKESYNC=Const(0),
            i_ENCLKOP=Const(0),
            o_CLKOP=clock,
            o_LOCK=locked,
        )


def pll(family: str, reference_hz: int, wanted_hz: int, *, pad: bool = True) -> IcePll | EcpPll:
    """The settings whose output is closest to `wanted_hz`. Raises `SpikeloomError` when that is more than 1 % away.

    `pad`: of an iCE40, that the reference is at the PLL's pad.
    """
    choice("family", family, ("ice40", "ecp5"))
    candidates = _ice40(reference_hz) if family == "ice40" else _ecp5(reference_hz, wanted_hz)
    best = min(candidates, key=lambda one: abs(one.hz - wanted_hz), default=None)
    if best is None or abs(best.hz - wanted_hz) * 100 > wanted_hz:
        nearest = f" (nearest: {float(best.hz) / 1e6:g})" if best else ""
        raise SpikeloomError(
            f"clock must be a frequency in MHz that the PLL makes from {reference_hz / 1e6:g} MHz, "
            f"not {wanted_hz / 1e6:g}{nearest}"
        )
    return replace(best, pad=pad) if isinstance(best, IcePll) else best


def _ice40(reference_hz: int) -> list[IcePll]:
    found = []
    for divr in range(16):
        if not 10e6 <= reference_hz / (divr + 1) <= 133e6:
            continue
        for divf in range(128):
            if 533e6 <= reference_hz / (divr + 1) * (divf + 1) <= 1066e6:
                found += [IcePll(reference_hz=reference_hz, divr=divr, divf=divf, divq=q) for q in range(1, 7)]
    return [one for one in found if 16e6 <= one.hz <= 275e6]


def _ecp5(reference_hz: int, wanted_hz: int) -> list[EcpPll]:
    found = []
    for input_divider in range(1, 129):
        compared = reference_hz / input_divider
        if not 3.125e6 <= compared <= 400e6:
            continue
        near = round(wanted_hz / compared)
        for feedback_divider in range(max(near - 1, 1), min(near + 1, 80) + 1):
            hz = compared * feedback_divider
            dividers = [d for d in range(1, 129) if 400e6 <= hz * d <= 800e6]
            if 3.125e6 <= hz <= 400e6 and dividers:
                output_divider = min(dividers, key=lambda d, hz=hz: abs(hz * d - 600e6))
                found.append(EcpPll(reference_hz=reference_hz, input_divider=input_divider,
                                    feedback_divider=feedback_divider, output_divider=output_divider))
    return found
