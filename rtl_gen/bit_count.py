"""Population counts: compressor trees for look-up tables of four inputs and carry chains."""

from amaranth.hdl import Cat, Module, Signal, Value

LEVELS = 2      # of adders between registers


def registers(bits: int) -> int:
    """Registers that a `bit_count` has on its way."""
    return 1 + -(-(-(-bits // 3) - 1).bit_length() // LEVELS)


def bit_count(m: Module, enable: Value, bits: list[Value], name: str) -> Signal:
    """How many of `bits` are 1, `registers` cycles later; cycles without `enable` do not count.

    Threes of bits become sums of two bits in look-up tables, which also take in the products that the bits are made of;
    the sums are added in pairs on carry chains, the narrowest first.
    """
    threes = [bits[k:k + 3] for k in range(0, len(bits), 3)]
    numbers = [_register(m, enable, _add_bits(few), len(few), f"{name}_three{k}") for k, few in enumerate(threes)]
    level = 0
    while len(numbers) > 1:
        odd = len(numbers) % 2
        numbers.sort(key=lambda number: number[1])
        pairs = zip(numbers[odd::2], numbers[odd + 1::2], strict=True)
        numbers = [*numbers[:odd], *((a + b, most_a + most_b) for (a, most_a), (b, most_b) in pairs)]
        level += 1
        if level % LEVELS == 0 or len(numbers) == 1:
            numbers = [_register(m, enable, *number, f"{name}_level{level}_{k}") for k, number in enumerate(numbers)]
    return numbers[0][0]


def cells(family: str, bits: int) -> int:
    """Estimated logic cells of a `bit_count`, without those of whatever makes its bits."""
    whole, rest = divmod(bits, 3)
    numbers = sorted([3] * whole + [rest] * (rest > 0))
    total = sum(min(number, 2) for number in numbers)
    while len(numbers) > 1:
        odd = len(numbers) % 2
        added = [a + b for a, b in zip(numbers[odd::2], numbers[odd + 1::2], strict=True)]
        total += sum(adder_cells(family, most.bit_length()) for most in added)
        numbers = sorted(numbers[:odd] + added)
    return total


def adder_cells(family: str, width: int) -> int:
    """Logic cells of an adder with a result of `width` bits: an ECP5 has its carry chains in pairs of bits."""
    return width if family == "ice40" else 2 * -(-width // 2)


def _add_bits(bits: list[Value]) -> Value:
    """The sum of one to three bits."""
    if len(bits) == 1:
        return bits[0]
    half, carry = bits[0] ^ bits[1], bits[0] & bits[1]
    if len(bits) == 2:
        return Cat(half, carry)
    return Cat(half ^ bits[2], carry | half & bits[2])


def _register(m: Module, enable: Value, value: Value, most: int, name: str) -> tuple[Signal, int]:
    register = Signal(range(most + 1), name=name)
    with m.If(enable):
        m.d.sync += register.eq(value)
    return register, most
