"""Conditions: when each key of `when:` holds, how it is met and broken, and what cannot be read."""

from typing import Any

import pytest

from npusim.errors import ProfileError
from npusim.profiles.conditions import KEYS, Condition, read_condition
from npusim.profiles.document import parse
from tests.profiles.rules.calls import OPERATOR, changed, draft, seen


def read(text: str) -> Condition:
    return read_condition(parse(text, "f"), OPERATOR)


# a condition, a call for which it holds, a call for which it does not
CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("{a: {dtype: [int8, int16]}}", {"a": "int8[2]"}, {"a": "float16[2]"}),
    ("{a: {rank: 2..3}}", {"a": "int8[2,2]"}, {"a": "int8[2]"}),
    ("{b: {present: true}}", {"a": "int8[2]", "b": "int8[2]"}, {"a": "int8[2]"}),
    ("{b: {present: false}}", {"a": "int8[2]"}, {"a": "int8[2]", "b": "int8[2]"}),
    ("{a: {constant: true}}", {"a": "const:int8[2]"}, {"a": "int8[2]"}),
    ("{a: {constant: false}}", {"a": "int8[2]"}, {"a": "const:int8[2]"}),
    ("{a: {dim: {-1: 1..3}}}", {"a": "int8[9,3]"}, {"a": "int8[9,4]"}),
    ("{a: {dim: {0: 1, 1: 4}}}", {"a": "int8[1,4]"}, {"a": "int8[1,5]"}),
    ("{a: {dim: {2: 1..}}}", {"a": "int8[1,1,1]"}, {"a": "int8[1,1]"}),
    ("{a: {numel: ..6}}", {"a": "int8[2,3]"}, {"a": "int8[7]"}),
    ("{a: {layout: [TILE]}}", {"a": "int8[2]{layout=TILE}"}, {"a": "int8[2]"}),
    ("{a: {memory: L1}}", {"a": "int8[2]{memory=L1}"}, {"a": "int8[2]{memory=DRAM}"}),
    ("{a: {dynamic: true}}", {"a": "int8[2]{dynamic=0}"}, {"a": "int8[2]"}),
    ("{a: {dynamic: false}}", {"a": "int8[2]"}, {"a": "int8[2]{dynamic=0}"}),
    ("{c: {dtype: int8}}", {"a": "int8[2]", "c": "int8[2] int8[3]"}, {"a": "int8[2]", "c": "int8[2] int4[2]"}),
    ("{out: {dtype: int8}}", {"a": "int8[2]", "out": "int8[2]"}, {"a": "int8[2]"}),
    ("{mode: [fast, exact]}", {"a": "int8[2]", "mode": "fast"}, {"a": "int8[2]"}),
    ("{n: 2..4}", {"a": "int8[2]", "n": 3}, {"a": "int8[2]"}),
    ("{acc: [bf16]}", {"a": "int8[2]", "acc": "bfloat16"}, {"a": "int8[2]", "acc": "float16"}),
    ("{dims: 1..2}", {"a": "int8[2]", "dims": (1, 2)}, {"a": "int8[2]", "dims": (1, 3)}),
    ('{expr: "a.rank == n"}', {"a": "int8[2]"}, {"a": "int8[2,2]"}),
    ('{expr: "b.rank == 1"}', {"a": "int8[2]", "b": "int8[2]"}, {"a": "int8[2]"}),
    ("{a: {dtype: int8, rank: 1}, n: 1}", {"a": "int8[2]"}, {"a": "int8[2]", "n": 2}),
]
IDS = [text for text, *_ in CASES]


def test_the_table_covers_every_key():
    assert all(any(f"{{{key}:" in text for text in IDS) for key in KEYS)


@pytest.mark.parametrize(("text", "holding", "failing"), CASES, ids=IDS)
def test_a_condition_holds_or_does_not(text: str, holding: dict[str, Any], failing: dict[str, Any]):
    assert read(text).holds(seen(draft(holding)))
    assert not read(text).holds(seen(draft(failing)))


@pytest.mark.parametrize(("text", "holding", "failing"), CASES, ids=IDS)
def test_some_change_meets_a_condition_and_some_breaks_it(text: str, holding: dict[str, Any], failing: dict[str, Any]):
    condition = read(text)
    met = (one for edits in condition.mends(seen(draft(failing))) for one in changed(draft(failing), edits))
    assert any(condition.holds(seen(one)) for one in met)
    broken = (one for edits in condition.breaks(seen(draft(holding))) for one in changed(draft(holding), edits))
    assert any(not condition.holds(seen(one)) for one in broken)


@pytest.mark.parametrize("key", sorted(set(KEYS) - {"present"}))
def test_a_port_that_is_absent_meets_nothing_else(key: str):
    values = {"dtype": "int8", "rank": "0..", "dim": "{0: 0..}", "numel": "0..", "layout": "x", "memory": "x"}
    text = f"{{b: {{{key}: {values.get(key, 'false')}}}}}"
    assert not read(text).holds(seen(draft({"a": "int8[2]"})))


def test_an_empty_condition_holds():
    assert read("{}").holds(seen(draft({"a": "int8[2]"})))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "f:1:1: expected a condition such as {self: {dtype: float32}}, found a list"),
        ("{aa: {}}", "f:1:2: op has no port or attribute 'aa'; did you mean a"),
        ("{a: int8}", "f:1:5: expected a mapping such as {dtype: float32, rank: 2..3}, found 'int8'"),
        ("{a: {dtpye: int8}}", "f:1:6: unknown key 'dtpye' in a condition; did you mean dtype?"),
        ("{a: {present: yes please}}", "f:1:15: expected true or false, found 'yes please'"),
        ("{a: {dim: 3}}", "f:1:11: expected a mapping from axes, such as {-1: 1..8192}, found 3"),
        ("{a: {layout: []}}", "f:1:14: expected at least one item, found an empty list"),
        ("{a: {dynamic: 1}}", "f:1:15: expected true or false, found 1"),
        ("{acc: quick}", "f:1:7: unknown dtype 'quick'"),
        ('{expr: "x.rank"}', "f:1:8: 'x.rank' is not allowed in an expression"),
    ],
)
def test_a_condition_that_cannot_be_read_is_an_error_at_its_place(text: str, message: str):
    with pytest.raises(ProfileError) as caught:
        read(text)
    assert str(caught.value).startswith(message)
