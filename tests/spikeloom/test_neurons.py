"""Neuron models: what each must keep, how a file holds them, and ALIF by hand."""

import dataclasses
import hashlib
import json
import re

import numpy as np
import pytest

from spikeloom import (
    Decay,
    Dense,
    Input,
    Layer,
    Lif,
    Network,
    SpikeloomError,
    cli,
    codebooks,
    load,
    neurons,
    qsnn,
    save,
)
from spikeloom.neurons.alif import Alif

SLOW = Decay(num=29, shift=5, rounding="nearest")
MODELS = {
    "lif": Lif(neurons=3, threshold=np.array([9, 30, 64]), membrane_bits=7, reset="subtract-late", refractory=2,
               decay=SLOW),
    "lif, to a value": Lif(neurons=3, threshold=12, membrane_bits=6, v_reset=-7, floor=-20, refractory=1),
    "lif, readout": Lif(neurons=2, threshold=None, membrane_bits=5, decay=Decay.shift_leak(2)),
    "alif": Alif(neurons=3, threshold=np.array([9, 30, 64]), membrane_bits=7, reset="subtract", decay=SLOW,
                 adaptation_step=11, adaptation_decay=SLOW, adaptation_bits=6),
    "alif, to zero": Alif(neurons=2, threshold=5, membrane_bits=6, adaptation_step=9, adaptation_bits=4,
                          adaptation_decay=Decay(num=3, shift=2, rounding="ceil")),
    "alif, tall": Alif(neurons=2, threshold=3, membrane_bits=5, adaptation_step=(1 << 20) - 1, adaptation_bits=20,
                       adaptation_decay=Decay()),
    "alif, falling": Alif(neurons=2, threshold=3, membrane_bits=5, adaptation_step=(1 << 20) - 1, adaptation_bits=20,
                          adaptation_decay=Decay(num=3, shift=2)),
    "alif, fine": Alif(neurons=2, threshold=3, membrane_bits=12, adaptation_step=9, adaptation_bits=12,
                       adaptation_decay=Decay(num=1, shift=2), decay=Decay(num=65535, shift=16)),
}
DEAF = ("alif, tall", "alif, falling")      # after a spike they hear next to nothing


class Watched(np.ndarray):
    """An array of integers; the largest magnitude that any operation on one makes is in `most`."""

    most = 0

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        plain = [one.view(np.ndarray) if isinstance(one, Watched) else one for one in inputs]
        made = getattr(ufunc, method)(*plain, **options)
        if made.dtype.kind == "i":
            Watched.most = max(Watched.most, int(abs(made).max()))
        return made.view(Watched)


def run(model, currents, array=np.asarray, where=np.where):
    """States and spikes `[timestep]` for currents `(timesteps, neurons)`."""
    vectors = {name: getattr(model, name) for name in model.vector_names()}
    vectors = {name: None if values is None else array(values) for name, values in vectors.items()}
    state = {name: array(np.zeros((1, model.neurons), bool if bounds is bool else np.int64))
             for name, bounds in model.states.items()}
    seen = []
    for current in currents:
        spikes, state = model.step(state, array(current[None]), vectors, where)
        seen.append((spikes, state))
    return seen


def broken_rules(model, currents, reach: int) -> set[str]:
    """What `step` breaks of what the model says of itself."""
    Watched.most = 0
    seen = run(model, currents, lambda values: np.asarray(values).view(Watched),
               lambda mask, yes, no: np.where(mask, yes, no).view(Watched))
    found = {"largest"} if Watched.most > model.largest(reach) else set()
    for spikes, state in seen:
        found |= {"states"} if set(state) != set(model.states) else set()
        found |= {"fires"} if (spikes is not None) != model.fires else set()
        for name, bounds in model.states.items():
            low, high = (0, 1) if bounds is bool else bounds
            found |= {f"bounds of {name}"} if state[name].min() < low or state[name].max() > high else set()
    return found


