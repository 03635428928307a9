"""Everything of Spikeloom that reads what may come from a stranger: how good files are made, damaged, and read."""

import argparse
import hashlib
import io
import json
import random
import struct
import tempfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from . import data, mutations


@dataclass(frozen=True, kw_only=True)
class Target:
    """One reader.

    Parameters
    ----------
    suffix : of its files.
    case : a damaged file, from a random generator.
    read : reads the file at a path; only `SpikeloomError` may come out of it.
    """

    suffix: str
    case: Callable[[random.Random], bytes]
    read: Callable[[Path], object]


# .qsnn

@cache
def _networks() -> tuple[bytes, ...]:
    from spikeloom.qsnn import pack
    from spikeloom.sim.random_maps import random_conv_network
    from spikeloom.sim.random_networks import random_network, with_paths
    made = [random_network(seed) for seed in range(6)] + [with_paths(random_network(seed), seed) for seed in range(4)]
    return tuple(map(pack, made + [random_conv_network(seed) for seed in range(6)]))


def _qsnn(rng: random.Random) -> bytes:
    data = rng.choice(_networks())
    if rng.random() < 0.1:
        return mutations.of_bytes(data, rng)
    size = int.from_bytes(data[6:10], "little")
    header, arrays = data[10:10 + size], data[10 + size:-32]
    if rng.random() < 0.85:
        header = mutations.dumped(mutations.of_json(json.loads(header), rng), rng)
    if rng.random() < 0.3:
        arrays = mutations.of_bytes(arrays, rng)
    return _signed(header, arrays, rng.choice((1, 2, 2, 2)))


def _signed(header: bytes, arrays: bytes, version: int) -> bytes:
    """With the right length and the right checksum."""
    body = b"QSNN" + struct.pack("<HI", version, len(header)) + header + arrays
    return body + hashlib.sha256(body).digest()


def _read_qsnn(path: Path) -> None:
    from spikeloom.qsnn import load, pack, unpack
    network = load(path)
    if unpack(pack(network)) != network:
        raise AssertionError("a network must come back as it was saved")


# .nir

@cache
def _graphs() -> tuple[bytes, ...]:
    import nir
    rng = np.random.default_rng(0)
    lif = {name: rng.uniform(0.01, 0.1, 3) for name in ("tau", "r", "v_leak", "v_threshold", "v_reset")}
    cuba = {name: rng.uniform(0.01, 0.1, 3) for name in ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold", "v_reset")}
    affine = nir.Affine(weight=rng.normal(0, 1, (3, 4)), bias=rng.normal(0, 1, 3))
    one = nir.NIRGraph.from_list(nir.Input(np.array([4])), affine, nir.LIF(**lif), nir.Linear(weight=np.eye(3)),
                                 nir.CubaLIF(**cuba), nir.Output(np.array([3])))
    conv = nir.Conv2d(input_shape=(6, 6), weight=rng.normal(0, 1, (2, 1, 3, 3)), stride=1, padding=1, dilation=1,
                      groups=1, bias=np.zeros(2))
    two = nir.NIRGraph.from_list(
        nir.Input(np.array([1, 6, 6])), conv, nir.IF(r=np.ones((2, 6, 6)), v_threshold=np.ones((2, 6, 6))),
        nir.SumPool2d(kernel_size=np.array([2, 2]), stride=np.array([2, 2]), padding=np.array([0, 0])),
        nir.Flatten({"input": np.array([2, 3, 3])}, start_dim=0, end_dim=-1),
        nir.Linear(weight=rng.normal(0, 1, (4, 18))),
        nir.LI(tau=np.full(4, .1), r=np.ones(4), v_leak=np.zeros(4)), nir.Output(np.array([4])))
    found = []
    for graph in (one, two, nir.NIRGraph(nodes={"input": nir.Input(np.array([4])), "inner": one,
                                                "output": nir.Output(np.array([3]))},
                                         edges=[("input", "inner"), ("inner", "output")])):
        buffer = io.BytesIO()
        nir.write(buffer, graph)
        found.append(buffer.getvalue())
    return tuple(found)


def _nir(rng: random.Random) -> bytes:
    data = rng.choice(_graphs())
    if rng.random() < 0.4:
        return mutations.of_bytes(data, rng)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.nir"
        path.write_bytes(data)
        with suppress(OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError):
            mutations.of_hdf5(path, rng)    # what h5py refuses to write it has not written
        return path.read_bytes()


def _read_nir(path: Path) -> None:
    from spikeloom.train.importing import hdf5, own
    from spikeloom.train.importing.bring import bring
    from spikeloom.train.importing.conventions import Conventions
    graph = hdf5.read(path)
    if own.restore(graph) is None:
        bring(graph, Conventions(dt=1e-2), timesteps=3)


# Inputs of networks

def _idx(rng: random.Random) -> bytes:
    shape = tuple(rng.choice((1, 2, 28)) for _ in range(rng.choice((1, 3, 3, 4))))
    head = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
    if rng.random() < 0.1:
        return mutations.bomb(mutations.of_bytes(head, rng), 1 << 29)
    data = mutations.of_bytes(head + rng.randbytes(int(np.prod(shape))), rng)
    if rng.random() < 0.5:
        packed = mutations.bomb(data, 0)
        return mutations.of_bytes(packed, rng) if rng.random() < 0.5 else packed
    return data


def _read_idx(path: Path) -> None:
    from spikeloom.train import idx
    idx.read(path)


def _arrays(rng: random.Random) -> bytes:
    return mutations.of_arrays(rng) if rng.random() < 0.7 else mutations.of_npy(rng)


def _read_arrays(path: Path) -> None:
    from spikeloom.train.importing import samples
    samples.load(str(path), dt=1e-3)


def _read_array(path: Path) -> None:
    from spikeloom.commands import _inputs
    _inputs._array(path)


def _picture(rng: random.Random) -> bytes:
    width, height = rng.choice((1, 3, 28, 0, 300)), rng.choice((1, 3, 28))
    if rng.random() < 0.3:
        kind = rng.choice((b"P2", b"P3", b"P5", b"P6"))
        body = b" ".join(str(rng.randrange(300)).encode() for _ in range(width * height)) if kind in b"P2 P3" else \
            rng.randbytes(width * height * 3)
        return mutations.of_bytes(kind + f"\n{width} {height} {rng.choice((255, 1, 65535))}\n".encode() + body, rng)
    if rng.random() < 0.2:
        width = height = rng.choice((4000, 1 << 20, 1 << 31))
    colour, rows = rng.choice((0, 2, 3, 4, 6)), bytearray(rng.randbytes(min(height * (width * 4 + 1), 1 << 16)))
    rows[::width * 4 + 1] = bytes(rng.randrange(5) for _ in rows[::width * 4 + 1])
    header = struct.pack(">IIBBBBB", width % (1 << 32), height % (1 << 32), rng.choice((8, 8, 8, 16)), colour, 0, 0, 0)
    packed = zlib.compress(bytes(rows)) if rng.random() < 0.7 else zlib.compress(bytes(1 << 24), 1)
    parts = [(b"IHDR", header), (b"PLTE", rng.randbytes(30)), (b"IDAT", packed), (b"IEND", b"")]
    if rng.random() < 0.3:
        rng.shuffle(parts)
    if rng.random() < 0.3:
        name, body = parts[0]
        parts[0] = name, mutations.of_bytes(body, rng)
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts)
    return mutations.of_bytes(data, rng) if rng.random() < 0.2 else data


