"""Lint: every kind of finding has a profile that deserves it and one like it that does not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from npusim.profiles.inheritance import families, shipped
from npusim.profiles.lint import SEVERITIES, Finding, Kind, Severity, lint
from npusim.profiles.trials import Known

FROM = "source: a manual, confidence: documented"
"""What FROM stands for in the profiles below."""

# kind, profile that deserves it, line and column, a part of the message, profile that does not
CASES = [
    (Kind.UNREADABLE, "operators: {ned: unknown}", (4, 13), "did you mean ne or one?", "operators: {neg: unknown}"),
    (Kind.UNREADABLE, "extends: nobody", (4, 10), "no profile 'nobody'", ""),
    (
        Kind.NO_SOURCE,
        "operators: {neg: {confidence: documented}}",
        (4, 13),
        "neg names no source",
        "operators: {neg: {FROM}}",
    ),
    (
        Kind.NO_CONFIDENCE,
        "operators: {neg: {source: a manual}}",
        (4, 13),
        "neg has no confidence",
        "operators: {neg: {source: a manual, confidence: unknown}}",
    ),
    (
        Kind.ACCEPTS_NOTHING,
        "operators: {neg: {ports: {self: float16}, rules: [{forbid_dtype: {self: float16}}], FROM}}",
        (4, 18),
        "no call of neg was found that is accepted",
        "operators: {neg: {rules: [{not_offered: no kernel}], FROM}}",
    ),
    (
        Kind.NEVER_BROKEN,
        "operators: {neg: {rules: [{rank: {self: 0..}}], FROM}}",
        (4, 27),
        "breaks this rank on self",
        "operators: {add: {rules: [{same_dtype: [self, other]}], FROM}}",
    ),
    (
        Kind.CONTAINED_ROW,
        "operators: {add: {rows: [{self: [float16, int8]}, {self: int8, other: int8}], FROM}}",
        (4, 51),
        "row 2 is contained in row 1",
        "operators: {add: {rows: [{self: float16, other: int8}, {self: float16}], FROM}}",
    ),
    (
        Kind.CONTAINED_ROW,
        "operators: {neg: {rules: [{rows: [{self: int8}, {self: float16}, {self: int8}]}], FROM}}",
        (4, 66),
        "row 3 is contained in row 1",
        "operators: {neg: {rules: [{rows: [{self: int8}, {self: float16}]}], FROM}}",
    ),
    (
        Kind.DUPLICATE_CHECK,
        "operators: {neg: {rules: [{rank: {self: ..4}}, {rank: {self: ..4}, when: {self: {dtype: int8}}}], FROM}}",
        (4, 48),
        "this rank says again what line 4 says",
        "operators: {neg: {rules: [{rank: {self: ..4}, when: {self: {dtype: int8}}}, {rank: {self: ..4}}], FROM}}",
    ),
    (
        Kind.IDLE_FORBID,
        "operators: {neg: {ports: {self: float16}, rules: [{forbid_dtype: {self: [float16, int8]},"
        " when: {self: {rank: 3}}}], FROM}}",
        (4, 51),
        "int8 forbidden on self, whose list does not take it",
        "operators: {neg: {guards: [{forbid_dtype: {self: int8}}], ports: {self: float16}, FROM}}",
    ),
    (
        Kind.DUPLICATE_NAME,
        "operators: {neg: {api: Neg, aliases: [Abs], FROM}, abs: {api: abs, FROM}}",
        (4, 18),
        "neg has the alias Abs, which is a name of abs as well",
        "operators: {neg: {api: Same, FROM}, abs: {api: Same, FROM}}",
    ),
    (
        Kind.UNUSED_FEATURE,
        "features: {idle: true}",
        (4, 12),
        "feature 'idle' gates nothing",
        "features: {a: true, b: true, c: true}\n"
        "operators: {neg: {ports: {self: [int8, float16 if a]}, rules: [{rank: {self: 2}, if: b, unless: [c]}], FROM}}",
    ),
    (
        Kind.UNSORTED,
        "dialects: [{until: '9.1'}, {until: '9.1.RC1'}, {opening: '['}]",
        (4, 28),
        "an earlier dialect speaks in these versions already; oldest first",
        "dialects: [{until: '8.10.RC1'}, {until: '8.10'}, {until: '9.1'}, {opening: '['}]",
    ),
]  # fmt: skip


_KNOWN: Known = {}
"""What the trials of the shipped profiles share."""


def findings(path: Path) -> list[Finding]:
    return list(lint(path).findings)


@pytest.fixture
def write_profile(write_profile: Callable[..., Path]) -> Callable[..., Path]:
    return lambda body, **options: write_profile(body.replace("FROM", FROM), **options)


@pytest.mark.parametrize(("kind", "body", "place", "said", "clean"), CASES)
def test_what_is_wrong_is_found_in_its_place(
    write_profile: Callable[..., Path], kind: Kind, body: str, place: tuple[int, int], said: str, clean: str
):
    path = write_profile(body + "\n")
    found = next(finding for finding in findings(path) if finding.kind is kind)
    assert (found.mark.file, found.mark.line, found.mark.column) == (str(path), *place)
    assert said in found.message
    assert lint(path).has_errors is (SEVERITIES[kind] is Severity.ERROR)
    assert findings(write_profile(clean + "\n")) == []


def test_every_kind_has_a_severity_and_a_case():
    assert set(SEVERITIES) == set(Kind) == {kind for kind, *_ in CASES}


def test_a_check_that_a_variant_shares_is_told_once(write_profile: Callable[..., Path]):
    body = "operators: {gelu: {rules: [{rank: {self: 0..}}], variants: [VARIANT], FROM}}\n"
    body = body.replace("VARIANT", "{when: {approximate: tanh}, api: Tanh}")
    assert [f.kind for f in findings(write_profile(body))] == [Kind.NEVER_BROKEN]


def test_a_row_of_a_variant_is_found(write_profile: Callable[..., Path]):
    variant = "{when: {approximate: tanh}, rows: [{self: int8}, {self: int8}]}"
    body = "operators: {gelu: {variants: [VARIANT], FROM}}\n".replace("VARIANT", variant)
    (found,) = (f for f in findings(write_profile(body)) if f.kind is Kind.CONTAINED_ROW)
    assert found.mark.column == body.index("{self: int8}]") + 1


def test_a_family_is_linted_but_not_put_on_trial(write_profile: Callable[..., Path]):
    body = "features: {bf16: false}\n"
    body += "operators: {neg: {ports: {self: [bfloat16 if bf16, int8]}, rules: [{same_dtype: [self, out]}]}}\n"
    path = write_profile(body, name="clan", header="npusim: 1\nfamily: clan\n")
    assert {f.kind for f in findings(path)} == {Kind.NO_SOURCE, Kind.NO_CONFIDENCE}
    assert lint(path).id == "clan"


def test_a_feature_that_an_ancestor_uses_is_used(write_profile: Callable[..., Path]):
    gated = "features: {bf16: false}\noperators: {neg: {ports: {self: [bfloat16 if bf16, int8]}, FROM}}\n"
    write_profile(gated, name="clan", header="npusim: 1\nfamily: clan\n")
    assert findings(write_profile("extends: clan\nfeatures: {bf16: true}\n")) == []


def test_findings_come_in_the_order_of_the_file(write_profile: Callable[..., Path]):
    lines = [f.mark.line for f in findings(write_profile("operators:\n  abs: {}\n  neg: {}\nfeatures: {idle: true}\n"))]
    assert lines == [5, 5, 6, 6, 7]


@pytest.mark.parametrize("path", [*shipped(), *families()], ids=lambda path: path.stem)
def test_what_comes_with_npusim_has_no_errors(path: Path):
    report = lint(path, _KNOWN)
    assert not report.has_errors, "\n".join(map(str, report.findings))
    assert report.grade is not None


def test_every_front_end_is_linted(write_profile: Callable[..., Path]):
    path = write_profile("frontends: {one: {}, other: {operators: {neg: {ports: {self: int8}}}}}\n")
    assert Kind.NO_SOURCE in {finding.kind for finding in findings(path)}
