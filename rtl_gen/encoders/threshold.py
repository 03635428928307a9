"""Threshold encoding: a comparator a lane."""

from spikeloom.rtl_gen.encoders import Encoder


class Threshold(Encoder):
    """`present` where the value is at or above the level."""

    def present(self, m, values):
        return [value >= self.network.encoder.level for value in values]


build = Threshold
