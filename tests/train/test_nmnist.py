import io
import tarfile

import numpy as np
import pytest

from spikeloom.errors import FileError
from spikeloom.train import datasets, nmnist

EVENTS = {1: [(3, 5, 1, 0), (3, 5, 1, 14_999), (33, 33, 0, 15_000)], 2: [(0, 0, 0, 299_999), (0, 0, 0, 300_000)]}


def packed(events: list[tuple[int, int, int, int]]) -> bytes:
    return b"".join(bytes([x, y]) + (p << 23 | t).to_bytes(3, "big") for x, y, p, t in events)


def archive(folder, files: dict[str, bytes]) -> None:
    with tarfile.open(folder / nmnist.FILE, "w:xz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(f"NMNISTsmall/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def test_events_become_tall_images(tmp_path):
    files = {f"{number}.bs2": packed(events) for number, events in EVENTS.items()}
    archive(tmp_path, files | {"train1K.txt": b"#sample class\n1 7\n2 4\n"})
    images, labels = nmnist.load(tmp_path)
    assert images.shape == (2, 20 * 2 * 34, 34) and images.dtype == np.uint8 and labels.tolist() == [7, 4]
    frames = images.reshape(2, 20, 2, 34, 34)
    assert [tuple(map(int, where)) for where in np.argwhere(frames)] == [
        (0, 0, 1, 5, 3), (0, 1, 0, 33, 33), (1, 19, 0, 0, 0)]
    assert set(np.unique(images)) == {0, 255}


@pytest.mark.parametrize("files", [{}, {"train1K.txt": b"1 7\n"}, {"train1K.txt": b"1 7\n", "1.bs2": b"1234"}])
def test_damaged_archives(tmp_path, files):
    archive(tmp_path, files)
    with pytest.raises(FileError, match="nmnist-train1000.tar.xz must be the archive of N-MNIST recordings, but "):
        nmnist.load(tmp_path)
    (tmp_path / nmnist.FILE).write_bytes(b"no archive")
    with pytest.raises(FileError, match="must be the archive of N-MNIST recordings, but "):
        nmnist.load(tmp_path)


def test_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("SPIKELOOM_DATA", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(FileError, match=r"data set nmnist-small must be in .*own/nmnist-small or .*cache/spikeloom/"
                                        r"nmnist-small, as nmnist-train1000.tar.xz"):
        datasets.load("nmnist-small")
