"""Kinds of rule on attributes: what they accept and refuse, and the changes they propose."""

from typing import Any

import pytest

from npusim.errors import ProfileError
from tests.profiles.rules.calls import Case, KindTests, draft, findings, read

VALUES = "attribute: {n: [-1, 1..3], mode: [fast, exact]}"
ABSENT = "attribute_absent: [mode, n]"
ALLOW = "axis: {n: {of: a, allow: [-1, 0]}}"
FORBID = "axis: {dims: {of: a, forbid: [0, -4]}}"
PERMUTATION = (
    "permutation: {attribute: dims, of: a, rows: [{perm: [0, 2, 1], dtypes: [int8], dims: {1: ..512}}, {perm: [1, 0]}]}"
)
CASES = [
    Case(
        VALUES,
        {"a": "int8[2]", "n": -1, "mode": "fast"},
        {"a": "int8[2]", "n": 4},
        "n",
        "attribute n is 4; allowed: [-1,1..3]",
        "set n to -1, 1..3",
    ),
    Case(
        VALUES,
        {"a": "int8[2]", "n": 3},
        {"a": "int8[2]", "mode": "slow"},
        "mode",
        "attribute mode is slow; allowed: fast, exact",
        "set mode to fast, exact",
    ),
    Case(
        "attribute: {acc: [float16, float32]}",
        {"a": "int8[2]", "acc": "float16"},
        {"a": "int8[2]", "acc": "float64"},
        "acc",
        "attribute acc is float64; allowed: float16, float32",
        "set acc to float32",
    ),
    Case(
        "attribute: {dims: 1..2}",
        {"a": "int8[2]", "dims": (1, 2)},
        {"a": "int8[2]", "dims": (1, 3, 4)},
        "dims",
        "attribute dims is 3; allowed: 1..2",
        "set dims to 1..2",
    ),
    Case(
        ABSENT,
        {"a": "int8[2]", "n": 1},
        {"a": "int8[2]", "mode": "fast"},
        "mode",
        "attribute mode must not be given, found fast",
        "leave mode out",
    ),
    Case(
        ABSENT,
        {"a": "int8[2]"},
        {"a": "int8[2]", "n": 2},
        "n",
        "attribute n must not be given, found 2",
        "leave n out",
    ),
    Case(
        ALLOW,
        {"a": "int8[2,2,2]", "n": 2},
        {"a": "int8[2,2,2]", "n": 1},
        "n",
        "attribute n names axis 1 of a, of rank 3",
        "transpose a first",
    ),
    Case(
        FORBID,
        {"a": "int8[2,2,2,2]", "dims": (1, -1)},
        {"a": "int8[2,2,2,2]", "dims": (1, -4, 0)},
        "dims",
        "attribute dims names axis -4 of a, of rank 4",
        "transpose a first",
    ),
    Case(
        PERMUTATION,
        {"a": "int8[2,512,2]", "dims": (0, -1, 1)},
        {"a": "int8[2,513,2]", "dims": (0, 2, 1)},
        "dims",
        "dims [0, 2, 1] of int8[2,513,2] is not one that the chip has: [0, 2, 1] of int8 with axis 1 ..512, [1, 0]",
        "use another order of axes",
    ),
    Case(
        PERMUTATION,
        {"a": "float16[2,2]", "dims": (1, 0)},
        {"a": "float16[2,2,2]", "dims": (0, 2, 1)},
        "dims",
        "dims [0, 2, 1] of float16[2,2,2] is not one that the chip has: [0, 2, 1] of int8 with axis 1 ..512, [1, 0]",
        "use another order of axes",
    ),
]


