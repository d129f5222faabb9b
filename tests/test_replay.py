"""Runs judged by two profiles: which verdicts change, and why."""

import pytest

from npusim.frontends.numpy.spelling import parse_operand
from npusim.operators import OPERATORS, bind
from npusim.profiles import find_operator
from npusim.replay import NO_SUCH_CALL, operator_of_either, replay, word

FIRST = """\
operators:
  abs: {ports: {self: [float16, bfloat16]}}
  neg: {ports: {self: float16}}
  exp: unknown
  spin_round: {signature: "spin_round(x; times: int = 1) -> y", ports: {x: int8}}
  turn_over: {signature: turn_over(x) -> y, ports: {x: int8}}
"""
SECOND = """\
operators:
  abs: {ports: {self: float16}}
  neg: {ports: {self: [float16, bfloat16]}}
  exp: {ports: {self: float16}}
  spin_round: {signature: spin_round(data) -> y, ports: {data: int8}}
"""


@pytest.fixture
def pair(make_profile):
    return make_profile(FIRST, name="first"), make_profile(SECOND, name="second")


def call(operator, **ports):
    return bind(operator, (), {port: parse_operand(text) for port, text in ports.items()})


def test_statuses_are_counted_and_changes_kept(pair):
    same, gone = call(OPERATORS["abs"], self="float16[2]"), call(OPERATORS["abs"], self="bfloat16[2]")
    come, known = call(OPERATORS["neg"], self="bfloat16[2]"), call(OPERATORS["exp"], self="float16[2]")
    found = replay(*pair, [same, gone, come, gone, known])
    assert found.counts == {
        ("accepted", "accepted"): 1,
        ("accepted", "rejected"): 2,
        ("rejected", "accepted"): 1,
        ("unknown", "accepted"): 1,
    }
    assert [(one.call, one.count) for one in found.changed] == [(gone, 2), (come, 1), (known, 1)]
    assert "bfloat16" in found.changed[0].after.reason
    assert "first has no facts on exp" in found.changed[2].before.reason


def test_an_operator_that_one_profile_lacks_is_no_call_there(pair):
    turn_over = call(find_operator(pair[0], "turn_over"), x="int8[2]")
    assert word(pair[0], turn_over).status == "accepted"
    assert word(pair[1], turn_over).status == NO_SUCH_CALL
    assert "unknown operator 'turn_over'" in word(pair[1], turn_over).reason


def test_an_operator_that_is_declared_otherwise_is_no_call_there(pair):
    spin_round = call(find_operator(pair[0], "spin_round"), x="int8[2]")
    assert word(pair[1], spin_round).status == NO_SUCH_CALL


def test_a_name_is_looked_up_in_both(pair):
    assert (
        operator_of_either(*pair, "turn_over").name
        == operator_of_either(*reversed(pair), "turn_over").name
        == "turn_over"
    )
