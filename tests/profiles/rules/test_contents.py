"""Kinds of rule on what constants hold: what they accept and refuse, what they note, and the changes they propose."""

from typing import Any

import pytest

from npusim.errors import ProfileError
from npusim.profiles.subject import Subject
from tests.profiles.rules.calls import Case, KindTests, draft, findings, read, seen

VALUE = "value: {b: [0, 1, 2..4, -0.5]}"
CONTENT = "content: {b: {sum_abs: ..8, bits: ..4}}"
ALL = "content: {b: {all: 0}}"
DOMAIN = "domain: {a: [-3.5, 3]}"
CASES = [
    Case(
        VALUE,
        {"a": "int8[2]", "b": "const:float16[2]{value=-0.5;3}"},
        {"a": "int8[2]", "b": "const:float16[2]{value=1;0.5}"},
        "b",
        "b holds 0.5; allowed: 0, 1, -0.5, 2..4",
        "use one of these values for b",
    ),
    Case(
        CONTENT,
        {"a": "int8[2]", "b": "const:int8[2]{value=-4;4}"},
        {"a": "int8[2]", "b": "const:int8[2]{value=-5;4}"},
        "b",
        "the sum of the absolute values of b is 9.0; allowed: ..8",
        "scale b down",
    ),
    Case(
        CONTENT,
        {"a": "int8[2]", "b": "const:int8[1]{value=7}"},
        {"a": "int8[2]", "b": "const:int8[1]{value=8}"},
        "b",
        "the width in bits of b is 5; allowed: ..4",
        "scale b down",
    ),
    Case(
        ALL,
        {"a": "int8[2]", "b": "const:int8[2]{value=0;0}"},
        {"a": "int8[2]", "b": "const:int8[2]{value=0;1}"},
        "b",
        "the only value of b is nan; allowed: 0",
        "scale b down",
    ),
    Case(
        "content: {b: {least: 0.., greatest: ..9}}",
        {"a": "int8[2]", "b": "const:int8[2]{value=0;9}"},
        {"a": "int8[2]", "b": "const:int8[2]{value=-1;9}"},
        "b",
        "the least element of b is -1; allowed: 0..",
        "scale b down",
    ),
    Case(
        DOMAIN,
        {"a": "const:float16[2]{value=-3.5;3}"},
        {"a": "const:float16[2]{value=0;3.5}"},
        "a",
        "a holds 3.5, outside of -3.5 to 3.0: the result is wrong",
        "bring a into the interval first",
    ),
]


class TestContents(KindTests):
    cases = CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_ports_that_are_absent_break_nothing_and_are_not_noted(case: Case):
    nothing = Subject({}, {}, frozenset(), {})
    assert list(read(case.rule).findings(nothing)) == list(read(case.rule).notes(nothing)) == []


@pytest.mark.parametrize(
    ("rule", "note"),
    [
        (VALUE, "not judged, since the content of b is not known: it holds only 0, 1, -0.5, 2..4"),
        (
            CONTENT,
            "not judged, since the content of b is not known: the sum of the absolute values is ..8, "
            "the width in bits is ..4",
        ),
        (
            DOMAIN.replace("a:", "b:"),
            "not judged, since the content of b is not known: outside of -3.5 to 3.0 the result is wrong, "
            "without an error",
        ),
    ],
)
def test_what_is_not_known_is_noted(rule: str, note: str):
    found = seen(draft({"a": "int8[2]", "b": "int8[2]"}))
    assert list(read(rule).findings(found)) == []
    assert list(read(rule).notes(found)) == [note]
    assert list(read(rule).notes(seen(draft({"a": "int8[2]", "b": "const:int8[2]{value=1;1}"})))) == []


@pytest.mark.parametrize(
    ("value", "bits"),
    [("0", 1), ("-1", 1), ("1", 2), ("127", 8), ("-128", 8), ("128", 9), ("-129", 9), ("3;-8", 4), ("2147483648", 33)],
)
def test_a_width_is_that_of_the_narrowest_integer_that_holds_all(value: str, bits: int):
    given: dict[str, Any] = {"a": "int8[2]", "b": f"const:int64[2]{{value={value}}}"}
    assert findings(read(f"content: {{b: {{bits: {bits}}}}}"), draft(given)) == []


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e300"])
@pytest.mark.parametrize("rule", [VALUE, CONTENT, DOMAIN.replace("a:", "b:")])
def test_what_no_integer_holds_breaks_every_limit(rule: str, value: str):
    assert findings(read(rule), draft({"a": "int8[2]", "b": f"const:float64[1]{{value={value}}}"}))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("value: [a]", "f:1:8: expected a mapping from ports, found a list"),
        ("value: {a: []}", "f:1:12: expected at least one item, found an empty list"),
        ("content: {a: 1}", "f:1:14: expected a mapping such as {sum_abs: ..8323072}, found 1"),
        ("content: {a: {sum: 1}}", "f:1:15: unknown measure 'sum'; did you mean sum_abs?"),
        ("content: {a: {bits: x}}", "f:1:21: expected a number or a range such as"),
        ("domain: {a: 1}", "f:1:13: expected two numbers: the least and the greatest, found 1"),
        ("domain: {a: [1]}", "f:1:13: expected two numbers, the least first, found 1"),
        ("domain: {a: [2, 1]}", "f:1:13: expected two numbers, the least first, found 2, 1"),
        ("domain: {a: [1, true]}", "f:1:13: expected two numbers, the least first, found 1, True"),
    ],
)
def test_a_rule_that_cannot_be_read_is_an_error_at_its_place(rule: str, message: str):
    with pytest.raises(ProfileError) as caught:
        read(rule)
    assert str(caught.value).startswith(message)
