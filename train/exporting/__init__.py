"""Networks taken out: to a NIR graph for other tools, or to one Python file that needs nothing but torch."""

from spikeloom.train.exporting.nir_graph import to_nir, write_nir
from spikeloom.train.exporting.single_file import write_module

__all__ = ["to_nir", "write_module", "write_nir"]
