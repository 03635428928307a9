"""The road of compression in words, as `compress` and `import` end with it."""

from collections.abc import Sequence

from spikeloom import terminal


def show(stages: Sequence) -> None:
    """Print a table of `spikeloom.train.pipeline.Stage`."""
    terminal.show([(stage.name, f"{stage.validation:.2%}", f"{stage.nonzero / stage.weights:.1%}", f"{stage.bits:,}",
                    " ".join(f"{rate:.3f}" for rate in stage.rates), f"{stage.seconds:.1f}") for stage in stages],
                  columns=("stage", "validation", "weights left", "bits", "rates", "seconds"))


def level0(found, samples: str) -> str:
    """A `spikeloom.train.exactness.Comparison` of such `samples`."""
    return (f"{found.mismatches} mismatches in {found.compared_spikes:,} spikes and {found.compared_membranes:,} "
            f"membranes of {found.samples:,} {samples}")
