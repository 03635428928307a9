"""A processor's side of the bus, for tests: accesses one after the other, the bus' rules checked on the way."""

from spikeloom.rtl_gen.soc.registers import NETWORK, SERIAL, Block

SLOWEST = 2000


async def access(ctx, bus, address: int, *, write: int | None = None, select: int = 0b1111) -> tuple[int, int]:
    """One access: what was answered, and the clocks it took."""
    ctx.set(bus.valid, 1)
    ctx.set(bus.address, address)
    ctx.set(bus.write, write is not None)
    ctx.set(bus.data, write or 0)
    ctx.set(bus.select, select)
    assert not ctx.get(bus.ready), "ready must not come with valid"
    for clocks in range(1, SLOWEST):
        _, _, ready, answer = await ctx.tick().sample(bus.ready, bus.answer)
        if ready:
            ctx.set(bus.valid, 0)
            ctx.set(bus.address, 0)
            return answer, clocks
    raise AssertionError(f"no answer from 0x{address:08x} in {SLOWEST} clocks")


def offset(block: Block, name: str, index: int = 0) -> int:
    """Of a register, in its block."""
    return block.offset(name) + 4 * index


def network(name: str, index: int = 0) -> int:
    return offset(NETWORK, name, index)


def serial(name: str) -> int:
    return offset(SERIAL, name)
