"""How large the C driver is and how much stack it needs, by processor: `python benchmarks/firmware.py [-o FILE]`.

Compiled by zig with -Os. Text is code and constants; `run` is what is left of it in a program that asks, runs and reads
and whose linker removes the rest. Stack is that of the deepest chain of calls within the driver, found from the frames
that the compiler reports and the calls in the object files; the four functions of the transport come on top.
"""

import argparse
import json
import re
import subprocess
import tempfile
from pathlib import Path

from spikeloom import aside
from spikeloom.firmware import c_network, c_protocol
from spikeloom.firmware.c_targets import TARGETS, Target, compile_command, zig

FILE = Path(__file__).with_suffix(".json")
DRIVER = sorted(path for path in c_network.SOURCES.glob("*.c") if path.name != c_network.EXAMPLE)
USED = ("spikeloom_init", "spikeloom_identify", "spikeloom_run", "spikeloom_read")
STATE = "#include \"spikeloom.h\"\nconst char size_of_state[sizeof(struct spikeloom)] = {1};\n"


def measure(target: Target) -> dict[str, object]:
    """Bytes of the driver on `target`, and of stack of each function that a caller may use."""
    with tempfile.TemporaryDirectory(prefix="spikeloom-") as scratch:
        folder = Path(scratch).resolve()
        (folder / c_protocol.NAME).write_text(c_protocol.text())
        (folder / "state.c").write_text(STATE)
        frames, calls = {}, {}
        for source in (*DRIVER, folder / "state.c"):
            said = _run(*compile_command(target), "-Os", "-Wframe-larger-than=0", f"-I{folder}",
                        f"-I{c_network.SOURCES}", "-c", str(source), "-o", f"{source.stem}.o", folder=folder)
            frames |= {name: int(size) for size, name in re.findall(r"frame size \((\d+)\).*? in '(\w+)'", said)}
            for caller, callees in Elf((folder / f"{source.stem}.o").read_bytes()).calls().items():
                calls.setdefault(caller, set()).update(callees)
        parts = [f"{source.stem}.o" for source in DRIVER]
        whole = _linked(parts, [], folder)
        used = _linked(parts, ["--gc-sections", *(f"--undefined={name}" for name in USED)], folder)
        state = Elf((folder / "state.o").read_bytes()).size_of("size_of_state")
    stack = {name: deepest(name, frames, calls) for name in sorted(calls) if name.startswith("spikeloom_")}
    return {"text": whole["text"], "data": whole["data"], "bss": whole["bss"], "run": used["text"], "state": state,
            "stack": max(stack.values()), "stacks": {name: stack[name] for name in (*USED, "spikeloom_load")}}


def deepest(name: str, frames: dict[str, int], calls: dict[str, set[str]], above: tuple[str, ...] = ()) -> int:
    """Bytes of stack of `name` and of the deepest that it calls."""
    if name in above:
        raise ValueError(f"{name} must not call itself")
    return frames.get(name, 0) + max((deepest(callee, frames, calls, (*above, name))
                                      for callee in calls.get(name, ())), default=0)


class Elf:
    """The sections, symbols and relocations of a 32-bit little-endian ELF file."""

    def __init__(self, data: bytes):
        self._data = data
        offset, count, names = self._half(0x20, 4), self._half(0x30), self._half(0x32)
        headers = [[self._half(offset + 40 * k + 4 * j, 4) for j in range(10)] for k in range(count)]
        self.sections = [(self._text(headers[names][4] + h[0]), h) for h in headers]
        table = next((h for _, h in self.sections if h[1] == 2), None)
        text = headers[table[6]][4] if table else 0
        self.symbols = [] if table is None else [
            (self._text(text + self._half(at, 4)), self._half(at + 4, 4), self._half(at + 8, 4), data[at + 12] & 15,
             self._half(at + 14)) for at in range(table[4], table[4] + table[5], 16)]

    def sizes(self) -> dict[str, int]:
        """Bytes of what is loaded: text (with constants), data and bss."""
        found = {"text": 0, "data": 0, "bss": 0}
        for _, (_, kind, flags, _, _, size, *_) in self.sections:
            if flags & 2:
                found["bss" if kind == 8 else "data" if flags & 1 else "text"] += size
        return found

    def size_of(self, name: str) -> int:
        """Bytes of a symbol."""
        return next(size for symbol, _, size, _, _ in self.symbols if symbol == name)

    def calls(self) -> dict[str, set[str]]:
        """For each function, compiled into a section of its own, the functions that its relocations name."""
        owner = {section: name for name, _, _, kind, section in self.symbols if kind == 2}
        found: dict[str, set[str]] = {name: set() for name in owner.values()}
        for _, header in self.sections:
            if header[1] not in (4, 9) or header[7] not in owner:
                continue
            step = 12 if header[1] == 4 else 8
            for at in range(header[4], header[4] + header[5], step):
                name, _, _, kind, section = self.symbols[self._half(at + 4, 4) >> 8]
                target = owner.get(section) if section else name
                if kind in (0, 2, 3) and target and target.isidentifier() and target != owner[header[7]]:
                    found[owner[header[7]]].add(target)
        return found

    def _half(self, at: int, size: int = 2) -> int:
        return int.from_bytes(self._data[at:at + size], "little")

    def _text(self, at: int) -> str:
        return self._data[at:self._data.index(0, at)].decode()


def markdown(measured: dict) -> str:
    """The tables of docs/firmware.md."""
    lines = ["| processor | text | of it to run | data | bss | `struct spikeloom` | stack |",
             "| --- | --- | --- | --- | --- | --- | --- |"]
    for name, found in measured["targets"].items():
        cells = (f"{found[key]:,}" for key in ("text", "run", "data", "bss", "state", "stack"))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _linked(parts: list[str], options: list[str], folder: Path) -> dict[str, int]:
    _run(*zig("ld.lld"), "--entry=0", "--no-undefined", *options, *parts, "-o", "driver.elf", folder=folder)
    return Elf((folder / "driver.elf").read_bytes()).sizes()


def _run(*command: str, folder: Path) -> str:
    result = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode:
        raise SystemExit(result.stdout)
    return result.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=FILE, metavar="FILE")
    arguments = parser.parse_args()
    version = _run(*zig("version"), folder=Path.cwd()).strip()
    measured = {"compiler": f"zig {version}, -Os", "targets": {target.name: measure(target) for target in TARGETS}}
    aside.text(arguments.output, json.dumps(measured, indent=2) + "\n")
    print(markdown(measured), end="")


if __name__ == "__main__":
    main()
