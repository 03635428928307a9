"""A core that stands still is reset, and the link has a way out of every state of its registers."""

import gc

import pytest
from amaranth.sim import Simulator

from spikeloom.errors import SpikeloomError
from spikeloom.firmware.framing import Unframer, frame
from spikeloom.rtl_gen import protocol
from spikeloom.rtl_gen.link.enframer import Enframer
from spikeloom.rtl_gen.link.uart import UartTransmitter
from spikeloom.rtl_gen.link.watchdog import Watchdog
from spikeloom.rtl_gen.protocol import IDENTIFY, NO_RESULT, READ, RECOVERED, RESET, RUN, STATUS

from .fake_core import HANG, LinkedFake, expected
from .test_host_link import Host, packed, refusal
from .upsets import EVERY, Upsets

LIMIT = 64


def watched(**shape) -> LinkedFake:
    return LinkedFake(watchdog=LIMIT, **shape)


def scores(host: Host) -> tuple[int, ...]:
    return protocol.unpack_scores(host.request(READ), host.device.identity)[0]


@pytest.mark.parametrize("words", [(HANG, 1, 2), (1, HANG, 2), (1, 2, HANG)])
def test_a_core_that_hangs_is_reset_and_the_next_inference_is_right(words):
    host = Host(watched())
    host.request(RUN, packed(7, 8, 9))
    for count in (1, 2):
        assert host.send(frame(bytes([RUN.code, 4]) + packed(*words)), cycles=2 * LIMIT) == refusal(
            RUN.code, 4, RECOVERED)
        assert host.counters().recovered == count
        assert host.send(frame(bytes([READ.code, 5]))) == refusal(READ.code, 5, NO_RESULT)
    host.request(RUN, packed(1, 2, 3))
    assert scores(host) == expected([1, 2, 3], 3, 1)[0]
    host.request(RESET)
    assert host.counters().recovered == 0


def test_the_same_core_without_a_watchdog_hangs():
    host = Host()
    assert host.send(frame(bytes([RUN.code, 4]) + packed(1, 2, HANG)), cycles=4 * LIMIT) == []
    assert host.send(frame(bytes([STATUS.code, 5])), cycles=4 * LIMIT) == []


@pytest.mark.parametrize(("delay", "bitten"), [(LIMIT - 9, False), (LIMIT + 3, True)])
def test_it_bites_after_its_limit_and_not_before(delay, bitten):
    host = Host(watched(delay=delay))
    (reply,) = host.send(frame(bytes([RUN.code, 4]) + packed(1, 2, 3)), cycles=3 * LIMIT)
    assert reply[2] == (RECOVERED.code if bitten else 0)
    assert host.counters().recovered == bitten


def test_a_reset_in_time_is_a_reset():
    """Also where it comes in the very clock of the bite: one of the two is answered, or both, and RESET with OK."""
    bitten, reset = bytes([RUN.code | 0x80, 4, RECOVERED.code]), bytes([RESET.code | 0x80, 6, 0])
    seen = set()
    for wait in range(LIMIT - 24, LIMIT + 16, 4):
        host = Host(watched())
        host.line.write(frame(bytes([RUN.code, 4]) + packed(1, 2, HANG)))
        host.line.advance(wait)
        seen.add(tuple(host.send(frame(bytes([RESET.code, 6])), cycles=2 * LIMIT)))
        host.request(RUN, packed(1, 2, 3))
    assert seen - {(bitten, reset)} == {(reset,), (bitten,)}


def test_a_core_begins_each_inference_from_reset():
    """Whatever an upset has left in its counters; without a watchdog it stays there."""
    outcomes = []
    for device in (watched(), LinkedFake()):
        host = Host(device)
        upsets = Upsets(host.line)
        host.request(RUN, packed(1, 2, 3))
        upsets.flip(upsets.register("core.count"), 0)
        replies = host.send(frame(bytes([RUN.code, 6]) + packed(7, 8, 9)), cycles=50)
        outcomes.append([reply[2] for reply in replies])
        if replies:
            assert scores(host) == expected([7, 8, 9], 3, 1)[0] and host.counters().recovered == 0
    assert outcomes == [[0], []]


def test_no_word_of_before_is_offered_to_it():
    """Two upsets at once: the core takes no word, and the link believes that it holds one."""
    host = Host(watched())
    upsets = Upsets(host.line)
    host.request(RUN, packed(1, 2, 3))
    for name, bit in (("core.count", 0), ("core.count", 1), ("link.fetched", 0)):
        upsets.flip(upsets.register(name), bit)
    host.request(RUN, packed(7, 8, 9))
    assert scores(host) == expected([7, 8, 9], 3, 1)[0]


def recovers(host: Host) -> bool:
    """Whether a device gives the right answer after at most three requests in vain, and is who it was."""
    for sequence in range(4):
        try:
            replies = host.send(b"~~" + frame(bytes([RUN.code, sequence]) + packed(7, 8, 9)), quiet=0.03)
            if replies and replies[-1][:3] == bytes([RUN.code | 0x80, sequence, 0]):
                (who,) = host.send(frame(bytes([IDENTIFY.code, 9])), quiet=0.015)
                label = protocol.unpack_result(replies[-1][3:])[0]
                return label == expected([7, 8, 9], 3, 1)[1] and who[3:] == host.device.identity.pack()
        except (AssertionError, ValueError):
            host.unframer = Unframer()      # a damaged reply
    return False


