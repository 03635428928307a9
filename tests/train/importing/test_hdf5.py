import numpy as np
import pytest

from spikeloom import hdf5
from spikeloom.errors import FileError
from spikeloom.train.importing import read
from spikeloom.train.importing.linear import shapes

nir = pytest.importorskip("nir")
h5py = pytest.importorskip("h5py")


def ones(*shape) -> np.ndarray:
    return np.ones(shape)


def every_kind():
    """A graph that nir itself writes, with each of its kinds."""
    one = {"r": ones(3), "v_leak": ones(3)}
    return nir.NIRGraph.from_list(
        nir.Input(np.array([2, 8, 8])),
        nir.Conv2d(None, ones(4, 2, 3, 3), 1, "same", 1, 1, ones(4)),
        nir.IF(r=ones(4, 8, 8), v_threshold=ones(4, 8, 8)),
        nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        nir.Flatten(None, 1, 2),
        nir.Conv1d(None, ones(2, 4, 3), 1, 1, 1, 1, ones(2)),
        nir.Flatten(None, 0, -1),
        nir.Affine(ones(3, 8), ones(3)),
        nir.LIF(tau=ones(3), v_threshold=ones(3), **one),
        nir.Delay(ones(3)),
        nir.Linear(ones(3, 3)),
        nir.CubaLIF(tau_syn=ones(3), tau_mem=ones(3), v_threshold=ones(3), w_in=2 * ones(3), **one),
        nir.Scale(ones(3)),
        nir.Threshold(ones(3)),
        nir.NIRGraph.from_list(nir.Input(np.array([3])), nir.LI(tau=ones(3), **one), nir.Output(np.array([3]))),
        nir.I(r=ones(3)),
        nir.CubaLI(tau_syn=ones(3), tau_mem=ones(3), **one),
        nir.Output(np.array([3])))


def test_what_nir_writes_is_read(tmp_path):
    graph = every_kind()
    nir.write(tmp_path / "all.nir", graph)
    found = read(tmp_path / "all.nir")
    assert {node.kind for node in found.nodes} == {
        "Input", "Conv2d", "IF", "SumPool2d", "AvgPool2d", "Flatten", "Conv1d", "Affine", "LIF", "Delay", "Linear",
        "CubaLIF", "Scale", "Threshold", "Port", "LI", "I", "CubaLI", "Output"}
    assert found["conv2d"]["padding"] == "same" and found["cubalif"]["w_in"].tolist() == [2, 2, 2]
    assert set(found.edges) >= {("threshold", "nirgraph.input"), ("nirgraph.output", "i"),
                                ("nirgraph.input", "nirgraph.li"), ("nirgraph.li", "nirgraph.output")}
    assert len(found.nodes) == 21 and len(found.edges) == 20
    own = shapes(found)
    assert own["avgpool2d"] == (4, 2, 2) and own["flatten"] == (4, 4) and own["output"] == (3,)
    for name, node in graph.nodes.items():
        if name in own:
            assert own[name] == tuple(np.asarray(next(iter(node.output_type.values()))).tolist()), name


def plain() -> "nir.NIRGraph":
    return nir.NIRGraph.from_list(nir.Input(np.array([1])), nir.Linear(ones(1, 1)), nir.Threshold(ones(1)),
                                  nir.Output(np.array([1])))


def broken(path, change):
    nir.write(path, plain())
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(FileError) as caught:
        read(path)
    text = str(caught.value)
    assert text.startswith(f"{path}") and "\n" not in text
    return text.removeprefix(f"{path}").removeprefix(": ")


def again(group, name, **options):
    del group[name]
    return group.create_dataset(name, **options)


