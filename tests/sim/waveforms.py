"""What is in an FST, read by the library of those who made the format."""

from itertools import groupby

import pylibfst


def signed(text: str) -> int:
    return int(text, 2) - (len(text) > 1 and text[0] == "1") * (1 << len(text))


def changes(path) -> list[tuple[int, str, str]]:
    """(time, full name, bits) of every change in an FST."""
    context = pylibfst.lib.fstReaderOpen(str(path).encode())
    _, signals = pylibfst.get_scopes_signals2(context)
    names = {}
    for name, signal in signals.by_name.items():
        names.setdefault(signal.handle, []).append(name.partition(" [")[0])
    found = []

    def changed(_, time, handle, value):
        text = pylibfst.string(value)
        found.extend((time, name, text) for name in names[handle])

    pylibfst.lib.fstReaderSetFacProcessMaskAll(context)
    pylibfst.fstReaderIterBlocks(context, changed)
    pylibfst.lib.fstReaderClose(context)
    return sorted(found)


def pages(path, scope: str) -> list[dict[str, str]]:
    """What the signals of `scope` were at the end of each timestep."""
    now, found = {}, []
    for _, together in groupby(changes(path), key=lambda change: change[0]):
        new = {name: bits for _, name, bits in together}
        if f"{scope}.timestep" in new and now.get(f"{scope}.began") == "1":
            found.append(dict(now))
        now |= new
    return [*found, now]
