import copy

import pytest
import torch

from spikeloom import SpikeloomError, codebooks
from spikeloom.train import compress, grid
from spikeloom.train.compress import qat
from spikeloom.train.exactness import compare
from spikeloom.train.export import export
from spikeloom.train.fit import accuracy
from spikeloom.train.grid import Grid
from spikeloom.train.settle import settle
from spikeloom.train.synapses import Synapses

KINDS = ("dense", "convolution", "recurrent")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["book=pow2,bits=3", "book=integer,bits=3", "book=ternary", "book=binary",
                                  "book=ternary,steps=row"])
def test_weights_end_in_the_codebook_and_the_network_is_exact(trained, short_task, kind, text):
    model = trained[kind]
    before = copy.deepcopy(model.state_dict())
    made = compress.parse(f"qat:epochs=1,{text}").compress(model, short_task)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert 0 < made.facts["validation"] < 1
    settled = settle(made.model, short_task.preprocess.apply(short_task.split.calibration.images))
    network = export(settled)
    assert compare(settled, network, short_task.preprocess.apply(short_task.split.validation.images)).mismatches == 0
    wanted = text.removeprefix("book=").partition(",")[0]
    for layer in network.layers:
        assert codebooks.kind(layer.synapses.codebook) == wanted
        assert layer.recurrent is None or codebooks.kind(layer.recurrent.codebook) == wanted
    moved = [not torch.equal(old.latent, new.latent) for old, new in zip(model.all_synapses(),
                                                                         made.model.all_synapses(), strict=True)]
    assert all(moved)


def test_straight_through_is_the_textbooks():
    """Ten steps of gradient descent on `(3 a - b)^2` of rounded a, b, against the same by hand."""
    made = Synapses(codebooks.make("integer", bits=8), (1, 2), torch.Generator())
    made.latent = torch.nn.Parameter(torch.tensor([[0.8, 0.3]]))
    twin = qat.Twin(made, Grid(book=codebooks.make("ternary"), step=torch.tensor(0.5)))
    optimizer = torch.optim.SGD([made.latent], lr=0.03)
    real, seen = [0.7495, 0.3], set()
    for _ in range(10):
        a, b = (0.5 * max(-1, min(1, round(w / 0.5))) for w in real)
        assert made.latent.tolist() == [[a, b]]
        seen.add((a, b))
        slope = 2 * (3 * a - b)
        real = [max(-0.7495, min(0.7495, w - 0.03 * g)) for w, g in zip(real, (3 * slope, -slope), strict=True)]
        optimizer.zero_grad()
        (3 * made.latent[0, 0] - made.latent[0, 1]).square().backward()
        optimizer.step()
        twin.follow()
        assert torch.allclose(twin.real, torch.tensor([real]), atol=1e-6)
    assert len(seen) > 1


@pytest.mark.parametrize("text", ["book=pow2,bits=2", "book=integer,bits=3", "book=real"])
def test_pruned_weights_stay_zero(trained, pruned, short_task, text):
    model = pruned(trained["convolution"])
    made = compress.parse(f"qat:epochs=1,{text}").compress(model, short_task).model
    for old, new in zip(model.all_synapses(), made.all_synapses(), strict=True):
        assert not new.latent[old.kept == 0].any()
        if text == "book=real":
            assert torch.equal(new.kept, old.kept) and new.book == old.book and new.step == old.step
        else:
            assert torch.equal(new.kept, (new.latent != 0).float())


def test_real_weights_learn_without_being_rounded(trained, digits_task):
    made = compress.parse("qat:book=real,epochs=2").compress(trained["dense"], digits_task)
    held = digits_task.split.validation
    before, after = (accuracy(model, held.images, held.labels, digits_task.preprocess)
                     for model in (trained["dense"], made.model))
    assert after > before and made.facts["validation"] == pytest.approx(after, abs=1e-6)
    assert len(made.model.layers[0].synapses.latent.unique()) > 1000


def test_training_through_the_codebook_beats_rounding(trained, digits_task):
    held = digits_task.split.validation
    reached = [accuracy(compress.parse(text).compress(trained["dense"], digits_task).model, held.images, held.labels,
                        digits_task.preprocess) for text in ("pow2:bits=2", "qat:bits=2,epochs=3")]
    assert reached[1] >= reached[0] + 0.03


def test_grids_stay_those_of_the_start(trained, short_task):
    made = compress.parse("qat:book=integer,bits=4,epochs=1").compress(trained["recurrent"], short_task).model
    steps = [g.step for layer in trained["recurrent"].layers
             for g in grid.choose(layer, codebooks.make("integer", bits=4))]
    assert [s.step for s in made.all_synapses()] == steps


def test_the_papers_rule_is_handed_on(trained, short_task):
    made = compress.parse("qat:bits=2,rule=max,epochs=1").compress(trained["dense"], short_task).model
    steps = [grid.choose(layer, codebooks.make("pow2", exponents=1), rule="max")[0].step
             for layer in trained["dense"].layers]
    assert [s.step for s in made.all_synapses()] == steps


def test_the_same_seed_gives_the_same_weights(trained, short_task):
    first, second = (compress.parse("qat:bits=2,epochs=1").compress(trained["dense"], short_task).model
                     for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(),
                                                 strict=True))


def test_binary_weights_cannot_be_pruned(trained, pruned, short_task):
    with pytest.raises(SpikeloomError) as caught:
        compress.make("qat", book="binary").compress(pruned(trained["dense"]), short_task)
    assert str(caught.value) == "book must not be binary for a pruned model: binary weights cannot be 0"


@pytest.mark.parametrize(("parameters", "message"), [
    ({"book": "float"}, "book must be one of pow2, integer, ternary, binary, real, not 'float'"),
    ({"bits": 8}, "bits must be an integer from 2 to 5, not 8"),
    ({"book": "integer", "bits": 17}, "bits must be an integer from 2 to 16, not 17"),
    ({"rule": "best"}, "rule must be one of mse, max, not 'best'"),
    ({"rule": "max", "book": "integer"}, "rule must be mse for integer weights, not 'max'"),
    ({"steps": 3}, "steps must be one of layer, row, not 3"),
    ({"epochs": 0}, "epochs must be an integer from 1 to 10000, not 0"),
    ({"rate": 1.5}, "rate must be a number above 0 and at most 1, not 1.5"),
])
def test_refusals(parameters, message):
    with pytest.raises(SpikeloomError) as caught:
        compress.make("qat", **parameters)
    assert str(caught.value) == message
