"""lava-dl's files that are none, and layers that the contract cannot say."""

import numpy as np
import pytest

from spikeloom.cli import main
from spikeloom.errors import FileError, SpikeloomError
from spikeloom.train.importing import lava, lava_network

h5py = pytest.importorskip("h5py")
NEURON = {"type": "CUBA", "iDecay": 1024, "vDecay": 100, "vThMant": 80, "refDelay": 1, "gradedSpike": False}


def layer(kind, shape, neuron=NEURON, **values):
    return {"type": np.array([kind.encode()], dtype="S10"), "shape": np.array(shape), **values,
            **({f"neuron/{key}": value for key, value in neuron.items()} if neuron else {})}


def plain():
    return [layer("input", (3,), None), layer("dense", (2,), weight=np.array([[2., -4., 6.], [8., 0., -10.]]))]


def written(path, layers, **more):
    with h5py.File(path, "w") as file:
        for k, values in enumerate(layers):
            for name, value in values.items():
                file[f"layer/{k}/{name}"] = value
        for name, value in more.items():
            file[name.replace("__", "/")] = value
    return path


def refused(path, use):
    with pytest.raises(SpikeloomError) as caught:
        use(path)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path}: ")


def test_what_is_there_is_read(tmp_path):
    net = lava.read(written(tmp_path / "x.net", plain(), simulation__Ts=2, simulation__tSample=100))
    assert net.timesteps == 50 and [block.name for block in net.blocks] == ["layer 0 (input)", "layer 1 (dense)"]
    assert net.blocks[0].shape == (3,) and net.blocks[0].neuron is None
    assert net.blocks[1].neuron == lava.Cuba(i_decay=1024, v_decay=100, threshold=80)
    assert net.blocks[1].weight.tolist() == [[2, -4, 6], [8, 0, -10]]
    made = lava_network.build(net)
    dense = made.network.layers[0]
    assert dense.synapses.weights.tolist() == [[128, -256, 384], [512, 0, -640]]
    assert (dense.synapses.codebook.bits, dense.synapses.codebook.fraction) == (4, 7)
    assert dense.neurons.threshold.tolist() == [80 * 64 + 1] * 2
    assert (dense.neurons.synaptic_decay.num, dense.neurons.synaptic_decay.shift) == (3, 2)
    assert (dense.neurons.decay.num, dense.neurons.decay.shift, dense.neurons.decay.rounding) == (999, 10, "zero")
    assert made.assumptions == (
        "the next layer sees spikes a timestep later, and what the file says later",
        "frames are the spikes that reach the first weights: (timesteps, 3)",
        "the answer is there 1 timestep sooner than slayer's last block sends it",
        "an inference is 50 timesteps: the file says so", "the readout is count")


def test_images_enter_through_input_neurons(tmp_path):
    """u = 2^6 z in each timestep, as lava's bias_mant does."""
    layers = [layer("input", (1, 2, 2), {**NEURON, "type": "LOIHI", "iDecay": 4096, "vDecay": 0, "wgtExp": 0,
                                         "theta": 5120, "tauRho": 0.5}, weight=np.array([36.]), bias=np.array([-3.])),
              layer("flatten", (4, 1, 1), None),
              layer("dense", (2, 1, 1), None, weight=np.array([[1, 2, 3, 4], [5, 6, 7, 8]]))]
    made = lava_network.build(lava.read(written(tmp_path / "x.net", layers)), timesteps=6)
    assert made.assumptions[1:3] == (
        "a frame is what layer 0 (input) adds in each timestep, in 2^6 LSB: 36 x + -3, made whole",
        "layer 2 (dense) has no neurons: its sums are added up over time, as lava does")
    from spikeloom.sim.reference import simulate
    frames = np.array([[[[40, 0], [-9, 20]]]])
    found = simulate(made.network, frames.reshape(1, 4), trace=True, device="cpu")
    assert found.membranes[0][0, :, 0].tolist() == [2560, 5120, 0, 2560, 5120, 0]
    assert found.spikes[0][0].sum(0).tolist() == [2, 0, 0, 1]
    assert found.scores[0].tolist() == [64 * (1 + 4), 64 * (5 + 8)]


def test_groups_of_outputs_are_added_up(tmp_path):
    layers = [*plain(), layer("average", (1, 1, 1), None)]
    made = lava_network.build(lava.read(written(tmp_path / "x.net", layers)))
    assert made.network.layers[1].synapses.weights.tolist() == [[1, 1]] and made.network.readout == "membrane-last"
    assert made.network.layers[0].delay == 1 and made.network.layers[1].neurons.decay.is_identity


def change(number, **values):
    def changed(layers):
        for name, value in values.items():
            name = name.replace("__", "/")
            if value is None:
                layers[number].pop(name)
            else:
                layers[number][name] = value
        return layers
    return changed


