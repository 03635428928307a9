"""Kinds of files that samples come from. Each module holds one frozen dataclass, `KIND`, whose fields are options, with

* `suffixes()`: of its files,
* `sequence`: a sample has time steps,
* `template`: the recipe that is taken when none is named,
* `read(path)`: a sample as an array, see `spikeloom.train.data.from_arrays`.
"""

from spikeloom import plugins


def make(kind: str, **options: object):
    """The kind of that name ("picture", "array", "audio", "recording") with its options."""
    return plugins.make(__name__, kind, "kind of files", "KIND", options)


def of_suffix(suffix: str) -> str | None:
    """The kind that files with this suffix are of; arrays before recordings."""
    for name in sorted(plugins.names(__name__)):
        if suffix.lower() in plugins.load(__name__, name, "kind of files").KIND.suffixes():
            return name
    return None


kind = plugins.kind
