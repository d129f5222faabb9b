"""The tables of cases, of all modules together: every kind of rule, and every sentence of it, has one."""

from collections.abc import Iterator

import pytest

from npusim.errors import ProfileError
from npusim.operators import OPERATORS, Operator
from npusim.profiles import available, load
from npusim.profiles.dialects import COMMON_FIELDS, NEUTRAL, fields_of, fill
from npusim.profiles.document import parse
from npusim.profiles.rules import KINDS, Rule
from tests.profiles.rules import (
    test_attributes,
    test_contents,
    test_dtypes,
    test_expression,
    test_joint_shapes,
    test_placement,
    test_quantisation,
    test_rows,
    test_shapes,
    test_usage,
)
from tests.profiles.rules.calls import Case, draft, findings, read

MODULES = (
    test_dtypes,
    test_rows,
    test_shapes,
    test_joint_shapes,
    test_attributes,
    test_usage,
    test_contents,
    test_quantisation,
    test_placement,
    test_expression,
)
CASES = [case for module in MODULES for case in module.CASES]
WITHOUT_A_CASE = {"not_offered", "not_modelled"}
"""What every call breaks, and what none does: `test_usage` speaks of them."""


def test_every_kind_has_a_case():
    assert {case.kind for case in CASES} == set(KINDS) - WITHOUT_A_CASE


def test_every_sentence_is_said():
    said = {found.sentence or case.kind for case in CASES for found in findings(read(case.rule), draft(case.failing))}
    assert said == {key for kind in KINDS.values() for key in kind.sentences} - WITHOUT_A_CASE


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_every_field_of_a_sentence_is_filled(case: Case):
    kind = KINDS[case.kind]
    for finding in findings(read(case.rule), draft(case.failing)):
        assert set(finding.fields) >= kind.fields
        common = dict.fromkeys(COMMON_FIELDS, "")
        every = "".join(f"{{{name}}}" for name in (*COMMON_FIELDS, *kind.fields))
        assert "{" not in fill(every, {**common, **finding.fields}, NEUTRAL)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_is_documented_in_full(kind: type[Rule]):
    assert KINDS[kind.key] is kind
    assert (kind.__doc__ or "").endswith(".")
    assert kind.schema
    assert all(fields_of(text) <= COMMON_FIELDS | kind.fields for text in kind.sentences.values())


def _operators() -> Iterator[Operator]:
    """Every operator of the vocabulary, then those of the shipped profiles."""
    yield from OPERATORS.values()
    yield from (entry.operator for name in ("neuroncore-v3", *available()) for entry in load(name).operators.values())


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_some_operator_can_have_the_example(kind: type[Rule]):
    ((key, node),) = parse(kind.example, "f").mapping().items()
    assert key == kind.key

    def can_have_it(operator: Operator) -> bool:
        try:
            kind.read(node, operator)
        except ProfileError:
            return False
        return True

    assert any(map(can_have_it, _operators()))
