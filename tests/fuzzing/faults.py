"""Readers with a check taken out, for tests that see them caught. Each function is called in the worker."""

import os


def believe_lengths() -> None:
    """`.qsnn`: an array is as long as its layer says."""
    import numpy as np

    from spikeloom import qsnn

    def take(self, size: int) -> np.ndarray:
        self.used += size
        return np.frombuffer(self.data, np.uint8, size, self.used - size)

    qsnn._Arrays.take = take


def believe_counts() -> None:
    """`.qsnn`: as many neurons as the file says."""
    from spikeloom import qsnn
    known = qsnn.check.integer
    qsnn.check.integer = lambda name, value, low, high: known(name, value, low, 1 << 40)


def believe_shapes() -> None:
    """`.npy`: an array has the shape that it says."""
    import numpy as np

    from spikeloom import arrays
    arrays._one = lambda stream, size: np.lib.format.read_array(stream, allow_pickle=False)


def believe_gzip() -> None:
    """IDX: gzip may unpack to anything."""
    import gzip
    import zlib

    from spikeloom.errors import FileError
    from spikeloom.train import idx

    def unpacked(data: bytes) -> bytes:
        try:
            return gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            raise FileError("gzip file must be whole") from None

    idx._gunzip = unpacked


def never_end() -> None:
    """`.qsnn`: a reader that hangs on a file it does not like."""
    from spikeloom import qsnn
    known = qsnn._fields

    def wait(thing: str, value: object, *names) -> dict:
        while not isinstance(value, dict):
            pass
        return known(thing, value, *names)

    qsnn._fields = wait


def never_return() -> None:
    """`.qsnn`: a reader that hangs in code that is not Python."""
    import itertools

    from spikeloom import qsnn
    known = qsnn._fields

    def wait(thing: str, value: object, *names) -> dict:
        if not isinstance(value, dict):
            sum(itertools.repeat(0))
        return known(thing, value, *names)

    qsnn._fields = wait


def take_the_process() -> None:
    """`.qsnn`: a reader that takes the process with it."""
    from spikeloom import qsnn
    known = qsnn._fields

    def leave(thing: str, value: object, *names) -> dict:
        if not isinstance(value, dict):
            os.abort()
        return known(thing, value, *names)

    qsnn._fields = leave
