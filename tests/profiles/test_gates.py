"""Features: what they keep, what they drop, and what is wrong with them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from npusim.errors import ProfileError
from npusim.profiles import Profile, load
from npusim.profiles.document import Node, parse
from npusim.profiles.gates import apply, read_features, used

FEATURES = {"yes": True, "no": False}


def plain(node: Node) -> Any:
    match node.value:
        case dict(entries):
            return {key: plain(value) for key, value in entries.items()}
        case list(items):
            return [plain(item) for item in items]
        case value:
            return value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[a, b if yes, c if no, d]", ["a", "b", "d"]),
        ("[b unless yes, c unless no]", ["c"]),
        ("[{x: 1, if: yes_}]", None),
        ("[{x: 1, if: 'yes'}, {x: 2, if: 'no'}, {x: 3, unless: 'no'}, {x: 4, unless: 'yes'}]", [{"x": 1}, {"x": 3}]),
        ("[{x: 1, if: ['yes'], unless: ['no']}, {x: 2, if: ['yes', 'no']}]", [{"x": 1}]),
        ("{deep: [{list: [a if no, b if yes]}]}", {"deep": [{"list": ["b"]}]}),
        ("{text: what if no}", {"text": "what if no"}),
        ("[four words if yes now]", ["four words if yes now"]),
        ("[1, true, null]", [1, True, None]),
        ("[a if no]", []),
        ("{if: 'no', x: 1}", {"if": "no", "x": 1}),
        ("[{x: 1, requires: ['yes', 'no']}, {x: 2, requires: 'yes'}]", [{"x": 1, "requires": ["no"]}, {"x": 2}]),
        ("[{x: 1, requires: 'no', if: 'yes'}, {x: 2, requires: 'no', if: 'no'}]", [{"x": 1, "requires": ["no"]}]),
        ("{requires: 'yes'}", {"requires": "yes"}),
    ],
)
def test_a_gate_holds_in_lists_only(text: str, value: Any):
    node = parse(text, "f")
    if value is None:
        with pytest.raises(
            ProfileError, match=r"f:1:13: feature 'yes_' is not declared in features:; did you mean yes"
        ):
            apply(node, FEATURES)
    else:
        assert plain(apply(node, FEATURES)) == value


def test_every_gate_is_counted():
    tree = parse("{a: [x if f, {y: 1, unless: [g, h]}, {z: 1, requires: [f, i]}], b: {requires: j}}", "f")
    assert list(used(tree)) == ["f", "g", "h", "f", "i"]


def test_places_survive():
    item = apply(parse("a:\n  - x if no\n  - y if yes\n", "f"), FEATURES).mapping()["a"]
    assert str(item.key) == "f:1:1"
    assert str(item.items()[0].mark) == "f:3:5"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("features: {a: 1}", "f:1:15: feature 'a' is true or false, not 1"),
        ("features: [a]", "f:1:11: expected a mapping from features to true or false, found a list"),
        ("features: unknown", "f:1:11: expected a mapping from features"),
    ],
)
def test_a_feature_is_true_or_false(text: str, message: str):
    with pytest.raises(ProfileError) as caught:
        read_features(parse(text, "f"))
    assert str(caught.value).startswith(message)


GATED = """operators:
  add:
    ports: {self: [float32, bfloat16 if bf16]}
    rules:
      - rank: {self: ..4}
        unless: bf16
"""


def test_a_profile_switches_what_its_family_gates(
    make_profile: Callable[..., Profile], write_profile: Callable[..., Path]
):
    write_profile("features: {bf16: false}\n" + GATED, name="base")
    plain_chip = make_profile("extends: base\n", name="plain")
    rich = make_profile("extends: base\nfeatures: {bf16: true}\n", name="rich")
    assert [len(p.operators["add"].checks) for p in (plain_chip, rich)] == [2, 1]
    assert (plain_chip.features, rich.features) == ({"bf16": False}, {"bf16": True})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (GATED, ":6:29: feature 'bf16' is not declared in features:"),
        ("features: {bf61: true}\n" + GATED, ":7:29: feature 'bf16' is not declared in features:; did you mean bf61?"),
        (
            "features: {bf16: true}\noperators:\n  add:\n    rows: [{self: int8, requires: [bf16, bf61]}]\n",
            ":7:42: feature 'bf61' is not declared in features:; did you mean bf16?",
        ),
        ("operators:\n  add:\n    if: x\n    api: A\n", ":6:5: unknown key 'if' in the entry of add"),
        ("unless: x\n", ":4:1: unknown key 'unless' in a profile"),
        (
            "operators:\n  add:\n    rules:\n      - {rank: {self: 2}, if: [[x]]}\n",
            ":7:32: expected a feature, found a list",
        ),
    ],
)
def test_a_gate_that_cannot_be_is_an_error_at_its_place(body: str, message: str, write_profile: Callable[..., Path]):
    path = write_profile(body)
    with pytest.raises(ProfileError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}{message}")
