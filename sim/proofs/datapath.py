"""A pipeline as Yosys reads it, before any optimisation, with the integer form of every number in it."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from amaranth.lib import wiring

from spikeloom import tools
from spikeloom.errors import SpikeloomError
from spikeloom.sim.proofs.forms import Form, Variable, interpolated, summed
from spikeloom.sim.proofs.prover import Deadline, to_rtlil

SCRIPT = "read_rtlil top.il; hierarchy -top top; proc -norom -noopt; flatten; write_json top.json\n"
TABLE = 12      # variables of the largest truth table
_COMPARE = {"$eq": int.__eq__, "$ne": int.__ne__, "$lt": int.__lt__, "$le": int.__le__, "$gt": int.__gt__,
            "$ge": int.__ge__}
_REDUCE = {"$logic_not": lambda a, width: a == 0, "$reduce_bool": lambda a, width: a != 0,
           "$reduce_or": lambda a, width: a != 0, "$reduce_and": lambda a, width: a == (1 << width) - 1}


class Unclear(SpikeloomError):
    """There is no form for a number; `form` may not fit the bits that it is read with."""

    def __init__(self, message: str, form: Form | None = None):
        super().__init__(message)
        self.form = form


def netlist(component: wiring.Component) -> dict:
    """The component as one module of Yosys' own cells, as its JSON has it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "top.il").write_text(to_rtlil(component))
        (folder / "top.ys").write_text(SCRIPT)
        tools.run(tools.find("yosys"), ["top.ys"], folder=folder, log="log")
        return json.loads((folder / "top.json").read_text())["modules"]["top"]


