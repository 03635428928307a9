"""The search for bit widths of Q-SpiNN (arXiv 2107.01807): which parameters may be how narrow, rounded in which way.

From a model over the reals to integer networks: every candidate says for each layer how wide weights, membranes,
thresholds, biases and leaks are, how values are rounded, and whether the model is only rounded (`ptq`) or trained on
with what is rounded (`itq`). Each is a network that can be exported, judged by its accuracy on validation images and
by what it costs: bits of memory, or what a plan for a board takes. `spikeloom.train.search.runner.search` does it.
"""
