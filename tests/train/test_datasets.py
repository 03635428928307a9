import functools
import hashlib
import http.server
import threading

import numpy as np
import pytest

from spikeloom.errors import FileError, SpikeloomError
from spikeloom.train import datasets, idx


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A data set of 3 and 2 tiny images behind an HTTP server of this machine, and no data set anywhere else."""
    folder = tmp_path / "served"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for file, shape in zip(datasets.FILES, [(3, 4, 4), (3,), (2, 4, 4), (2,)], strict=True):
        (folder / file).write_bytes(idx.pack(rng.integers(0, 10, shape)))
    monkeypatch.setenv("SPIKELOOM_DATA", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    sums = tuple(hashlib.md5((folder / file).read_bytes()).hexdigest() for file in datasets.FILES)
    yield folder, datasets.Source(url=f"http://127.0.0.1:{server.server_port}", md5=sums, labels=datasets.NUMERALS)
    server.shutdown()
    thread.join()
    server.server_close()


def test_digits_are_split_the_same_way_every_time():
    one, two = datasets.load("digits"), datasets.load("digits")
    assert one.train_images.shape == (1437, 8, 8) and one.test_images.shape == (360, 8, 8)
    assert np.array_equal(one.test_images, two.test_images) and np.array_equal(one.test_labels, two.test_labels)
    assert np.bincount(one.test_labels).min() >= 34
    assert one.train_images.max() == 255 and set(np.unique(one.train_images)) <= {*range(0, 241, 16), 255}
    hashes = {image.tobytes() for image in one.train_images}
    assert sum(image.tobytes() in hashes for image in one.test_images) == 0


def test_downloads_once_with_progress_then_finds_the_cache(served, tmp_path):
    folder, source = served
    seen = []
    place = datasets.find("mnist", source=source, progress=lambda *args: seen.append(args))
    assert place == tmp_path / "cache" / "spikeloom" / "mnist"
    assert [name for name, done, total in seen if done == total] == list(datasets.FILES)
    assert datasets.find("mnist", progress=lambda *args: pytest.fail("downloaded again")) == place
    data = datasets.load("mnist")
    assert data.train_images.shape == (3, 4, 4) and data.test_labels.shape == (2,)
    assert sorted(path.name for path in place.iterdir()) == sorted(datasets.FILES)


def test_own_folder_comes_first(served, tmp_path):
    folder, _ = served
    own = tmp_path / "own" / "kmnist"
    own.parent.mkdir()
    folder.rename(own)
    assert datasets.find("kmnist") == own


def test_offline_says_where_it_looked_and_what_to_do(served, tmp_path):
    closed = datasets.Source(url="http://127.0.0.1:9", md5=("",) * 4, labels=())
    with pytest.raises(FileError) as error:
        datasets.find("mnist", source=closed)
    assert str(error.value).startswith("data set mnist must be downloaded once, but http://127.0.0.1:9 cannot be had (")
    for words in (f"{tmp_path}/own/mnist and {tmp_path}/cache/spikeloom/mnist", *datasets.FILES, "SPIKELOOM_DATA"):
        assert words in str(error.value)


def test_a_wrong_download_is_not_kept(served, tmp_path):
    folder, source = served
    (folder / datasets.FILES[1]).write_bytes(b"something else")
    with pytest.raises(FileError, match=f"{datasets.FILES[1]} must have the MD5 sum {source.md5[1]}, not "):
        datasets.find("mnist", source=source)
    kept = [path.name for path in (tmp_path / "cache" / "spikeloom" / "mnist").iterdir()]
    assert kept == [datasets.FILES[0]]


@pytest.mark.parametrize(("changes", "message"), [
    ({0: np.zeros((3, 4, 4, 1))}, "mnist train images must be uint8 (images, height, width), not uint8 (3, 4, 4, 1)"),
    ({1: np.zeros(4)}, "mnist train labels must be one for each of 3 images, not (4,)"),
    ({3: np.full(2, 10)}, "mnist test labels must be below 10, not 10"),
])
def test_files_that_do_not_fit_together(served, changes, message):
    folder, _ = served
    for number, array in changes.items():
        (folder / datasets.FILES[number]).write_bytes(idx.pack(array))
    with pytest.raises(SpikeloomError) as error:
        datasets.from_idx(folder, "mnist")
    assert str(error.value) == message


def test_a_damaged_file_is_named(served):
    folder, _ = served
    path = folder / datasets.FILES[2]
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(FileError, match="t10k-images-idx3-ubyte.gz: gzip file must be whole"):
        datasets.from_idx(folder, "mnist")


def test_unknown_name():
    with pytest.raises(SpikeloomError) as error:
        datasets.load("cifar")
    assert str(error.value) == ("data set must be one of digits, mnist, fashion-mnist, kmnist, nmnist-small, fsdd, "
                                "or a path that is there, not 'cifar'")
