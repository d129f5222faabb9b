"""Kinds of rule on the rank, sizes and axes of one port: what they accept and refuse, and the changes they propose."""

from typing import Any

import pytest

from npusim.errors import ProfileError
from npusim.profiles.subject import Subject
from tests.profiles.rules.calls import Case, KindTests, draft, findings, read

CASES = [
    Case(
        "rank: {a: ..4, b: 2}",
        {"a": "int8[1,2,3,4]", "b": "int8[2,2]"},
        {"a": "int8[1,2,3,4,5]"},
        "a",
        "a has 5 dimensions; at most 4 are allowed",
        "reshape a to at most 4 dimensions",
    ),
    Case(
        "rank: {c: 1..}",
        {"a": "int8", "c": "int8[2]"},
        {"a": "int8", "c": "int8[2] int8"},
        "c",
        "c has 0 dimensions; at least 1 are needed",
        "reshape c to at least 1 dimensions",
        index=1,
    ),
    Case(
        "rank: {a: [2, 4..5]}",
        {"a": "int8[2,2]"},
        {"a": "int8[2,2,2]"},
        "a",
        "a of shape [2,2,2] has 3 dimensions; allowed: 2, 4..5",
        "reshape a to 2 or 4 to 5 dimensions",
    ),
    Case(
        "dim: {a: {0: ..128, -1: 2..8}}",
        {"a": "int8[128,1,8]"},
        {"a": "int8[129,8]"},
        "a",
        "size 129 of axis 0 of a is not in ..128",
        "split or pad axis 0 of a",
    ),
    Case(
        "dim: {c: {-2: 4}}",
        {"a": "int8[1]", "c": "int8[7] int8[4,7]"},
        {"a": "int8[1]", "c": "int8[7] int8[3,7]"},
        "c",
        "size 3 of axis -2 of c is not in 4",
        "split or pad axis -2 of c",
        index=1,
    ),
    Case(
        "multiple_of: {a: {-1: 32, 1: 8}}",
        {"a": "int8[3,8,64]"},
        {"a": "int8[3,8,33]"},
        "a",
        "size 33 of axis -1 of a is not a multiple of 32",
        "pad axis -1 of a from 33 to 64",
    ),
    Case(
        "numel: {a: ..6}",
        {"a": "int8[2,3]"},
        {"a": "int8[7]"},
        "a",
        "a of shape [7] has 7 elements; allowed: ..6",
        "split a",
    ),
    Case(
        "numel: {a: {size: 4..64, axes: [-2, -1]}}",
        {"a": "int8[9,2,2]"},
        {"a": "int8[2,8,9]"},
        "a",
        "a of shape [2,8,9] has 72 elements; allowed: 4..64",
        "split a",
    ),
    Case(
        "leading_ones: {a: 2, b: 1}",
        {"a": "int8[1,1,3,4]", "b": "int8[1,4]"},
        {"a": "int8[2,3,4]"},
        "a",
        "a of shape [2,3,4] has more than one element outside of its 2 innermost dimensions",
        "merge or loop over the outer dimensions of a",
    ),
    Case(
        "static: {inputs: all}",
        {"a": "int8[2,3]", "b": "int8[2]", "c": "int8[2]"},
        {"a": "int8[2,3]", "c": "int8[2] int8[2,3]{dynamic=1;0}"},
        "c",
        "c has dynamic axes [0,1]",
        "fix the shape of c when the program is built",
        index=1,
    ),
    Case(
        "static: {a: [1, -1]}",
        {"a": "int8[2,3,4]{dynamic=0}"},
        {"a": "int8[2,3,4]{dynamic=0;2}"},
        "a",
        "a has dynamic axes [2]",
        "fix the shape of a when the program is built",
    ),
]


class TestShapes(KindTests):
    cases = CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_ports_that_are_absent_break_nothing(case: Case):
    assert list(read(case.rule).findings(Subject({}, {}, frozenset(), {}))) == []


