"""Where candidates are evaluated: here, in processes of this machine, or by the workers of a Dask cluster."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor

from spikeloom import check
from spikeloom.errors import SpikeloomError, ToolError


class Here(Executor):
    """Does at once what it is given."""

    def submit(self, fn, /, *args, **kwargs) -> Future:
        future: Future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextlib.contextmanager
def executor(jobs: int | None = None, workers: str | None = None) -> Iterator[Executor]:
    """Processes, as many as there are processors, or with one job none; or with `workers` a Dask scheduler's."""
    if workers is not None:
        with _cluster(workers) as found:
            yield found
        return
    jobs = check.integer("jobs", os.cpu_count() or 1 if jobs is None else jobs, 1, 1024)
    if jobs == 1:
        yield Here()
        return
    pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _cluster(workers: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise ToolError(f"{error.name} must be installed for workers: pip install 'spikeloom[cluster]'") from None
    try:
        client = Client(workers, timeout=10, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise SpikeloomError(f"workers must be the address of a Dask scheduler, not {workers!r}: "
                             f"{str(error).splitlines()[0]}") from None
    try:
        yield client.get_executor(pure=False, retries=2)
    finally:
        client.close()


def _begin() -> None:
    """A worker leaves interrupts to its parent, and ends when that does, killed or not."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        parent.join()
        os._exit(1)
    threading.Thread(target=follow, daemon=True).start()
