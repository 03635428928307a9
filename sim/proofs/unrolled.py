"""A design as Yosys writes it in SMT-LIB, unrolled over clocks, and the solver that is asked about it."""

import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec

from spikeloom.errors import ToolError

_DEFINITION = re.compile(
    r"^\(define-fun (\|[^|]+\|) \(\(state \|top_s\|\)(?: \(next_state \|top_s\|\))?\) ", re.MULTILINE)
_CALL = re.compile(r"\(\|([^|]+)\| state\)")
_NEXT = re.compile(r"\(= (.+) \(\|([^|]+)\| next_state\)\)\s*$", re.MULTILINE)
_FIELD = re.compile(r"(\(= )?\(\(_ extract \d+ \d+\) state\)( #b1\))?")
_SOLVER = """import sys
from bitwuzla import Options, Parser, TermManager
Parser(TermManager(), Options()).parse(sys.stdin.read(), parse_file=False)
"""
WIDEST_TRACE = 40       # signals in a trace's line


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A counterexample: the assertions that fail in its last clock, and (signal, value) of each clock."""

    failed: tuple[str, ...]
    steps: tuple[dict[str, int], ...]

    @property
    def clocks(self) -> int:
        return len(self.steps)

    def __str__(self) -> str:
        lines, before = [f"fails in clock {self.clocks - 1}: {'; '.join(self.failed)}"], {}
        for clock, values in enumerate(self.steps):
            new = [f"{name}={value}" for name, value in values.items() if before.get(name) != value]
            lines.append(f"clock {clock}: {' '.join(new) or 'as before'}")
            before = values
        return "\n".join(lines)


class Design:
    """The formulas of one module.

    Parameters
    ----------
    text : what `write_smt2 -stbv -wires` writes.
    messages : what each assertion says, by the name of its cell.
    """

    def __init__(self, text: str, messages: dict[str, str]):
        found = list(_DEFINITION.finditer(text))
        ends = [match.start() for match in found[1:]] + [len(text)]
        self.fields, self.functions, self.next = {}, [], {}
        for match, end in zip(found, ends, strict=True):
            body = re.sub(r"; .*$", "", text[match.end():end], flags=re.MULTILINE).strip()
            sort, body = re.match(r"(Bool|\(_ BitVec \d+\))\s+(.*)\)\s*$", body, re.DOTALL).groups()
            name = match[1].strip("|")
            if name == "top_t":
                self.next = {there: now for now, there in _NEXT.findall(body)}
            elif _FIELD.fullmatch(body):
                self.fields[name] = sort
            elif name != "top_is":
                self.functions.append((name, sort, body))
        registers = re.findall(r'^; yosys-smt2-witness .*"smtname": (\d+), .*"type": "reg"', text, re.MULTILINE)
        self.registers = [f"top#{number}" for number in dict.fromkeys(registers)]
        wires = re.findall(r"^; yosys-smt2-wire (\S+) \d+", text, re.MULTILINE)
        shown = [wire for wire in wires if not set("$[") & set(wire) and not wire.endswith(("clk", "rst"))]
        bodies = {name: body for name, _, body in self.functions}
        by_body = {bodies[f"top_n {wire}"]: wire for wire in sorted(shown, key=_depth, reverse=True)}
        self.wires = sorted(by_body.values(), key=_depth)
        cells = re.findall(r"^; yosys-smt2-assert (\d+) (\S+)", text, re.MULTILINE)
        self.asserted = {f"top_a {number}": messages.get(_plain(cell), cell) for number, cell in cells}

    def violated(self, clocks: int, *, reset: bool, timeout: float) -> Trace | None:
        """How an assertion can fail within `clocks` clocks after reset; or, without `reset`, in the last of so many
        that begin anywhere, the others keeping every assertion and no two having the same registers. None: it cannot.

        Raises `subprocess.TimeoutExpired` if the solver needs more than `timeout` seconds.
        """
        names = [*(f"top_n {wire}" for wire in self.wires), *self.asserted]
        asked = [f"|{name}@{k}|" for k in range(clocks) for name in names]
        lines = [*self.script(clocks, reset=reset), "(check-sat)", f"(get-value ({' '.join(asked)}))", ""]
        answer = solved("\n".join(lines), timeout)
        if answer.startswith("unsat"):
            return None
        values = dict(re.findall(r"\(\|([^|]+)\| (true|false|#b[01]+|#x[0-9a-f]+)\)", answer))
        return self.trace(values, clocks)

    def possible(self, clocks: int, timeout: float) -> bool:
        """Whether the assumptions let so many clocks after reset be at all."""
        lines = [line for line in self.script(clocks, reset=True) if "top_a@" not in line or line.startswith("(def")]
        return solved("\n".join([*lines, "(check-sat)\n"]), timeout).strip() == "sat"

    def script(self, clocks: int, *, reset: bool) -> list[str]:
        """The question, as SMT-LIB: `clocks` clocks with a violation."""
        lines = ["(set-logic QF_BV)", "(set-option :produce-models true)"]
        for k in range(clocks):
            for name, sort in self.fields.items():
                known = k and name in self.next
                lines.append(f"(define-fun |{name}@{k}| () {sort} {_at(self.next[name], k - 1)})" if known else
                             f"(declare-const |{name}@{k}| {sort})")
            lines += [f"(define-fun |{name}@{k}| () {sort} {_at(body, k)})" for name, sort, body in self.functions]
            lines.append(f"(assert |top_u@{k}|)")
        if reset:
            kept = " ".join(f"|top_a@{k}|" for k in range(clocks))
            return [*lines, "(assert |top_i@0|)", f"(assert (not (and true {kept})))"]
        lines += [f"(assert |top_a@{k}|)" for k in range(clocks - 1)]
        if self.registers:
            lines += [self._differ(a, b) for b in range(clocks - 1) for a in range(b)]
        return [*lines, f"(assert (not |top_a@{clocks - 1}|))"]

    def trace(self, values: dict[str, str], clocks: int) -> Trace:
        """A model as a counterexample, which ends where the first assertion fails."""
        steps = []
        for k in range(clocks):
            steps.append({wire.removeprefix("top."): _integer(values[f"top_n {wire}@{k}"])
                          for wire in self.wires[:WIDEST_TRACE] if f"top_n {wire}@{k}" in values})
            failed = [message for name, message in self.asserted.items() if values.get(f"{name}@{k}") == "false"]
            if failed:
                break
        return Trace(failed=tuple(failed), steps=tuple(steps))

    def _differ(self, a: int, b: int) -> str:
        pairs = " ".join(f"(distinct |{name}@{a}| |{name}@{b}|)" for name in self.registers)
        return f"(assert (or false {pairs}))"


def solved(text: str, timeout: float) -> str:
    """What the solver answers to an SMT-LIB script."""
    if find_spec("bitwuzla") is None:
        raise ToolError("bitwuzla was not found (it is not installed): pip install 'spikeloom[formal]'")
    result = subprocess.run([sys.executable, "-I", "-c", _SOLVER], input=text, capture_output=True, text=True,
                            timeout=max(timeout, 0.001), check=False)
    if not result.stdout.startswith(("sat", "unsat")):
        lines = (result.stderr or result.stdout).strip().splitlines() or ["it said nothing"]
        raise ToolError(f"bitwuzla failed with exit code {result.returncode}: {lines[-1]}")
    return result.stdout


def _at(body: str, k: int) -> str:
    """A formula over a state as one over clock `k`."""
    return _CALL.sub(rf"|\1@{k}|", body)


def _integer(value: str) -> int:
    """A value as SMT-LIB writes it."""
    if value in ("true", "false"):
        return int(value == "true")
    return int(value[2:], 2 if value[1] == "b" else 16)


def _depth(wire: str) -> tuple[int, str]:
    """What stands further out comes first."""
    return wire.count("."), wire


def _plain(cell: str) -> str:
    """The path of a flattened cell: its modules and its own name."""
    return cell.removeprefix("$flatten").lstrip("/\\").replace("/", "").replace("\\", "")
