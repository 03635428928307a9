"""Every kind of synapse, of many shapes: torch's sums against the naive loop's terms."""

import numpy as np
import pytest
import torch

from spikeloom import Conv, Dense, Layer, Lif, MaxPool, SpikeloomError, SumPool, codebooks
from spikeloom.sim import naive, sums

BOOK = codebooks.make("integer", bits=5)


def random_synapses(rng: np.random.Generator):
    """Convolution or pooling of any small shape."""
    dimensions = int(rng.integers(1, 3))
    spatial = tuple(int(n) for n in rng.integers(1, 8, dimensions))
    kernel = tuple(int(rng.integers(1, size + 1)) for size in spatial)
    stride = tuple(int(n) for n in rng.integers(1, 4, dimensions))
    groups = int(rng.integers(1, 4))
    channels = groups * int(rng.integers(1, 3))
    kind = rng.integers(3)
    if kind == 0:
        weights = rng.integers(-16, 16, (groups * int(rng.integers(1, 4)), channels // groups, *kernel))
        padding = tuple(int(rng.integers(0, size)) for size in kernel)
        return Conv(weights=weights, codebook=BOOK, input=(channels, *spatial), stride=stride, padding=padding,
                    groups=groups)
    made = SumPool if kind == 1 else MaxPool
    return made(input=(channels, *spatial), kernel=kernel, stride=stride)


def by_hand(synapses, x: np.ndarray) -> list[list[int]]:
    ors = isinstance(synapses, MaxPool)
    rows = [[weight * row[i] for i, weight in terms] for row in x.tolist() for terms in naive._terms(synapses)]
    values = [int(any(row)) if ors else sum(row) for row in rows]
    return np.array(values).reshape(len(x), -1).tolist()


@pytest.mark.parametrize("seed", range(150))
def test_equals_the_definition(seed):
    rng = np.random.default_rng([7, seed])
    synapses = random_synapses(rng)
    most = 1 if isinstance(synapses, MaxPool) else int(rng.choice([1, 15]))
    x = rng.integers(0, most + 1, (3, synapses.inputs))
    neurons = None if synapses.pools else Lif(neurons=synapses.outputs, threshold=1)
    bound = sums.largest(Layer(synapses=synapses, neurons=neurons), (0, most), (0, 0))
    real = sums.real_type(bound)
    answer = sums.of(synapses, real, torch.device("cpu"))(torch.tensor(x, dtype=real))
    assert answer.tolist() == by_hand(synapses, x)
    assert answer.abs().max() <= bound


def test_against_torch():
    rng = np.random.default_rng(1)
    synapses = Conv(weights=rng.integers(-16, 16, (6, 2, 3, 2)), codebook=BOOK, input=(4, 7, 9), stride=(2, 1),
                    padding=(1, 0), groups=2)
    x = torch.tensor(rng.integers(0, 8, (5, 4, 7, 9)), dtype=torch.float64)
    layer = torch.nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), groups=2, bias=False, dtype=torch.float64)
    layer.weight.data = torch.tensor(synapses.weights, dtype=torch.float64)
    with torch.no_grad():
        expected = layer(x)
    assert expected.shape[1:] == synapses.output
    assert torch.equal(sums.of(synapses, torch.float64, x.device)(x.flatten(1)), expected.flatten(1))


def test_sums_that_no_float_holds_are_refused():
    with pytest.raises(SpikeloomError, match=f"must stay below {1 << 53}"):
        sums.real_type(1 << 53)
    dense = Dense(weights=np.full((1, 40), 15), codebook=BOOK)
    bound = sums.largest(Layer(synapses=dense, neurons=Lif(neurons=1, threshold=1)), (-8, 7), (0, 0))
    assert bound == 40 * 15 * 8 and sums.real_type(bound) == torch.float32 and sums.real_type(1 << 24) == torch.float64
