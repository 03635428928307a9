"""Ten million bytes of abuse: `python benchmarks/abuse.py [--link uart] [--device plain] [--bytes N] [--seed S]`.

Small networks behind the pins of their links, compiled; see `spikeloom.sim.abuse` for what is done to them. A run goes
into abuse.json, where those of other seeds stay. Exit code 1 if anything hung, answered wrongly or changed its state.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from spikeloom import aside, terminal
from spikeloom.firmware.transport import Transport
from spikeloom.sim import pins, spi_pins
from spikeloom.sim.abuse import Abuse
from spikeloom.sim.abused_devices import CLOCK_HZ, SUBJECTS, Subject
from spikeloom.sim.abused_lines import UartLine

FILE = Path(__file__).with_suffix(".json")
COUNTS = ("bytes", "inferences", "refusals", "passed", "wrong", "changed", "hung")


def connected(link: str, subject: Subject) -> Transport:
    """A device under power, and the line to it."""
    if link == "uart":
        return UartLine(pins.build(subject.plan, clock_hz=CLOCK_HZ, extras=subject.extras))
    return spi_pins.SpiLine(spi_pins.build(subject.plan, extras=subject.extras), clock_hz=CLOCK_HZ)


def main() -> int:
    """Prints a table of this run and of all that is in the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--link", nargs="+", choices=("uart", "spi"), default=["uart", "spi"])
    parser.add_argument("--device", nargs="+", choices=tuple(SUBJECTS), default=list(SUBJECTS))
    parser.add_argument("--bytes", type=int, default=2_500_000, help="of each device on each link")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, default=FILE)
    arguments = parser.parse_args()
    runs = {}
    for link in arguments.link:
        for name in arguments.device:
            subject = SUBJECTS[name]()
            line = connected(link, subject)
            began = time.process_time()
            with terminal.progress(f"{link}, {name}") as update:
                found = Abuse(line, subject, seed=arguments.seed).run(arguments.bytes, update)
            runs[f"{link}, {name}, seed {arguments.seed}"] = {
                **asdict(found), "cycles": line.cycles, "cpu_seconds": round(time.process_time() - began, 1)}
    kept = json.loads(arguments.output.read_text())["runs"] if arguments.output.exists() else {}
    kept = dict(sorted((kept | runs).items()))
    whole = {name: sum(run[name] for run in kept.values()) for name in (*COUNTS, "cpu_seconds")}
    whole["rounds"] = sum(sum(run["rounds"].values()) for run in kept.values())
    aside.text(arguments.output, json.dumps({"whole": whole, "runs": kept}, indent=2) + "\n")
    terminal.show([(name, sum(run["rounds"].values()), *(run[key] for key in COUNTS)) for name, run in kept.items()],
                  columns=("run", "rounds", *COUNTS))
    return int(any(run["wrong"] + run["changed"] + run["hung"] for run in runs.values()))


if __name__ == "__main__":
    sys.exit(main())