def lasting(make, parts: tuple[str, ...]) -> list[str]:
    """The bits of the registers of some parts that stay wrong after they have flipped in a link that listens."""
    host = found = None
    left, lasts = None, []
    while left is None or left:
        if host is None:
            host = Host(make())
            upsets = Upsets(host.line)
            host.request(RUN, packed(1, 2, 3))
            found = {f"{path} {bit}": (signal, bit) for path, signal in upsets.registers.items()
                     for bit in range(len(signal)) if path.startswith(parts)}
            left = sorted(found) if left is None else left
            assert left
        place = left.pop()
        upsets.flip(*found[place])
        if not recovers(host):
            lasts.append(place)
            host = None
    return lasts


CONTROL = tuple(f"top.link.{name}" for name in (
    "fsm_state", "pointer", "fetched", "enframer", "watch.", "deframer", "watchdog.clocks", "request", "has_result",
    "drop", "lost", "status", "answer", "overlong"))


def test_no_bit_of_the_link_that_flips_stays_wrong():
    assert lasting(watched, CONTROL) == []


@pytest.mark.parametrize(("make", "stuck"), [(watched, False), (LinkedFake, True)])
def test_no_code_of_the_link_s_state_is_without_a_way_out(make, stuck):
    """Several bits at once: also the codes that stand for no state."""
    host = Host(make())
    upsets = Upsets(host.line)
    host.request(RUN, packed(1, 2, 3))
    state = upsets.register("link.fsm_state")
    for code in range((1 << len(state)) - 1, 0, -1):
        for bit in range(len(state)):
            if code >> bit & 1:
                upsets.later(state, bit)
        host.line.advance(2 * EVERY)
        if not recovers(host):
            break
    else:
        code = 0
    assert (code != 0) == stuck


def test_without_a_watchdog_there_are_bits_that_do():
    assert lasting(LinkedFake, ("top.link.fsm_state", "top.link.enframer.fsm_state", "top.link.fetched"))


@pytest.mark.parametrize(("make", "kept"), [(watched, True), (LinkedFake, False)])
def test_a_pointer_gone_astray_writes_over_no_identity(make, kept):
    """In the middle of clearing the counters, which goes on until the pointer is at their end."""
    host = Host(make())
    pointer = Upsets(host.line).register("link.pointer")
    flipped = []

    async def flip(ctx):
        while not flipped:
            await ctx.tick()
            if ctx.get(host.device.link.abort) and ctx.get(pointer) == 2:
                ctx.set(pointer, 2 ^ 1 << 4)
                flipped.append(True)

    host.line._simulator.add_testbench(flip, background=True)
    host.send(frame(bytes([RESET.code, 1])))
    (who,) = host.send(frame(bytes([IDENTIFY.code, 2])))
    assert flipped and (who[3:] == host.device.identity.pack()) is kept


@pytest.mark.parametrize(("recovering", "stuck"), [(True, 0), (False, 3)])
def test_an_enframer_leaves_the_codes_that_are_no_state(recovering, stuck):
    found = 0
    for code in (5, 6, 7):
        dut = Enframer(recovers=recovering)
        simulator = Simulator(dut)
        simulator.add_clock(1e-6)
        (state,) = (signal for fragment in simulator._design.fragments
                    for statement in fragment.statements.get("sync", ()) for signal in statement._lhs_signals()
                    if signal.name == "fsm_state")

        async def bench(ctx, dut=dut, state=state, code=code):
            nonlocal found
            ctx.set(state, code)
            ctx.set(dut.i.valid, 1)
            ctx.set(dut.o.ready, 1)
            await ctx.tick().repeat(4)
            found += not ctx.get(dut.o.valid)

        simulator.add_testbench(bench)
        simulator.run()
    assert found == stuck


@pytest.mark.parametrize(("recovering", "stuck"), [(True, False), (False, True)])
def test_a_transmitter_whose_idle_bit_flips(recovering, stuck):
    """The line would stay low, and it would never be ready again."""
    dut = UartTransmitter(4, recovers=recovering)
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    registers = {signal.name: signal for fragment in simulator._design.fragments
                 for statement in fragment.statements.get("sync", ()) for signal in statement._lhs_signals()}
    seen = []

    async def bench(ctx):
        await ctx.tick()
        ctx.set(registers["bits"], 0)
        await ctx.tick().repeat(100)
        seen.extend([ctx.get(dut.i.ready), ctx.get(dut.tx)])

    simulator.add_testbench(bench)
    simulator.run()
    assert seen == [not stuck, not stuck]


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
def test_its_limit_is_a_power_of_two():
    with pytest.raises(SpikeloomError) as error:
        Watchdog(24)
    assert str(error.value) == "limit must be a power of two, not 24"
    del error
    gc.collect()  # here, where the warning of components that were never built is expected
