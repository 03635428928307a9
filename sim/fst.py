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


def from_vcd(source: Path, target: Path) -> None:
    """Convert; `target` is replaced when it is whole. Raises `FileError` if the VCD is none."""
    import pylibfst
    from vcd.reader import TokenKind, VCDParseError, tokenize
    lib, ffi = pylibfst.lib, pylibfst.ffi
    beside = target.with_name(f".{os.getpid()}.{target.name}")
    context = lib.fstWriterCreate(os.fsencode(beside), 1)
    if context == ffi.NULL:
        raise FileError(f"{target} must be writable")
    handles: dict[str, tuple[int, int]] = {}
    try:
        lib.fstWriterSetPackType(context, lib.FST_WR_PT_LZ4)
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
                    lib.fstWriterEmitTimeChange(context, token.time_change)
                elif kind is TokenKind.VAR:
                    _declare(lib, context, token.var, handles)
                elif kind is TokenKind.SCOPE:
                    lib.fstWriterSetScope(context, lib.FST_ST_VCD_MODULE, token.scope.ident.encode(), ffi.NULL)
                elif kind is TokenKind.UPSCOPE:
                    lib.fstWriterSetUpscope(context)
                elif kind is TokenKind.TIMESCALE:
                    scale = f"{token.timescale.magnitude.value}{token.timescale.unit.value}"
                    lib.fstWriterSetTimescaleFromString(context, scale.encode())
    except (VCDParseError, KeyError) as error:
        lib.fstWriterClose(context)
        beside.unlink(missing_ok=True)
        raise FileError(f"{source} must be a VCD, but {error}") from None
    lib.fstWriterClose(context)
    os.replace(beside, target)


def _declare(lib, context, var, handles: dict[str, tuple[int, int]]) -> None:
    known = handles.get(var.id_code, (0, 0))[0]
    span = f" [{var.size - 1}:0]" if var.size > 1 else ""
    handle = lib.fstWriterCreateVar(context, lib.FST_VT_VCD_WIRE, lib.FST_VD_IMPLICIT, var.size,
                                    f"{var.reference}{span}".encode(), known)
    handles.setdefault(var.id_code, (handle, var.size))


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


def _opened(path: Path):
    import pylibfst
    context = pylibfst.lib.fstReaderOpen(os.fsencode(path))
    if context == pylibfst.ffi.NULL:
        raise FileError(f"{path} must be an FST")
    return context


def save(path: Path, waveform: Path, groups: Sequence[Group]) -> None:
    """A GTKWave save file for `waveform`, in the same folder. Raises `FileError` if it lacks a signal of `groups`."""
    from vcd.gtkw import GTKWFlag, GTKWSave
    widths = names(waveform)
    missing = [name for group in groups for name in group.signals if name not in widths]
    if missing:
        raise FileError(f"{waveform} must have the signal {missing[0]}")
    with aside.writing(path) as beside, open(beside, "w") as file:
        written = GTKWSave(file)
        written.dumpfile(waveform.name, abspath=False)
        written.savefile(path.name, abspath=False)
        for group in groups:
            with written.group(group.title):
                for name in group.signals:
                    bits = widths[name]
                    alias = name.rpartition(".")[2]
                    span = f"[{bits - 1}:0]" if bits > 1 else ""
                    drawn = GTKWFlag.analog_step if group.numbers == "signed" else GTKWFlag(0)
                    written.trace(name + span, alias=alias, datafmt=group.numbers, extraflags=drawn)
