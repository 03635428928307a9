import copy

import pytest
import torch

from spikeloom import Lif, codebooks
from spikeloom.train import rows
from spikeloom.train.convolution import Convolution
from spikeloom.train.layer import LayerConfig, SpikingLayer
from spikeloom.train.settle import WIDE

FINE = codebooks.make("integer", bits=8, fraction=3)
SHAPE = Convolution(input=(2, 4, 4), channels=3, kernel=3)


def layer(kind: str = "dense", **fields) -> SpikingLayer:
    """Over the reals, with batch norm that has seen something, and gains of both signs."""
    neurons = Lif(neurons=SHAPE.outputs if kind == "convolution" else 5, membrane_bits=WIDE,
                  **{"threshold": 1, "reset": "subtract"} if kind != "readout" else {"threshold": None})
    config = LayerConfig(**{"codebook": FINE, "neurons": neurons,
                            "convolution": SHAPE if kind == "convolution" else None,
                            "recurrent": codebooks.make("integer", bits=6) if kind == "recurrent" else None, **fields})
    made = SpikingLayer(config, 32 if kind == "convolution" else 6, torch.Generator().manual_seed(0)).eval()
    made.quantized, size = False, config.rows
    with torch.no_grad():
        made.shift.copy_(torch.linspace(-0.2, 0.5, size))
        if kind != "readout":
            made.gain.copy_(torch.linspace(-1.0, 1.5, len(made.gain)))
            made.mean.copy_(torch.linspace(-30, 40, size))
            made.variance.copy_(torch.linspace(9000, 30000, size))
    return made


def values(layer: SpikingLayer) -> torch.Tensor:
    inputs = 32 if layer.config.convolution else 6
    return (torch.rand(20, 4, inputs, generator=torch.Generator().manual_seed(1)) < 0.5).float()


KINDS = ["dense", "convolution", "recurrent", "readout"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_taken_out_can_be_put_back(kind):
    one = layer(kind)
    other = copy.deepcopy(one)
    before = one(values(one), 4)
    rows.put(other, rows.weights(other), None)
    assert all(s.kept is None for s in other.all_synapses())
    assert bool(before[0].any()) == (kind != "readout")
    assert torch.equal(other(values(one), 4)[0], before[0])
    assert torch.allclose(other(values(one), 4)[1], before[1], rtol=1e-4, atol=1e-2)
    assert rows.weights(one).shape == rows.kept(one).shape


@pytest.mark.parametrize("kind", ["dense", "convolution", "recurrent"])
@pytest.mark.parametrize("step", ["one", "each"])
def test_a_row_counts_in_thresholds(kind, step):
    """Weights in LSB over the threshold in LSB."""
    one = layer(kind)
    if step == "each":
        book = codebooks.make("integer", bits=4, fraction=2)
        one.recode(book, torch.linspace(0.5, 2.0, one.config.rows), membrane_bits=WIDE,
                   recurrent=book if kind == "recurrent" else None)
    threshold = one.integers().threshold[::one.places]
    found = rows.weights(one) * rows.importance(one)[:, None] * torch.where(one.gain < 0, -1, 1)[:, None]
    weights, _, _, recurrent = one.integers()
    both = weights.flatten(1) if recurrent is None else torch.cat([weights, recurrent], 1)
    assert torch.allclose(found.float(), both / threshold[:, None], rtol=1e-5)


def test_with_one_threshold_rows_count_as_they_are():
    one = layer(thresholds="layer")
    assert rows.importance(one).unique().numel() == 1
    assert rows.importance(layer("readout")).tolist() == [1] * 5


@pytest.mark.parametrize("kind", KINDS)
def test_a_bias_is_the_weight_of_an_input_that_is_always_1(kind):
    one = layer(kind)
    change = torch.linspace(-1.0, 2.0, one.config.rows).double()
    x = values(one)
    weights, bias, threshold, recurrent = one.integers()
    sign = torch.where(one.gain < 0, -1, 1) if kind != "readout" else 1
    rows.add_bias(one, change)
    after = one.integers()
    expected = bias[::one.places] + sign * change.float() / one.synapses.lsb
    assert torch.allclose(after.bias[::one.places], expected, rtol=1e-5)
    assert torch.equal(after.weights, weights)
    assert threshold is None or torch.equal(after.threshold, threshold)
    assert bool(one(x, 4)[1].isfinite().all())


@pytest.mark.parametrize("kind", KINDS)
def test_masks_go_to_their_synapses(kind):
    one = layer(kind)
    kept = torch.rand(rows.weights(one).shape, generator=torch.Generator().manual_seed(2)) < 0.5
    new = torch.arange(kept.numel()).view(kept.shape).double() + 1
    rows.put(one, new, kept)
    assert torch.equal(rows.weights(one), new * kept) and torch.equal(rows.kept(one), kept)
    fed = (new * kept)[:, :one.synapses.latent[0].numel()]
    assert torch.equal(one.synapses.latent.detach().flatten(1), fed.float())