def _read_picture(path: Path) -> None:
    from spikeloom.commands import _pictures
    _pictures.read(path)


def _events(rng: random.Random) -> bytes:
    rows = [[rng.choice((0, 1, 5, 33, -1, 1 << 40, 1 << 64)) for _ in range(4)] for _ in range(rng.randrange(6))]
    text = "\n".join(rng.choice(",; \t").join(map(str, row)) for row in rows).encode()
    return mutations.of_bytes(text or b"0,0,0,0\n", rng) if rng.random() < 0.5 else text


def _read_events(path: Path) -> None:
    from spikeloom import recording
    from spikeloom.binning import Binning
    Binning(timesteps=5, period=1000, width=34, height=34).frames(recording.read(path))


# What Spikeloom leaves for itself

REPORT = {"network_digest": "0" * 64, "accuracy": {"test": 0.9}, "seconds": {"a": 1.0}, "versions": {"python": "3"},
          "cycles_per_inference": {"mean": 100.0}, "clock_hz": 12_000_000, "plan": {"layers": []}}


def _report(rng: random.Random) -> bytes:
    data = mutations.dumped(mutations.of_json(REPORT, rng), rng)
    return mutations.of_bytes(data, rng) if rng.random() < 0.2 else data


def _checkpoint(rng: random.Random) -> bytes:
    header = json.dumps({"seed": 1}).encode()
    buffer = io.BytesIO()
    np.savez_compressed(buffer, weight=np.zeros((3, 2), np.float32), spikeloom=np.frombuffer(header, np.uint8))
    return mutations.of_bytes(buffer.getvalue(), rng) if rng.random() < 0.5 else mutations.of_arrays(rng)


def _read_checkpoint(path: Path) -> None:
    from spikeloom.train import checkpoint
    checkpoint._read(path)


def _read_report(path: Path) -> None:
    from spikeloom import report
    from spikeloom.qsnn import unpack
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "report.json").write_bytes(path.read_bytes())
        network = unpack(_networks()[0])
        text = Path(folder, "report.json").read_bytes().replace(b"0" * 64, network.digest.encode())
        Path(folder, "report.json").write_bytes(text)
        report.merge(Path(folder), network, {"seconds": {"b": 2.0}, "clock_hz": 1000})


@cache
def _note() -> dict:
    from spikeloom.commands.swap import note
    from spikeloom.qsnn import unpack
    from spikeloom.rtl_gen import planner
    network = unpack(_networks()[0])
    return json.loads(json.dumps(note(planner.make(network), "weights", board="icebreaker", clock_hz=None,
                                      baud=1_000_000)))


