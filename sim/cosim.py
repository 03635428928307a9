"""The co-simulation: the exported Verilog under cocotb, on Verilator or Icarus. `sim/cocotb_core.py` is the inside."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from spikeloom import check, tools
from spikeloom.errors import ToolError
from spikeloom.rtl_gen import verilog
from spikeloom.rtl_gen.core import Core
from spikeloom.rtl_gen.plan import Plan
from spikeloom.sim import exchange
from spikeloom.sim.outcome import Observation, Outcome
from spikeloom.sim.volume import FOLDER, HardwareError, patience

SIMULATORS = ("verilator", "icarus")
EFFORTS = {"run": "", "compile": "OPT_FAST=-O0 OPT_SLOW=-O0"}
WAVES = {"verilator": "dump.vcd", "icarus": "core.fst"}


@dataclass(frozen=True, kw_only=True)
class Cosim:
    """A core, built for a simulator. `build` makes it."""

    plan: Plan
    simulator: str
    folder: Path
    waves: bool

    def run(
        self,
        frames: np.ndarray,
        expected: Outcome,
        *,
        pipelined: bool = True,
        stalls: int = 0,
        test: str = "every_spike_and_membrane",
        waves: Path | None = None,
        timeout: float | None = None,
    ) -> tuple[Observation, float]:
        """What the hardware answers to `frames`, and the seconds that the simulation itself took.

        Parameters
        ----------
        expected : the reference's answer, with its trace: the cocotb test compares with it on its own.
        pipelined, stalls : see `volume.Volume.run`; stalls refuse results only.
        test : which test of `cocotb_core` to run.
        waves : where to put the waveform; the core must have been built with waves.
        timeout : seconds after which the simulator is killed.

        Raises `HardwareError` if the hardware hangs or breaks a rule of its interface, `ToolError` if no test ran. A
        difference is no error here: compare the observation.
        """
        work = Path(tempfile.mkdtemp(prefix=".cocotb-", dir=self.folder.parent))
        job = exchange.make_job(self.plan, frames, pipelined=pipelined, stalls=stalls, patience=patience(self.plan))
        exchange.write_job(work, job, expected)
        log = _runner("test", self.simulator, self.folder, work, test, "waves" if waves else "", timeout=timeout)
        failures = _results(work / "results.xml", log)
        if not (work / "result.json").exists():
            raise HardwareError(f"the core must keep its interface's rules, but {failures or log}")
        result = json.loads((work / "result.json").read_text())
        if result["hung"] or result["extra"]:
            raise HardwareError(f"the core must answer each inference once, but {failures}")
        if bool(failures) != bool(result["mismatches"]):
            raise ToolError(f"cocotb must fail just when values differ, but {failures or 'it passed'} (see {log})")
        observed = exchange.read_observation(work)
        if waves:
            os.replace(work / WAVES[self.simulator], waves)
        shutil.rmtree(work)
        return observed, result["seconds"]


def available() -> list[str]:
    """The simulators that are there: Verilator first."""
    found = []
    for name in SIMULATORS:
        try:
            tools.find(name)
        except ToolError:
            continue
        found.append(name)
    return found


def build(plan: Plan, *, simulator: str = "verilator", text: str | None = None, folder: Path = FOLDER,
          waves: bool = False) -> Cosim:
    """Build the Core of `plan`; `text` replaces its Verilog. A build that is in `folder` already is used again.

    Raises `ToolError` if the simulator is missing or fails.
    """
    text = text or verilog.to_verilog(Core(plan), "core")
    compiled = build_text(text, simulator=simulator, folder=folder, waves=waves)
    return Cosim(plan=plan, simulator=simulator, folder=compiled, waves=waves)


def build_text(text: str, *, simulator: str, folder: Path, waves: bool = False, module: str = "cocotb_core",
               effort: str = "run") -> Path:
    """The folder in which the module `core` of a Verilog text is built for a simulator and the tests of `module`; see
    `build`, and `cxxrtl.library` for `effort`."""
    check.choice("effort", effort, tuple(EFFORTS))
    check.choice("simulator", simulator, SIMULATORS)
    tool = tools.find(simulator)
    options = Path(__file__).with_name("cocotb_runner.py").read_text()
    parts = [tool.version, simulator, str(waves), module, effort, sys.executable, options, text]
    digest = sha256("\0".join(parts).encode())
    target = Path(folder, f"cocotb-{simulator}-{digest.hexdigest()[:24]}").absolute()
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        (work / "core.v").write_text(text)
        _runner("build", simulator, work, work, "", "waves" if waves else "", module, flags=EFFORTS[effort])
        try:
            os.rename(work, target)
        except OSError:
            if not target.exists():
                raise
            shutil.rmtree(work)
    return target


def start(*arguments: str | Path, variables: Mapping[str, str] | None = None,
          flags: str = "") -> tuple[subprocess.Popen, Path]:
    """cocotb's runner as a process that leads its own group, in an environment that is nobody else's and has these
    `variables` too, and its log. The arguments are those of `cocotb_runner`, the `flags` make's."""
    action, simulator, _, work = arguments[:4]
    environment = os.environ | (tools.simulator_environment() if simulator == "verilator" else {})
    environment.pop("PYTEST_CURRENT_TEST", None)
    environment |= {"SPIKELOOM_COSIM": str(work), **(variables or {})}
    if flags:
        environment["MAKEFLAGS"] = f"{environment.get('MAKEFLAGS', '')} {flags}".strip()
    log = Path(work, f"{action}.log")
    command = [sys.executable, "-P", "-m", "spikeloom.sim.cocotb_runner", *map(str, arguments)]
    with open(log, "wb") as output:
        return subprocess.Popen(command, cwd=work, env=environment, stdin=subprocess.DEVNULL, stdout=output,
                                stderr=subprocess.STDOUT, start_new_session=True), log


def _runner(*arguments: str | Path, timeout: float | None = None, flags: str = "") -> Path:
    """The runner from its start to its end. Returns its log."""
    action, simulator = arguments[:2]
    started, log = start(*arguments, flags=flags)
    with started as process:
        try:
            code = process.wait(timeout)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise ToolError(f"{simulator} must finish within {timeout} seconds (see {log})") from None
            raise
    if code and action == "build":
        raise ToolError(f"{simulator} failed to build the core with exit code {code} (see {log})")
    return log


def _results(path: Path, log: Path) -> str:
    """What failed, "" if nothing did. Raises `ToolError` if no test ran: a filter that matches nothing is no pass."""
    try:
        root = xml.etree.ElementTree.parse(path).getroot()
    except (OSError, xml.etree.ElementTree.ParseError) as error:
        raise ToolError(f"the simulator must leave its results, but {error} (see {log})") from None
    ran = [case for case in root.iter("testcase") if case.find("skipped") is None]
    if not ran:
        raise ToolError(f"at least one cocotb test must run, not none (see {log})")
    failed = [failure for case in ran for failure in (*case.iter("failure"), *case.iter("error"))]
    return "; ".join(failure.get("error_msg") or failure.get("message") or str(failure.text) for failure in failed)
