import math

import pytest
import torch

from spikeloom import Decay, Lif, SpikeloomError, codebooks
from spikeloom.train import grid, pow2
from spikeloom.train.convolution import Convolution
from spikeloom.train.layer import LayerConfig, SpikingLayer
from spikeloom.train.settle import WIDE, check_codes

BOOKS = [codebooks.make("pow2", exponents=1), codebooks.make("pow2", exponents=4), codebooks.make("integer", bits=2),
         codebooks.make("integer", bits=4), codebooks.make("ternary"), codebooks.make("binary")]
KINDS = ("dense", "convolution", "recurrent", "readout")


def layer(kind: str = "dense", thresholds: str = "neuron", seed: int = 0) -> SpikingLayer:
    convolution = Convolution(input=(2, 4, 4), channels=3, kernel=3) if kind == "convolution" else None
    neurons = Lif(neurons=convolution.outputs if convolution else 6, threshold=None if kind == "readout" else 1,
                  decay=Decay.shift_leak(2), membrane_bits=20,
                  reset="zero" if kind == "readout" else "subtract")
    eight = codebooks.make("integer", bits=8)
    made = SpikingLayer(
        LayerConfig(codebook=eight, neurons=neurons, convolution=convolution, thresholds=thresholds,
                    recurrent=eight if kind == "recurrent" else None), 32, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        made.synapses.latent *= torch.logspace(0, 2, len(made.synapses.latent), 2).view(
            -1, *[1] * (made.synapses.latent.ndim - 1))
        if made.recurrent is not None:
            made.recurrent.latent *= 0.2
    made.quantized = False
    return made.eval()


def legal(book: object) -> list[int]:
    match codebooks.kind(book):
        case "pow2":
            return [0, *(sign * 2**k for k in range(book.exponents) for sign in (1, -1))]
        case "integer":
            return list(range(1 - 2 ** (book.bits - 1), 2 ** (book.bits - 1)))
        case "ternary":
            return [-1, 0, 1]
    return [-1, 1]


def error(weights: torch.Tensor, step: float, book: object) -> float:
    values = torch.tensor(legal(book), dtype=torch.float64) * step
    return float((weights.detach().double()[..., None] - values).abs().amin(-1).square().sum())


@pytest.mark.parametrize("book", BOOKS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_nearest_is_the_nearest_of_all_values(book, kind):
    for synapses, chosen in zip(layer(kind).all_synapses(), grid.choose(layer(kind), book), strict=True):
        values = torch.tensor(legal(book)) * chosen.step
        apart = (synapses.latent.detach()[..., None] - values).abs().amin(-1)
        rounded = chosen.nearest(synapses.latent)
        assert torch.allclose((rounded[..., None] - values).abs().amin(-1), torch.zeros(()), atol=1e-4)
        assert torch.allclose((rounded - synapses.latent.detach()).abs(), apart, atol=1e-4)
        assert float(chosen.greatest) == pytest.approx(max(legal(book)) * float(chosen.step))
        assert not rounded.requires_grad


@pytest.mark.parametrize("book", BOOKS[2:], ids=str)
def test_step_leaves_about_the_least_error_there_is(book):
    weights = layer().synapses.latent
    step = float(grid.choose(layer(), book)[0].step)
    assert error(weights, step, book) <= 1.02 * min(error(weights, s, book) for s in torch.logspace(0, 3, 400).tolist())


def test_pow2_steps_are_those_of_the_rule():
    for rule in pow2.RULES:
        chosen = grid.choose(layer("recurrent"), BOOKS[1], rule=rule)
        assert [float(g.step) for g in chosen] == [
            float(pow2.choose(s.latent, 4, rule)) for s in layer("recurrent").all_synapses()]
    assert grid.choose(layer(), BOOKS[0], rule="max")[0].step > grid.choose(layer(), BOOKS[0])[0].step


@pytest.mark.parametrize("book", BOOKS, ids=str)
def test_a_step_for_each_row_is_each_rows_own(book):
    made = layer()
    step = grid.choose(made, book, by_row=True)[0].step
    assert step.shape == (6,) and len(set(step.tolist())) > 1
    for row, one in zip(made.synapses.latent, step.tolist(), strict=True):
        alone = layer()
        alone.synapses.latent = torch.nn.Parameter(row.detach().clone()[None])
        assert float(grid.choose(alone, book)[0].step) == pytest.approx(one)


@pytest.mark.parametrize(("kind", "thresholds", "allowed"), [
    ("dense", "neuron", True), ("convolution", "neuron", True), ("dense", "layer", False),
    ("recurrent", "neuron", True), ("recurrent", "layer", False), ("readout", "neuron", False)])
def test_rows_have_steps_where_they_have_thresholds(kind, thresholds, allowed):
    made = layer(kind, thresholds)
    assert grid.rows_allowed(made) is allowed
    assert grid.choose(made, BOOKS[1], by_row=True)[0].step.ndim == allowed


def test_recurrent_steps_are_the_others_times_a_power_of_two():
    made = layer("recurrent")
    main, own = grid.choose(made, BOOKS[3])
    assert math.log2(float(own.step / main.step)).is_integer() and own.step < main.step
    errors = {k: error(made.recurrent.latent, float(main.step) * 2.0**k, BOOKS[3]) for k in range(-10, 11)}
    assert float(own.step) == float(main.step) * 2.0 ** min(errors, key=errors.get)


@pytest.mark.parametrize("book", BOOKS, ids=str)
@pytest.mark.parametrize("pruned", [False, True])
def test_rows_of_a_recurrent_layer_have_one_octave_between_their_steps(book, pruned):
    """About the best one: no other leaves much less between the same steps of rows."""
    if pruned and codebooks.kind(book) == "binary":
        pytest.skip("binary weights cannot be pruned")
    made = layer("recurrent")
    for synapses in made.all_synapses() if pruned else ():
        synapses.keep((synapses.latent.abs() > synapses.latent.abs().median()).float())

    def left(grids) -> float:
        return sum(float((g.nearest(s.latent) - s.latent.detach()).square().sum())
                   for s, g in zip(made.all_synapses(), grids, strict=True))
    main, own = grid.choose(made, book, by_row=True)
    octaves = torch.log2(own.step / main.step)
    assert main.step.shape == (6,) and len(set(main.step.tolist())) > 1
    assert octaves.eq(octaves[0]).all() and float(octaves[0]).is_integer()
    assert left([main, own]) <= left(grid.choose(made, book))
    assert left([main, own]) <= min(left([main, grid.Grid(book=main.book, step=main.step * 2.0**k)])
                                    for k in range(-10, 11)) * 1.02


@pytest.mark.parametrize("book", BOOKS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("by_row", [False, True])
def test_a_snapped_layer_lies_in_its_codebook_and_computes_the_same(book, kind, by_row):
    """Weights are rounded first, so that all the difference that snapping could make is its change of units."""
    made = layer(kind)
    grids = grid.choose(made, book, by_row=by_row)
    with torch.no_grad():
        for synapses, chosen in zip(made.all_synapses(), grids, strict=True):
            synapses.latent.copy_(chosen.nearest(synapses.latent))
        if made.config.neurons.fires:
            made.mean.normal_(generator=torch.Generator().manual_seed(1)).mul_(10)
            made.variance.fill_(9000.0)
        x = (torch.rand(4, 3, 32, generator=torch.Generator().manual_seed(2)) < 0.4).float()
        spikes, before = made(x, 3)
        lsb = made.synapses.lsb.clone()
        grid.snap(made, grids)
        again, after = made(x, 3)
        ratio = (lsb / made.synapses.lsb).expand(made.config.rows).repeat_interleave(made.places)
    assert torch.equal(spikes, again)
    assert not made.config.neurons.fires or 0 < spikes.mean() < 1
    assert torch.allclose(before * ratio, after, rtol=1e-4, atol=1e-4 * float(after.abs().max()))
    assert made.config.neurons.membrane_bits == WIDE
    for synapses in made.all_synapses():
        check_codes(synapses, "layer")
        assert codebooks.kind(synapses.book) == codebooks.kind(book)


def test_finer_recurrent_weights_make_the_others_multiples():
    coarse, fine = (grid.Grid(book=BOOKS[1], step=torch.tensor(step)) for step in (8.0, 2.0))
    made = layer("recurrent")
    grid.snap(made, [coarse, fine])
    assert (made.synapses.book.fraction, made.recurrent.book.fraction) == (2, 0)
    assert float(made.synapses.lsb) == float(made.recurrent.lsb) == 2
    made = layer("recurrent")
    grid.snap(made, [fine, coarse])
    assert (made.synapses.book.fraction, made.recurrent.book.fraction) == (0, 2)
    assert float(made.recurrent.step) == 8


def test_pruned_weights_that_become_zero_leave_the_mask():
    made = layer()
    with torch.no_grad():
        made.synapses.latent[0, :4] = torch.tensor([1000.0, 100.0, 0.1, 0.0])
    kept = torch.ones_like(made.synapses.latent)
    kept[:, 5:] = 0
    made.synapses.keep(kept)
    grid.snap(made, [grid.Grid(book=BOOKS[0], step=torch.tensor(128.0))])
    assert torch.equal(made.synapses.kept, (made.synapses.latent != 0).float())
    assert made.synapses.latent[0, :4].tolist() == [128, 128, 0, 0] and not made.synapses.latent[:, 5:].any()
    assert torch.equal(made.synapses(True), made.synapses(False))


def test_pruned_weights_do_not_count_in_a_choice():
    made, small = layer(), layer()
    kept = torch.zeros_like(made.synapses.latent)
    kept[:, :4] = 1
    made.synapses.keep(kept)
    small.synapses.latent = torch.nn.Parameter(small.synapses.latent.detach()[:, :4].clone())
    for book in BOOKS:
        assert float(grid.choose(made, book)[0].step) == pytest.approx(float(grid.choose(small, book)[0].step)), book


def test_a_layer_of_zeros_has_a_grid():
    made = layer("recurrent")
    with torch.no_grad():
        for synapses in made.all_synapses():
            synapses.latent.zero_()
    for book in BOOKS:
        assert all(float(chosen.step) > 0 for chosen in grid.choose(made, book))


def test_a_fraction_of_the_codebook_changes_nothing():
    plain, scaled = (grid.choose(layer(), codebooks.make("integer", bits=4, fraction=f))[0] for f in (0, 3))
    assert scaled.book == plain.book and scaled.step == plain.step


def test_refusal():
    with pytest.raises(SpikeloomError, match="^rule must be mse for integer weights, not 'max'$"):
        grid.choose(layer(), BOOKS[3], rule="max")