MALFORMED = [
    (change(1, type=np.array([b"convT"])), "layer 1 must be one of input, dense, dense_rec, conv, pool, flatten, "
     "average, not 'convT'"),
    (change(1, type=3), "/layer/1/type must be text, not int64 ()"),
    (change(1, type=None), "/layer/1/type must be there"),
    (change(1, weight=None), "layer 1 (dense) must have weight, not only neuron, shape, type"),
    (change(1, weight=np.array([[0.5, 1, 1]])), "layer 1 (dense) weight must be whole numbers, not 0.5: is it "
     "quantized?"),
    (change(1, weight=np.array([[np.nan, 1, 1]])), "layer 1 (dense) weight must be whole numbers, not nan: is it "
     "quantized?"),
    (change(1, weight=np.array([[1e9, 1, 1]])), "layer 1 (dense) weight must be within -32768 to 32767, not 1e+09"),
    (change(1, weight=np.array([b"w"])), "layer 1 (dense) weight must be numbers, not |S1"),
    (change(1, secret=1), "layer 1 (dense) must have none but type, shape, weight, bias, delay, neuron, inFeatures, "
     "outFeatures, not 'secret'"),
    (change(1, delay=np.array([63, 0])), "layer 1 (dense) delay must be within 0 to 62, not 63"),
    (change(1, shape=np.array([1, 2, 3, 4])), "layer 1 (dense) shape must have 1 to 3 dimensions, not 4"),
    (change(1, neuron__type="SDNN"), "layer 1 (dense) neurons must be CUBA, or LOIHI in older files, not 'SDNN'"),
    (change(1, neuron__gain=1), "layer 1 (dense) neuron must have none but type, iDecay, vDecay, vThMant, refDelay, "
     "gradedSpike, messageBits, wgtExp, weight_exp, scaleRho, tauRho, theta, not 'gain'"),
    (change(1, neuron__iDecay=np.array([4, 5])), "layer 1 (dense) iDecay must be one number for the layer, not 4 to 5"),
    (change(1, neuron__vDecay=4097), "layer 1 (dense) vDecay must be within 0 to 4096, not 4097"),
    (change(1, neuron__vThMant=-1), "layer 1 (dense) vThMant must be within 0 to 16777216, not -1"),
    (change(1, neuron__refDelay=2), "layer 1 (dense) refDelay must be 1, not 2"),
    (change(1, neuron__refDelay=0), "layer 1 (dense) refDelay must be 1, not 0"),
    (change(1, neuron__gradedSpike=True), "layer 1 (dense) gradedSpike must be 0, not 1"),
    (change(1, neuron__weight_exp=1.0), "layer 1 (dense) weight_exp must be 0, not 1"),
]


@pytest.mark.parametrize("changed, message", MALFORMED)
def test_malformed_files(tmp_path, changed, message):
    assert refused(written(tmp_path / "x.net", changed(plain())), lava.read) == message


def conv(**values):
    return layer("conv", (2, 2, 2), **{"weight": np.ones((2, 1, 2, 2, 1)), "stride": np.array([2, 2]),
                                        "padding": np.array([0, 0]), "dilation": np.array([1, 1]), "groups": 1,
                                        **values})


MAP = layer("input", (1, 4, 4), None)