def _swap(rng: random.Random) -> bytes:
    return mutations.dumped(mutations.of_json(_note(), rng), rng)


def _read_swap(path: Path) -> None:
    """As far as what comes before the tools."""
    from spikeloom import boards
    from spikeloom.commands import swap
    from spikeloom.qsnn import unpack
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, swap.NOTE).write_bytes(path.read_bytes())
        made = swap._read(Path(folder))
        swap._plan(unpack(_networks()[0]), made)
        boards.board(made["board"])


def _journal(rng: random.Random) -> bytes:
    result = {"accuracies": [0.5, 0.25], "seconds": 1.5, "hardware": None}
    line = {"key": "a", "candidate": {"x": [1]}, "result": result}
    return b"\n".join(mutations.dumped(mutations.of_json(line, rng), rng) for _ in range(3)) + b"\n"


def _read_journal(path: Path) -> None:
    from spikeloom.train.search.journal import Journal
    Journal(path)


# What goes to a board, and what comes from one

def _bitstream(rng: random.Random) -> bytes:
    good = bytes.fromhex("ff0000ff7eaa997e") + bytes.fromhex("51009205206200b3727000") + rng.randbytes(50)
    ecp5 = b"\xff\x00Part: LFE5U-25F-6CABGA256\x00\xff" + bytes.fromhex("ffffbdb3ffffffff3b000000e200000041111043")
    return mutations.of_bytes(rng.choice((good, ecp5)), rng)


def _read_bitstream(path: Path) -> None:
    from spikeloom.boards import bitstream
    bitstream.part(path)


def _line(rng: random.Random) -> bytes:
    from spikeloom.firmware.framing import frame
    from spikeloom.rtl_gen import protocol
    from spikeloom.rtl_gen.protocol import Identity
    who = Identity(digest=bytes(8), inputs=4, value_bits=1, value_signed=0, frame_words=1, timesteps=3, outputs=2,
                   score_words=1, readout=0, membrane_words=1, readback=1, probe_neurons=2, stream_steps=1, queue=64,
                   load_words=3)
    said = []
    for number in range(1, 12):
        command = rng.choice(protocol.COMMANDS)
        payload = rng.choice((who.pack(), rng.randbytes(6), rng.randbytes(10), b"", rng.randbytes(rng.randrange(90))))
        body = bytes([command.code | 0x80, number, rng.choice((0, 0, 0, 1, 4, 9))]) + payload
        said.append(frame(mutations.of_bytes(body, rng) if rng.random() < 0.2 else body))
    data = b"".join(said)
    return mutations.of_bytes(data, rng) if rng.random() < 0.3 else data


def _read_line(path: Path) -> None:
    """The driver, on a line that says what is in the file."""
    from spikeloom.errors import LinkError
    from spikeloom.firmware.device import Device
    from spikeloom.firmware.transport import Transport

    class Said(Transport):
        name = "the file"

        def __init__(self, data: bytes):
            self.data = data

        def write(self, data: bytes) -> None:
            pass

        def read(self, timeout: float) -> bytes:
            piece, self.data = self.data[:40], self.data[40:]
            return piece

        def close(self) -> None:
            pass

    device = Device(Said(path.read_bytes()), tries=2)
    asked = (device.identify, device.status, lambda: device.run_words(np.zeros(1, int)), device.read,
             lambda: device.membranes(0, 5), lambda: device.fetch(0, 0), device.reset)
    for ask in asked:
        try:
            ask()
        except LinkError:
            continue


TARGETS = {
    "qsnn": Target(suffix=".qsnn", case=_qsnn, read=_read_qsnn),
    "nir": Target(suffix=".nir", case=_nir, read=_read_nir),
    "idx": Target(suffix=".gz", case=_idx, read=_read_idx),
    "samples": Target(suffix=".npz", case=_arrays, read=_read_arrays),
    "array": Target(suffix=".npy", case=_arrays, read=_read_array),
    "picture": Target(suffix=".png", case=_picture, read=_read_picture),
    "events": Target(suffix=".csv", case=_events, read=_read_events),
    "recording": Target(suffix=".bin", case=_events, read=_read_events),
    **{name: Target(suffix=suffix, case=case, read=read) for name, suffix, case, read in data.READERS},
    "report": Target(suffix=".json", case=_report, read=_read_report),
    "swap": Target(suffix=".json", case=_swap, read=_read_swap),
    "journal": Target(suffix=".jsonl", case=_journal, read=_read_journal),
    "checkpoint": Target(suffix=".npz", case=_checkpoint, read=_read_checkpoint),
    "bitstream": Target(suffix=".bin", case=_bitstream, read=_read_bitstream),
    "replies": Target(suffix=".line", case=_line, read=_read_line),
}


def parsed() -> argparse.Namespace:
    """What the worker is told."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target", nargs="+", choices=tuple(TARGETS))
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=1 << 40)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--memory", type=int, default=1 << 28)
    parser.add_argument("--cpu", type=float, default=5.0)
    parser.add_argument("--prepare", default="", metavar="MODULE:FUNCTION")
    return parser.parse_args()
