"""The generated files: the protocol's table, a network's facts, and frames that are packed as Python packs them."""

import ctypes
import re
import struct

import numpy as np
import pytest

from spikeloom import codebooks, encoders
from spikeloom.firmware import c_network, c_protocol
from spikeloom.network import READOUTS, Dense, Input, Layer, Lif, Network
from spikeloom.rtl_gen import linked, protocol, words
from spikeloom.rtl_gen import planner as plans
from spikeloom.rtl_gen.link.extras import Extras
from spikeloom.sim.random_networks import random_frames, random_network

from .c_driver import DRIVER, SOURCES, STRICT, compiler, run, write_protocol
from .test_load import network as network_to_load
from .test_load import plan as plan_to_load

WIDTHS = [(bits, signed) for bits in (1, 2, 3, 4, 7, 8, 9, 16) for signed in (False, True) if bits > signed]
HELPER = """\
#include "network.h"
const unsigned frame_words = NETWORK_FRAME_WORDS, value_bytes = sizeof(network_value), buffer_bytes = NETWORK_BUFFER;
const long low = NETWORK_VALUE_MIN, high = NETWORK_VALUE_MAX;
void pack(uint16_t *to, const network_value *values);
void pack(uint16_t *to, const network_value *values) { network_pack(to, values); }
"""


def compiled(plan, folder) -> ctypes.CDLL:
    """network.c and network_pack as a library."""
    for name, text in c_network.files(plan).items():
        (folder / name).write_text(text)
    (folder / "helper.c").write_text(HELPER)
    run(compiler(), *STRICT, "-Wno-missing-prototypes", "-O2", "-shared", "-fPIC", "network.c", "helper.c", "-o",
        "network.so", folder=folder)
    return ctypes.CDLL(str(folder / "network.so"))


def packed(library: ctypes.CDLL, network: Network, frame: np.ndarray) -> list[int]:
    size = ctypes.c_uint.in_dll(library, "value_bytes").value
    values = np.ascontiguousarray(frame.reshape(-1), f"<{'i' if network.input.signed else 'u'}{size}")
    to = (ctypes.c_uint16 * ctypes.c_uint.in_dll(library, "frame_words").value)()
    library.pack(to, values.ctypes.data_as(ctypes.c_void_p))
    return list(to)


def check_packing(network: Network, frames: np.ndarray, folder) -> None:
    library = compiled(plans.make(network), folder)
    assert (ctypes.c_long.in_dll(library, "low").value, ctypes.c_long.in_dll(library, "high").value) == \
        network.input.range
    for frame, wanted in zip(frames, words.pack(network, frames), strict=True):
        assert packed(library, network, frame) == wanted.tolist()


@pytest.mark.parametrize(("bits", "signed"), WIDTHS)
def test_a_frame_of_any_width_is_packed_as_python_packs_it(bits, signed, tmp_path):
    network = Network(
        input=Input(shape=(5, 7), bits=bits, signed=signed), encoder=encoders.make("direct"), readout="count",
        timesteps=2, layers=(Layer(synapses=Dense(weights=np.ones((2, 35), int), codebook=codebooks.make("ternary")),
                                   neurons=Lif(neurons=2, threshold=9)),))
    low, high = network.input.range
    frames = np.random.default_rng(bits).integers(low, high + 1, (4, 35))
    frames[0], frames[1] = low, high
    check_packing(network, frames, tmp_path)


def test_a_sequence_is_packed_as_python_packs_it(tmp_path):
    network = next(n for n in map(random_network, range(100)) if len(n.frame_shape) > 1 and n.input.size % 16)
    check_packing(network, random_frames(network, 0, 3), tmp_path)


def test_the_network_s_facts(tmp_path):
    plan = plan_to_load(network_to_load(1))
    library, who = compiled(plan, tmp_path), linked.identity(plan)
    text = (tmp_path / "network.h").read_text()
    defined = {name: int(value) for name, value in re.findall(r"#define NETWORK_(\w+) (\d+)u? ", text)}
    for name, value in vars(who).items():
        if name in ("inputs", "value_bits", "frame_words", "timesteps", "outputs", "score_words"):
            assert defined[name.upper()] == value
    assert f"#define NETWORK_READOUT SPIKELOOM_READOUT_{READOUTS[who.readout].upper()}\n" in text
    assert plan.network.digest in text
    expected = (ctypes.c_uint8 * 16).in_dll(library, "network_expected")
    assert bytes(expected) == bytes.fromhex(plan.network.digest)[:8] + linked.plan_digest(plan)
    identified, result = (struct.calcsize(protocol.layout(table)) for table in (protocol.IDENTITY, protocol.RESULT))
    replies = (bytes(identified), bytes(2 * who.outputs * who.score_words + result))
    assert ctypes.c_uint.in_dll(library, "buffer_bytes").value == 3 + max(map(len, replies))
    probed = linked.identity(plan, Extras(probe=True))
    assert defined["LARGE_BUFFER"] >= 3 + 2 * probed.probe_neurons * probed.membrane_words > 3