def currents_for(model, reach: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    both = rng.integers(-reach, reach + 1, (300, model.neurons)), rng.integers(-6, 30, (300, model.neurons))
    return np.concatenate([*both, np.full((9, model.neurons), reach), np.full((9, model.neurons), -reach)])


@pytest.mark.parametrize("name", MODELS)
def test_a_model_keeps_what_it_says(name):
    model, reach = MODELS[name], 500
    currents = currents_for(model, reach)
    assert broken_rules(model, currents, reach) == set()
    import torch
    plain = run(model, currents)
    for (spikes, state), (other, states) in zip(plain, run(model, currents, torch.tensor, torch.where), strict=True):
        assert spikes is other is None or spikes.tolist() == other.tolist()
        assert {k: v.tolist() for k, v in state.items()} == {k: v.tolist() for k, v in states.items()}
    if model.fires and name not in DEAF:
        assert 9 < sum(int(spikes.sum()) for spikes, _ in plain) < 600 * model.neurons


def test_every_model_is_tried():
    assert {neurons.kind(model) for model in MODELS.values()} == set(neurons.names())


@pytest.mark.parametrize(("broken", "rule"), [
    ({"largest": lambda self, current: current}, "largest"),
    ({"largest": lambda self, current: 64 * 29 - 1}, "largest"),
    ({"states": property(lambda self: {"v": (self.v_min, self.v_max), "a": (0, 20)})}, "bounds of a"),
    ({"states": property(lambda self: {"v": (self.v_min, 5), "a": (0, self.a_max)})}, "bounds of v"),
    ({"fires": False}, "fires"),
])
def test_a_model_that_does_not_is_noticed(broken, rule):
    made = MODELS["alif"]
    wrong = type("Wrong", (Alif,), broken)(**{f.name: getattr(made, f.name) for f in dataclasses.fields(made)})
    assert broken_rules(wrong, currents_for(wrong, 500), 500) == {rule}


def test_alif_by_hand():
    """Threshold 4, a step of 2 that halves: B is 4, 6, 7, 5, 6, 7."""
    model = Alif(neurons=1, threshold=4, reset="subtract", adaptation_step=2, adaptation_decay=Decay(num=1, shift=1),
                 adaptation_bits=2, membrane_bits=8)
    seen = run(model, np.array([[5], [5], [5], [5], [9], [-300]]))
    assert [int(spikes[0, 0]) for spikes, _ in seen] == [1, 1, 0, 1, 1, 0]
    assert [int(state["v"][0, 0]) for _, state in seen] == [1, 0, 5, 5, 8, -128]
    assert [int(state["a"][0, 0]) for _, state in seen] == [2, 3, 1, 2, 3, 1]
    zero = run(dataclasses.replace(model, reset="zero"), np.array([[4], [5], [9], [3]]))
    assert [(int(spikes[0, 0]), int(state["v"][0, 0]), int(state["a"][0, 0])) for spikes, state in zero] == [
        (1, 0, 2), (0, 5, 1), (1, 0, 2), (0, 3, 1)]


@pytest.mark.parametrize(("given", "message"), [
    ({"threshold": None}, "threshold must be given, not None: readout neurons must be lif"),
    ({"threshold": 0}, "threshold must lie within 1 to 32768, not hold 0"),
    ({"reset": "subtract-late"}, "reset must be one of zero, subtract, not 'subtract-late'"),
    ({"adaptation_bits": 32}, "adaptation bits must be an integer from 1 to 31, not 32"),
    ({"adaptation_step": 256, "adaptation_bits": 8}, "adaptation step must be an integer from 0 to 255, not 256"),
    ({"adaptation_decay": 0.9}, "adaptation decay must be a Decay, not 0.9"),
    ({"decay": None}, "decay must be a Decay, not None"),
    ({"floor": 1}, "floor must be an integer from -32768 to 0, not 1"),
    ({"bias": 0.5}, "bias must hold integers, not float64"),
    ({"membrane_bits": 33}, "membrane bits must be an integer from 2 to 32, not 33"),
    ({"neurons": 0}, "neurons must be an integer from 1 to 65536, not 0"),
])
def test_parameters_of_alif(given, message):
    parameters = {"neurons": 2, "threshold": 9, "adaptation_step": 1, "adaptation_decay": SLOW} | given
    with pytest.raises(SpikeloomError, match=f"^{re.escape(message)}$"):
        Alif(**parameters)


def network(model) -> Network:
    synapses = Dense(weights=np.ones((model.neurons, 2), np.int64), codebook=codebooks.make("binary"))
    return Network(input=Input(shape=(2,)), layers=(Layer(synapses=synapses, neurons=model),),
                   readout="count" if model.fires else "membrane-last", timesteps=3)


@pytest.mark.parametrize("name", MODELS)
def test_a_file_holds_every_model(name, tmp_path):
    made = network(MODELS[name])
    again = load(save(made, tmp_path / "net.qsnn"))
    assert again == made and again.digest == made.digest
    for field in dataclasses.fields(MODELS[name]):
        assert np.array_equal(getattr(again.layers[0].neurons, field.name), getattr(MODELS[name], field.name))


def test_only_what_is_older_keeps_the_first_version():
    assert [int.from_bytes(qsnn.pack(network(MODELS[name]))[4:6], "little") for name in ("lif", "alif")] == [1, 2]


@pytest.mark.parametrize(("change", "message"), [
    (lambda n: n.update(kind="alf"), "neurons must be one of alif, lif, not 'alf' (did you mean 'alif'?)"),
    (lambda n: n.update(kind="../alif"), "neurons must be one of alif, lif, not '../alif' (did you mean 'alif'?)"),
    (lambda n: n.update(adaptation_decay={"num": 1}), "adaptation_decay must have the fields ['num', 'rounding', "
     "'shift'], not ['num']"),
    (lambda n: n.update(adaptation_decay=[1]), "adaptation_decay must have the fields ['num', 'rounding', 'shift'], "
     "not [1]"),
    (lambda n: n.update(adaptation_step="array"), "adaptation step must be an integer from 0 to 63, not 'array'"),
    (lambda n: n.update(membrane_bits={}), "membrane bits must be an integer from 2 to 32, not {}"),
    (lambda n: n.update(bias="list"), "bias must be an integer or 'array', not list"),
    (lambda n: n.update(bias="array"), "arrays must fit the file: 12 bytes wanted, 0 left"),
    (lambda n: n.update(synaptic_bits=9), None),
    (lambda n: n.pop("reset"), None),
])
def test_a_file_that_lies_is_refused(change, message):
    data = qsnn.pack(network(MODELS["alif"]))
    size = int.from_bytes(data[6:10], "little")
    header = json.loads(data[10:10 + size])
    change(header["layers"][0]["neurons"])
    text = json.dumps(header).encode()
    body = data[:6] + len(text).to_bytes(4, "little") + text + data[10 + size:-32]
    fields = r"neurons must have the fields \['adaptation_bits', .*"
    with pytest.raises(SpikeloomError, match=f"^{fields if message is None else re.escape(message)}"):
        qsnn.unpack(body + hashlib.sha256(body).digest())


def test_vectors_beyond_a_file_are_refused():
    made = network(dataclasses.replace(MODELS["alif"]))
    object.__setattr__(made.layers[0].neurons, "bias", np.array([1 << 31, 0, 0]))
    with pytest.raises(SpikeloomError, match="^bias must lie within -2147483648 to 2147483647, not hold 2147483648$"):
        qsnn.pack(made)


def test_a_layer_takes_models_only():
    with pytest.raises(SpikeloomError, match="^neurons must be one of alif, lif, not str$"):
        Layer(synapses=network(MODELS["alif"]).layers[0].synapses, neurons="lif")


def test_show_says_the_model(capsys, tmp_path):
    file = str(save(network(MODELS["alif"]), tmp_path / "net.qsnn"))
    assert cli.main(["show", file]) == 0
    out = capsys.readouterr().out
    assert "alif subtract" in out and "29/32 nearest" in out
    assert cli.main(["show", file, "--json"]) == 0
    model = json.loads(capsys.readouterr().out)["layers"][0]["model"]
    assert model["kind"] == "alif" and model["adaptation_decay"] == {"num": 29, "shift": 5, "rounding": "nearest"}
    assert model["threshold"] == [9, 30, 64] and model["adaptation_step"] == 11


def test_show_knows_pools_and_maps(capsys, tmp_path):
    from spikeloom.sim.random_maps import random_conv_network
    made = next(one for one in map(random_conv_network, range(99)) if any(k.neurons is None for k in one.layers))
    file = str(save(made, tmp_path / "net.qsnn"))
    assert cli.main(["show", file]) == 0 and "_pool" in capsys.readouterr().out
    assert cli.main(["show", file, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["layers"]
    assert [layer["inputs"] for layer in shown] == [layer.synapses.inputs for layer in made.layers]
    assert ["synapses" in layer for layer in shown] == [layer.neurons is None for layer in made.layers]
