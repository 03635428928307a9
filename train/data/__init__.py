"""Data of one's own: from arrays, from (sample, label) pairs, from a folder of files, from an .npz."""

from spikeloom.train.data.collect import Pairs, from_arrays, from_pairs
from spikeloom.train.data.folder import from_folder, from_npz, load

__all__ = ["Pairs", "from_arrays", "from_folder", "from_npz", "from_pairs", "load"]