@pytest.mark.parametrize("layers, message", [
    ([MAP], "a .net file must hold a layer with neurons"),
    ([*plain(), layer("input", (3,), None)], "layer 2 (input): must be the first layer"),
    ([layer("flatten", (3,), None)], "layer 0 (flatten): must come after a layer"),
    ([MAP, layer("dense", (2,), weight=np.ones((2, 3)))], "layer 1 (dense): must have 16 inputs, not 3"),
    ([MAP, layer("dense", (2,), weight=np.ones((3, 16)))], "layer 1 (dense): weight must be (2, inputs), not (3, 16)"),
    ([*plain(), conv()], "layer 2 (conv): must come after a map (channels, rows, columns), not (2,)"),
    ([MAP, conv(weight=np.ones((3, 1, 2, 2)))], "layer 1 (conv): weight must be (2, channels, rows, columns), "
     "not (3, 1, 2, 2)"),
    ([MAP, conv(stride=np.array([1, 2]))], "layer 1 (conv): shape must be (2, 3, 2), which its windows make, "
     "not (2, 2, 2)"),
    ([MAP, conv(dilation=np.array([9, 1]))], "layer 1 (conv): kernel, dilated, must be an integer from 1 to 4, not 10"),
    ([MAP, conv(groups=2)], "layer 1 (conv): groups must be an integer from 1 to 1, not 2"),
    ([MAP, layer("pool", (1, 2, 2), weight=np.ones((2, 1, 2, 2)), stride=2)],
     "layer 1 (pool): weight must be (1, 1, rows, columns), not (2, 1, 2, 2)"),
    ([MAP, conv(bias=np.array([0, 2]))], "layer 1 (conv): bias must be 0 with iDecay 1024: it goes past the current to "
     "the voltage, which the contract says only of iDecay 4096"),
    ([MAP, conv(bias=np.zeros(3))], "layer 1 (conv): bias must be one number, or 2, not 3"),
    ([MAP, conv(delay=np.zeros(8))], "layer 1 (conv): delay must be one number, or 2, not 8"),
    ([*plain()[:1], layer("dense", (2,), {**NEURON, "vThMant": 1 << 18}, weight=np.ones((2, 3))),
      layer("dense", (2,), weight=np.ones((2, 2)))],
     "layer 2 (dense): must come after a layer that fires, not after layer 1 (dense)"),
    ([*plain(), layer("average", (3, 1, 1), None)],
     "layer 2 (average): must come after a multiple of 3 neurons that fire, not 2"),
    ([*plain()[:1], layer("dense", (70000,), weight=np.ones((1, 3)))],
     "layer 1 (dense) shape must be within 1 to 65536, not 70000"),
])
def test_what_the_contract_cannot_say(tmp_path, layers, message):
    path = written(tmp_path / "x.net", layers)
    assert refused(path, lambda path: lava_network.build(lava.read(path))) == message


def test_nothing_outside_the_file_is_read(tmp_path):
    path = written(tmp_path / "x.net", plain())
    for link in (h5py.ExternalLink("other.h5", "/x"), h5py.SoftLink("/layer/1/shape")):
        with h5py.File(path, "r+") as file:
            del file["layer/1/weight"]
            file["layer/1/weight"] = link
        assert refused(path, lava.read) == "/layer/1/weight must be in the file itself, not a link"


def test_files_that_are_none(tmp_path):
    path = tmp_path / "x.net"
    assert refused(path, lava.read) == f"{path} must be a readable file, but there is none"
    for data in (b"", b"hello", b"\x89HDF\r\n\x1a\n" + b"\0" * 100):
        path.write_bytes(data)
        assert refused(path, lava.read).startswith(f"{path} must be a lava-dl .net file (HDF5), but ")
    written(path, [], node=1)
    assert refused(path, lava.read) == "/layer must be there"
    written(path, [], layer=1)
    assert refused(path, lava.read) == "/layer must be a group"
    written(path, plain() + [layer("flatten", (2,), None)] * 63)
    assert refused(path, lava.read) == "/layer must hold 1 to 64 layers, not 65"


def test_damaged_bytes_never_end_in_a_traceback(tmp_path):
    path = written(tmp_path / "x.net", plain())
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for size in range(100, len(whole), 4999):
        path.write_bytes(whole[:size])
        with pytest.raises(FileError):
            lava.read(path)
    for _ in range(12):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 4):
            data[place] = rng.integers(256)
        path.write_bytes(data)
        try:
            lava_network.build(lava.read(path))
        except SpikeloomError as error:
            assert "\n" not in str(error)


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "x.net", plain())
    assert main(["import", "x.net", "--timesteps", "8"]) == 0
    shown = capsys.readouterr().out
    assert "the next layer sees spikes a timestep later" in shown and "layer 1 (dense)" in shown
    from spikeloom import load
    network = load(tmp_path / "x.qsnn")
    assert network.timesteps == 8 and network.digest in shown
    assert main(["import", "x.net", "-o", "y.qsnn", "--json"]) == 0
    assert f'"network_digest": "{load(tmp_path / "y.qsnn").digest}"' in capsys.readouterr().out
    assert load(tmp_path / "y.qsnn").timesteps == 64


@pytest.mark.parametrize("options, message", [
    (["--dt", "1"], "--dt must not be given with a .net file, which says it itself"),
    (["--weights", "binary"], "--weights must not be given with a .net file, which says it itself"),
    (["--readout", "membrane-last"], "the last layer must not fire for readout 'membrane-last'"),
    (["--delay-shift", "2"], "delay shift must be an integer from 0 to 1, not 2"),
    (["--timesteps", "0"], "timesteps must be an integer from 1 to 4096, not 0"),
])
def test_the_command_refuses(tmp_path, capsys, options, message):
    path = written(tmp_path / "x.net", plain())
    assert main(["import", str(path), *options]) == 2
    assert capsys.readouterr().err == f"spikeloom import: {message}\n"


def test_garbage_ends_the_command_with_one_line(tmp_path, capsys):
    path = tmp_path / "x.net"
    path.write_bytes(b"garbage")
    assert main(["import", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "must be a lava-dl .net file (HDF5), but" in error
