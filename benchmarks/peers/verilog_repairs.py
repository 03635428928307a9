"""What GHDL 2.0's Verilog needs before Yosys reads it, found again from the VHDL that GHDL writes of the same netlist.

Its Verilog leaves the last arm of every selection out, so that a latch would stand there; its VHDL has it, under the
same name. And Yosys' lexer overflows on literals of tens of thousands of digits.
"""

import re

LONGEST = 4096                      # digits of a literal
REPAIRS = ("the missing default of each case, {defaults} of them, from GHDL's own VHDL",
           "literals longer than 4096 digits cut into pieces, {literals} of them")

_SELECTION = re.compile(r"with \w+ select (\w+) <=\n(.*?) when others;", re.S)
_CASE = re.compile(r"    case \(\w+\)\n.*?: (\w+) <= .*?\n    endcase\n", re.S)
_LITERAL = re.compile(r"\b(\d+)'b([01xz]+)")
_BITS = re.compile(r'["\']([01X]+)["\']')
_UNKNOWN = re.compile(r"\((\d+) downto 0 => 'X'\)")


def repair(verilog: str, vhdl: str) -> tuple[str, list[str]]:
    """The Verilog that Yosys can read, and what was done to it, in words. `vhdl` is of the same netlist.

    Raises `ValueError` if a selection has no counterpart.
    """
    others = {name: arms.rsplit("\n", 1)[-1].strip() for name, arms in _SELECTION.findall(vhdl)}
    counts = {"defaults": 0, "literals": 0}

    def with_default(case: re.Match) -> str:
        name = case[1]
        if name not in others:
            raise ValueError(f"selection must be in both netlists, {name} is in the Verilog alone")
        counts["defaults"] += 1
        return case[0].replace("    endcase\n", f"      default: {name} <= {_verilog(others[name])};\n    endcase\n")

    def in_pieces(literal: re.Match) -> str:
        digits = literal[2].rjust(int(literal[1]), "0")
        if len(digits) <= LONGEST:
            return literal[0]
        counts["literals"] += 1
        pieces = [digits[at:at + LONGEST] for at in range(0, len(digits), LONGEST)]
        return "{" + ", ".join(f"{len(piece)}'b{piece}" for piece in pieces) + "}"

    repaired = _LITERAL.sub(in_pieces, _CASE.sub(with_default, verilog))
    return repaired, [words.format(**counts) for words in REPAIRS]


def _verilog(value: str) -> str:
    """A value of the VHDL netlist, in Verilog."""
    if bits := _BITS.fullmatch(value):
        return f"{len(bits[1])}'b{bits[1].lower()}"
    if unknown := _UNKNOWN.fullmatch(value):
        width = int(unknown[1]) + 1
        return f"{{{width}{{1'bx}}}}"
    if re.fullmatch(r"\w+", value):
        return value
    raise ValueError(f"value must be a name, bits or X, not {value!r}")
