"""The FuseSoC core file: FuseSoC 2.4 itself accepted one; here its lines are read as the JSON that they are."""

import json

import pytest

from spikeloom.rtl_gen import fusesoc

KEYS = {"name", "description", "filesets", "targets"}
TARGET_KEYS = {"filesets", "toplevel", "default_tool", "tools"}


def parsed(text: str) -> dict:
    """The keys and values of a core file; raises where it is none."""
    first, *lines = text.splitlines()
    if first != "CAPI=2:":
        raise ValueError(first)
    body = {key: json.loads(value) for key, value in (line.split(": ", 1) for line in lines)}
    if set(body) != KEYS or len(body["name"].split(":")) != 4:
        raise ValueError(body)
    for target in body["targets"].values():
        if not set(target) <= TARGET_KEYS or not set(target["filesets"]) <= set(body["filesets"]):
            raise ValueError(target)
    return body


def test_a_core_file_names_its_file_and_top():
    body = parsed(fusesoc.core_file("net", description="a: 'network'", verilog="some net.v"))
    assert body["name"] == "spikeloom:networks:net:1.0.0"
    assert body["filesets"]["rtl"]["files"] == [{"some net.v": {"file_type": "verilogSource"}}]
    assert body["targets"]["default"] == {"filesets": ["rtl"]}
    assert body["targets"]["lint"]["toplevel"] == "net"


def test_the_check_finds_a_fileset_that_is_not_there():
    text = fusesoc.core_file("net", description="", verilog="net.v")
    with pytest.raises(ValueError):
        parsed(text.replace('"filesets": ["rtl"]', '"filesets": ["rtx"]'))


@pytest.mark.parametrize(("stem", "name"), [("mnist-icebreaker", "mnist_icebreaker"), ("9 lives", "net_9_lives")])
def test_module_names_are_legal(stem, name):
    assert fusesoc.module_name(stem) == name
