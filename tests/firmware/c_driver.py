"""The C driver, compiled for this computer and called through ctypes, over a `Transport` of the Python driver."""

import ctypes
import shutil
import subprocess
from ctypes import POINTER, c_bool, c_char_p, c_int, c_size_t, c_ssize_t, c_uint8, c_uint16, c_uint32, c_void_p
from pathlib import Path

import numpy as np

from spikeloom.errors import SpikeloomError
from spikeloom.firmware import c_network, c_protocol
from spikeloom.firmware.simulated import CYCLES_PER_SECOND, SimulatedLine
from spikeloom.rtl_gen import linked

SOURCES = c_network.SOURCES
DRIVER = tuple(sorted(path for path in SOURCES.glob("*.c") if path.name != c_network.EXAMPLE))
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Wcast-qual",
          "-Wcast-align", "-Wpointer-arith", "-Wstrict-prototypes", "-Wmissing-prototypes", "-Wundef",
          "-Wvla", "-Wwrite-strings", "-Wdouble-promotion", "-Wformat=2", "-Werror")
_KINDS = {"u8": c_uint8, "u16": c_uint16, "u32": c_uint32, "8 bytes": c_uint8 * 8}
_STRIDE = 64 / CYCLES_PER_SECOND    # seconds of a simulated line that a read may wait


def compiler() -> str:
    found = shutil.which("gcc") or shutil.which("cc")
    assert found, "the tests need a C compiler"
    return found


