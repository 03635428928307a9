from spikeloom.boards import contents
from spikeloom.boards.contents import Contents
from spikeloom.rtl_gen.verilog import to_rtlil

from .roms import Roms

SHAPES = ((3, 8), (1, 2), (40, 5))


def design(seed=1, **options):
    return to_rtlil(Roms(SHAPES, seed, **options), "top")


def bits(width, words, depth):
    return "".join(f"{word:0{width}b}"[::-1] for word in words).ljust(width * depth, "0")


def test_contents_are_read():
    top = Roms(SHAPES, 1)
    expected = {f"rom{k}": Contents(width=width, bits=bits(width, words, depth))
                for k, ((width, depth), words) in enumerate(zip(SHAPES, top.words, strict=True))}
    expected["note"] = Contents(width=16, bits=bits(16, [word & 0xffff for word in top.words[0][:4]], 20))
    assert contents.read(to_rtlil(top, "top")) == expected
    assert contents.read(design())["rom2"].depth == 5


def test_memories_in_logic_and_written_ones_are_not():
    assert set(contents.read(design(logic=True))) == {"rom0", "rom1", "note"}
    assert set(contents.read(design().replace("\\swappable 1", "\\swappable 0"))) == {"rom0", "rom1", "rom2"}


def test_what_is_written_is_read_and_nothing_else_changes():
    one, other = design(1), design(2)
    assert one != other
    assert contents.write(one, contents.read(other)) == other
    assert contents.write(one, {}) == one


def test_markers_depend_on_shapes_alone_and_no_bit_is_constant():
    markers = contents.markers(contents.read(design(1)))
    assert markers == contents.markers(contents.read(design(2)))
    for marker in markers.values():
        columns = [marker.bits[k::marker.width] for k in range(marker.width)]
        assert all(set(column) == {"0", "1"} for column in columns)


def test_memories_ask_for_block_ram_unless_they_ask_for_something():
    text = contents.in_block_ram(design(logic=True))
    assert text.count('attribute \\rom_style "block"') == 2
    assert text.count('attribute \\rom_style "logic"') == 1
    assert text.count('attribute \\ram_style "block"') == 1


def bare(top):
    text = to_rtlil(top, "top")
    return contents.write(text, contents.markers(contents.read(text)))


def test_differences_are_named():
    old, other = bare(Roms(SHAPES, 1, logic=True)), Roms(SHAPES, 2, logic=True)
    assert contents.differences(old, bare(other)) == []
    other.words[2][0] ^= 1
    assert contents.differences(old, bare(other)) == ["the rom2 of top are in logic"]
    assert contents.differences(old, bare(Roms(SHAPES, 1, logic=True, stages=2))) == [
        "top has 'wire width 2 \\\\out' instead of 'wire width 1 \\\\out'"]
