"""Spikeloom: a spiking neural network from PyTorch to an open FPGA, bit-exact at every step."""

from spikeloom.decay import Decay
from spikeloom.errors import FileError, FitError, LinkError, SpikeloomError, ToolError
from spikeloom.network import Dense, Input, Layer, Lif, Network
from spikeloom.qsnn import load, save

__version__ = "0.1.0"
__all__ = [
    "Decay",
    "Dense",
    "FileError",
    "FitError",
    "Input",
    "Layer",
    "Lif",
    "LinkError",
    "Network",
    "SpikeloomError",
    "ToolError",
    "load",
    "save",
]
