"""Networks of others, brought in: a graph of the Neuromorphic Intermediate Representation becomes a `Network`.

A file goes through four hands. `hdf5` reads it and believes nothing, `graph` and `shapes` say what it means, `lower`
finds the contract's layers in it, over the reals, and `quantize` makes them integers. `floating` simulates the graph
itself, so that `closeness` can say how near the integers come.

    graph = read("net.nir")
    made = bring(graph, Conventions(dt=1e-4, reset="subtract"), samples=Samples(frames=frames), options=Quantization())
    print(made.network.digest, made.assumptions)

`trainable` makes a model of the layers instead, which `bring_compressed` gives to methods of compression.
"""

from spikeloom.train.importing.ann import Balance, Conversion, convert
from spikeloom.train.importing.bring import Import, bring
from spikeloom.train.importing.closeness import Closeness, compare
from spikeloom.train.importing.compressed import Compression, bring_compressed
from spikeloom.train.importing.conventions import Conventions
from spikeloom.train.importing.graph import Graph, Node
from spikeloom.train.importing.hdf5 import read
from spikeloom.train.importing.lower import lower
from spikeloom.train.importing.modules import from_module
from spikeloom.train.importing.own import restore
from spikeloom.train.importing.quantize import Quantization, quantize
from spikeloom.train.importing.samples import Material, Samples
from spikeloom.train.importing.trainable import trainable

__all__ = ["Balance", "Closeness", "Compression", "Conventions", "Conversion", "Graph", "Import", "Material", "Node",
           "Quantization", "Samples", "bring", "bring_compressed", "compare", "convert", "from_module", "lower",
           "quantize", "read", "restore", "trainable"]
