"""Calls of one made-up operator, as the tests of rule kinds write them, and what every kind has to hold."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from npusim.errors import UsageError
from npusim.frontends.numpy.spelling import parse_operand
from npusim.operators import infer
from npusim.operators.model import operator
from npusim.profiles import Profile
from npusim.profiles.document import parse
from npusim.profiles.edits import Edits
from npusim.profiles.rules import KINDS
from npusim.profiles.rules.base import Finding, Rule
from npusim.profiles.samples.draft import Draft
from npusim.profiles.subject import Subject, subject
from npusim.simulator import Status, judge

OPERATOR = operator(
    "op(a, b?, c?*; mode: str = None, acc: dtype = None, n: int = 1, dims: ints = None, engine: str = '') -> out, out2?"
)


@dataclass(frozen=True)
class Case:
    """A rule, a call that meets it and one that breaks it, and what is then said; a call is a mapping from names."""

    rule: str
    passing: dict[str, Any]
    failing: dict[str, Any]
    port: str
    text: str
    hint: str
    index: int = 0

    @property
    def kind(self) -> str:
        return self.rule.partition(":")[0]


def draft(given: dict[str, Any]) -> Draft:
    """A call of operands as one types them, several on a port separated by spaces, and of attributes."""
    ports = {port.name for port in OPERATOR.ports}
    operands = {name: tuple(map(parse_operand, text.split())) for name, text in given.items() if name in ports}
    return Draft(OPERATOR, operands, {name: value for name, value in given.items() if name not in ports})


def seen(of: Draft) -> Subject:
    call = of.call()
    return subject(OPERATOR, call, infer(OPERATOR, call))


def read(text: str) -> Rule:
    ((key, node),) = parse(text, "f").mapping().items()
    return KINDS[key].read(node, OPERATOR)


def profile_of(rule: str, make_profile: Callable[..., Profile]) -> Profile:
    """A profile with one rule on the operator."""
    entry = f'  op:\n    signature: "{OPERATOR.signature}"\n    rules:\n      - {rule}\n'
    return make_profile(f"operators:\n{entry}")


def findings(rule: Rule, of: Draft) -> list[Finding]:
    return list(rule.findings(seen(of)))


def changed(of: Draft, edits: Edits) -> list[Draft]:
    """What an edit makes of a call, as far as that is a call."""
    found = []
    for one in of.edited(edits):
        try:
            one.call()
        except UsageError:
            continue
        found.append(one)
    return found


def assert_is_mended(rule: Rule, of: Draft) -> None:
    """Some change mends each finding of a rule, and one after the other all."""
    while found := findings(rule, of):
        ways = (one for edits in rule.mends(seen(of), found[0]) for one in changed(of, edits))
        better = next((one for one in ways if len(findings(rule, one)) < len(found)), None)
        assert better is not None, found[0]
        of = better


def assert_is_broken(rule: Rule, of: Draft, target: str) -> None:
    """Some change breaks a rule on a target."""
    assert not findings(rule, of)
    ways = (one for edits in rule.breaks(seen(of), target) for one in changed(of, edits))
    assert any(finding.port == target or not target for one in ways for finding in findings(rule, one))


class KindTests:
    """What holds for every case of a kind; each module of tests makes a subclass of it with its cases."""

    cases: ClassVar[list[Case]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "case" in metafunc.fixturenames:
            ids = [f"{case.kind}-{index}" for index, case in enumerate(self.cases)]
            metafunc.parametrize("case", self.cases, ids=ids)

    def test_a_call_that_meets_the_rule_is_accepted(self, case: Case):
        assert findings(read(case.rule), draft(case.passing)) == []

    def test_a_call_that_breaks_it_is_refused_in_words(self, case: Case, make_profile: Callable[..., Profile]):
        verdict = judge(profile_of(case.rule, make_profile), draft(case.failing).call())
        assert verdict.status is Status.REJECTED
        first = verdict.violations[0]
        assert (first.code, first.port) == (KINDS[case.kind].code, case.port)
        assert (first.text, first.hint) == (case.text, case.hint)
        assert first.found
        assert first.allowed
        (finding, *_) = findings(read(case.rule), draft(case.failing))
        assert finding.index == case.index
        assert set(finding.fields) <= KINDS[case.kind].fields

    def test_some_change_mends_it(self, case: Case):
        assert_is_mended(read(case.rule), draft(case.failing))

    def test_some_change_breaks_it_on_every_target(self, case: Case):
        rule = read(case.rule)
        assert rule.targets
        for target in rule.targets:
            assert_is_broken(rule, draft(case.passing), target)
