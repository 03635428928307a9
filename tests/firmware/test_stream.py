"""Inferences timestep by timestep over the link: every spike and every result is the reference's."""

import gc
import struct
from dataclasses import replace

import numpy as np
import pytest

from spikeloom import codebooks, encoders
from spikeloom.errors import LinkError, SpikeloomError
from spikeloom.firmware.device import Device, Result
from spikeloom.firmware.framing import Unframer, frame
from spikeloom.firmware.simulated import SimulatedLine
from spikeloom.firmware.transport import Transport
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.rtl_gen import planner as plans
from spikeloom.rtl_gen import protocol, words
from spikeloom.rtl_gen.link.extras import Extras
from spikeloom.rtl_gen.linked import LinkedCore, no_stream
from spikeloom.rtl_gen.plan import LayerPlan, Plan
from spikeloom.sim.random_networks import random_frames, random_network, random_plan
from spikeloom.sim.reference import simulate

from .test_device import Noisy


def busy(seed: int = 0, timesteps: int = 5, **changes: object) -> Network:
    """A sequence network, a layer of it recurrent, in which a good part of the neurons spike."""
    rng = np.random.default_rng(seed)
    book = codebooks.make("integer", bits=4)
    synapses = [Dense(weights=rng.integers(-5, 8, shape), codebook=book) for shape in ((7, 6), (18, 7), (7, 7))]
    layers = (Layer(synapses=synapses[0], neurons=Lif(neurons=7, threshold=12), recurrent=synapses[2]),
              Layer(synapses=synapses[1], neurons=Lif(neurons=18, threshold=9)))
    return Network(**{"input": Input(shape=(2, 3), bits=3, signed=True), "encoder": None, "readout": "count",
                      "timesteps": timesteps, "layers": layers, **changes})


def planned(network: Network, last: str = "dense", weights: str = "rom") -> Plan:
    return Plan(network=network, layers=(LayerPlan(lanes=4, weights=weights), LayerPlan(lanes=4, strategy=last)))


