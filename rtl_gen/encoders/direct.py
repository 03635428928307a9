"""Direct encoding: every value but zero is an event."""

from spikeloom.rtl_gen.encoders import Encoder


class Direct(Encoder):
    """`present` where the value is not zero. Also passes on networks that are given a sequence instead of a frame."""

    def present(self, m, values):
        return [value != 0 for value in values]


build = Direct
