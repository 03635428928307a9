import json

import pytest

from spikeloom import cli, load, save

nir = pytest.importorskip("nir")


def run(capsys, *words: object) -> tuple[int, str, str]:
    code = cli.main([str(word) for word in words])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_out_and_in_again(capsys, small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    network = small()
    save(network, "net.qsnn")
    code, shown, _ = run(capsys, "export", "net.qsnn", "-o", "net.nir")
    assert code == 0 and network.digest in shown
    code, shown, _ = run(capsys, "import", "net.nir", "-o", "again.qsnn")
    assert code == 0 and "written by" in shown and load("again.qsnn").digest == network.digest
    code, shown, _ = run(capsys, "import", "net.nir", "-o", "again.qsnn", "--json")
    assert json.loads(shown) == {"restored": True, "network_digest": network.digest, "output": "again.qsnn"}
    code, shown, _ = run(capsys, "export", "net.qsnn", "-o", "net.py", "--json")
    assert code == 0 and json.loads(shown) == {"network_digest": network.digest, "output": "net.py"}
    code, _, err = run(capsys, "export", "net.qsnn", "-o", "net.onnx")
    assert code == 2 and err == "spikeloom export: --output must end in .nir or .py, not 'net.onnx'\n"
