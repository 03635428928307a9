"""How methods are found, made, read and written; and what all of them promise."""

import dataclasses
from dataclasses import dataclass

import pytest

from spikeloom import SpikeloomError, plugins
from spikeloom.train import compress

NAMES = plugins.names("spikeloom.train.compress")


@dataclass(frozen=True, kw_only=True)
class Method:
    """One with every type of parameter."""

    count: int = 3
    share: float = 0.5
    rule: str = "mse"
    exact: bool = False
    shares: tuple[float, ...] | None = None


def read(monkeypatch, text: str) -> Method:
    monkeypatch.setattr(compress, "make", lambda name, **parameters: Method(**parameters))
    return compress.parse(text)


@pytest.mark.parametrize("name", NAMES)
def test_every_method_is_a_frozen_dataclass_that_says_where_it_starts(name):
    method = plugins.load("spikeloom.train.compress", name, "compression method").METHOD
    assert method.__dataclass_params__.frozen and all(field.kw_only for field in dataclasses.fields(method))
    assert method.start in ("trained", "initial") and method.__doc__
    assert callable(method.compress)


@pytest.mark.parametrize("name", NAMES)
def test_every_method_is_written_as_its_name_and_read_back(name):
    method = compress.make(name)
    assert compress.write(method) == name and compress.parse(name) == method
    for field in dataclasses.fields(method):
        if isinstance(field.default, bool):
            other = dataclasses.replace(method, **{field.name: not field.default})
            assert compress.parse(compress.write(other)) == other


@pytest.mark.parametrize(("fields", "text"), [
    ({}, "test_compress"),
    ({"count": 4}, "test_compress:count=4"),
    ({"share": 1e-05, "rule": "Max"}, "test_compress:share=1e-05,rule=Max"),
    ({"exact": True}, "test_compress:exact=true"),
    ({"shares": (0.5, 0.75, 1)}, "test_compress:shares=0.5/0.75/1"),
    ({"shares": (1.0,)}, "test_compress:shares=1.0/"),
    ({"shares": ()}, "test_compress:shares=/"),
])
def test_what_is_written_is_read_back(monkeypatch, fields, text):
    method = Method(**fields)
    assert compress.write(method) == text
    assert read(monkeypatch, text) == method


def test_spaces_and_dashes_are_as_people_write_them(monkeypatch):
    assert read(monkeypatch, "some: count = 7 ,rule=max") == Method(count=7, rule="max")
    assert read(monkeypatch, "some:shares=none,exact=false") == Method()
    seen = []
    monkeypatch.setattr(compress, "make", lambda name, **parameters: seen.append((name, parameters)))
    compress.parse("one-shot:settle-epochs=1")
    assert seen == [("one_shot", {"settle_epochs": 1})]


@pytest.mark.parametrize(("text", "message"), [
    ("inq:bits", "parameters of inq must be NAME=VALUE, separated by commas, not 'bits'"),
    ("inq:bits=", "parameters of inq must be NAME=VALUE, separated by commas, not 'bits='"),
    ("inq:=4", "parameters of inq must be NAME=VALUE, separated by commas, not '=4'"),
    ("inq:bits=4,", "parameters of inq must be NAME=VALUE, separated by commas, not ''"),
    ("ink", f"compression method must be one of {', '.join(NAMES)}, not 'ink' (did you mean 'inq'?)"),
    ("", f"compression method must be one of {', '.join(NAMES)}, not ''"),
    ("__init__", f"compression method must be one of {', '.join(NAMES)}, not '__init__'"),
    ("../inq", f"compression method must be one of {', '.join(NAMES)}, not '../inq' (did you mean 'inq'?)"),
])
def test_refusals(text, message):
    with pytest.raises(SpikeloomError) as error:
        compress.parse(text)
    assert str(error.value) == message


def test_a_parameter_that_there_is_not():
    with pytest.raises(SpikeloomError, match=r"compression method inq must have parameters among bits, .*, not "):
        compress.parse("inq:bit=4")
