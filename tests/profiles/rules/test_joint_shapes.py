"""Kinds of rule on the shapes of several ports: what they accept and refuse, and the changes they propose."""

from typing import Any

import pytest

from npusim.errors import ProfileError
from npusim.profiles.subject import Subject
from tests.profiles.rules.calls import Case, KindTests, draft, findings, read

ROWS = "rank_rows: [{a: 2, b: 2}, {a: 3, b: 2..3}]"
ALIGNMENT = "alignment: {b: {-1: {int8: 32, float16: 16}}}"
TILES = (
    "tile_shapes: [{a: int8, b: int8, tiles: [[4, 8, 8], [2, 8, 8]]}, "
    "{a: bfloat16, b: [bfloat16, int8], tiles: [[4, 8, 4]]}]"
)
PATTERN = "broadcast_pattern: {port: b, against: a, names: [n, c, w], patterns: [[n, 1, w], [1, c, 1], [1]]}"
CASES = [
    Case(
        "same_shape: [a, b, out]",
        {"a": "int8[2,3]", "b": "int8[2,3]", "out": "int8[2,3]"},
        {"a": "int8[2,3]", "b": "int8[3]"},
        "b",
        "b has shape [3], a has [2,3]",
        "expand b to the shape of a",
    ),
    Case(
        "same_shape: [c]",
        {"a": "int8[2]", "c": "int8[3] int8[3]"},
        {"a": "int8[2]", "c": "int8[3] int8[3] int8[4]"},
        "c",
        "c has shape [4], c has [3]",
        "expand c to the shape of c",
        index=2,
    ),
    Case(
        "same_numel: [a, b]",
        {"a": "int8[2,3]", "b": "int8[6]"},
        {"a": "int8[2,3]", "b": "int8[5]"},
        "b",
        "b has 5 elements, a has 6",
        "reshape b and a",
    ),
    Case(
        ROWS,
        {"a": "int8[2,3,4]", "b": "int8[4,5]"},
        {"a": "int8[2,3]", "b": "int8[2,3,4]"},
        "a",
        "the ranks a: 2, b: 3 are not one of a: 2, b: 2, a: 3, b: 2..3",
        "reshape the operands",
    ),
    Case(
        ALIGNMENT,
        {"a": "int8[1]", "b": "int8[1,64]"},
        {"a": "int8[1]", "b": "int8[1,48]"},
        "b",
        "size 48 of axis -1 of b is not a multiple of 32, as int8 asks",
        "pad axis -1 of b from 48 to 64",
    ),
    Case(
        ALIGNMENT,
        {"a": "int8[1]", "b": "float32[7]"},
        {"a": "int8[1]", "b": "float16[7]"},
        "b",
        "size 7 of axis -1 of b is not a multiple of 16, as float16 asks",
        "pad axis -1 of b from 7 to 16",
    ),
    Case(
        TILES,
        {"a": "int8[2,8]", "b": "int8[8,8]"},
        {"a": "int8[3,8]", "b": "int8[8,8]"},
        "a",
        "a product of int8 3x8 with int8 8x8 is not one of 4x8x8, 2x8x8",
        "split or pad the matrices to such tiles",
    ),
    Case(
        TILES,
        {"a": "bfloat16[9,4,8]", "b": "int8[8,4]"},
        {"a": "float32[4,8]", "b": "float32[8,8]"},
        "a",
        "a product of float32 4x8 with float32 8x8 is not one of no shape for these dtypes",
        "split or pad the matrices to such tiles",
    ),
    Case(
        PATTERN,
        {"a": "int8[2,3,4]", "b": "int8[2,1,4]"},
        {"a": "int8[2,3,4]", "b": "int8[1,3,4]"},
        "b",
        "b of shape [1,3,4] cannot be broadcast to a of shape [2,3,4]",
        "expand b first",
    ),
    Case(
        PATTERN,
        {"a": "int8[2,3,4]", "b": "int8[1]"},
        {"a": "int8[2,3,4]", "b": "int8[4]"},
        "b",
        "b of shape [4] cannot be broadcast to a of shape [2,3,4]",
        "expand b first",
    ),
]


