"""The manual's reference, made of the code: public names with their docstrings, and every command."""

import contextlib
import importlib
import inspect
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

from docstrings import markdown
from ports import components

from spikeloom import cli, plugins

NAMES = {
    "contract": ("The contract in Python", {
        "spikeloom": None, "spikeloom.codebooks": ("make",), "spikeloom.codebooks.binary": ("Binary",),
        "spikeloom.codebooks.ternary": ("Ternary",), "spikeloom.codebooks.pow2": ("Pow2",),
        "spikeloom.codebooks.integer": ("Integer",), "spikeloom.encoders": ("make",),
        "spikeloom.encoders.direct": ("Direct",), "spikeloom.encoders.threshold": ("Threshold",),
        "spikeloom.encoders.rate": ("Rate",), "spikeloom.encoders.latency": ("Latency",),
        "spikeloom.encoders.delta": ("Delta",), "spikeloom.events": ("bin_events",)}),
    "hardware": ("Hardware in Python", {
        "spikeloom.rtl_gen.planner": ("make",), "spikeloom.rtl_gen.plan": ("Plan", "LayerPlan"),
        "spikeloom.rtl_gen.cost": ("of",), "spikeloom.rtl_gen.timing": ("latency",),
        "spikeloom.rtl_gen.words": ("pack", "per_frame"), "spikeloom.rtl_gen.verilog": ("to_verilog",),
        "spikeloom.rtl_gen.collisions": ("declare_collision_free",), "spikeloom.boards": ("board", "boards"),
        "spikeloom.boards.board": ("Board", "Programmer"), "spikeloom.boards.build": ("build",)}),
    "simulation": ("Simulation in Python", {
        "spikeloom.sim.reference": ("simulate",), "spikeloom.sim.naive": ("infer",),
        "spikeloom.sim.activity": ("measure",), "spikeloom.sim.verify": ("verify", "VerifyRecord")}),
    "training": ("Training and import in Python", {
        "spikeloom.train": ("recipe", "fitted", "load_frames"),
        "spikeloom.train.compress": ("parse", "Task", "Compressed"),
        "spikeloom.train.pipeline": ("run", "Stage", "PipelineResult"),
        "spikeloom.train.search.executors": ("executor",), "spikeloom.train.importing": None}),
    "data": ("Data in Python", {
        "spikeloom.train.data": None, "spikeloom.train.audio": ("read_wav", "LogMel"),
        "spikeloom.recording": ("read", "Recording"), "spikeloom.binning": ("Binning",)}),
}
"""Pages of public names: of each module those that are named, or its `__all__`."""
WIDTH = "100"


def write(folder: Path) -> list[tuple[str, str]]:
    """Write the pages of the reference into `folder`; the name of each and its title."""
    folder.mkdir(parents=True, exist_ok=True)
    for page, (title, modules) in NAMES.items():
        (folder / f"{page}.md").write_text("\n".join([f"# {title}\n", *names(modules)]))
    (folder / "components.md").write_text("\n".join(components()))
    (folder / "commands.md").write_text("\n".join(commands()))
    return [*((page, title) for page, (title, _) in NAMES.items()), ("components", "Components and their ports"),
            ("commands", "Commands")]


def names(modules: dict[str, tuple[str, ...] | None]) -> Iterator[str]:
    """Markdown of the public names of `modules`."""
    for module, listed in modules.items():
        found = importlib.import_module(module)
        for name in listed or sorted(found.__all__):
            item = getattr(found, name)
            if not inspect.getdoc(item):
                raise SystemExit(f"{module}.{name} must have a docstring")
            yield f"## `{module}.{name}`\n"
            yield f"```text\n{name}{_signature(item)}\n```\n"
            yield f"{markdown(inspect.getdoc(item))}\n"


def _signature(item: object) -> str:
    if inspect.isclass(item) and issubclass(item, Exception):
        return f" ({item.__base__.__name__})"
    signature = str(inspect.signature(item))
    return re.sub(r" at 0x[0-9a-f]+", "", signature.removesuffix(" -> None")).replace("<factory>", "..")


def commands() -> Iterator[str]:
    """Markdown of every command's help."""
    yield "# Commands\n\nEach page is what `spikeloom COMMAND --help` prints.\n"
    for name in plugins.names("spikeloom.commands"):
        text, columns = io.StringIO(), os.environ.get("COLUMNS")
        os.environ["COLUMNS"] = WIDTH
        try:
            with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
                cli.parser().parse_args([name, "--help"])
        finally:
            os.environ.pop("COLUMNS")
            if columns is not None:
                os.environ["COLUMNS"] = columns
        yield f"## {name}\n\n```text\n{text.getvalue().rstrip()}\n```\n"
