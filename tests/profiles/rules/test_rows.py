"""Rows: which calls they take, what is said of the others, and what unlocks one."""

from collections.abc import Callable
from typing import Any

import pytest

from npusim.errors import ProfileError
from npusim.profiles import Profile, load
from npusim.profiles.rules.rows import Row, Rows
from npusim.simulator import Status, judge
from tests.profiles.rules.calls import (
    OPERATOR,
    Case,
    assert_is_broken,
    assert_is_mended,
    draft,
    findings,
    read,
)

ROWS = "rows: [{a: float16, out: float16}, {a: [float16, int8], b: int8, out: float32}]"
SCHEMES = "rows: [{a: uint8/asym, b: int8/sym_per_channel}, {a: [int8/sym, int8/dfp], b: int8/sym}, {a: float16}]"
ATTRIBUTES = "rows: [{a: int8, acc: int32, mode: [fast, exact]}, {a: float16, acc: [float16, float32]}]"
LOCKED = "rows: [{a: int8}, {a: bfloat16, requires: [ext_bf16]}, {a: int4, requires: [ext_int4, pro_int]}]"
ALL_LOCKED = "rows: [{a: int8, requires: [pro_int]}]"
CASES = [
    Case(
        ROWS,
        {"a": "int8[2]", "b": "int8[2]", "out": "float32[2]"},
        {"a": "int8[2]", "b": "float16[2]", "out": "float32[2]"},
        "b",
        "no row takes a: int8, b: float16, out: float32; "
        "the rows are a: float16, out: float16, a: float16|int8, b: int8, out: float32",
        "cast b to int8",
    ),
    Case(
        "rows: [{inputs: int8}, {a: float16}]",
        {"a": "int8[2]", "b": "int8[2]", "c": "int8[2]"},
        {"a": "int8[2]", "b": "int8[2]", "c": "int8[2] float16[2] float16[2]"},
        "c",
        "no row takes a: int8, b: int8, c: int8|float16; the rows are a: int8, b: int8, c: int8, a: float16",
        "cast c to int8",
        index=1,
    ),
    Case(
        SCHEMES,
        {"a": "int8[2]{scheme=dfp}", "b": "int8[2]"},
        {"a": "uint8[2]{scheme=asym}", "b": "int8[2]{scheme=sym}"},
        "b",
        "no row takes a: uint8/asym, b: int8/sym; the rows are "
        "a: uint8/asym, b: int8/sym_per_channel, a: int8/sym|int8/dfp, b: int8/sym, a: float16",
        "quantise b as int8/sym_per_channel",
    ),
    Case(
        SCHEMES,
        {"a": "float16[2]"},
        {"a": "float16[2]{scheme=asym}"},
        "a",
        "no row takes a: float16/asym; the rows are "
        "a: uint8/asym, b: int8/sym_per_channel, a: int8/sym|int8/dfp, b: int8/sym, a: float16",
        "cast a to uint8/asym",
    ),
    Case(
        ATTRIBUTES,
        {"a": "int8[2]", "acc": "int32", "mode": "fast"},
        {"a": "int8[2]", "acc": "int32", "mode": "slow"},
        "mode",
        "no row takes a: int8, acc: int32, mode: slow; the rows are "
        "a: int8, acc: int32, mode: fast|exact, a: float16, acc: float16|float32",
        "set mode to fast",
    ),
    Case(
        ATTRIBUTES,
        {"a": "int8[2]"},
        {"a": "float16[2]", "acc": "bfloat16"},
        "acc",
        "no row takes a: float16, acc: bfloat16; the rows are "
        "a: int8, acc: int32, mode: fast|exact, a: float16, acc: float16|float32",
        "cast acc to float16",
    ),
    Case(
        LOCKED,
        {"a": "int8[2]"},
        {"a": "bfloat16[2]"},
        "a",
        "a: bfloat16 needs ext_bf16, which is not enabled",
        "enable ext_bf16, if the chip has it",
    ),
    Case(
        LOCKED,
        {"a": "int8[2]"},
        {"a": "int4[2]"},
        "a",
        "a: int4 needs all of ext_int4, pro_int, which are not enabled",
        "enable ext_int4, pro_int, if the chip has it",
    ),
    Case(
        LOCKED,
        {"a": "int8[2]"},
        {"a": "float32[2]"},
        "a",
        "no row takes a: float32; the rows are a: int8",
        "cast a to int8",
    ),
]
IDS = list(range(len(CASES)))