@pytest.mark.parametrize("change, message", [
    (lambda f: f.__delitem__("node"), "/node must be there"),
    (lambda f: again(f, "node/type", data="Graph"), "node/type must be 'NIRGraph', not 'Graph'"),
    (lambda f: again(f, "node/type", data="x" * 300), "/node/type must be text of at most 200 characters"),
    (lambda f: again(f, "node/type", data=3), "/node/type must be text, not int64 ()"),
    (lambda f: f["node/nodes/linear"].__delitem__("type"), "/node/nodes/linear/type must be there"),
    (lambda f: again(f, "node/nodes/linear/type", data="LSTM"), "kind of node 'linear' must be one of Affine, "),
    (lambda f: again(f, "node/nodes/linear/weight", data=np.array([b"w"])),
     "/node/nodes/linear/weight must be text, not |S1 (1,)"),
    (lambda f: again(f, "node/nodes/linear/weight", data=np.array([[1j]])),
     "Linear 'linear' weight must be numbers, not complex128"),
    (lambda f: f["node/nodes/linear"].__delitem__("weight"),
     "Linear 'linear' must have the parameter weight, not only -"),
    (lambda f: f["node/nodes/linear"].create_dataset("secret", data=1.0),
     "Linear 'linear' must have parameters among weight, not 'secret'"),
    (lambda f: f["node/nodes"].create_dataset("x", data=1.0), "/node/nodes/x must be a group"),
    (lambda f: again(f, "node/edges", data=np.ones((2, 2))), "edges must be text (edges, 2), not float64"),
    (lambda f: again(f, "node/edges", data=np.array([b"input"])), "edges must be text (edges, 2), not (1,)"),
    (lambda f: f["node"].__delitem__("edges"), "/node/edges must be there"),
    (lambda f: again(f, "node/nodes/linear/weight", shape=(1 << 14, 1 << 14), dtype="f4", chunks=(64, 64)),
     f"/node/nodes/linear/weight must hold 1 to {hdf5.MAX_VALUES} values, all data sets together, "),
    (lambda f: again(f, "node/nodes/linear/weight", shape=(0, 1), dtype="f4"),
     f"/node/nodes/linear/weight must hold 1 to {hdf5.MAX_VALUES} values, all data sets together, "),
    (lambda f: again(f, "node/nodes/linear/weight", data=h5py.Empty("f4")),
     f"/node/nodes/linear/weight must hold 1 to {hdf5.MAX_VALUES} values, all data sets together, "),
    (lambda f: f["node/nodes/linear"].__setitem__("loop", f["node"]),
     "/node/nodes/linear/loop must be a data set, not a group"),
])
def test_malformed_files(tmp_path, change, message):
    assert broken(tmp_path / "bad.nir", change).startswith(message)


def test_nothing_outside_the_file_is_read(tmp_path):
    """Links to other files, data sets stored in them, and virtual ones that gather them."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"\0" * 64)
    name = "node/nodes/linear/weight"

    def elsewhere(file):
        del file[name]
        file[name] = h5py.ExternalLink("other.h5", "/x")

    def soft(file):
        del file[name]
        file[name] = h5py.SoftLink("/version")

    def external(file):
        again(file, name, shape=(1, 1), dtype="f8", external=[(str(secret), 0, 8)])

    def virtual(file):
        layout = h5py.VirtualLayout((1, 1), "f8")
        layout[:] = h5py.VirtualSource("other.h5", "x", shape=(1, 1))
        del file[name]
        file.create_virtual_dataset(name, layout)
    for change, message in ((elsewhere, "must be in the file itself, not a link"), (soft, "must be in the file itself, "
                            "not a link"), (external, "must be stored in the file itself"),
                            (virtual, "must be stored in the file itself")):
        assert broken(tmp_path / "bad.nir", change) == f"/{name} {message}"


def test_cycles_of_groups_end(tmp_path):
    """A sub-graph that holds itself."""
    def loop(file):
        inner = file["node/nodes"].create_group("inner")
        inner["type"] = "NIRGraph"
        inner["nodes"], inner["edges"] = file["node/nodes"], file["node/edges"]
    assert broken(tmp_path / "bad.nir", loop).startswith("sub-graphs must be at most 8 deep, not as 'inner.inner.")


def test_sub_graphs_have_one_input(tmp_path):
    def empty(file):
        inner = file["node/nodes"].create_group("inner")
        inner["type"] = "NIRGraph"
        inner.create_group("nodes")
        inner.create_dataset("edges", data=np.zeros((1, 2), "S1"))
    assert broken(tmp_path / "bad.nir", empty) == "sub-graph 'inner' must have one node of kind Input, not 0"


def test_files_that_are_none(tmp_path):
    path = tmp_path / "x.nir"
    with pytest.raises(FileError, match="must be a readable file, but there is none"):
        read(path)
    for data in (b"", b"hello", b"\x89HDF\r\n\x1a\n" + b"\0" * 100):
        path.write_bytes(data)
        with pytest.raises(FileError, match="must be a NIR file"):
            read(path)
    with pytest.raises(FileError, match="must be a NIR file"):
        read(tmp_path)
    nir.write(path, plain())
    whole = path.read_bytes()
    for size in range(100, len(whole), 997):
        path.write_bytes(whole[:size])
        with pytest.raises(FileError):
            read(path)


def test_damaged_bytes_never_end_in_a_traceback(tmp_path):
    path = tmp_path / "x.nir"
    nir.write(path, plain())
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(80):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 4):
            data[place] = rng.integers(256)
        path.write_bytes(data)
        try:
            read(path)
        except FileError as error:
            assert "\n" not in str(error)


def test_metadata(tmp_path):
    graph = plain()
    graph.metadata = {"dt": 1e-3, "tool": "x", "list": np.ones(3)}
    nir.write(tmp_path / "x.nir", graph)
    assert read(tmp_path / "x.nir").metadata == {"dt": 1e-3, "tool": "x"}


def test_quirky_files(published):
    with pytest.raises(FileError) as caught:
        read(next(published.glob("quirky/neuromorphs__braille_v2*")))
    assert str(caught.value).endswith(
        "edge 'fc1' -> 'lif1' must lead between nodes of the graph, but 'lif1' is none: its sub-graph was flattened "
        "into lif1.input, lif1.lif, lif1.output, lif1.w_rec but not its edges")