class TestJointShapes(KindTests):
    cases = CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_ports_that_are_absent_break_nothing(case: Case):
    assert list(read(case.rule).findings(Subject({}, {}, frozenset(), {}))) == []


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        ("same_shape: [a, b]", {"a": "int8[2,3]"}),
        ("same_numel: [a, b]", {"a": "int8", "b": "int8[1,1]"}),
        (ROWS, {"a": "int8[2,3,4]"}),
        (ALIGNMENT, {"a": "int8[1]", "b": "int8"}),
        (ALIGNMENT, {"a": "int8[1]", "b": "int8[0]"}),
        (TILES, {"a": "int8[3]", "b": "int8[3]"}),
        (TILES, {"a": "int8[3,8]"}),
        (PATTERN, {"a": "int8[2,3,4]", "b": "int8[2,3,4]"}),
        (PATTERN, {"a": "int8[3,4]", "b": "int8[4]"}),
    ],
)
def test_what_a_rule_does_not_speak_of_breaks_nothing(rule: str, given: dict[str, Any]):
    assert findings(read(rule), draft(given)) == []


def test_a_pattern_may_hold_numbers_of_its_own():
    rule = read("broadcast_pattern: {port: b, against: a, names: [c, w], patterns: [[c, 2]]}")
    assert findings(rule, draft({"a": "int8[3,4]", "b": "int8[3,2]"})) == []
    assert findings(rule, draft({"a": "int8[3,4]", "b": "int8[3,1]"}))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("same_shape: []", "f:1:13: expected at least one item, found an empty list"),
        ("same_numel: [a, 3]", "f:1:17: expected a port, found 3"),
        ("rank_rows: []", "f:1:12: expected at least one item, found an empty list"),
        ("rank_rows: [a]", "f:1:13: expected a mapping from ports, found 'a'"),
        ("rank_rows: [{a: x}]", "f:1:17: expected a number or a range such as"),
        ("alignment: {a: 32}", "f:1:16: expected a mapping from axes, such as {-1: 1..8192}, found 32"),
        ("alignment: {a: {-1: 32}}", "f:1:21: expected a mapping from dtypes to numbers, found 32"),
        ("alignment: {a: {-1: {itn8: 32}}}", "f:1:28: unknown dtype 'itn8'; did you mean int8"),
        ("alignment: {a: {-1: {int8: 0}}}", "f:1:28: expected a positive number, found 0"),
        ("tile_shapes: [{a: int8, b: int8}]", "f:1:15: a row of tile_shapes has tiles"),
        ("tile_shapes: [{a: int8, tiles: [[1, 2, 3]]}]", "f:1:15: a row of tile_shapes has two ports, and tiles of"),
        ("tile_shapes: [{a: int8, b: int8, tiles: [[1, 2]]}]", "f:1:15: a row of tile_shapes has two ports, and tiles"),
        ("tile_shapes: [{a: int8, b: int8, tiles: [3]}]", "f:1:42: expected M, K and N, found 3"),
        ("tile_shapes: [{a: int8, b: int8, tiles: [[1, 2, 0]]}]", "f:1:49: expected a positive number, found 0"),
        ("broadcast_pattern: {port: b}", "f:1:20: expected the keys port, against, names, patterns, found port"),
        (
            "broadcast_pattern: {port: b, against: d, names: [w], patterns: [[w]]}",
            "f:1:30: op has no port 'd'",
        ),
        (
            "broadcast_pattern: {port: b, against: a, names: [w], patterns: [[h]]}",
            "f:1:66: expected one of w or a number, found 'h'",
        ),
        (
            "broadcast_pattern: {port: b, against: a, names: [w], patterns: []}",
            "f:1:64: expected at least one item, found an empty list",
        ),
    ],
)
def test_a_rule_that_cannot_be_read_is_an_error_at_its_place(rule: str, message: str):
    with pytest.raises(ProfileError) as caught:
        read(rule)
    assert str(caught.value).startswith(message)
