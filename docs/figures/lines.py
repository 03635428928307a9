"""Diagrams of the serial lines of the host link, of pins that were sampled at every clock of a simulation."""

from collections.abc import Callable, Iterable

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.sim import Simulator
from drawing import drawing
from timing import small

from spikeloom.firmware import framing
from spikeloom.page.markup import tag
from spikeloom.page.svg import line, rule, words
from spikeloom.rtl_gen import planner, protocol
from spikeloom.rtl_gen.link.spi import SpiTarget
from spikeloom.rtl_gen.link.uart import UartReceiver, UartTransmitter
from spikeloom.rtl_gen.linked import LinkedCore

LEFT, ROW, WIDTH, NARROW = 70, 30, 640, 16
DIVISOR, EDGE = 4, 2        # clocks a bit of the UART, and clocks between the edges of sck
SEQUENCE, IDLE = 5, 2       # of the request, and bits before it
Rows = list[dict[str, int]]
Box = tuple[float, float, str]


def uart() -> str:
    """A request and its reply on the UART, bit by bit."""
    request = framing.frame(bytes([protocol.RESET.code, SEQUENCE]))
    rows = serial(request, clocks=560)
    came = [row["i"] for row in rows if row["i.moves"]]
    sent = [((IDLE + 10 * k) * DIVISOR, (IDLE + 10 * k + 10) * DIVISOR, f"{byte:02x}") for k, byte in enumerate(came)]
    said = [(t + 1, t + 1 + 10 * DIVISOR, f"{row['o']:02x}") for t, row in enumerate(rows) if row["o.moves"]]
    return drawn("RESET and its reply on the UART", rows[:int(said[-1][1]) + 12], (
        ("rx", None), ("to the board", sent), ("busy", None), ("tx", None), ("from it", said)), grid=10 * DIVISOR)


def serial(request: bytes, *, clocks: int) -> Rows:
    """Pins and bytes of a small network's host link, at each clock, while `request` comes."""
    m, receiver, transmitter = Module(), UartReceiver(DIVISOR), UartTransmitter(DIVISOR)
    m.submodules.receiver, m.submodules.transmitter = receiver, transmitter
    m.submodules.linked = linked = LinkedCore(planner.make(small(2), family="ice40"))
    wiring.connect(m, receiver.o, linked.i)
    wiring.connect(m, linked.o, transmitter.i)
    bits = [*[1] * IDLE, *(bit for byte in request for bit in (0, *(byte >> k & 1 for k in range(8)), 1))]

    def drive(ctx, t: int) -> None:
        place = t // DIVISOR
        ctx.set(receiver.rx, bits[place] if place < len(bits) else 1)

    def read(ctx) -> dict[str, int]:
        return {"rx": ctx.get(receiver.rx), "tx": ctx.get(transmitter.tx), "busy": ctx.get(linked.busy),
                "i": ctx.get(receiver.o.payload), "i.moves": ctx.get(receiver.o.valid),
                "o": ctx.get(linked.o.payload), "o.moves": ctx.get(linked.o.valid & linked.o.ready)}
    return sampled(m, drive, read, clocks)


def spi() -> str:
    """Two bytes of a request on SPI, as fast as it goes; a byte of a reply in the second."""
    rows = exchanged((protocol.FLAG, protocol.RESET.code), 0x85, clocks=82)
    came = [(t, t + 1, f"{row['o']:02x}") for t, row in enumerate(rows) if row["o.moves"]]
    rises = [t for t in range(1, len(rows)) if rows[t]["sck"] and not rows[t - 1]["sck"]]
    spans = [(rises[k] - EDGE, rises[k + 7] + EDGE, rises[k:k + 8]) for k in (0, 8)]
    there, back = ([(start, stop, f"{sum(rows[t][pin] << 7 - bit for bit, t in enumerate(at)):02x}")
                    for start, stop, at in spans] for pin in ("copi", "cipo"))
    return drawn("Two bytes on SPI at a quarter of the clock", rows, (
        ("cs_n", None), ("sck", None), ("copi", None), ("to the board", there), ("cipo", None), ("from it", back),
        ("o.valid", None), ("o.payload", came)), grid=2 * EDGE)