def values(network: Network, seed: int = 0, count: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(-4, 4, (count, *network.frame_shape))


def opened(network: Network, steps: int, *, plan: Plan | None = None, **extras: int) -> Device:
    core = LinkedCore(planned(network) if plan is None else plan, extras=Extras(stream=steps, **extras))
    return Device(SimulatedLine(core), network, timeout=0.2)


def collected(stream) -> tuple[np.ndarray, Result | None]:
    """All that `Device.stream` yields, and what it returns."""
    rows = []
    while True:
        try:
            rows.append(next(stream))
        except StopIteration as end:
            return np.array(rows), end.value


def check(device: Device, frames: np.ndarray) -> None:
    """Streams of `frames` are the reference's."""
    outcome = simulate(device.network, frames, trace=True, device="cpu")
    for k, one in enumerate(frames):
        spikes, result = collected(device.stream(iter(one)))
        assert spikes.dtype == bool and spikes.tolist() == outcome.spikes[-1][k].tolist()
        assert (result.label, result.scores) == (outcome.classes[k], tuple(outcome.scores[k]))


RANDOM = (6, 22, 45, 57, 58, 59, 60)


def test_the_cases_have_what_could_matter():
    built = [random_plan(random_network(seed), seed) for seed in RANDOM]
    assert {plan.layers[-1].strategy for plan in built} >= {"parallel", "dense", "popcount", "sparse"}
    assert {plan.network.encoder is None for plan in built} == {True, False}
    layers = [layer for plan in built for layer in plan.network.layers]
    assert any(layer.recurrent for layer in layers) and any(layer.residual for layer in layers)
    fired = simulate(busy(), values(busy()), trace=True, device="cpu").spikes
    assert all(0.1 < layer.mean() < 0.9 for layer in fired)


@pytest.mark.parametrize("seed", RANDOM)
def test_spikes_and_results_are_the_reference_s(seed):
    plan = random_plan(random_network(seed), seed)
    for steps in {1, -(-2 * plan.network.timesteps // 3)}:
        check(opened(plan.network, steps, plan=plan), random_frames(plan.network, seed, 2))


@pytest.mark.parametrize("last", ["dense", "parallel"])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_more_outputs_than_bits_of_a_word(steps, last):
    network = busy()
    check(opened(network, steps, plan=planned(network, last)), values(network, steps, 3))


def test_one_timestep_is_a_whole_inference():
    network = busy(timesteps=1)
    check(opened(network, 1), values(network, 1, 3))


def test_all_at_once_takes_as_long_as_a_run():
    network = busy()
    device, (one,) = opened(network, 5), values(network)
    result = collected(device.stream(one))[1]
    assert replace(result, scores=None) == device.run(one) and device.read() == result


@pytest.mark.parametrize("seed", range(2))
def test_a_noisy_line_is_slower_but_never_wrong(seed):
    network = busy()
    line = Noisy(SimulatedLine(LinkedCore(planned(network), extras=Extras(stream=2))), seed, rate=0.02)
    with Device(line, network, timeout=0.05, tries=40) as device:
        check(device, values(network, seed, 5))
    assert line.damaged > 10


class Losing(Transport):
    """A line on which the first request of every kind that `loses` names, or the reply to it, is lost or damaged."""

    name = "the loss"

    def __init__(self, line: Transport, what: str):
        self.line, self.what, self.seen, self.lose = line, what, set(), False

    def write(self, data: bytes) -> None:
        body = Unframer().feed(data)[0]
        key = bytes([body[0]]) + body[2:6]
        first, self.lose = key not in self.seen, False
        self.seen.add(key)
        if body[0] != protocol.STREAM.code or not first:
            self.line.write(data)
        elif self.what == "damaged request":
            self.line.write(data[:5] + bytes([data[5] ^ 1]) + data[6:])
        elif self.what in ("lost reply", "damaged reply"):
            self.line.write(data)
            self.lose = True

    def read(self, timeout: float) -> bytes:
        received = self.line.read(timeout)
        if received and self.lose:
            received += self.line.read(timeout)
            self.lose = False
            return b"" if self.what == "lost reply" else received[:4] + bytes([received[4] ^ 1]) + received[5:]
        return received

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("what", "requests"), [
    ("lost request", 3), ("damaged request", 3), ("lost reply", 6), ("damaged reply", 6)])
def test_whatever_is_lost_is_repeated_and_changes_nothing(what, requests):
    network = busy()
    line = Losing(opened(network, 2).transport, what)
    with Device(line, network, timeout=0.2) as device:
        frames = values(network, 4, 2)
        check(device, frames)
        frames_seen = 1 + 2 * (requests + 1) + 1     # IDENTIFY, three requests and READ of each inference, STATUS
        assert device.status().frames == frames_seen


class Raw:
    """STREAM requests as they are on the line."""

    def __init__(self, device: Device):
        self.device, self.sequence = device, 0
        device.identify()

    def ask(self, number: int, timestep: int, rows: np.ndarray) -> bytes:
        """Status and payload of the reply."""
        network, self.sequence = self.device.network, self.sequence + 1
        packed = words.pack_pages(network, np.asarray(rows).reshape(-1, network.input.size))
        self.device.transport.write(frame(bytes([protocol.STREAM.code, self.sequence]) + struct.pack(
            "<HH", number, timestep) + packed.astype("<u2").tobytes()))
        unframer, bodies = Unframer(), []
        while received := self.device.transport.read(0.2):
            bodies += unframer.feed(received)
        (body,) = bodies
        assert body[:2] == bytes([protocol.STREAM.code | protocol.REPLY, self.sequence])
        return body[2:]


def answer(following: int, rows: np.ndarray) -> bytes:
    bits = np.zeros((len(rows), 32), bool)
    bits[:, :18] = rows
    return b"\0" + struct.pack("<H", following) + np.packbits(bits, axis=1, bitorder="little").tobytes()


BAD_ORDER = bytes([protocol.BAD_ORDER.code])


def test_only_the_next_the_first_and_a_repeat_are_answered():
    network = busy()
    one, other = values(network, 7, 2)
    spikes, others = simulate(network, np.stack([one, other]), trace=True, device="cpu").spikes[-1]
    raw = Raw(opened(network, 1))
    assert raw.ask(3, 1, one[1]) == BAD_ORDER
    assert raw.ask(3, 0, one[0]) == answer(1, spikes[:1])
    assert raw.ask(3, 0, other[0]) == answer(1, spikes[:1])     # a repeat: its values are not looked at
    for number, timestep in ((3, 2), (4, 1), (3, 5), (3, 0x101), (0x103, 1)):
        assert raw.ask(number, timestep, one[1]) == BAD_ORDER
    assert raw.ask(3, 1, one[1]) == answer(2, spikes[1:2])
    assert raw.ask(3, 1, one[1]) == answer(2, spikes[1:2])
    raw.device.identify()       # whoever asks that has not asked for the last timestep
    assert raw.ask(3, 1, one[1]) == BAD_ORDER
    assert raw.ask(3, 2, one[2]) == answer(3, spikes[2:3])
    assert raw.ask(4, 0, other[0]) == answer(1, others[:1])     # another begins, whatever was unfinished
    assert raw.ask(3, 3, one[3]) == BAD_ORDER
    raw.device.identify()
    assert raw.ask(4, 0, one[0]) == answer(1, spikes[:1])
    with pytest.raises(LinkError, match="must have run a frame before its scores are read$"):
        raw.device.read()
    for k in range(1, 5):
        assert raw.ask(4, k, one[k]) == answer((k + 1) % 5, spikes[k:k + 1])
    assert raw.ask(4, 4, one[4]) == answer(0, spikes[4:])
    assert raw.device.read().scores == tuple(spikes.sum(axis=0))
    assert raw.ask(4, 4, one[4]) == answer(0, spikes[4:])
    assert raw.ask(4, 5, one[4]) == BAD_ORDER
    assert raw.device.run(other).label == simulate(network, other[None], device="cpu").classes[0]
    assert raw.ask(4, 4, one[4]) == BAD_ORDER


@pytest.mark.parametrize("between", ["run", "reset", "stream"])
def test_something_else_in_the_middle_ends_it(between):
    network = busy()
    device = opened(network, 2)
    one, other = values(network, 8, 2)
    given_up = device.stream(one)
    for _ in range(3):
        next(given_up)      # the fourth is there too
    if between == "run":
        assert device.run(other).label == simulate(network, other[None], device="cpu").classes[0]
    elif between == "reset":
        device.reset()
    else:
        check(device, other[None])
    next(given_up)
    with pytest.raises(LinkError) as error:
        next(given_up)
    assert str(error.value) == ("the device on the simulator must be at timestep 4 of this inference, but something "
                                "has come between")
    check(device, values(network, 9, 1))


def test_a_reset_at_any_moment_leaves_nothing_behind():
    network = busy()
    device = opened(network, 2)
    line, frames = device.transport, values(network, 10, 12)
    packed = words.pack(network, frames)
    page = words.per_page(network)
    for k, one in enumerate(frames):
        stream = device.stream(one)
        if k % 3:
            next(stream)
        timestep = 2 * bool(k % 3)
        payload = struct.pack("<HH", k + 1 if timestep else 0, timestep) + packed[k][timestep * page:][
            :2 * page].astype("<u2").tobytes()
        request = frame(bytes([protocol.STREAM.code, 0xaa]) + payload)
        line.write(request)
        line.advance(2 * len(request) + 4 + 9 * k)
        device.reset()
        assert device.status().frames == 1
        if k % 4 == 3:
            assert device.run(one).label == simulate(network, one[None], device="cpu").classes[0]
        device._stream = k + 1
    check(device, frames[:2])


def test_weights_that_come_in_the_middle_end_it():
    network = busy()
    plan = planned(network, weights="ram")
    network = plan.network
    device = Device(SimulatedLine(LinkedCore(plan, extras=Extras(stream=1, readback=True))), timeout=0.2)
    device.identify()
    device.network = network
    with pytest.raises(LinkError, match="must have its weights loaded before it runs$"):
        next(device.stream(values(network)[0]))
    device.load(plan)
    stream = device.stream(values(network)[0])
    next(stream)
    device.load(plan)
    with pytest.raises(LinkError, match="something has come between$"):
        next(stream)
    check(device, values(network, 1, 2))


def test_requests_may_wait_in_a_queue():
    network = busy()
    device, frames = opened(network, 2, queue=64), values(network, 11, 2)
    check(device, frames)
    classes = simulate(network, frames, device="cpu").classes
    assert [result.label for result in device.run_many(frames)] == classes.tolist()
    check(device, frames)


def test_a_short_sequence_has_no_result_and_a_long_one_is_left():
    network = busy()
    device, (one,) = opened(network, 2), values(network, 12)
    wanted = simulate(network, one[None], trace=True, device="cpu").spikes[-1][0]
    for count in range(5):
        spikes, result = collected(device.stream(one[:count]))
        assert spikes.tolist() == wanted[:count].tolist() and result is None
    endless = iter([*one, *one, one[0]])
    for _ in range(2):
        spikes, result = collected(device.stream(endless))
        assert spikes.tolist() == wanted.tolist() and result.scores == tuple(wanted.sum(axis=0))
    assert len(list(endless)) == 1


def test_spikes_come_before_later_values_are_asked_for():
    network = busy()
    device, (one,), taken = opened(network, 2), values(network, 13), []
    for k, _ in enumerate(device.stream(row for row in one if taken.append(row) is None)):
        assert len(taken) == min(k // 2 * 2 + 2, 5)
    assert len(taken) == 5


@pytest.mark.parametrize(("rows", "message"), [
    ([[0.5] * 6], "input values must be integers, not float64"),
    ([[1] * 5], "input of a timestep must have shape (6,), not (5,)"),
    ([[4] * 6], "input values must lie within -4 to 3, not hold 4"),
])
def test_values_that_the_input_cannot_hold(rows, message):
    device = opened(busy(), 1)
    with pytest.raises(SpikeloomError) as error:
        next(device.stream(rows))
    assert str(error.value) == message


def test_a_device_without_says_so():
    network = busy()
    device = Device(SimulatedLine(LinkedCore(planned(network))), network)
    with pytest.raises(LinkError, match="must be made with STREAM, which it does not know: its stream_steps is 0$"):
        next(device.stream(values(network)[0]))


def late(network: Network) -> Network:
    first, last = network.layers
    return replace(network, layers=(replace(first, recurrent=None, delay=1), last))


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
@pytest.mark.parametrize(("network", "steps", "message"), [
    (busy(), 6, "stream must be an integer from 0 to 5, not 6"),
    (busy(input=Input(shape=(6,), bits=3), encoder=encoders.make("direct")), 1,
     "stream must be 0 where the input is no sequence, not 1"),
    (late(busy()), 1, "stream must be 0 where a layer has a delay, not 1"),
])
def test_what_cannot_be_streamed_is_refused(network, steps, message):
    with pytest.raises(SpikeloomError, match=f"^{message}$"):
        LinkedCore(plans.make(network), extras=Extras(stream=steps))
    assert (no_stream(network) is None) == (steps == 6)
    with pytest.raises(SpikeloomError, match="^stream must be an integer from 0 to 4096, not -1$"):
        Extras(stream=-1)
    gc.collect()  # here, where the warning of components that were never built is expected
