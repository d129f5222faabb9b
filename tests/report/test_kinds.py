"""Every kind of constraint that real accelerators have is stated by a shipped profile, where the page says."""

from collections.abc import Callable

import pytest

from npusim.profiles import Profile, load
from npusim.profiles.grade import own_checks
from npusim.profiles.rules import KINDS
from npusim.report.kinds import CONSTRAINTS, Constraint, constraint_reference
from npusim.report.searches import Search, checks, dtype_by_attribute, gated, of, section

NUMBERED = [pytest.param(row, id=f"{number} {row.name}") for number, row in enumerate(CONSTRAINTS, 1)]


def test_there_are_sixty_one_with_names_of_their_own() -> None:
    assert len(CONSTRAINTS) == len({row.name for row in CONSTRAINTS}) == 61


@pytest.mark.parametrize("row", NUMBERED)
def test_a_shipped_profile_states_it(row: Constraint) -> None:
    found = row.example
    assert found is not None, f"no shipped profile states it; the key is {row.key}"
    if found.operator and row.key in KINDS:
        rules = own_checks(load(found.profile).operators[found.operator])
        assert row.key in {check.rule.key for check in rules}
    assert found.yaml


def test_every_kind_of_rule_is_said_by_one() -> None:
    aside = {"promoted", "absent", "not_offered"}
    assert {row.key for row in CONSTRAINTS} >= set(KINDS) - aside


def test_the_page_has_a_line_for_each() -> None:
    lines = [line for line in constraint_reference() if line.startswith("| ")][1:]
    assert [line.split(" | ")[0] for line in lines] == [f"| {number}" for number in range(1, 62)]


BODY = """\
features: {ext: true}
limits: {MAX: 4}
rules: [{rank: {inputs: ..MAX}, only: [mul]}]
operators:
  add:
    ports: {self: float16}
    rules:
      - forbid_dtype: {other: int8}
        when: {alpha: 2}
        text: "No."
        source: a manual
      - {numel: {self: 1..}, if: ext}
  mul: {rows: [{self: int8}, {self: int16}, {self: int32, other: [int8, int32]}, {self: float16, out: int8}]}
"""


@pytest.mark.parametrize(
    ("search", "yaml"),
    [
        (of("dtype"), "ports: {self: float16}"),
        (checks(dtype_by_attribute), "forbid_dtype: {other: int8}, when: {alpha: 2}"),
        (of("rank"), "rank: {inputs: ..4}, only: [mul]"),
        (of("rows"), "rows: [{self: int32, other: [int8, int32]}, {self: float16, out: int8}, ...]"),
        (section("limits"), "limits: {MAX: 4}"),
        (gated, "numel: {self: 1..}, if: ext"),
    ],
)
def test_what_is_found_is_shown_as_it_is_loaded(
    make_profile: Callable[..., Profile], search: Search, yaml: str
) -> None:
    assert next(search(make_profile(BODY))).yaml == yaml


def test_what_is_not_there_is_not_found(make_profile: Callable[..., Profile]) -> None:
    profile = make_profile("opencl: unknown\noperators: {neg: {ports: {self: int8}}}\n")
    assert not [
        found for search in (of("rank"), section("opencl"), section("limits"), gated) for found in search(profile)
    ]