class TestAttributes(KindTests):
    cases = CASES


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        (VALUES, {"mode": None}),
        ("attribute: {dims: 1..2}", {"dims": ()}),
        ("attribute: {acc: [float16]}", {"acc": None}),
        (ABSENT, {"mode": None, "n": 1}),
        (FORBID, {"dims": None}),
        (FORBID, {"a": "int8", "dims": (0,)}),
        ("axis: {dims: {of: b, forbid: [0]}}", {"dims": (0,)}),
        ("axis: {n: {of: a, forbid: [5]}}", {"n": 1}),
        (PERMUTATION, {"dims": None}),
        ("permutation: {attribute: dims, of: b, rows: [{perm: [1, 0]}]}", {"dims": (0,)}),
    ],
)
def test_what_is_not_given_breaks_nothing(rule: str, given: dict[str, Any]):
    assert findings(read(rule), draft({"a": "int8[2,2]", **given})) == []


@pytest.mark.parametrize(("value", "limit"), [(0, 1), (9, 3), (-5, 1)])
def test_a_finding_names_the_bound_that_was_passed(value: int, limit: int):
    (finding,) = findings(read("attribute: {n: 1..3}"), draft({"a": "int8[2]", "n": value}))
    assert finding.fields["limit"] == limit


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("attribute: [n]", "f:1:12: expected a mapping from attributes, found a list"),
        ("attribute: {m: 1}", "f:1:13: op has no attribute 'm'; allowed: acc, dims, engine, mode, n"),
        ("attribute: {n: []}", "f:1:16: expected at least one item, found an empty list"),
        ("attribute: {acc: fast}", "f:1:18: unknown dtype 'fast'"),
        ("attribute: {n: {a: 1}}", "f:1:16: expected a value or a range, found a mapping"),
        ("attribute_absent: [m]", "f:1:20: op has no attribute 'm'; allowed: acc, dims, engine, mode, n"),
        ("attribute_absent: 3", "f:1:19: expected an attribute, found 3"),
        ("axis: {n: -1}", "f:1:11: expected a mapping such as {of: self, allow: [-1]}, found -1"),
        ("axis: {n: {of: a}}", "f:1:11: expected the keys of, forbid, found of"),
        ("axis: {n: {of: a, allow: 1, forbid: 0}}", "f:1:11: expected the keys of, allow, found of, allow, forbid"),
        ("axis: {m: {of: a, allow: 1}}", "f:1:8: op has no attribute 'm'"),
        ("axis: {n: {of: d, allow: 1}}", "f:1:12: op has no port 'd'"),
        ("axis: {n: {of: a, allow: x}}", "f:1:26: expected an axis, found 'x'"),
        ("permutation: {attribute: dims, of: a}", "f:1:14: expected the keys attribute, of, rows, found attribute, of"),
        ("permutation: {attribute: d, of: a, rows: []}", "f:1:15: op has no attribute 'd'"),
        ("permutation: {attribute: dims, of: a, rows: []}", "f:1:45: expected at least one item, found an empty list"),
        ("permutation: {attribute: dims, of: a, rows: [{}]}", "f:1:46: a row of permutation has a perm"),
        (
            "permutation: {attribute: dims, of: a, rows: [{perm: [0], dtype: int8}]}",
            "f:1:58: unknown key 'dtype' in a row of permutation; did you mean dtypes?",
        ),
        ("permutation: {attribute: dims, of: a, rows: [{perm: [x]}]}", "f:1:54: expected an axis, found 'x'"),
    ],
)
def test_a_rule_that_cannot_be_read_is_an_error_at_its_place(rule: str, message: str):
    with pytest.raises(ProfileError) as caught:
        read(rule)
    assert str(caught.value).startswith(message)


def test_an_attribute_without_a_default_cannot_be_forbidden():
    from npusim.operators import OPERATORS
    from npusim.profiles.document import parse
    from npusim.profiles.rules.attributes import AttributeAbsent

    with pytest.raises(ProfileError, match=r"f:1:1: an attribute without a default cannot be left out"):
        AttributeAbsent.read(parse("[dtype]", "f"), OPERATORS["cast"])
