"""Make the manual's figures anew, from results in benchmarks/, from a shipped network and from simulations.

    python docs/figures/make.py

writes docs/figures/NAME.svg. The same data give the same bytes; a test says when a figure is older than what it shows.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import charts  # noqa: E402
import inference  # noqa: E402
import lines  # noqa: E402
import timing  # noqa: E402

FIGURES = {"bits": charts.bits, "designs": charts.designs, "inference": inference.inference, "stream": timing.stream,
           "events": timing.events, "uart": lines.uart, "spi": lines.spi}


def main() -> None:
    for name, make in FIGURES.items():
        (HERE / f"{name}.svg").write_text(make())
        print(HERE / f"{name}.svg")


if __name__ == "__main__":
    main()
