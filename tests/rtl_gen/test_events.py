import itertools

from amaranth.hdl import Shape, signed, unsigned

from spikeloom.rtl_gen.events import event_layout, group_layout, index_shape, range_shape


def ends(shape: Shape) -> tuple[int, int]:
    half = 1 << shape.width - 1
    return (-half, half - 1) if shape.signed else (0, 2 * half - 1)


def test_range_shape_is_the_narrowest():
    for low, high in itertools.combinations_with_replacement(range(-18, 19), 2):
        shape = range_shape(low, high)
        assert shape.signed == (low < 0)
        assert ends(shape)[0] <= low <= high <= ends(shape)[1]
        if shape.width > 1:
            narrower = ends(Shape(shape.width - 1, shape.signed))
            assert low < narrower[0] or high > narrower[1], (low, high)


def test_index_shape():
    assert [index_shape(n).width for n in (1, 2, 3, 4, 5, 256, 257)] == [1, 1, 2, 2, 3, 8, 9]


def test_layouts():
    assert [name for name, _ in event_layout(5)] == ["index", "mark", "last"]
    assert dict(event_layout(5, signed(4)))["value"].shape == signed(4)
    assert event_layout(5).size == 5
    assert [name for name, _ in group_layout(item=unsigned(3))] == ["item", "end", "last"]