def exchanged(sent: Iterable[int], reply: int, *, clocks: int) -> Rows:
    """Pins of an `SpiTarget` at each clock, while a controller sends bytes, and what it makes of them."""
    target, said = SpiTarget(), []
    levels = [bit for byte in sent for bit in (byte >> k & 1 for k in reversed(range(8)))]
    start = 6

    def drive(ctx, t: int) -> None:
        phase = t - start
        inside = 0 <= phase < 2 * EDGE * len(levels)
        ctx.set(target.cs_n, not 2 <= t < start + 2 * EDGE * len(levels) + 2)
        ctx.set(target.sck, inside and phase % (2 * EDGE) >= EDGE)
        ctx.set(target.copi, levels[phase // (2 * EDGE)] if inside else 0)
        ctx.set(target.i.valid, not said)
        ctx.set(target.i.payload, reply)

    def read(ctx) -> dict[str, int]:
        if ctx.get(target.i.valid & target.i.ready):
            said.append(reply)
        names = ("cs_n", "sck", "copi", "cipo")
        return {**{name: ctx.get(getattr(target, name)) for name in names}, "o.valid": ctx.get(target.o.valid),
                "o": ctx.get(target.o.payload), "o.moves": ctx.get(target.o.valid)}
    return sampled(target, drive, read, clocks)


def sampled(design, drive: Callable, read: Callable, clocks: int) -> Rows:
    """What `read` sees at the end of each clock, `drive` having set the pins at its begin."""
    found: Rows = []

    async def bench(ctx):
        for t in range(clocks):
            drive(ctx, t)
            await ctx.delay(4e-7)
            found.append(read(ctx))
            await ctx.tick()

    simulator = Simulator(design)
    simulator.add_clock(1e-6, phase=5e-7)
    simulator.add_testbench(bench)
    simulator.run()
    return found


def drawn(title: str, rows: Rows, shown: tuple[tuple[str, list[Box] | None], ...], *, grid: int) -> str:
    """Levels of pins, or boxes `(from, to, text)` in clocks, row by row, with a thin line each `grid` clocks."""
    clock, height = (WIDTH - LEFT - 14) / len(rows), 44 + ROW * len(shown)
    parts = [words(10, 18, title, class_="title")]
    parts += [rule(LEFT + clock * t, 34, LEFT + clock * t, height - 8, "clock") for t in range(0, len(rows) + 1, grid)]
    for number, (name, boxes) in enumerate(shown):
        top = 40 + ROW * number
        parts.append(words(8, top + 13, name, class_="small"))
        if boxes is None:
            parts.append(line(_levels([row[name] for row in rows], clock, top), "wave"))
            continue
        for start, stop, text in boxes:
            left, wide = LEFT + clock * start, clock * (stop - start)
            parts.append(tag("rect", x=float(left), y=float(top), width=float(wide), height=18.0, rx=3, class_="value"))
            inside = wide > NARROW
            parts.append(words(left + (wide / 2 if inside else wide + 3), top + 13, text, class_="small",
                               anchor="middle" if inside else "start"))
    return drawing(title, WIDTH, height, *parts)


def _levels(values: list[int], clock: float, top: float) -> list[tuple[float, float]]:
    """The corners of a pin's levels."""
    def y(value: int) -> float:
        return top + (1 if value else 17)
    points = [(LEFT, y(values[0]))]
    for t in range(1, len(values)):
        if values[t] != values[t - 1]:
            points += [(LEFT + clock * t, y(values[t - 1])), (LEFT + clock * t, y(values[t]))]
    return [*points, (LEFT + clock * len(values), y(values[-1]))]
