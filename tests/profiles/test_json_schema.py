"""The JSON Schema takes what the loader takes, and refuses what an editor should mark."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from npusim.cli import main
from npusim.profiles.document import Node, parse, read
from npusim.profiles.inheritance import families, shipped
from npusim.profiles.json_schema import VALUES, json_schema
from npusim.profiles.rules import KINDS
from npusim.profiles.schema import SECTIONS, read_source, text

SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
HOWTO = Path(__file__).parents[2] / "docs" / "howto-profile.md"


def data(node: Node) -> Any:
    match node.value:
        case dict(entries):
            return {name: data(value) for name, value in entries.items()}
        case list(items):
            return [data(item) for item in items]
        case scalar:
            return scalar


def complaints(document: Node) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(data(document))]


def test_it_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", [*shipped(), *families()], ids=lambda path: path.stem)
def test_every_shipped_document_is_valid(path: Path):
    assert complaints(read(path)) == []


def test_the_example_of_the_guide_is_valid():
    (example,) = re.findall(r"```yaml\n(.*?)```", HOWTO.read_text(encoding="utf-8"), re.DOTALL)
    assert complaints(parse(example, "")) == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kinds_example_is_valid(kind: Any):
    rule = f"npusim: 1\nid: a\noperators: {{add: {{rules: [{{{kind.example}}}]}}}}"
    assert complaints(parse(rule, "")) == []


def test_every_key_that_is_not_text_is_in_the_table():
    keys = {(section, key.name): key for section, (_, keys) in SECTIONS.items() for key in keys}
    narrower = {("operator", "confidence"), ("rule", "confidence")}
    texts = {("dialect", "wrapping")}
    assert set(VALUES) <= set(keys)
    assert {place for place, key in keys.items() if key.read is not text} - set(VALUES) == texts
    assert {place for place in VALUES if keys[place].read is text} == narrower
    assert all(VALUES[place] == {"$ref": "#/$defs/origin"} for place, key in keys.items() if key.read is read_source)


@pytest.mark.parametrize(
    "body",
    [
        "id: a",
        "npusim: 2\nid: a",
        "npusim: 1",
        "npusim: 1\nid: a\nnumeric: {}",
        "npusim: 1\nid: a\nnumerics: {overflow: wrap}",
        "npusim: 1\nid: a\nstack: {name: CANN, version: 8.1}",
        "npusim: 1\nid: a\noperators: {add: {ports: {self: float17}}}",
        "npusim: 1\nid: a\noperators: {add: {confidence: sure}}",
        "npusim: 1\nid: a\noperators: {add: {rules: [{rank: {self: two}}]}}",
        "npusim: 1\nid: a\noperators: {add: {rules: [{rank: {self: 2}, constant: self}]}}",
        "npusim: 1\nid: a\noperators: {add: {rules: [{text: nothing}]}}",
    ],
)
def test_a_mistake_is_marked(body: str):
    assert complaints(parse(body, ""))


@pytest.mark.parametrize(
    "body",
    ["stack: {version: '8.2'}",
     "features: unknown", "opencl: unknown", "numerics: {compute: unknown}", "operators: {'add, sub': unknown}",
     "operators: {of_this_chip: unknown}",
     "operators: {add: {rules: [{rank: {self: [1, 3..]}, if: a, unless: [b]}]}}"],
)  # fmt: skip
def test_what_the_loader_takes_is_taken(body: str):
    assert complaints(parse(f"npusim: 1\nid: a\n{body}", "")) == []


def test_the_command_prints_it(capsys: Any):
    assert main(["profile", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(SCHEMA))
