"""From the trained model to the contract, and the proof that nothing changed: exactness level 0."""

import dataclasses

import numpy as np
import torch

from spikeloom.errors import SpikeloomError
from spikeloom.network import Dense, Layer, Network
from spikeloom.synapses.conv import Conv
from spikeloom.train.layer import SpikingLayer
from spikeloom.train.model import SpikingMlp


def export(model: SpikingMlp, *, labels: tuple[str, ...] = (), provenance: dict | None = None) -> Network:
    """The network that `model` computes in evaluation, every integer the same.

    Raises `SpikeloomError` where the model's floats could round, so that equality would be luck, and where a gate does
    what no threshold can.
    """
    for k, layer in enumerate(model.layers):
        neurons = layer.config.neurons
        for leak in (neurons.decay, neurons.synaptic_decay):
            if leak is not None and not isinstance(leak.num, int):
                raise SpikeloomError(f"leak of layer {k} must be one of integers, not {leak.num} over the reals")
        if layer.gate is not None and not layer.gate.folds:
            kind = type(layer.gate).__name__.lower()
            raise SpikeloomError(f"gate of layer {k} must be one that a threshold can take in, not {kind!r}")
    model.check_exact()
    config = model.config
    return Network(
        input=config.input,
        encoder=config.encoder,
        layers=tuple(one for layer in model.layers for one in (
            *(Layer(synapses=pool, neurons=None) for pool in layer.config.pools), _layer(layer))),
        readout=config.readout,
        timesteps=config.timesteps,
        labels=labels,
        provenance=provenance or {},
    )


def _layer(layer: SpikingLayer) -> Layer:
    with torch.no_grad():
        weights, bias, threshold, recurrent = layer.integers()
    config = layer.config
    if threshold is not None:
        threshold = _integers(threshold)
        threshold = int(threshold[0]) if len(threshold) == 1 else threshold
    geometry = config.convolution
    if geometry is None:
        synapses = Dense(weights=_integers(weights), codebook=config.codebook)
    else:
        synapses = Conv(weights=_integers(weights), codebook=config.codebook, input=geometry.input,
                        stride=geometry.stride, padding=geometry.padding)
    return Layer(
        synapses=synapses,
        neurons=dataclasses.replace(config.neurons, threshold=threshold, bias=_integers(bias)),
        delay=config.delay,
        recurrent=None if recurrent is None else Dense(weights=_integers(recurrent), codebook=config.recurrent),
    )


def _integers(values: torch.Tensor) -> np.ndarray:
    return values.round().to(torch.int64).numpy()
