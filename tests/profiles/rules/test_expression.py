"""The rule that an expression holds: what it accepts and refuses, what it notes, and the changes it proposes."""

from typing import Any

import pytest

from npusim.errors import ProfileError
from npusim.profiles.subject import Subject
from tests.profiles.rules.calls import Case, KindTests, draft, findings, read, seen

CASES = [
    Case(
        'expr: "a.shape[-1] * a.bits % 256 == 0"',
        {"a": "int8[2,32]"},
        {"a": "int8[2,31]"},
        "",
        "it must hold that a.shape[-1] * a.bits % 256 == 0",
        "change a",
    ),
    Case(
        "expr: \"n <= a.rank and mode != 'slow'\"",
        {"a": "int8[2,2]", "n": 2},
        {"a": "int8[2,2]", "n": 3},
        "",
        "it must hold that n <= a.rank and mode != 'slow'",
        "change a or mode or n",
    ),
    Case(
        "expr: \"b is None or b.dtype in ['int32', 'float32']\"",
        {"a": "int8[2]", "b": "int32[2]"},
        {"a": "int8[2]", "b": "int8[2]"},
        "",
        "it must hold that b is None or b.dtype in ['int32', 'float32']",
        "change b",
    ),
    Case(
        'expr: "dims in ((1, 1), (2, 2))"',
        {"a": "int8[2]", "dims": (2, 2)},
        {"a": "int8[2]", "dims": (1, 2)},
        "",
        "it must hold that dims in ((1, 1), (2, 2))",
        "change dims",
    ),
    Case(
        'expr: "a.constant"',
        {"a": "const:int8[2]"},
        {"a": "int8[2]"},
        "",
        "it must hold that a.constant",
        "change a",
    ),
    Case(
        "expr: \"a.layout == 'TILE'\"",
        {"a": "int8[2]{layout=TILE}"},
        {"a": "int8[2]{layout=ROW_MAJOR}"},
        "",
        "it must hold that a.layout == 'TILE'",
        "change a",
    ),
    Case(
        'expr: "1 > 2 or n == 7"',
        {"a": "int8[2]", "n": 7},
        {"a": "int8[2]"},
        "",
        "it must hold that 1 > 2 or n == 7",
        "change n",
    ),
]


class TestExpression(KindTests):
    cases = CASES


@pytest.mark.parametrize("case", CASES[:3], ids=lambda case: case.rule)
def test_ports_that_are_absent_break_nothing_and_are_not_noted(case: Case):
    nothing = Subject({}, {"n": 0, "mode": None}, frozenset(), {})
    assert list(read(case.rule).findings(nothing)) == list(read(case.rule).notes(nothing)) == []


@pytest.mark.parametrize(
    ("rule", "given", "notes"),
    [
        ('expr: "b.rank == 2"', {}, []),
        ('expr: "a.shape[2] == 2"', {}, ["not judged: a.shape[2] == 2 (tuple index out of range)"]),
        ('expr: "1 // (a.rank - 1)"', {}, ["not judged: 1 // (a.rank - 1) (integer division or modulo by zero)"]),
        ('expr: "a.value[0] == 1"', {}, ["not judged: a.value[0] == 1 ('NoneType' object is not subscriptable)"]),
        ('expr: "len(dims) == 1"', {}, ["not judged: len(dims) == 1 (object of type 'NoneType' has no len())"]),
        ("expr: \"a.layout == 'TILE'\"", {}, ["not judged: a.layout == 'TILE' (the layout of a is not given)"]),
        ('expr: "a.rank == 1"', {}, []),
    ],
)
def test_what_has_no_value_for_a_call_is_noted_and_rejects_nothing(rule: str, given: dict[str, Any], notes: list[str]):
    one = draft({"a": "int8[2]", **given})
    assert findings(read(rule), one) == []
    assert list(read(rule).notes(seen(one))) == notes


def test_what_was_found_names_the_ports_and_attributes_that_the_expression_names():
    (finding,) = findings(read('expr: "a.rank == n"'), draft({"a": "int8[2,2]", "b": "int8[1]"}))
    assert finding.found == "a: int8[2,2], n: 1"
    (finding,) = findings(read('expr: "1 > 2"'), draft({"a": "int8[2,2]"}))
    assert (finding.found, finding.hint) == ("this call", "change the call")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("expr: 3", "f:1:7: expected an expression, found 3"),
        ("expr: [a]", "f:1:7: expected an expression, found a list"),
        ("expr: a ==", "f:1:7: not an expression: 'a =='; write it like"),
        ("expr: d.rank == 1", "f:1:7: 'd.rank' is not allowed in an expression, which may ask of a port: dtype, bits,"),
        ("expr: a.ndim == 1", "f:1:7: 'a.ndim' is not allowed in an expression, which may ask of a port: dtype, bits,"),
        ("expr: m == 1", "f:1:7: 'm' is not allowed in an expression, which may name the operator's ports and attrib"),
    ],
)
def test_a_rule_that_cannot_be_read_is_an_error_at_its_place(rule: str, message: str):
    with pytest.raises(ProfileError) as caught:
        read(rule)
    assert str(caught.value).startswith(message)