def test_the_files_do_not_depend_on_the_plan_where_nothing_is_loaded():
    network = random_network(0)
    one, other = plans.make(network, lanes=(1,) * len(network.layers)), plans.make(network)
    assert c_network.files(one) == c_network.files(other)


LABELS = ("", 'a"b\\', "*/ #error", "??/", "//\n\0", "0\u00e917", "%s\ud800")


def test_labels_may_hold_anything(tmp_path):
    network = Network(
        input=Input(shape=(3,)), encoder=encoders.make("direct"), readout="count", timesteps=2, labels=LABELS,
        layers=(Layer(synapses=Dense(weights=np.ones((7, 3), int), codebook=codebooks.make("ternary")),
                      neurons=Lif(neurons=7, threshold=2)),))
    library = compiled(plans.make(network), tmp_path)
    labels = (ctypes.c_char_p * len(LABELS)).in_dll(library, "network_labels")
    assert list(labels) == [label.encode(errors="replace").partition(b"\0")[0] for label in LABELS]


def test_the_header_is_the_protocol_s_table(tmp_path):
    """Every constant, by name, as the compiler sees it."""
    wanted = {"SPIKELOOM_VERSION": protocol.VERSION, "SPIKELOOM_FLAG": protocol.FLAG, "SPIKELOOM_REPLY": protocol.REPLY,
              "SPIKELOOM_ESCAPE": protocol.ESCAPE, "SPIKELOOM_ESCAPE_XOR": protocol.ESCAPE_XOR,
              "SPIKELOOM_READOUTS": len(READOUTS), "SPIKELOOM_CRC_RESIDUE": 0xf0b8,     # the published one
              "SPIKELOOM_READOUT_FIRST_SPIKE": READOUTS.index("first-spike"),
              **{f"SPIKELOOM_COMMAND_{command.name}": command.code for command in protocol.COMMANDS},
              **{f"SPIKELOOM_STATUS_{status.name}": status.code for status in protocol.STATUSES},
              "SPIKELOOM_WATCHED_VERSION": protocol.WATCHED,
              **{f"SPIKELOOM_{name.upper()}_BYTES": struct.calcsize(protocol.layout(protocol.known(table, 3)))
                 for name, table in c_protocol.STRUCTURES.items()},
              **{f"SPIKELOOM_{name.upper()}_MORE_BYTES": struct.calcsize(protocol.layout(table))
                 for name, table in c_protocol.STRUCTURES.items() if name != "result"}}
    write_protocol(tmp_path)
    checks = "".join(f"typedef char check_{k}[{name} == {value} ? 1 : -1];\n"
                     for k, (name, value) in enumerate(wanted.items()))
    (tmp_path / "table.c").write_text(f'#include "{c_protocol.NAME}"\n{checks}')
    run(compiler(), *STRICT, "-c", "table.c", "-o", "table.o", folder=tmp_path)
    (tmp_path / "wrong.c").write_text(f'#include "{c_protocol.NAME}"\n' + checks.replace("== 126", "== 127"))
    with pytest.raises(AssertionError, match="negative"):
        run(compiler(), *STRICT, "-c", "wrong.c", "-o", "wrong.o", folder=tmp_path)


def test_every_command_and_status_has_its_place_in_the_driver():
    text = "".join(path.read_text() for path in DRIVER)
    used = set(re.findall(r"SPIKELOOM_(?:COMMAND|STATUS)_(\w+)", text))
    refused = {"BAD_LENGTH", "UNKNOWN_COMMAND"}     # of a request that is wrong; they come as they are
    assert used | refused == {row.name for row in (*protocol.COMMANDS, *protocol.STATUSES)}


def test_the_driver_is_shipped(tmp_path):
    files = c_network.files(plans.make(random_network(0)))
    assert set(files) == {path.name for path in SOURCES.iterdir()} | {c_protocol.NAME, "network.h", "network.c"}