class Datapath:
    """The forms of a module's numbers while the nets of `enables` are what they are.

    A register makes its number one clock older; one that holds what it has has none. Of a sum, only its low bits are
    known to be those of a form: it is the number wherever the bounds leave no other. The net of a memory with one read
    port is what is read.

    Parameters
    ----------
    module : of `netlist`.
    leaves : of each net, what its bits are, the lowest first: (a form or a variable, bits, whether it is signed).
    enables : of each net of one bit, 0 or 1.
    deadline : of all that is worked out; None for no limit.
    """

    def __init__(self, module: dict, leaves: dict[str, list[tuple[Variable | Form, int, bool]]],
                 enables: dict[str, int], deadline: Deadline | None = None):
        self.deadline = deadline
        self.nets = {name.replace("\\", ""): net["bits"] for name, net in module["netnames"].items()}
        self.nets |= {name: port["bits"] for name, port in module["ports"].items()}
        self.drivers: dict[int, tuple[str, int]] = {}
        self.cells, self.known, self.forms, self.bits = module["cells"], {}, {}, {}
        for name, cell in self.cells.items():
            if cell["type"] == "$memrd_v2":
                self.nets[cell["parameters"]["MEMID"].replace("\\", "")] = cell["connections"]["DATA"]
            for port, bits in cell["connections"].items():
                if port in ("Y", "Q"):
                    self.drivers |= {bit: (name, place) for place, bit in enumerate(bits)}
        for name, parts in leaves.items():
            self._leaf(name, parts)
        for name, value in enables.items():
            self.known |= dict.fromkeys(self.net(name), value)

    def net(self, name: str) -> list:
        """The bits of a net."""
        if name not in self.nets:
            raise SpikeloomError(f"net must be one of the module's, not {name!r}")
        return self.nets[name]

    def number(self, bits: list, signed: bool) -> Form:
        """The form of bits that are read as a number."""
        self._prepare(bits)
        return self._fitting(self._word(self._shown(bits)), len(bits), signed, "what leaves")

    def stands(self, bits: list) -> bool:
        """Whether registers whose outputs are `bits` hold what they have."""
        return all(self._through(self.cells[self.drivers[bit][0]]["connections"]["D"][self.drivers[bit][1]]) == bit
                   for bit in bits)

    def registers(self) -> Iterator[list]:
        """The outputs of all registers that forms were made of so far."""
        for name in self.forms:
            if self.cells.get(name, {}).get("type") == "$dff":
                yield self.cells[name]["connections"]["Q"]

    def _leaf(self, name: str, parts: list[tuple[Variable | Form, int, bool]]) -> None:
        place, bits = 0, self.net(name)
        for number, (form, width, signed) in enumerate(parts):
            source = f"{name}[{number}]"
            self.drivers |= {bit: (source, k) for k, bit in enumerate(bits[place:place + width])}
            self.forms[source] = self._fitting(Form.of(form), width, signed, source)
            place += width

    def _constant(self, bit: int | str) -> int | None:
        """A bit that is always the same."""
        bit = self._through(bit) if bit not in self.known else bit
        if bit in ("0", "1"):
            return int(bit)
        if bit not in self.known:
            self.known[bit] = None
            cell = self.cells.get(self.drivers.get(bit, ("",))[0])
            if cell and cell["type"] in ("$and", "$or", "$not") and len(cell["connections"]["Y"]) == 1:
                values = [self._constant(cell["connections"][port][0]) for port in "AB" if port in cell["connections"]]
                weak = {"$and": 0, "$or": 1}.get(cell["type"])
                if weak in values and weak is not None:
                    self.known[bit] = weak
                elif None not in values:
                    self.known[bit] = 1 - values[0] if weak is None else 1 - weak
        return self.known[bit]

    def _through(self, bit: int | str) -> int | str:
        """What a bit is, behind the multiplexers that have only one way."""
        while bit in self.drivers and self.drivers[bit][0] in self.cells:
            name, place = self.drivers[bit]
            cell = self.cells[name]
            if cell["type"] != "$mux":
                break
            select = self._constant(cell["connections"]["S"][0])
            if select is None:
                break
            bit = cell["connections"]["B" if select else "A"][place]
        return bit

    def _shown(self, bits: list) -> list:
        return [self._through(bit) for bit in bits]

    def _inputs(self, name: str) -> list:
        cell = self.cells[name]
        ports = {"$dff": "D", "$mux": "ABS"}.get(cell["type"], "AB")
        return [bit for port in ports if port in cell["connections"] for bit in self._shown(cell["connections"][port])]

    def _prepare(self, bits: list) -> None:
        """Makes the forms of all that bits come from, without recursion: chains are long."""
        todo, begun = [self.drivers[bit][0] for bit in self._shown(bits) if bit in self.drivers], set()
        while todo:
            if self.deadline:
                self.deadline.check()
            name = todo[-1]
            if name in self.forms:
                todo.pop()
                continue
            if name in begun:
                self.forms[name] = self._cell(name)
                continue
            begun.add(name)
            for bit in self._inputs(name):
                source = self.drivers.get(bit, ("",))[0]
                if source and source not in self.forms:
                    if source in begun:
                        raise Unclear(f"{name} must not wait for itself")
                    todo.append(source)

    def _cell(self, name: str) -> Form:
        cell = self.cells[name]
        kind, at, settings = cell["type"], cell["connections"], cell["parameters"]
        width = self._width(name)
        if kind == "$dff":
            return self._word(self._shown(at["D"])).later()
        if kind in ("$add", "$sub", "$neg"):
            a, *b = (self._operand(cell, port, width) for port in ("A" if kind == "$neg" else "AB"))
            return a + b[0] if kind == "$add" else (Form() if kind == "$neg" else a) - (a if kind == "$neg" else b[0])
        if kind == "$shl":
            places = self._fitting(self._word(self._shown(at["B"])), len(at["B"]), False, name)
            if places.low != places.high:
                raise Unclear(f"{name} must shift by a constant")
            return self._operand(cell, "A", width).scaled(1 << places.low)
        if kind == "$not":
            return Form.of(-1) - self._operand(cell, "A", width)
        if kind in ("$and", "$or", "$xor", "$mux"):
            return summed(self._logic(name, place).scaled(1 << place) for place in range(width))
        if kind in _COMPARE:
            signed = bool(int(settings["A_SIGNED"], 2))
            words = [self._fitting(self._word(self._shown(at[port])), len(at[port]), signed, name) for port in "AB"]
            return self._table(words, lambda a, b: _COMPARE[kind](a, b))
        if kind in _REDUCE:
            word = self._fitting(self._word(self._shown(at["A"])), len(at["A"]), False, name)
            return self._table([word], lambda a: _REDUCE[kind](a, len(at["A"])))
        raise Unclear(f"{name} must be an adder, a register or logic, not {kind}")

    def _operand(self, cell: dict, port: str, width: int) -> Form:
        """The number at an input, of which so many bits count."""
        bits, signed = self._shown(cell["connections"][port]), bool(int(cell["parameters"][f"{port}_SIGNED"], 2))
        word = self._word(bits[:width])
        return word if len(bits) >= width else self._fitting(word, len(bits), signed, "a number that is added")

    def _logic(self, name: str, place: int) -> Form:
        """A bit of a bitwise cell."""
        cell = self.cells[name]
        at, kind = cell["connections"], cell["type"]
        pick = lambda port: self._bit(self._through(at[port][place]) if place < len(at[port]) else "0")   # noqa: E731
        a, b = pick("A"), pick("B")
        both = a.times(b)
        if kind == "$mux":
            chosen = self._bit(self._through(at["S"][0]))
            form = a + chosen.times(b) - chosen.times(a)
        else:
            form = both if kind == "$and" else a + b - both.scaled(1 if kind == "$or" else 2)
        return Form(form.terms, max(form.low, 0), min(form.high, 1))

    def _bit(self, bit: int | str) -> Form:
        """A single bit, as 0 or 1."""
        form = self._fitting(self._word([bit]), 1, False, "a bit")
        if not all(one.is_bit for one in form.variables()):
            raise Unclear("logic must be over bits alone, not numbers")
        return form

    def _table(self, words: list[Form], function) -> Form:
        """A bit that depends on few others in any way."""
        bits = sorted(set().union(*(word.variables() for word in words)))
        if len(bits) > TABLE or not all(one.is_bit for one in bits):
            raise Unclear(f"a comparison must depend on at most {TABLE} bits, not {len(bits)} variables")
        given = [{bit: k >> j & 1 for j, bit in enumerate(bits)} for k in range(1 << len(bits))]
        found = interpolated(bits, [int(function(*(word.value(one) for word in words))) for one in given])
        return Form(found.terms, 0, 1)

    def _word(self, bits: list) -> Form:
        """A form of the same low bits."""
        total, place = Form(), 0
        while place < len(bits):
            bit = bits[place]
            if bit not in self.drivers:
                total, place = total + self._single(bit).scaled(1 << place), place + 1
                continue
            source, first = self.drivers[bit]
            end = place + 1
            while end < len(bits) and self.drivers.get(bits[end]) == (source, first + end - place):
                end += 1
            if self._bitwise(source) and end - place < self._width(source):
                total, place = total + self._bit_of(source, first).scaled(1 << place), place + 1
                continue
            if first:
                raise Unclear(f"{source} must be read from its lowest bit on, not from bit {first}")
            same = end
            while same < len(bits) and bits[same] == bits[end - 1]:
                same += 1
            form, width = self.forms[source], end - place
            if same == len(bits) and same > end:
                form = self._fitting(form, width, True, source)
                end = same
            elif end < len(bits):
                form = self._fitting(form, width, False, source)
            total, place = total + form.scaled(1 << place), end
        return total

    def _single(self, bit: int | str) -> Form:
        value = self._constant(bit)
        if value is None:
            raise Unclear(f"net {bit} must be driven within the module, or be said to be something")
        return Form.of(value)

    def _bitwise(self, source: str) -> bool:
        return self.cells.get(source, {}).get("type") in ("$and", "$or", "$xor", "$mux", "$dff")

    def _width(self, source: str) -> int:
        at = self.cells[source]["connections"]
        return len(at.get("Y", at.get("Q")))

    def _bit_of(self, source: str, place: int) -> Form:
        if (source, place) not in self.bits:
            cell = self.cells[source]
            self.bits[source, place] = (
                self._bit(self._through(cell["connections"]["D"][place])).later() if cell["type"] == "$dff" else
                self._logic(source, place))
        return self.bits[source, place]

    def _fitting(self, form: Form, width: int, signed: bool, what: str) -> Form:
        """The number that so many bits are, if the bounds of a form with the same low bits leave only one."""
        if width == 1 and form.high - form.low <= 1:        # x and -x have the same lowest bit
            bit = Form.of(form.low + 1) - form if form.low % 2 else form - form.low
            return bit.scaled(-1) if signed else bit
        least = -(1 << width - 1) if signed and width else 0
        moved = form - ((form.low - least >> width) << width) if width else Form()
        if moved.high - least >> width:
            raise Unclear(f"{what} must fit {width} bits, not be within {form.low} .. {form.high}", form)
        return moved
