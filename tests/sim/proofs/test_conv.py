# amaranth: UnusedElaboratable=no
"""A convolution's weights find their terms, and its events their outputs; and what does worse is refuted."""

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from spikeloom import codebooks
from spikeloom.network import Input, Layer, Lif, Network
from spikeloom.rtl_gen import footprint, planner
from spikeloom.rtl_gen.strategies import conv
from spikeloom.sim.proofs import conv as convolutions
from spikeloom.sim.proofs.conv import TermsChosen, Walks
from spikeloom.sim.proofs.prover import prove
from spikeloom.synapses.conv import Conv
from spikeloom.synapses.max_pool import MaxPool
from tests.rtl_gen.small import layer

from .seeded import mutated


def integrator(made=conv, *, book="ternary", shape=(5, 2, 3, 3), input=(2, 6, 5), value=None, lanes=4, **options):
    weights = np.random.default_rng(3).choice([-1, 1] if book == "binary" else [-1, 0, 1], size=shape)
    synapses = Conv(weights=weights, codebook=codebooks.make(book), input=input, **options)
    return made.Integrator(synapses, lanes=lanes, groups_of=2, value=value, sums=(-500, 500))


def strided(made=conv):
    return integrator(made, stride=2, padding=1)


def grouped(made=conv):
    return integrator(made, book="binary", shape=(4, 1, 3), input=(2, 9), value=signed(3), lanes=2, groups=2)


def single(made=conv):
    return integrator(made, shape=(3, 2, 2, 2), input=(2, 4, 4), value=unsigned(2), lanes=1)


def tiny(made=conv):
    return integrator(made, shape=(3, 1, 2, 2), input=(1, 2, 4))


def walk(make, **options):
    return Walks(claim="it", component="x.X", size="", make=make).prove(**options)


@pytest.mark.parametrize("make", [strided, grouped, single])
def test_weights_find_their_terms_and_events_their_outputs(make):
    assert prove(TermsChosen(make()), depth=1).result == "proven"
    assert walk(make).result == "proven"


def test_all_taps_are_gone_through():
    assert walk(strided).method == "all 224 taps"
    assert (walk(strided, timeout=1e-6).method, walk(strided, timeout=1e-6).reason) == (
        "-", "it was not decided within 1e-06 s")


@pytest.mark.parametrize(("make", "old", "new", "said"), [
    (tiny, "zip(s2_codes, swapped(padded, sums.low, layout.banks)", "zip(s2_codes, padded[:layout.banks]", "the code"),
    (grouped, "value.eq(s1_value)", "value.eq(taps.p.value)", "the value in stage 2"),
    (tiny, "codebooks.term(book, code, value, negated)", "codebooks.term(book, code, negated, value)", "the term"),
])
def test_a_weight_that_goes_astray_is_refuted(make, old, new, said):
    verdict = prove(TermsChosen(make(mutated(conv, old, new))), depth=1, bound=13)
    found = verdict.trace.partition("\n")[0]
    assert (verdict.result, said in found) == ("refuted", True), found


@pytest.mark.parametrize(("old", "new"), [
    ("column_tap.eq(first_tap)", "column_tap.eq(column_tap)"),
    ("columns.kernel * shape.blocks\n                m", "columns.kernel\n                m"),
    ("(column != 0) & ", ""),
    ("o.p.place.eq(o.p.place + shape.pitch)", "o.p.place.eq(o.p.place + 1)"),
])
def test_an_event_that_goes_astray_is_refuted(old, new, monkeypatch):
    monkeypatch.setattr(convolutions, "Footprint", mutated(footprint, old, new).Footprint)
    assert walk(integrator).result == "refuted"


def test_words_in_another_order_are_refuted(monkeypatch):
    words = conv.weight_words
    monkeypatch.setattr(conv, "weight_words", lambda *given: (words(*given)[0][::-1], words(*given)[1]))
    assert walk(strided).result == "refuted"


def test_convolutions_have_two_proofs_and_pools_one():
    kernel = Conv(weights=np.ones((2, 1, 3, 3), int), codebook=codebooks.make("ternary"), input=(1, 4, 4), padding=1)
    pool = MaxPool(input=kernel.output, kernel=2)
    net = Network(input=Input(shape=(1, 4, 4)), timesteps=2, readout="count", layers=(
        Layer(synapses=kernel, neurons=Lif(neurons=32, threshold=4, membrane_bits=6)),
        Layer(synapses=pool, neurons=None), layer(8, 2)))
    found = list(convolutions.proofs(planner.make(net)))
    assert [(proof.component, proof.layers) for proof in found] == [
        *[("strategies.conv.Integrator", (0,))] * 2, ("strategies.pool.Integrator", (1,))]
    assert [proof.prove().result for proof in found[1:]] == ["proven"] * 2
