"""Values that move on together, a register stage at a time; division by constants, a bit a stage."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value


class Pipeline:
    """Named values of one stage; `step` puts all of them into registers, which are loaded while `enable` is 1.

    Parameters
    ----------
    m : the module that gets the registers.
    enable : common to all stages.
    values : of stage 0. Those that are `Const` stay what they are.
    """

    def __init__(self, m: Module, enable: Value, **values: Value):
        self.m, self.enable, self.values, self.stage = m, enable, values, 0

    def __getitem__(self, name: str) -> Value:
        return self.values[name]

    def set(self, **values: Value) -> None:
        """Adds or replaces values of the stage."""
        self.values |= values

    def drop(self, *names: str) -> None:
        """What later stages do not need."""
        for name in names:
            del self.values[name]

    def step(self) -> None:
        """The next stage begins."""
        self.stage += 1
        for name, value in self.values.items():
            if not isinstance(value, Const):
                register = Signal.like(value, name=f"s{self.stage}_{name}")
                with self.m.If(self.enable):
                    self.m.d.sync += register.eq(value)
                self.values[name] = register

    def divide(self, name: str, divisor: int, *, most: int, quotient: str) -> None:
        """Splits `name`, at most `most`, into `quotient` and what remains, which keeps the name.

        By a power of two these are slices; else long division in binary, each bit of the quotient a subtraction and a
        stage.
        """
        value = self[name][:max(most.bit_length(), 1)]
        if most < divisor:
            self.set(**{name: value, quotient: Const(0, 1)})
            return
        if divisor & (divisor - 1) == 0:
            shift = divisor.bit_length() - 1
            self.set(**{name: value[:shift] if shift else Const(0, 1), quotient: value[shift:]})
            return
        digits = []
        for k in reversed(range((most // divisor).bit_length())):
            difference = value - (divisor << k)
            most = min(most, (divisor << k) - 1)
            value = Mux(difference[-1], value, difference)[:most.bit_length()]
            digits.insert(0, ~difference[-1])
            self.set(**{name: value, quotient: Cat(digits)})
            self.step()
            value, digits = self[name], [self[quotient]]


def multiple(value: Value, factor: int) -> Value:
    """`factor * value`, `factor` at least 0, an addition or subtraction for each signed digit of `factor`."""
    total, position = None, 0
    while factor:
        if factor & 1:
            digit = 2 - (factor & 3)
            factor -= digit
            shifted = value << position
            total = (shifted if digit > 0 else -shifted) if total is None else (
                total + shifted if digit > 0 else total - shifted)
        factor, position = factor >> 1, position + 1
    return Const(0, 1) if total is None else total
