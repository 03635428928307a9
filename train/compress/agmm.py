"""AGMM (arXiv 2502.14344): binary weights, trained behind gates that calm their signs, with plain gradient descent.

The gates of the exported networks fold into thresholds: inference costs nothing. See `spikeloom.train.gates`.
"""

import copy
from dataclasses import dataclass
from typing import ClassVar

from spikeloom import check
from spikeloom.train import binary, gates
from spikeloom.train.compress import Compressed, Task
from spikeloom.train.model import SpikingMlp


@dataclass(frozen=True, kw_only=True)
class Agmm:
    """Binary weights by straight-through gradients, with a gate before the neurons of every binary layer.

    Parameters
    ----------
    gate : "channel", a factor for each channel; "shift", the same without a learned alpha; "sample", one for each
        sample, channel and timestep, which cannot be exported; "backward", for gradients only; "constant", 1/2; "off",
        plain straight-through training.
    epochs : of training; None: as many as the recipe's float training has.
    rate, momentum : of the gradient descent. No Adam: it would undo any factor on gradients.
    layers : that become binary: "inner", neither the first nor the last, or "hidden", all but the last.
    edge_bits : of the integer weights of the others.
    """

    gate: str = "channel"
    epochs: int | None = None
    rate: float = 0.1
    momentum: float = 0.9
    layers: str = "inner"
    edge_bits: int = 8
    start: ClassVar[str] = "initial"

    def __post_init__(self):
        check.choice("gate", self.gate, gates.KINDS)
        binary.check_training(self)

    def compress(self, model: SpikingMlp, task: Task) -> Compressed:
        """Train the model given from its weights on; it is over the reals still, with all weights in their books."""
        model = copy.deepcopy(model)
        watched = binary.prepare(model, self.layers, self.edge_bits, binary.Signs)
        gated = binary.chosen(model, self.layers)
        for layer in gated:
            layer.gate = gates.make(self.gate, layer.config, model.config.timesteps)
        history = binary.train(model, task, epochs=self.epochs, rate=self.rate, watched=watched,
                               optimizer=binary.sgd(self.momentum))
        binary.finish(model)
        facts = history.facts() | {"rates": binary.rates(model, task)}
        if self.gate in ("channel", "sample"):
            facts["alpha"] = [[round(a, 4) for a in layer.gate.alpha.detach().flatten().tolist()] for layer in gated]
        if self.gate == "backward":
            for layer in gated:
                layer.gate = None
        return Compressed(model=model, facts=facts)


METHOD = Agmm
