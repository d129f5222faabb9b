"""Kinds of rule on layouts, memories and units: what they accept and refuse, and the changes they propose."""

from typing import Any

import pytest

from npusim.errors import ProfileError
from npusim.profiles.subject import Subject
from tests.profiles.rules.calls import Case, KindTests, draft, findings, read

LAYOUT = "layout: {a: {bfloat8_b: [TILE], default: [TILE, ROW_MAJOR]}}"
ONLY = "layout: {a: {bfloat8_b: [TILE]}, c: ROW_MAJOR}"
MEMORY = "memory: {a: [SBUF], out: [PSUM, SBUF]}"
ROWS = "memory_rows: [{a: L1, b: [DRAM, L1]}, {a: DRAM, b: DRAM}]"
ENGINE = (
    "engine: [{engine: tensor, dim: {a: {0: ..128}}}, {engine: vector, dim: {a: {0: ..32, 1: 1}}}, {engine: scalar}]"
)
LIMITED = "engine: [{engine: tensor, dim: {a: {0: ..128}, b: {-1: ..512}}}, {engine: vector, dim: {a: {0: ..32}}}]"
CASES = [
    Case(
        LAYOUT,
        {"a": "float16[2]{layout=ROW_MAJOR}"},
        {"a": "bfloat8_b[2]{layout=ROW_MAJOR}"},
        "a",
        "a of bfloat8_b has the layout ROW_MAJOR; allowed: TILE",
        "convert a to TILE",
    ),
    Case(
        ONLY,
        {"a": "float16[2]{layout=STRANGE}", "c": "int8[2]"},
        {"a": "float16[2]", "c": "int8[2]{layout=ROW_MAJOR} int8[2]{layout=TILE}"},
        "c",
        "c of int8 has the layout TILE; allowed: ROW_MAJOR",
        "convert c to ROW_MAJOR",
        index=1,
    ),
    Case(
        MEMORY,
        {"a": "int8[2]{memory=SBUF}", "out": "int8[2]{memory=PSUM}"},
        {"a": "int8[2]{memory=DRAM}"},
        "a",
        "a lies in DRAM; allowed: SBUF",
        "copy a to SBUF first",
    ),
    Case(
        MEMORY,
        {"a": "int8[2]", "out": "int8[2]"},
        {"a": "int8[2]", "out": "int8[2]{memory=DRAM}"},
        "out",
        "out lies in DRAM; allowed: PSUM, SBUF",
        "copy out to PSUM first",
    ),
    Case(
        ROWS,
        {"a": "int8[2]{memory=L1}", "b": "int8[2]{memory=L1}"},
        {"a": "int8[2]{memory=DRAM}", "b": "int8[2]{memory=L1}"},
        "a",
        "the memories a: DRAM, b: L1 are not one of a: L1, b: DRAM|L1, a: DRAM, b: DRAM",
        "copy the operands as one of the rows says",
    ),
    Case(
        ENGINE,
        {"a": "int8[32,1]", "engine": "vector"},
        {"a": "int8[33,1]", "engine": "vector"},
        "",
        "engine vector with a: int8[33,1] fits none of "
        "tensor (axis 0 of a ..128), vector (axis 0 of a ..32, axis 1 of a 1), scalar",
        "split the tensors, or choose another engine",
    ),
    Case(
        LIMITED,
        {"a": "int8[128]", "b": "int8[9,512]"},
        {"a": "int8[128]", "b": "int8[9,513]"},
        "",
        "a: int8[128], b: int8[9,513] fits none of tensor (axis 0 of a ..128, axis -1 of b ..512), "
        "vector (axis 0 of a ..32)",
        "split the tensors, or choose another engine",
    ),
    Case(
        LIMITED,
        {"a": "int8[32]", "b": "int8[9,513]"},
        {"a": "int8[9]", "engine": "gpsimd"},
        "",
        "engine gpsimd with a: int8[9] fits none of tensor (axis 0 of a ..128, axis -1 of b ..512), "
        "vector (axis 0 of a ..32)",
        "split the tensors, or choose another engine",
    ),
]


class TestPlacement(KindTests):
    cases = CASES


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        (LAYOUT, {"a": "bfloat8_b[2]"}),
        (MEMORY, {"a": "int8[2]"}),
        (ROWS, {"a": "int8[2]", "b": "int8[2]"}),
        (ROWS, {"a": "int8[2]{memory=DRAM}"}),
        (ROWS, {"a": "int8[2]", "b": "int8[2]{memory=L1}"}),
        (ENGINE, {"a": "int8[999,9]"}),
        (LIMITED, {"a": "int8"}),
    ],
)
def test_what_a_call_does_not_say_is_not_judged(rule: str, given: dict[str, Any]):
    assert findings(read(rule), draft(given)) == []


@pytest.mark.parametrize("rule", [LAYOUT, MEMORY, ROWS, ENGINE])
def test_ports_that_are_absent_break_nothing(rule: str):
    assert list(read(rule).findings(Subject({}, {}, frozenset(), {}))) == []


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("layout: [a]", "f:1:9: expected a mapping from ports, found a list"),
        ("layout: {a: []}", "f:1:13: expected at least one item, found an empty list"),
        ("layout: {a: {itn8: [TILE]}}", "f:1:20: unknown dtype 'itn8'; did you mean int8"),
        ("layout: {a: 3}", "f:1:13: expected a name, found 3"),
        ("memory: {d: DRAM}", "f:1:10: op has no port 'd'"),
        ("memory: {a: []}", "f:1:13: expected at least one item, found an empty list"),
        ("memory_rows: []", "f:1:14: expected at least one item, found an empty list"),
        ("memory_rows: [L1]", "f:1:15: expected a mapping from ports, found 'L1'"),
        ("engine: []", "f:1:9: expected at least one item, found an empty list"),
        ("engine: [tensor]", "f:1:10: expected a mapping with engine and dim, found 'tensor'"),
        ("engine: [{dim: {a: {0: 1}}}]", "f:1:10: an item of engine names its engine"),
        ("engine: [{engine: t, dims: 1}]", "f:1:22: unknown key 'dims' in an engine; did you mean dim?"),
        ("engine: [{engine: t, dim: {a: 3}}]", "f:1:31: expected a mapping from axes, such as {-1: 1..8192}, found 3"),
    ],
)
def test_a_rule_that_cannot_be_read_is_an_error_at_its_place(rule: str, message: str):
    with pytest.raises(ProfileError) as caught:
        read(rule)
    assert str(caught.value).startswith(message)
