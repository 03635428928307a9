"""The `parallel` strategy: nothing is event driven. Weights are wiring, neurons live in registers, and a chain of
layers takes one timestep a clock.

Between neighbours run vectors of all spikes, a clock each, with two flags: `step` (a timestep is here) and `last` (it
is the inference's last). Everything moves, or stands, with one signal `go`; only the ends of a chain are streams.
"""

from spikeloom.rtl_gen.parallel.estimate import cost

__all__ = ["cost"]
