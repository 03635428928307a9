"""Weights are read back as they lie in the memories, and a memory that holds others is found."""

import gc

import numpy as np
import pytest

from spikeloom.errors import LinkError, SpikeloomError
from spikeloom.firmware.device import Device
from spikeloom.firmware.simulated import SimulatedLine
from spikeloom.rtl_gen import protocol
from spikeloom.rtl_gen.link.extras import Extras
from spikeloom.rtl_gen.linked import LinkedCore, weights_to_load

from .test_device import check_inferences
from .test_load import frames, network, plan

READBACK = Extras(readback=True)


class Counting(Device):
    """Counts its requests by command."""

    def __init__(self, *given, **options):
        super().__init__(*given, **options)
        self.asked: dict[str, int] = {}

    def _request(self, command, payload=b""):
        self.asked[command.name] = self.asked.get(command.name, 0) + 1
        return super()._request(command, payload)


def test_all_weights_are_read_back_and_the_network_runs():
    device = Counting(SimulatedLine(LinkedCore(plan(network(0)), extras=READBACK)))
    for seed in (1, 2):
        device.load(plan(network(seed)))
        assert device.identify().readback == 1
        check_inferences(device, network(seed), frames(seed)[:2])
    assert device.asked["FETCH"] == device.asked["LOAD"] > 4


def test_rows_of_several_words_from_any_row_on():
    """40 rows of 12 neurons of 3 bits: three words each, the last of them narrower."""
    made = plan(network(3), lanes=12)
    device = Device(SimulatedLine(LinkedCore(made, extras=READBACK)))
    device.load(made)
    row_words, given = weights_to_load(made)[0]
    assert row_words == 3
    for row in (0, 1, 7, len(given) // 3 - 1):
        held = np.frombuffer(device._request(protocol.FETCH, np.array([0, row], "<u2").tobytes()), "<u2")
        wanted = given[3 * row:][:len(held)]
        assert held[:len(wanted)].tolist() == wanted.tolist()


def test_without_the_extra_nothing_is_read_back():
    device = Counting(SimulatedLine(LinkedCore(plan(network(0)))))
    device.load(plan(network(1)))
    assert "FETCH" not in device.asked


def test_a_memory_that_holds_another_bit_is_found(monkeypatch):
    made = plan(network(1))
    device = Device(SimulatedLine(LinkedCore(made, extras=READBACK)))
    request = device._request

    def faulty(command, payload=b""):
        """LOAD of layer 0 lays one bit down wrong."""
        if command is protocol.LOAD and payload[:2] == b"\0\0":
            words = np.frombuffer(payload, "<u2").copy()
            first = int(words[1])
            if first <= 5 < first + len(words) - 2:
                words[2 + 5 - first] ^= 4
            payload = words.tobytes()
        return request(command, payload)

    monkeypatch.setattr(device, "_request", faulty)
    with pytest.raises(LinkError) as error:
        device.load(made)
    row = 5 // weights_to_load(made)[0][0]
    assert str(error.value) == (f"the device on the simulator must hold the weights that it was sent, but row {row} of "
                                "layer 0 differs")
    assert device.identify_any().digest == bytes(8)     # no COMMIT: it runs nothing


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
def test_there_must_be_weights_to_load():
    with pytest.raises(SpikeloomError) as error:
        LinkedCore(plan(network(0), ("rom", "rom")), extras=READBACK)
    assert str(error.value) == "readback must be False where no weights are loaded, not True"
    del error
    gc.collect()  # here, where the warning of components that were never built is expected
