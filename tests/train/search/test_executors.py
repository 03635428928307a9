"""Evaluations here, in processes and on a Dask cluster give the same."""

import os
import sys

import pytest

from spikeloom.errors import SpikeloomError, ToolError
from spikeloom.train.search.evaluate import evaluate
from spikeloom.train.search.executors import Here, executor
from spikeloom.train.search.space import Space

CANDIDATES = [Space(layers=2).candidate(weights=bits, membrane=10) for bits in (3, 5)]


def measured(where, packed: bytes) -> list[tuple[float, ...]]:
    return [future.result().accuracies for future in [where.submit(evaluate, packed, one) for one in CANDIDATES]]


def test_processes_give_what_this_one_gives(workplace):
    packed = workplace().pack("ptq")
    with executor(jobs=1) as where:
        assert isinstance(where, Here)
        expected = measured(where, packed)
    assert expected[0] != expected[1]
    with executor(jobs=2) as where:
        assert where.submit(os.getpid).result() != os.getpid()
        assert measured(where, packed) == expected


def test_a_dask_cluster_gives_the_same(workplace):
    distributed = pytest.importorskip("distributed")
    packed = workplace().pack("ptq")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None,
                                  scheduler_port=0, protocol="tcp") as cluster:
        with executor(workers=cluster.scheduler_address) as where:
            assert measured(where, packed) == measured(Here(), packed)


def test_errors_come_with_the_result():
    with pytest.raises(ZeroDivisionError):
        Here().submit(divmod, 1, 0).result()


def test_complaints(monkeypatch):
    with pytest.raises(SpikeloomError, match="^jobs must be an integer from 1 to 1024, not 0$"), executor(jobs=0):
        pass
    pytest.importorskip("distributed")
    with pytest.raises(SpikeloomError, match="^workers must be the address of a Dask scheduler, not 'nowhere': "):
        with executor(workers="nowhere"):
            pass
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ToolError, match="^distributed must be installed for workers: "
                                        r"pip install 'spikeloom\[cluster\]'$"):
        with executor(workers="tcp://127.0.0.1:1"):
            pass
