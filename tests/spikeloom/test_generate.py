"""`spikeloom generate --axi` leaves three files that belong together."""

import json
import re

from spikeloom import cli, save


def test_axi_leaves_verilog_a_core_file_and_a_page(small, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save(small(), tmp_path / "small.qsnn")
    assert cli.main(["generate", "small.qsnn", "--axi", "-o", "my-net.v", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["module"] == "my_net"
    verilog, core, page = ((tmp_path / f"my-net.{suffix}").read_text() for suffix in ("v", "core", "md"))
    assert re.search(r"^module my_net\(", verilog, re.M)
    assert small().digest in verilog and small().digest in page
    assert core.startswith("CAPI=2:\n") and '"my-net.v"' in core and '"my_net"' in core
    assert "| CONTROL | 0x40 |" in page


def test_axi_and_link_exclude_each_other(small, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save(small(), tmp_path / "small.qsnn")
    try:
        code = cli.main(["generate", "small.qsnn", "--axi", "--link"])
    except SystemExit as exit_:
        code = exit_.code
    assert code == 2
    assert "must be left out with" in capsys.readouterr().err
