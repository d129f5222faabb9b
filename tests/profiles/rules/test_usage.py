"""Kinds of rule on which ports are given, and on what is not offered or not modelled."""

from collections.abc import Callable

import pytest

from npusim.errors import ProfileError
from npusim.profiles import Profile
from npusim.profiles.rules.usage import NOT_MODELLED
from npusim.profiles.subject import Subject
from npusim.simulator import Status, judge
from tests.profiles.rules.calls import Case, KindTests, draft, findings, profile_of, read, seen

CASES = [
    Case(
        "constant: [b, c]",
        {"a": "int8[2]", "b": "const:int8[2]", "c": "const:int8[2] const:int8[2]"},
        {"a": "int8[2]", "c": "const:int8[2] int8[2]"},
        "c",
        "c must be a constant",
        "make c a constant of the program",
    ),
    Case(
        "absent: [b, c]", {"a": "int8[2]"}, {"a": "int8[2]", "b": "int8[2]"}, "b", "b must not be given", "leave b out"
    ),
    Case(
        "arity: {c: [1, 3..4]}",
        {"a": "int8[2]", "c": "int8[2] int8[2] int8[2]"},
        {"a": "int8[2]", "c": "int8[2] int8[2]"},
        "c",
        "c has 2 operands; allowed: 1, 3..4",
        "give c in several calls",
    ),
]
NEVER = "not_offered: no kernel"
CAPACITY = "not_modelled: {kind: graph_context, what: the weights fit the cache}"


class TestUsage(KindTests):
    cases = CASES


@pytest.mark.parametrize("rule", ["constant: [b, c]", "absent: [b, c]", "arity: {c: ..3}"])
def test_ports_that_are_absent_break_nothing(rule: str):
    assert list(read(rule).findings(Subject({}, {}, frozenset(), {}))) == []


def test_a_variadic_port_that_must_have_operands_may_not_be_absent():
    (finding,) = findings(read("arity: {c: 1..}"), draft({"a": "int8[2]"}))
    assert (finding.port, finding.found) == ("c", 0)


def test_what_is_not_offered_is_refused_whatever_the_call(make_profile: Callable[..., Profile]):
    (violation,) = judge(profile_of(NEVER, make_profile), draft({"a": "int8[2]"}).call()).violations
    assert (violation.code, violation.port, violation.found) == ("NPU501", "", "any call")
    assert violation.text == "op is not offered: no kernel"
    assert (
        list(read(NEVER).mends(seen(draft({"a": "int8[2]"})), findings(read(NEVER), draft({"a": "int8[2]"}))[0])) == []
    )
    assert list(read(NEVER).breaks(seen(draft({"a": "int8[2]"})), "")) == [()]


@pytest.mark.parametrize("kind", NOT_MODELLED)
def test_what_is_not_modelled_rejects_nothing_and_is_noted(kind: str, make_profile: Callable[..., Profile]):
    profile = profile_of(CAPACITY.replace("graph_context", kind), make_profile)
    verdict = judge(profile, draft({"a": "int8[2]"}).call())
    assert verdict.status is Status.ACCEPTED
    assert verdict.notes == (f"not modelled ({kind.replace('_', ' ')}): the weights fit the cache",)
    assert read(CAPACITY).targets == ()


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("constant: []", "f:1:11: expected at least one item, found an empty list"),
        ("constant: [d]", "f:1:12: op has no port 'd'"),
        ("absent: {b: 1}", "f:1:9: expected a port, found a mapping"),
        ("arity: {c: many}", "f:1:12: expected a number or a range such as"),
        ("not_offered: [x]", "f:1:14: expected the reason, found a list"),
        ("not_modelled: x", "f:1:15: expected a mapping with kind and what, found 'x'"),
        ("not_modelled: {kind: x, what: y}", "f:1:22: unknown kind 'x'; allowed: capacity, graph_context, memory,"),
        ("not_modelled: {kind: state}", "f:1:15: expected the keys kind, what, found kind"),
    ],
)
def test_a_rule_that_cannot_be_read_is_an_error_at_its_place(rule: str, message: str):
    with pytest.raises(ProfileError) as caught:
        read(rule)
    assert str(caught.value).startswith(message)
