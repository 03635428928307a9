"""The catalogue against amaranth-boards, which is where its pins and parts come from."""

import pytest

from spikeloom.boards import Board, Budget, board, boards
from spikeloom.errors import SpikeloomError

NAMES = ["icebreaker", "ulx3s-12f", "ulx3s-25f", "ulx3s-45f", "ulx3s-85f"]


def test_boards_are_listed_by_name():
    assert [one.name for one in boards()] == NAMES
    assert board("icebreaker").title == "iCEBreaker"


def test_an_unknown_board_shows_the_likely_spelling():
    with pytest.raises(SpikeloomError) as error:
        board("icebraker")
    assert str(error.value) == (
        "board must be one of icebreaker, ulx3s-12f, ulx3s-25f, ulx3s-45f, ulx3s-85f, not 'icebraker' "
        "(did you mean 'icebreaker'?)"
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_board_agrees_with_its_platform(name):
    one = board(name)
    platform = one.make_platform()
    assert (platform.device, platform.package, getattr(platform, "speed", "")) == (one.device, one.package, one.speed)
    assert platform.default_clk_frequency == one.clock_hz
    uart = {line.name: line.ios[0] for line in platform.lookup("uart", 0).ios}
    assert (uart["rx"].names, uart["rx"].dir) == ([one.rx], "i")
    assert (uart["tx"].names, uart["tx"].dir) == ([one.tx], "o")
    leds = [platform.lookup("led", number).ios[0] for number in range(len(one.leds))]
    assert [led.names for led in leds] == [[pin] for pin in one.leds]
    assert [led.invert for led in leds] == [one.leds_active_low] * len(leds)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("family", "ice65", "family must be one of ice40, ecp5, not 'ice65'"),
        ("clock_hz", 12, "clock_hz must be an integer from 1000000 to 400000000, not 12"),
        ("name", "My Board", "name must be lower case without spaces, not 'My Board'"),
        ("platform", "icebreaker", "platform must be module:Class, not 'icebreaker'"),
    ],
)
def test_a_wrong_field_is_refused(field, value, message):
    fields = {name: getattr(board("icebreaker"), name) for name in Board.__dataclass_fields__}
    with pytest.raises(SpikeloomError) as error:
        Board(**fields | {field: value})
    assert str(error.value) == message


def test_a_budget_holds_whole_numbers():
    with pytest.raises(SpikeloomError, match="lut must be an integer from 1 to 16777216, not 0"):
        Budget(lut=0, ram=1, ram_bits=1, ram_width=1)
