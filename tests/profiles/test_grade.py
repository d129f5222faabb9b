"""The grade: what is counted, and how it reads."""

from collections.abc import Callable

from npusim.profiles import Profile
from npusim.profiles.grade import grade

BODY = """\
operators:
  abs: unknown
  add:
    ports:
      self, other: float16
    source: a manual
    confidence: documented
  neg:
    ports: {self: float16}
    rules:
      - {rank: {self: ..4}, confidence: inferred}
      - {numel: {self: 1..}, confidence: unknown}
    source: a chip
    confidence: measured
  gelu:
    ports: {self: float16}
    variants: [{when: {approximate: tanh}, rules: [{rank: {self: ..2}}]}]
"""


def test_checks_are_counted_by_confidence_and_shared_ones_once(make_profile: Callable[..., Profile]):
    found = grade(make_profile(BODY))
    assert (found.documented, found.measured, found.inferred, found.unknown, found.checks) == (2, 1, 1, 3, 7)
    assert (found.operators, found.unknown_operators) == (4, 1)
    shares = "43% documented or measured, 14% inferred, 43% of unknown confidence"
    assert str(found) == f"7 checks: {shares}; 4 operators, 1 of them unknown"


def test_a_profile_that_says_nothing_has_no_shares(make_profile: Callable[..., Profile]):
    assert str(grade(make_profile())) == "0 checks; 0 operators, 0 of them unknown"