@pytest.fixture
def make(make_profile: Callable[..., Profile]) -> Callable[[str], Profile]:
    """The profile of one rule, whose features are all off."""
    names = ("ext_bf16", "ext_int4", "pro_int")
    features = ", ".join(f"{name}: false" for name in names)
    entry = f'  op:\n    signature: "{OPERATOR.signature}"\n    rules:\n      - {{RULE}}\n'
    return lambda rule: make_profile(f"features: {{{features}}}\noperators:\n{entry.replace('{RULE}', rule)}")


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_call_that_has_a_row_is_taken(case: Case):
    assert findings(read(case.rule), draft(case.passing)) == []


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_call_that_has_none_is_refused_in_words(case: Case, make: Callable[[str], Profile]):
    verdict = judge(make(case.rule), draft(case.failing).call())
    assert verdict.status is Status.REJECTED
    (violation,) = verdict.violations
    assert (violation.code, violation.port) == ("NPU102", case.port)
    assert violation.text == case.text
    assert violation.hint == case.hint
    assert violation.allowed
    (finding,) = findings(read(case.rule), draft(case.failing))
    assert finding.index == case.index
    assert set(finding.fields) == Rows.fields


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_some_change_mends_it(case: Case):
    assert_is_mended(read(case.rule), draft(case.failing))


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_some_change_breaks_it(case: Case):
    assert_is_broken(read(case.rule), draft(case.passing), "")


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"a": "uint8[2]"}, True),
        ({"a": "uint8[2]{scheme=asym}", "b": "int8[2]"}, True),
        ({"a": "uint8[2]{scheme=sym}"}, False),
        ({"a": "uint8[2]{scale=0.5}"}, True),
        ({"a": "uint8[2]", "b": "int8[2]{scheme=sym}"}, False),
        ({"a": "int8[2]", "b": "int8[2]{scheme=sym}"}, True),
        ({"a": "float16[2]{scheme=asym}"}, False),
        ({"a": "float16[2]"}, True),
    ],
)
def test_a_scheme_is_compared_where_the_operand_has_one(given: dict[str, Any], taken: bool):
    assert bool(findings(read(SCHEMES), draft(given))) is not taken


def test_a_scheme_says_nothing_to_a_table_without_schemes():
    assert findings(read(ROWS), draft({"a": "float16[2]{scheme=asym}"})) == []


@pytest.mark.parametrize(
    ("features", "locked"),
    [({}, "a: int8 needs pro_int"), ({"pro_int": True}, None), ({"ext_bf16": True}, "a: int8 needs pro_int")],
)
def test_a_feature_unlocks_a_row(features: dict[str, bool], locked: str | None, make: Callable[[str], Profile]):
    profile = load(make(ALL_LOCKED).file, features=features)
    violations = judge(profile, draft({"a": "int8[2]"}).call()).violations
    assert [v.text.partition(", ")[0] for v in violations] == ([locked] if locked else [])


def test_the_row_that_lacks_least_is_named():
    rule = read("rows: [{a: int8, requires: [x, y]}, {a: int8, requires: z}]")
    (finding,) = findings(rule, draft({"a": "int8[2]"}))
    assert (finding.sentence, finding.fields["requires"]) == ("rows_locked", ("z",))


@pytest.mark.parametrize(
    ("first", "second", "contains"),
    [
        ("{a: [int8, int4]}", "{a: int8, b: int8}", True),
        ("{a: int8, b: int8}", "{a: int8}", False),
        ("{a: int8}", "{a: [int8, int4]}", False),
        ("{a: int8}", "{a: int8, requires: x}", True),
        ("{a: int8, requires: x}", "{a: int8}", False),
        ("{a: int8/sym}", "{a: int8/asym}", False),
    ],
)
def test_a_row_contains_another(first: str, second: str, contains: bool):
    one, other = read(f"rows: [{first}, {second}]").rows
    assert isinstance(one, Row)
    assert one.contains(other) is contains


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("rows: []", "f:1:7: rows: at least one row; an operator that is not offered says `not_offered`"),
        ("rows: [int8]", "f:1:8: expected a mapping from ports to dtypes, found 'int8'"),
        ("rows: [{}]", "f:1:8: a row names at least one port"),
        ("rows: [{requires: x}]", "f:1:8: a row names at least one port"),
        ("rows: [{aa: int8}]", "f:1:9: op has no port 'aa'; did you mean a"),
        ("rows: [{moed: int8}]", "f:1:9: op has no port 'moed'; did you mean mode?"),
        ("rows: [{n: int8}]", "f:1:9: n is of type int; a row names ports and attributes of type dtype or str"),
        ("rows: [{a: itn8/asym}]", "f:1:12: unknown dtype 'itn8'; did you mean int8"),
        ("rows: [{a: uint8/}]", "f:1:12: expected a quantisation scheme after uint8/, such as uint8/asym"),
        ("rows: [{a: [int8/asym, int8, int8/asym]}]", "f:1:30: int8/asym is listed twice"),
        ("rows: [{a: []}]", "f:1:12: expected at least one item, found an empty list"),
        ("rows: [{acc: fast}]", "f:1:14: unknown dtype 'fast'"),
        ("rows: [{mode: 3}]", "f:1:15: expected a value, found 3; put it in quotes"),
    ],
)
def test_a_rule_that_cannot_be_read_is_an_error_at_its_place(rule: str, message: str):
    with pytest.raises(ProfileError) as caught:
        read(rule)
    assert str(caught.value).startswith(message)
