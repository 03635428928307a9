"""The C of docs/firmware.md, compiled for small processors, in an emulator: through its UART to the gateware."""

import pytest

pytest.importorskip("unicorn", reason="needs unicorn: pip install 'spikeloom[test]'")
pytest.importorskip("ziglang", reason="needs ziglang: pip install 'spikeloom[firmware]'")

from spikeloom.firmware.c_targets import TARGETS  # noqa: E402
from spikeloom.firmware.simulated import SimulatedLine  # noqa: E402
from spikeloom.rtl_gen import planner as plans  # noqa: E402
from spikeloom.rtl_gen.linked import LinkedCore  # noqa: E402
from spikeloom.sim.random_networks import random_frames, random_network  # noqa: E402
from spikeloom.sim.reference import simulate  # noqa: E402

from .emulator import CLOCK, UART, Processor, c_blocks, linked  # noqa: E402
from .test_c_docs import BENCHMARK, MEASURED, PAGE  # noqa: E402

IMAGE, LABEL, SCORES = 0xa0000, 0xb0000, 0xb0008
SILENT, OTHER_NETWORK = 4, 10       # numbers of errors
OWN = 80        # bytes of stack that the page's own functions may take


def processor(target, plan, line, folder) -> Processor:
    path = linked(target, plan, c_blocks(PAGE), folder)
    return Processor(target, BENCHMARK["Elf"](path.read_bytes()), path.read_bytes(), line)


@pytest.mark.parametrize("target", [
    pytest.param(target, id=target.name, marks=[pytest.mark.slow] * (k > 0)) for k, target in enumerate(TARGETS)])
def test_what_the_page_shows_classifies(target, tmp_path):
    network = random_network(2)
    plan = plans.make(network)
    cpu = processor(target, plan, SimulatedLine(LinkedCore(plan)), tmp_path)
    assert cpu.call("start", UART) == 0
    frames = random_frames(network, 2, 2)
    outcome = simulate(network, frames, device="cpu")
    kind = f"<{'i' if network.input.signed else 'u'}{1 if network.input.bits <= 8 else 2}"
    for frame, label, scores in zip(frames, outcome.classes, outcome.scores, strict=True):
        cpu.write(IMAGE, frame.astype(kind).tobytes())
        assert cpu.call("classify", IMAGE, LABEL, SCORES) == 0
        assert int.from_bytes(cpu.read(LABEL, 2), "little") == label
        found = cpu.read(SCORES, 8 * network.outputs)
        assert [int.from_bytes(found[k:k + 8], "little", signed=True) for k in range(0, len(found), 8)] == list(scores)
    told = MEASURED["targets"][target.name]["stacks"]
    assert told["spikeloom_run"] // 2 < cpu.stack <= max(told["spikeloom_run"], told["spikeloom_read"]) + OWN


def test_another_network_is_refused(tmp_path):
    line = SimulatedLine(LinkedCore(plans.make(random_network(1))))
    cpu = processor(TARGETS[0], plans.make(random_network(2)), line, tmp_path)
    assert cpu.call("start", UART) == OTHER_NETWORK


class Dead:
    """A line on which nothing happens; a millisecond passes at each look."""

    cycles = 0

    def write(self, data):
        pass

    def read(self, timeout):
        self.cycles += CLOCK
        return b""


def test_silence_ends(tmp_path):
    line = Dead()
    cpu = processor(TARGETS[0], plans.make(random_network(2)), line, tmp_path)
    assert cpu.call("start", UART) == SILENT
    assert 4 * 50 <= line.cycles / CLOCK <= 4 * (50 + 20)       # four tries of 50 ms, and of what it takes to send
