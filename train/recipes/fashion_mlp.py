"""Fashion-MNIST on the network that compression methods are compared on, as `mnist-mlp`."""

import dataclasses

from spikeloom.train.recipes import mnist_mlp

RECIPE = dataclasses.replace(
    mnist_mlp.RECIPE,
    name="fashion-mlp",
    title="Fashion-MNIST, 784-256-10, rate-coded, 8-bit weights, 8 timesteps",
    dataset="fashion-mnist",
)
