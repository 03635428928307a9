"""Spikeloom: a spiking neural network from PyTorch to an open FPGA, bit-exact at every step."""

from spikeloom.decay import Decay
from spikeloom.errors import FileError, FitError, LinkError, SpikeloomError, ToolError
from spikeloom.layer import Layer, Residual
from spikeloom.network import Input, Network
from spikeloom.neurons.lif import Lif
from spikeloom.qsnn import load, save
from spikeloom.synapses.conv import Conv
from spikeloom.synapses.dense import Dense
from spikeloom.synapses.max_pool import MaxPool
from spikeloom.synapses.sum_pool import SumPool

__version__ = "0.1.0"
__all__ = [
    "Conv",
    "Decay",
    "Dense",
    "FileError",
    "FitError",
    "Input",
    "Layer",
    "Lif",
    "LinkError",
    "MaxPool",
    "Network",
    "Residual",
    "SpikeloomError",
    "SumPool",
    "ToolError",
    "load",
    "save",
]
