"""Swapped bitstreams are those of whole builds, and hold what they should when they are taken apart again."""

import pytest

from spikeloom import tools
from spikeloom.boards import board, routed
from spikeloom.boards.build import build
from spikeloom.boards.swap import swap
from spikeloom.errors import FileError, SpikeloomError

from .roms import Roms

SHAPES = ((20, 200), (5, 600), (6, 20))
BOARDS = {"ice40": "icebreaker", "ecp5": "ulx3s-25f"}
UNPACK = {"ice40": ("icepack", "iceunpack", "top.bin", "again.asc"),
          "ecp5": ("ecppack", "ecpunpack", "top.bit", "again.config")}


def top(seed, **options):
    return lambda hz: Roms(SHAPES, seed, **options)


@pytest.fixture(scope="module", params=["ice40", "ecp5"])
def built(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    chosen = board(BOARDS[request.param])
    return chosen, folder, build(top(1, logic=True), chosen, folder, swappable=True).bitstream.read_bytes()


@pytest.mark.slow
def test_a_swapped_bitstream_is_that_of_a_build(built, tmp_path):
    chosen, folder, first = built
    swapped = swap(top(2, logic=True), chosen, folder, tmp_path / "two")
    assert swapped.seconds < 30 and swapped.bits == 20 * 200 + 5 * 600 + 16 * 20
    assert swapped.bitstream.read_bytes() != first
    back = swap(top(1, logic=True), chosen, folder, tmp_path / "one")
    assert back.bitstream.read_bytes() == first
    if chosen.family == "ice40":
        again = build(top(2, logic=True), chosen, tmp_path / "whole", swappable=True)
        assert swapped.bitstream.read_bytes() == again.bitstream.read_bytes()


@pytest.mark.slow
def test_a_swapped_bitstream_holds_the_new_contents(built, tmp_path):
    """Unpacked by the vendor-format tool, its block RAMs are those of the text it was packed from."""
    chosen, folder, _ = built
    swap(top(3, logic=True), chosen, folder, tmp_path)
    packer, unpacker, bitstream, text = UNPACK[chosen.family]
    command = [word.replace(packer, unpacker) for word in tools.find(packer).command]
    tool = tools.Tool(name=unpacker, command=tuple(command), version="", origin="")
    tools.run(tool, [bitstream, text], folder=tmp_path, log="log")
    suffix = text.partition(".")[2]
    put, kept = (routed.contents((tmp_path / name).read_text(), chosen.family) for name in (f"top.{suffix}", text))
    used = {place: bits for place, bits in put.items() if bits.any()}
    assert used and all((kept[place] == bits).all() for place, bits in used.items())


@pytest.mark.slow
def test_another_design_is_refused(built, tmp_path):
    chosen, folder, _ = built
    rule = "^network must differ only in what is in block RAM, but design has 'wire width 3 "
    with pytest.raises(SpikeloomError, match=rule):
        swap(top(2, logic=True, stages=3), chosen, folder, tmp_path)
    assert not (tmp_path / "top.bin").exists()


@pytest.mark.slow
def test_contents_in_logic_are_refused(built, tmp_path):
    chosen, folder, _ = built

    def other(hz):
        made = Roms(SHAPES, 1, logic=True)
        made.words[2][0] ^= 1
        return made
    with pytest.raises(SpikeloomError, match="but the rom2 of design are in logic: build again$"):
        swap(other, chosen, folder, tmp_path)


def test_a_build_that_is_not_swappable_is_refused(tmp_path):
    with pytest.raises(FileError, match="must hold a build made with --swappable$"):
        swap(top(1), board("icebreaker"), tmp_path, tmp_path)

