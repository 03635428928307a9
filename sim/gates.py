"""A board's design as gates, under cocotb: a host driver talks to its pins, in a simulator, as it would to a board."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from spikeloom.boards.clock import RESET_SECONDS
from spikeloom.errors import ToolError
from spikeloom.firmware.transport import LineLost, Transport
from spikeloom.sim import cosim
from spikeloom.sim.cocotb_pins import HEADER
from spikeloom.sim.volume import FOLDER

_POLL = 0.2     # seconds


@dataclass(frozen=True, kw_only=True)
class Gates:
    """A module `core` with the pins `clock`, `rx` and `tx`, built for a simulator. `build` makes it.

    Parameters
    ----------
    folder : of the build.
    clock_hz, baud : what the design was made for; `clock` runs at `clock_hz`, whatever the oscillator does.
    waves : where a line leaves its waveform, a VCD, when it is closed; None for no waveform.
    """

    folder: Path
    simulator: str
    clock_hz: int
    baud: int
    waves: Path | None = None

    @property
    def start_cycles(self) -> int:
        """Cycles before the line is served: the design's reset, and some more."""
        return int(self.clock_hz * RESET_SECONDS) + 100

    def start(self) -> "GatesLine":
        """Power: the device after its reset, at the other end of a line. Raises `ToolError` if nothing starts."""
        return GatesLine(self)


class GatesLine(Transport):
    """A line to `gates` in a simulator of its own: time passes while it is read, a second is `clock_hz` cycles.

    `cycles` counts those that went by since the reset; `taps` is what the simulator wrote down, by file, once the line
    is closed.
    """

    def __init__(self, gates: Gates):
        self.name, self.cycles, self.gates = "the simulator", 0, gates
        self.taps: dict[str, str] = {}
        self._sent = b""
        self._work = Path(tempfile.mkdtemp(prefix=".pins-", dir=gates.folder.parent))
        self._process: subprocess.Popen | None = None
        try:
            self._line = self._connect()
        except BaseException:
            self.close()
            raise

    def now(self) -> float:
        return self.cycles / self.gates.clock_hz

    def write(self, data: bytes) -> None:
        self._sent += data

    def read(self, timeout: float) -> bytes:
        sent, self._sent = self._sent, b""
        try:
            self._line.sendall(HEADER.pack(round(timeout * self.gates.clock_hz), len(sent)) + sent)
            cycles, count = HEADER.unpack(self._exactly(HEADER.size))
            self.cycles += cycles
            return self._exactly(count)
        except OSError as error:
            raise LineLost(f"{self.name} must keep running, but {error} (see {self._log})") from None

    def close(self) -> None:
        with contextlib.suppress(AttributeError):   # of a line that never was there
            self._line.close()
        if self._process is not None:
            try:
                self._process.wait(60)
                self.taps = {path.name: path.read_text() for path in self._work.glob("layer*.txt")}
                if self.gates.waves:
                    os.replace(self._work / cosim.WAVES[self.gates.simulator], self.gates.waves)
                shutil.rmtree(self._work)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
            self._process = None

    def _connect(self) -> socket.socket:
        """Start the simulator and wait for its call."""
        gates = self.gates
        variables = {"SPIKELOOM_BIT_CYCLES": str(gates.clock_hz / gates.baud),
                     "SPIKELOOM_START_CYCLES": str(gates.start_cycles)}
        with tempfile.TemporaryDirectory(prefix="spikeloom-") as folder, socket.socket(socket.AF_UNIX) as server:
            path = Path(folder, "line")     # the name of a socket must be short
            server.bind(str(path))
            server.listen(1)
            server.settimeout(_POLL)
            self._process, self._log = cosim.start(
                "test", gates.simulator, gates.folder, self._work, "serve", "waves" if gates.waves else "",
                "cocotb_pins", variables=variables | {"SPIKELOOM_LINE": str(path)})
            while True:
                try:
                    line = server.accept()[0]
                    line.settimeout(None)
                    return line
                except TimeoutError:
                    if self._process.poll() is not None:
                        raise ToolError(f"{gates.simulator} must run the design (see {self._log})") from None

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self._line.recv(count - len(data))
            if not more:
                raise ConnectionResetError("it has ended")
            data += more
        return data


def build(text: str, *, clock_hz: int, baud: int, simulator: str = "verilator", folder: Path = FOLDER,
          effort: str = "run", waves: Path | None = None) -> Gates:
    """Build the module `core` of a Verilog text; one that is in `folder` already is used again. See `cxxrtl.library`
    for `effort`, `Gates` for `waves`. Raises `ToolError`."""
    built = cosim.build_text(text, simulator=simulator, folder=folder, module="cocotb_pins", effort=effort,
                             waves=waves is not None)
    return Gates(folder=built, simulator=simulator, clock_hz=clock_hz, baud=baud, waves=waves)
