"""Loading a bitstream into a board with the program that the board names, and what to do when that fails."""

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from spikeloom import boards, tools
from spikeloom.boards import bitstream
from spikeloom.boards.board import Board
from spikeloom.errors import FileError, SpikeloomError, ToolError

USB_DEVICES = Path("/sys/bus/usb/devices")      # Linux
_RULES = "/etc/udev/rules.d/70-spikeloom.rules"
_REPORTS = ("report.json", "swapped.json")      # of a build, of a swap
_BITSTREAMS = ("top.bin", "top.bit")

_LIBRARY = re.compile(r"error while loading shared libraries: (\S+):")
_LEFT_OUT = re.compile(r"support for (\w+) was not enabled at compile time")
_DENIED = re.compile(r"LIBUSB_ERROR_ACCESS|permission denied|access denied|insufficient permissions|"
                     r"usb_open\(\) failed", re.I)
_BUSY = re.compile(r"LIBUSB_ERROR_BUSY|unable to claim (?:usb )?device", re.I)
_ABSENT = re.compile(r"device not found|not found$|No DFU capable USB device|Can't find iCE FTDI|iCELink open fail|"
                     r"no (?:\w+ )*device found|No DFU compatible device|unable to open ftdi device", re.I | re.M)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A bitstream for a board: its file, the part it is for, and the board."""

    path: Path
    part: str
    board: Board


def job(where: Path, name: str | None) -> Job:
    """The bitstream at `where`, a file or the folder of a build, for the board called `name`.

    Without a name the build tells. Raises `SpikeloomError` if the bitstream is for another board or part.
    """
    if not where.exists():
        raise FileError(f"{where} must be a bitstream or the folder of a build, but there is none")
    folder = where if where.is_dir() else where.parent
    made = _report(folder)
    path = _only_bitstream(where, made) if where.is_dir() else where
    if made and Path(made["bitstream"]).name != path.name:
        made = {}
    if name is None and not made:
        raise SpikeloomError(f"--board must be given, nothing beside {path} says what it was built for")
    board = boards.board(name or made["board"])
    part = bitstream.check(path, board)
    if made and made["board"] != board.name:
        raise SpikeloomError(f"{path} must be built for {board.name}, not for {made['board']}, whose pins differ")
    return Job(path=path, part=part, board=board)


def _report(folder: Path) -> dict:
    """What the newest report in `folder` says of a bitstream; empty if there is none."""
    found = [path for name in _REPORTS if (path := folder / name).is_file()]
    for path in sorted(found, key=lambda one: one.stat().st_mtime, reverse=True):
        try:
            report = json.loads(path.read_text())
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(report, dict) and all(isinstance(report.get(key), str) for key in ("board", "bitstream")):
            return report
    return {}


def _only_bitstream(folder: Path, made: dict) -> Path:
    names = [Path(made["bitstream"]).name] if made else _BITSTREAMS
    found = [path for name in names if (path := folder / name).is_file()]
    if len(found) != 1:
        raise FileError(f"{folder} must hold one bitstream of a build ({' or '.join(names)}), not {len(found)}")
    return found[0]


def command(one: Job, *, keep: bool = False, found: bool = True) -> list[str]:
    """The command that loads the bitstream; with `keep`, so that it is there after the power was off.

    Without `found` the program need not be installed. Raises `ToolError` if it is not.
    """
    programmer = one.board.programmer
    start = list(tools.find(programmer.tool).command) if found else [tools.program(programmer.tool)]
    return [*start, *((programmer.keep or ()) if keep else ()), *programmer.options, str(one.path)]


def program(one: Job, *, keep: bool = False, echo: Callable[[str], None] | None = None) -> list[str]:
    """Load the bitstream and return the command that did. `echo` gets what the programmer prints, as it comes.

    Raises `ToolError` that says what to do about a missing program, library, cable or permission.
    """
    words = command(one, keep=keep)
    text = ""
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        while piece := process.stdout.read1():
            shown = piece.decode(errors="replace")
            text += shown
            if echo:
                echo(shown)
    if process.returncode:
        raise ToolError(_remedy(one.board, text, process.returncode))
    return words


def _remedy(board: Board, text: str, code: int) -> str:
    """What to do about the failure of the programmer of `board` that printed `text`."""
    tool, usb = tools.program(board.programmer.tool), board.programmer.usb
    vendor, product = usb.split(":")
    if found := _LIBRARY.search(text):
        return (f"{tool} needs {found[1]}, which is not installed: apt install libusb-1.0-0 libftdi1-2 (or your "
                f"system's packages of libusb 1.0 and libftdi 1)")
    if found := _LEFT_OUT.search(text):
        return (f"{tool} was built without {found[1]}, which {board.title} needs: install your system's package (apt "
                f"install openfpgaloader) and set OPENFPGALOADER to it")
    listed = _listed(usb)
    if _BUSY.search(text):
        return f"{tool} must be alone with the USB device {usb} of {board.title}: close what else uses it"
    if _DENIED.search(text) or (listed and _ABSENT.search(text)):
        rule = f'ATTRS{{idVendor}}=="{vendor}", ATTRS{{idProduct}}=="{product}", MODE="0660", TAG+="uaccess"'
        return (f"{tool} must be allowed to open the USB device {usb} of {board.title}: write the line '{rule}' "
                f"to {_RULES}, run 'sudo udevadm control --reload' and plug the board in again")
    if _ABSENT.search(text):
        return (f"{tool} must find the USB device {usb} of {board.title}, and no such device is there: plug the board "
                f"in with a cable that carries data ('lsusb -d {usb}' must list it)"
                + (f". {board.notes}" if board.notes else ""))
    lines = [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()] or ["it said nothing"]
    return f"{tool} failed with exit code {code}: {lines[-1]}"


def _listed(usb: str) -> bool:
    """Does the system list the USB device? False where that cannot be known."""
    for vendor in USB_DEVICES.glob("*/idVendor"):
        try:
            if f"{vendor.read_text().strip()}:{(vendor.parent / 'idProduct').read_text().strip()}" == usb:
                return True
        except OSError:
            continue
    return False