@pytest.mark.parametrize(
    ("rule", "given", "ports"),
    [
        ("dim: {a: {3: 1, -4: 1}}", {"a": "int8[2,2,2]"}, []),
        ("dim: {a: {3: 1, -4: 1}}", {"a": "int8[2,2,2,2]"}, ["a", "a"]),
        ("dim: {a: {0: [1, 3]}}", {"a": "int8[2]"}, ["a"]),
        ("multiple_of: {a: {1: 4}}", {"a": "int8[3]"}, []),
        ("multiple_of: {a: {0: 4}}", {"a": "int8[0]"}, []),
        ("numel: {a: {size: 1, axes: [1, 2]}}", {"a": "int8[9,1]"}, []),
        ("numel: {a: 1}", {"a": "int8"}, []),
        ("leading_ones: {a: 3}", {"a": "int8[9,9]"}, []),
        ("leading_ones: {a: 1}", {"a": "int8[0,9]"}, ["a"]),
        ("static: {a: [3]}", {"a": "int8[2,3]{dynamic=0}"}, []),
        ("static: {outputs: all}", {"a": "int8[2]{dynamic=0}", "out": "int8[2]{dynamic=0}"}, ["out"]),
    ],
)
def test_an_axis_that_a_tensor_lacks_breaks_nothing(rule: str, given: dict[str, Any], ports: list[str]):
    assert [finding.port for finding in findings(read(rule), draft(given))] == ports


@pytest.mark.parametrize(
    ("rule", "given", "limit"),
    [
        ("rank: {a: ..4}", "int8[1,1,1,1,1]", 4),
        ("rank: {a: 2..}", "int8[1]", 2),
        ("dim: {a: {0: 2..8}}", "int8[9]", 8),
        ("dim: {a: {0: 2..8}}", "int8[1]", 2),
        ("numel: {a: [1, 4..8]}", "int8[9]", 8),
        ("multiple_of: {a: {0: 16}}", "int8[9]", 16),
        ("leading_ones: {a: 2}", "int8[9,1,1]", 2),
    ],
)
def test_a_finding_names_the_bound_that_was_passed(rule: str, given: str, limit: int):
    (finding,) = findings(read(rule), draft({"a": given}))
    assert finding.fields["limit"] == limit


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("rank: 4", "f:1:7: expected a mapping from ports, found 4"),
        ("rank: {a: four}", "f:1:11: expected a number or a range such as 2..3, 1.. or ..8, found 'four'"),
        ("rank: {d: 4}", "f:1:8: op has no port 'd'; allowed: a, all, b, c, inputs, out, out2, outputs"),
        ("dim: {a: 4}", "f:1:10: expected a mapping from axes, such as {-1: 1..8192}, found 4"),
        ("dim: {a: {last: 4}}", "f:1:11: an axis is a whole number, negative ones counted from the last, not 'last'"),
        ("dim: {a: {0: 5..4}}", "f:1:14: the range 5..4 is empty: 5 is above 4"),
        ("multiple_of: {a: {0: 0}}", "f:1:22: expected a positive number, found 0"),
        ("multiple_of: {a: {0: 1..2}}", "f:1:22: expected a whole number, found '1..2'"),
        ("numel: {a: {axes: [0]}}", "f:1:12: numel takes size and, if wanted, axes; found axes"),
        ("numel: {a: {size: 1, axis: 0}}", "f:1:12: numel takes size and, if wanted, axes; found size, axis"),
        ("numel: {a: {size: 1, axes: [x]}}", "f:1:29: expected an axis, found 'x'"),
        ("leading_ones: {a: -1}", "f:1:19: expected a positive number, found -1"),
        ("leading_ones: [a]", "f:1:15: expected a mapping from ports, found a list"),
        ("static: {a: none}", "f:1:13: expected an axis, or all, found 'none'"),
        ("static: [a]", "f:1:9: expected a mapping from ports, found a list"),
    ],
)
def test_a_rule_that_cannot_be_read_is_an_error_at_its_place(rule: str, message: str):
    with pytest.raises(ProfileError) as caught:
        read(rule)
    assert str(caught.value).startswith(message)