def run(*command: str | Path, folder: Path | None = None) -> str:
    """What a command prints; what it says is the failure if it fails."""
    result = subprocess.run([str(word) for word in command], cwd=folder, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert result.returncode == 0, f"{command}\n{result.stdout}"
    return result.stdout


def write_protocol(folder: Path) -> Path:
    """The folder, with the generated protocol header in it."""
    (folder / c_protocol.NAME).write_text(c_protocol.text())
    return folder


def built(folder: Path) -> "Library":
    """The driver as a shared library in `folder`."""
    write_protocol(folder)
    library = folder / "driver.so"
    run(compiler(), *STRICT, "-O2", "-shared", "-fPIC", f"-I{folder}", f"-I{SOURCES}", *DRIVER,
        Path(__file__).with_name("c") / "sizes.c", "-o", library)
    return Library(library)


def structure(name: str):
    fields = [(field.name, _KINDS[field.kind]) for field in c_protocol.STRUCTURES[name]]
    return type(name.title(), (ctypes.Structure,), {"_fields_": fields})


Identity, Result, Counters = map(structure, ("identity", "result", "counters"))
WRITE = ctypes.CFUNCTYPE(c_bool, c_void_p, POINTER(c_uint8), c_size_t)
FLUSH = ctypes.CFUNCTYPE(c_bool, c_void_p)
READ = ctypes.CFUNCTYPE(c_ssize_t, c_void_p, POINTER(c_uint8), c_size_t)
NOW = ctypes.CFUNCTYPE(c_uint32, c_void_p)


class Line(ctypes.Structure):
    _fields_ = [("context", c_void_p), ("write", WRITE), ("flush", FLUSH), ("read", READ), ("now", NOW)]


class Weights(ctypes.Structure):
    _fields_ = [("layer", c_uint16), ("piece_rows", c_uint16), ("piece", c_uint16), ("count", c_uint32),
                ("words", POINTER(c_uint16))]


class Expected(ctypes.Structure):
    _fields_ = [("digest", c_uint8 * 8), ("plan", c_uint8 * 8), ("checksum", c_uint32), ("layers", c_size_t),
                ("weights", POINTER(Weights))]


class State(ctypes.Structure):
    _fields_ = [("transport", POINTER(Line)), ("network", POINTER(Expected)), ("buffer", POINTER(c_uint8)),
                ("size", c_size_t), ("timeout_ms", c_uint32), ("tries", c_uint8), ("sequence", c_uint8),
                ("refusal", c_uint8), ("known", c_bool), ("identity", Identity)]


class Unframer(ctypes.Structure):
    _fields_ = [("body", POINTER(c_uint8)), ("capacity", c_size_t), ("length", c_size_t), ("damaged", c_uint32),
                ("crc", c_uint16), ("synced", c_bool), ("escaped", c_bool), ("ended", c_bool)]


class CError(Exception):
    """A request that failed; the text is the name of the C enumerator."""


class Library:
    """The compiled driver and the names of its errors."""

    def __init__(self, path: Path):
        self.c = ctypes.CDLL(str(path))
        self.c.spikeloom_meaning.restype = self.c.error_name.restype = c_char_p
        self.c.spikeloom_unframe.restype = c_bool
        self.c.spikeloom_unframe.argtypes = [POINTER(Unframer), c_uint8]
        self.c.spikeloom_unframer_init.restype = None
        for name, kind in (("spikeloom", State), ("weights", Weights), ("network", Expected), ("line", Line),
                           ("unframer", Unframer)):
            there = c_size_t.in_dll(self.c, f"size_of_{name}").value
            assert there == ctypes.sizeof(kind), (name, there, ctypes.sizeof(kind))

    def errors(self) -> dict[str, str]:
        """Every error and its meaning, from C."""
        count = c_int.in_dll(self.c, "error_count").value
        return {self.c.error_name(k).decode(): self.c.spikeloom_meaning(k).decode() for k in range(count)}

    def unframe(self, line: bytes, capacity: int = 1 << 16) -> tuple[list[tuple[bytes, int]], int]:
        """The bodies found in `line`, each as far as it fits and with its length, and the frames damaged."""
        body, unframer, found = (c_uint8 * max(capacity, 1))(), Unframer(), []
        self.c.spikeloom_unframer_init(ctypes.byref(unframer), body, c_size_t(capacity))
        for byte in line:
            if self.c.spikeloom_unframe(ctypes.byref(unframer), byte):
                found.append((bytes(body[:min(unframer.length, capacity)]), unframer.length))
        return found, unframer.damaged


def expected(plan) -> Expected:
    """What network.c says of a plan."""
    network = Expected(digest=(c_uint8 * 8)(*bytes.fromhex(plan.network.digest)[:8]))
    loaded = c_network.pieces(plan)
    if loaded:
        network.plan = (c_uint8 * 8)(*linked.plan_digest(plan))
        network.checksum = linked.checksum(plan)
        network.layers = len(loaded)
        network.weights = (Weights * len(loaded))(*(
            Weights(layer, rows, rows * row_words, len(given), (c_uint16 * len(given))(*given.tolist()))
            for layer, rows, row_words, given in loaded))
    return network


class CDevice:
    """The C driver's side of `line`, with the methods of the Python driver.

    `pieces` is the most that one read gives. A line that raises is one that is gone. Time passes when the line is read.
    """

    def __init__(self, library: Library, line, plan=None, *, timeout: float = 1.0, tries: int = 4, size: int = 1 << 16,
                 pieces: int = 1 << 16):
        self.library, self.line, self.raised = library, line, None
        self._waiting, self._unsent, self._seconds, self._pieces = bytearray(), 0, 0.0, pieces
        self._transport = Line(None, WRITE(self._write), FLUSH(self._flush), READ(self._read), NOW(self._now))
        self._expected = expected(plan) if plan is not None else None
        self._buffer = (c_uint8 * size)()
        self.state = State()
        self._ask("init", ctypes.byref(self._transport), self._expected and ctypes.byref(self._expected), self._buffer,
                  c_size_t(size))
        self.state.timeout_ms, self.state.tries = round(timeout * 1000), tries

    def _guarded(self, action, gone):
        try:
            return action()
        except (SpikeloomError, OSError) as error:
            self.raised = error
            return gone

    def _write(self, _, data, length) -> bool:
        self._unsent += length
        return self._guarded(lambda: self.line.write(bytes(data[:length])) is None, False)

    def _flush(self, _) -> bool:
        inner = getattr(self.line, "line", self.line)
        if isinstance(inner, SimulatedLine):    # it takes a byte every two clock cycles
            inner.advance(2 * self._unsent)
        self._unsent = 0
        return True

    def _read(self, _, data, capacity) -> int:
        def read():
            if not self._waiting:
                self._waiting += self.line.read(_STRIDE)
                self._seconds += _STRIDE
            count = min(len(self._waiting), capacity, self._pieces)
            for k in range(count):
                data[k] = self._waiting[k]
            del self._waiting[:count]
            return count
        return self._guarded(read, -1)

    def _now(self, _) -> int:
        return (0xffffff00 + round(self._seconds * 1000)) & 0xffffffff     # it wraps early

    def _ask(self, name: str, *arguments) -> None:
        code = getattr(self.library.c, f"spikeloom_{name}")(ctypes.byref(self.state), *arguments)
        if code:
            raise CError(self.library.c.error_name(code).decode())

    def identify(self) -> Identity:
        self._ask("identify")
        return self.state.identity

    def run_words(self, packed: np.ndarray) -> tuple[int, int]:
        words, result = (c_uint16 * len(packed))(*np.asarray(packed).tolist()), Result()
        self._ask("run", words, c_size_t(len(packed)), ctypes.byref(result))
        return result.label, result.cycles

    def read(self, count: int) -> tuple[tuple[int, ...], int, int]:
        scores, result = (ctypes.c_int64 * count)(), Result()
        self._ask("read", scores, c_size_t(count), ctypes.byref(result))
        return tuple(scores), result.label, result.cycles

    def status(self) -> dict[str, int]:
        counters = Counters()
        self._ask("status", ctypes.byref(counters))
        return {name: getattr(counters, name) for name, _ in Counters._fields_}

    def reset(self) -> None:
        self._ask("reset")

    def load(self) -> None:
        self._ask("load")

    def verify(self) -> None:
        self._ask("verify")

    def membranes(self, layer: int, count: int, first: int = 0) -> list[int]:
        found = (ctypes.c_int32 * count)()
        self._ask("membranes", c_uint16(layer), c_uint16(first), found, c_size_t(count))
        return list(found)

    def stream(self, stream: int, timestep: int, packed: list[int], spike_words: int) -> tuple[int, list[int]]:
        words, spikes, then = (c_uint16 * len(packed))(*packed), (c_uint16 * spike_words)(), c_uint16()
        self._ask("stream", c_uint16(stream), c_uint16(timestep), words, c_size_t(len(packed)), spikes,
                  c_size_t(spike_words), ctypes.byref(then))
        return then.value, list(spikes)
