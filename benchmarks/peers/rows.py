"""One row of the comparison, and the table of all rows."""

from dataclasses import asdict, dataclass

from spikeloom.errors import SpikeloomError

COLUMNS = ("tool", "network", "numbers", "accuracy: float, quantized, hardware", "LUT", "FF", "block RAM", "DSP",
           "Fmax", "cycles", "ms at Fmax", "exactness checked by the tool", "minutes (CPU)")
RESOURCES = ("lut", "ff", "ram", "dsp")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One network of one tool on one board, or the reason why there is none.

    Parameters
    ----------
    accuracy : shares of `test_images`, by name: "float", "quantized model" and "hardware", as far as they are known;
        the hardware's by integers that were compared with its HDL.
    checked_by_tool : whether the tool itself compares its HDL with its model.
    exactness : what was compared here, and what came out.
    resources : as of `spikeloom.boards.report`.
    frame_flip_flops : of those, what our frame around the core takes.
    cycles : mean and max of an inference.
    seconds, cpu_seconds : from the trained model to the bitstream.
    repairs : what had to be done by hand.
    reason : why there is no hardware; None if there is.
    """

    peer: str
    version: str
    network: str
    numbers: str = ""
    timesteps: int = 1
    accuracy: dict[str, float]
    test_images: int
    checked_by_tool: bool = False
    exactness: str = ""
    board: str = ""
    resources: dict[str, dict[str, int]] | None = None
    frame_flip_flops: int = 0
    fmax_mhz: float | None = None
    cycles: dict[str, float] | None = None
    seconds: float = 0
    cpu_seconds: float = 0
    repairs: tuple[str, ...] = ()
    reason: str | None = None

    def __post_init__(self):
        if (self.resources is None) == (self.reason is None):
            raise SpikeloomError(f"row must have either resources or a reason, {self.peer} has "
                                 f"{'neither' if self.reason is None else 'both'}")
        for name, share in self.accuracy.items():
            if not 0 <= share <= 1:
                raise SpikeloomError(f"accuracy must be a share from 0 to 1, {name} of {self.peer} is {share!r}")

    @property
    def milliseconds(self) -> float | None:
        """Of an inference at Fmax, mean."""
        return self.cycles["mean"] / self.fmax_mhz / 1e3 if self.cycles and self.fmax_mhz else None

    def to_json(self) -> dict:
        """The row as JSON types."""
        return asdict(self) | {"milliseconds": self.milliseconds}

    @classmethod
    def from_json(cls, found: dict) -> "Row":
        """A row that `to_json` wrote."""
        return cls(**{key: tuple(value) if key == "repairs" else value for key, value in found.items()
                      if key != "milliseconds"})


def cells(row: Row) -> tuple[str, ...]:
    """The row under `COLUMNS`."""
    shares = ", ".join(f"{row.accuracy[name]:.2%}" if name in row.accuracy else "-"
                       for name in ("float", "quantized model", "hardware"))
    tool = f"{row.peer} {row.version}"
    network = f"{row.network}, T = {row.timesteps}" if row.timesteps > 1 else row.network
    if row.reason is not None:
        return (tool, network, row.numbers, shares, *("-" * 9))
    used = [f"{row.resources[name]['used']:,}" if name in row.resources else "0" for name in RESOURCES]
    cycles = f"{row.cycles['mean']:,.0f}" if row.cycles else "-"
    milliseconds = f"{row.milliseconds:.3g}" if row.milliseconds is not None else "-"
    return (tool, network, row.numbers, shares, *used, f"{row.fmax_mhz:.1f} MHz", cycles, milliseconds,
            "yes" if row.checked_by_tool else "no", f"{row.seconds / 60:.1f} ({row.cpu_seconds / 60:.1f})")


def table(found: list[Row]) -> str:
    """All rows in Markdown, and under them what was compared, what was done by hand, and why something is missing."""
    lines = [f"| {' | '.join(COLUMNS)} |", "| --- " * len(COLUMNS) + "|"]
    lines += [f"| {' | '.join(cells(row))} |" for row in found]
    for row in found:
        said = [f"{row.reason}."] if row.reason else []
        said += [f"Compared here: {row.exactness}."] if row.exactness else []
        said += [f"By hand: {'; '.join(row.repairs)}."] if row.repairs else []
        if row.frame_flip_flops:
            said += [f"{row.frame_flip_flops:,} of the flip-flops are the frame around the core."]
        lines += ["", f"* {row.peer} {row.version}, {row.network}: {' '.join(said)}"] if said else []
    return "\n".join(lines)
