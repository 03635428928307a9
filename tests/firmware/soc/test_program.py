"""C to the words of RAM, with the compiler that ships."""

import re
import struct

import numpy as np
import pytest

from spikeloom.errors import FileError, SpikeloomError, ToolError
from spikeloom.firmware.soc import program
from spikeloom.rtl_gen import words
from tests.rtl_gen import small

NETWORK = small.network((20, 6, 3), bits=4, encoder="direct", readout="membrane-last")
FRAMES = np.random.default_rng(1).integers(0, 16, (3, 20))


def test_the_application_compiles_into_what_ram_must_hold(tmp_path):
    made = program.compile_program(NETWORK, FRAMES, folder=tmp_path)
    content = b"".join(word.to_bytes(4, "little") for word in made.memory)
    samples = words.pack(NETWORK, FRAMES).astype("<u2").tobytes()
    assert samples in content
    assert len(content) % 1024 == 0
    assert made.text + made.data + made.bss + made.stack <= len(content) < made.text + made.data + made.bss + 2560
    assert made.stack >= 512
    assert not content[-made.stack:].strip(b"\0")
    assert made == program.read_elf((tmp_path / "program.elf").read_bytes())
    assert made == program.compile_program(NETWORK, FRAMES)


def test_samples_are_words_of_frames():
    text = program.samples_header(NETWORK, FRAMES)
    rows = [[int(word, 16) for word in re.findall(r"0x([0-9a-f]{4})", row)] for row in re.findall(r"{([^{}]+)}", text)]
    assert rows == words.pack(NETWORK, FRAMES).tolist()
    assert "#define SAMPLES 3\n" in text


def test_variables_and_constants_are_counted(tmp_path):
    source = tmp_path / "own.c"
    source.write_text("static volatile int a[5]; static volatile int b[3] = {1, 2, 3};\n"
                      "int main(void) { return a[0] + b[0]; }\n")
    made = program.compile_program(NETWORK, FRAMES, application=source)
    assert (made.data, made.bss) == (12, 20)


@pytest.mark.parametrize(("text", "message"), [
    ("unknown", r"^program must compile, but .*own\.c:1:\d+: error: .*unknown"),
    ("*(volatile int *)8 * *(volatile int *)12",
     "^program must compile, but ld.lld: error: undefined symbol: __mulsi3$"),
])
def test_what_is_wrong_with_a_program_is_said(tmp_path, text, message):
    source = tmp_path / "own.c"
    source.write_text(f"int main(void) {{ return {text}; }}\n")
    with pytest.raises(ToolError, match=message):
        program.compile_program(NETWORK, FRAMES, application=source, folder=tmp_path / "out")
    assert "error:" in (tmp_path / "out" / "program.log").read_text()
    assert not (tmp_path / "out" / "program.elf").exists()


def test_warnings_are_errors(tmp_path):
    source = tmp_path / "own.c"
    source.write_text("int main(void) { int unused = 1; return 0; }\n")
    with pytest.raises(ToolError):
        program.compile_program(NETWORK, FRAMES, application=source)


def test_an_application_must_be_there(tmp_path):
    with pytest.raises(FileError, match=r"no\.c must be a C file, but is none$"):
        program.compile_program(NETWORK, FRAMES, application=tmp_path / "no.c")


def test_a_program_that_is_too_large_is_refused(tmp_path):
    source = tmp_path / "own.c"
    source.write_text("static volatile char large[300000];\nint main(void) { return large[0]; }\n")
    with pytest.raises(SpikeloomError, match="^program must need at most 262144 bytes of RAM, not 30[0-9]{4}$"):
        program.compile_program(NETWORK, FRAMES, application=source)


def test_there_must_be_a_sample():
    with pytest.raises(SpikeloomError, match="^samples must be 1 at least, not 0$"):
        program.compile_program(NETWORK, FRAMES[:0])


def test_a_missing_compiler_is_named(monkeypatch):
    monkeypatch.setattr(program, "find_spec", lambda name: None)
    with pytest.raises(ToolError, match="^ziglang was not found: pip install 'spikeloom\\[soc\\]'$"):
        program.compile_program(NETWORK, FRAMES)


@pytest.mark.parametrize("data", [b"", b"\x7fELF\x02\x01" + bytes(60), struct.pack("<4s60x", b"MZ")])
def test_what_is_no_elf_file_is_refused(data):
    with pytest.raises(FileError, match="^program must be a 32-bit little-endian ELF file$"):
        program.read_elf(data)
