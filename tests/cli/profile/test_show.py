"""`npusim profile show`: the whole profile or one operator, with the places it came from."""

import json

import pytest

from npusim.cli import main
from npusim.profiles import load

CHILD = """\
extends: clan
features: {bf16: true}
operators:
  neg: {rules: [{rank: {self: ..4}}]}
"""
CLAN = """\
npusim: 1
family: clan
features: {bf16: false}
operators:
  neg:
    api: Negate
    ports: {self: [float16, bfloat16 if bf16]}
  abs: unknown
"""


@pytest.fixture
def chip(write_profile, monkeypatch):
    write_profile(CLAN, name="clan", header="")
    path = write_profile(CHILD)
    monkeypatch.chdir(path.parent)
    return path


def shown(capsys, *words):
    assert main(["profile", "show", *words]) == 0
    return capsys.readouterr().out


def test_what_remains_and_where_it_came_from(capsys, chip):
    assert (
        shown(capsys, "chip.yaml")
        == """\
npusim: 1
id: chip
name: A chip
features: {bf16: true}

operators:
  # clan.yaml:5, chip.yaml:7
  neg:
    api: Negate
    ports: {self: [float16, bfloat16]}
    rules:
    - rank: {self: ..4}

  # clan.yaml:8
  abs: unknown

"""
    )


def test_one_operator_by_the_vendors_name(capsys, chip):
    out = shown(capsys, "chip.yaml", "negate")
    assert "neg:" in out
    assert "abs" not in out


def test_an_operator_that_the_profile_does_not_mention_is_unknown(capsys, chip):
    out = shown(capsys, "chip.yaml", "gelu")
    assert out.endswith("operators:\n  # in no file\n  gelu: unknown\n\n")
    path = chip.with_name("again") / "chip.yaml"
    path.parent.mkdir()
    path.write_text(out)
    assert load(path).operators["gelu"].unknown


def test_json_is_the_same_data(capsys, chip):
    data = json.loads(shown(capsys, "chip.yaml", "--format", "json"))
    assert data["operators"]["neg"]["ports"] == {"self": ["float16", "bfloat16"]}
    assert "extends" not in data


@pytest.mark.parametrize("words", [["ascend911b"], ["ascend910b", "sofmax"]])
def test_an_unknown_name_is_a_usage_error(capsys, words):
    assert main(["profile", "show", *words]) == 2
    assert "unknown" in capsys.readouterr().err


FRONTENDS = """\
npusim: 1
id: two
frontends:
  one: {operators: {abs: {ports: {self: float16}, source: a, confidence: documented}}}
  other: {operators: {abs: {ports: {self: int8}, source: a, confidence: documented}}}
"""


@pytest.mark.parametrize(("options", "line", "dtype"), [([], 4, "float16"), (["--frontend", "other"], 5, "int8")])
def test_a_front_end_is_shown_with_its_places(capsys, write_profile, options, line, dtype):
    path = write_profile(FRONTENDS, name="two", header="")
    assert main(["profile", "show", str(path), *options]) == 0
    out = capsys.readouterr().out
    assert f"two.yaml:{line}" in out
    assert f"ports: {{self: {dtype}}}" in out
