# amaranth: UnusedElaboratable=no
"""Processors come from their packages, or are missed by name."""

import pytest

from spikeloom.errors import SpikeloomError, ToolError
from spikeloom.rtl_gen.soc import cpu


@pytest.mark.parametrize(("name", "module"), [("serv", "serv_rf_top"), ("picorv32", "picorv32")])
def test_the_processor_is_in_its_sources(name, module):
    assert any(f"module {module}" in text for text in cpu.sources(name).values())


def test_a_processor_must_be_known():
    with pytest.raises(SpikeloomError, match="^cpu must be one of serv, picorv32, not 'vexriscv'$"):
        cpu.Cpu("vexriscv")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(cpu, "find_spec", lambda name: None)
    with pytest.raises(ToolError, match="^pythondata-cpu-serv was not found: pip install 'spikeloom\\[soc\\]'$"):
        cpu.sources("serv")
