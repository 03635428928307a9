"""Waveform files: a VCD as the much smaller FST, and a GTKWave save file that groups signals."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from spikeloom import aside
from spikeloom.errors import FileError


@dataclass(frozen=True, kw_only=True)
class Group:
    """Signals under one title, by their full names; `numbers` "hex", "dec", or "signed", which are drawn as curves."""

    title: str
    signals: tuple[str, ...]
    numbers: str = "hex"


@dataclass(frozen=True, kw_only=True)
class Signal:
    """A signal that no simulator knows, by its scope and name; `changes` are (time in the VCD's units, value), in
    order, and it is unknown before."""

    scope: str
    name: str
    bits: int
    changes: tuple[tuple[int, int], ...]


def from_vcd(source: Path, target: Path, *, about: str = "", top: str = "", more: Sequence[Signal] = ()) -> None:
    """Convert; `target` is replaced when it is whole. Raises `FileError` if the VCD is none.

    Parameters
    ----------
    about : what the file says of itself, see `about`.
    top : renames the outermost scope `core`.
    more : signals in scopes of their own beside that one.
    """
    import pylibfst
    from vcd.reader import TokenKind, VCDParseError, tokenize
    lib, ffi = pylibfst.lib, pylibfst.ffi
    beside = target.with_name(f".{os.getpid()}.{target.name}")
    context = lib.fstWriterCreate(os.fsencode(beside), 1)
    if context == ffi.NULL:
        raise FileError(f"{target} must be writable")
    handles: dict[str, tuple[int, int]] = {}
    depth, added = 0, _Added(lib, context, more)
    try:
        lib.fstWriterSetPackType(context, lib.FST_WR_PT_LZ4)
        lib.fstWriterSetVersion(context, about.encode())
        # Verilator's name for the scope of the ports is no identifier.
        with BytesIO(source.read_bytes().replace(b"$scope module $rootio ", b"$scope module ports ")) as file:
            for token in tokenize(file):
                kind = token.kind
                if kind is TokenKind.CHANGE_SCALAR:
                    change = token.scalar_change
                    lib.fstWriterEmitValueChange(context, handles[change.id_code][0], change.value.encode())
                elif kind is TokenKind.CHANGE_VECTOR:
                    change = token.vector_change
                    handle, size = handles[change.id_code]
                    lib.fstWriterEmitValueChange(context, handle, _bits(change.value, size))
                elif kind is TokenKind.CHANGE_TIME:
                    added.reach(token.time_change)
                elif kind is TokenKind.VAR:
                    _declare(lib, context, token.var, handles)
                elif kind is TokenKind.SCOPE:
                    name = top if top and not depth and token.scope.ident == "core" else token.scope.ident
                    lib.fstWriterSetScope(context, lib.FST_ST_VCD_MODULE, name.encode(), ffi.NULL)
                    depth += 1
                elif kind is TokenKind.UPSCOPE:
                    lib.fstWriterSetUpscope(context)
                    depth -= 1
                elif kind is TokenKind.ENDDEFINITIONS:
                    added.declare()
                elif kind is TokenKind.TIMESCALE:
                    scale = f"{token.timescale.magnitude.value}{token.timescale.unit.value}"
                    lib.fstWriterSetTimescaleFromString(context, scale.encode())
            added.reach(None)
    except (VCDParseError, KeyError) as error:
        lib.fstWriterClose(context)
        beside.unlink(missing_ok=True)
        raise FileError(f"{source} must be a VCD, but {error}") from None
    lib.fstWriterClose(context)
    os.replace(beside, target)


class _Added:
    """Time, and signals that are written between those of the VCD."""

    def __init__(self, lib, context, signals: Sequence[Signal]):
        self._lib, self._context, self._signals = lib, context, signals
        self._left = sorted((time, k, value) for k, one in enumerate(signals) for time, value in one.changes)[::-1]
        self._handles: list[int] = []
        self._now: int | None = None

    def declare(self) -> None:
        """Scopes and names; signals of a scope follow each other."""
        lib, context = self._lib, self._context
        for k, one in enumerate(self._signals):
            if not k or self._signals[k - 1].scope != one.scope:
                lib.fstWriterSetScope(context, lib.FST_ST_VCD_MODULE, one.scope.encode(), b"")
            self._handles.append(_variable(lib, context, one.name, one.bits, 0))
            if k + 1 == len(self._signals) or self._signals[k + 1].scope != one.scope:
                lib.fstWriterSetUpscope(context)

    def reach(self, time: int | None) -> None:
        """Go on to `time`, or to the end for None, and write what comes on the way."""
        while self._left and (time is None or self._left[-1][0] <= time):
            now, k, value = self._left.pop()
            self._go(now)
            bits = self._signals[k].bits
            self._lib.fstWriterEmitValueChange(self._context, self._handles[k], _bits(value % (1 << bits), bits))
        if time is not None:
            self._go(time)

    def _go(self, time: int) -> None:
        if time != self._now:
            self._lib.fstWriterEmitTimeChange(self._context, time)
            self._now = time


def _declare(lib, context, var, handles: dict[str, tuple[int, int]]) -> None:
    known = handles.get(var.id_code, (0, 0))[0]
    handles.setdefault(var.id_code, (_variable(lib, context, var.reference, var.size, known), var.size))


def _variable(lib, context, name: str, bits: int, known: int) -> int:
    span = f" [{bits - 1}:0]" if bits > 1 else ""
    return lib.fstWriterCreateVar(context, lib.FST_VT_VCD_WIRE, lib.FST_VD_IMPLICIT, bits, f"{name}{span}".encode(),
                                  known)


def _bits(value: int | str, size: int) -> bytes:
    """A vector change as `size` characters, the highest bit first."""
    text = f"{value:b}" if isinstance(value, int) else value
    fill = text[0] if text[0] in "xz" else "0"
    return text.rjust(size, fill).encode()


def names(path: Path) -> dict[str, int]:
    """The full name of every signal in an FST, without its range, and its bits. Raises `FileError` if it is none."""
    import pylibfst
    context = _opened(path)
    _, signals = pylibfst.get_scopes_signals2(context)
    found = {name.partition(" [")[0]: signal.length for name, signal in signals.by_name.items()}
    pylibfst.lib.fstReaderClose(context)
    return found


def about(path: Path) -> str:
    """What an FST says of itself. Raises `FileError` if it is none."""
    import pylibfst
    context = _opened(path)
    found = pylibfst.string(pylibfst.lib.fstReaderGetVersionString(context))
    pylibfst.lib.fstReaderClose(context)
    return found


def _opened(path: Path):
    import pylibfst
    context = pylibfst.lib.fstReaderOpen(os.fsencode(path))
    if context == pylibfst.ffi.NULL:
        raise FileError(f"{path} must be an FST")
    return context


def save(path: Path, waveform: Path, groups: Sequence[Group], title: str = "") -> None:
    """A GTKWave save file for `waveform`, in the same folder, with a line of words above the groups if there is a
    `title`. Raises `FileError` if it lacks a signal of `groups`."""
    from vcd.gtkw import GTKWFlag, GTKWSave
    widths = names(waveform)
    missing = [name for group in groups for name in group.signals if name not in widths]
    if missing:
        raise FileError(f"{waveform} must have the signal {missing[0]}")
    with aside.writing(path) as beside, open(beside, "w") as file:
        written = GTKWSave(file)
        written.dumpfile(waveform.name, abspath=False)
        written.savefile(path.name, abspath=False)
        if title:
            written.blank(title)
        for group in groups:
            with written.group(group.title):
                for name in group.signals:
                    bits = widths[name]
                    alias = name.rpartition(".")[2]
                    span = f"[{bits - 1}:0]" if bits > 1 else ""
                    drawn = GTKWFlag.analog_step if group.numbers == "signed" else GTKWFlag(0)
                    written.trace(name + span, alias=alias, datafmt=group.numbers, extraflags=drawn)
