"""`npusim profile diff`: how the changes read."""

import json

import pytest

from npusim.cli import main

FIRST = """\
npusim: 1
id: first
name: First
numerics: {overflow: inf_nan}
operators:
  abs: {ports: {self: [float16, bfloat16]}}
  add: {ports: {self: [float16, bfloat16], other: [float16, bfloat16]}}
  exp: {ports: {self: float16}}
  neg: {api: Neg, rules: [{rank: {self: ..4}}]}
"""
SECOND = """\
npusim: 1
id: second
name: Second
numerics: {overflow: saturate}
operators:
  abs: {ports: {self: float16}}
  add: {ports: {self: float16, other: float16}}
  exp: {ports: {self: float16}}
  neg: {api: Minus, rules: [{rank: {self: 1..4}}]}
"""


@pytest.fixture
def pair(write_profile):
    return [str(write_profile(body, name=name, header="")) for name, body in (("first", FIRST), ("second", SECOND))]


def test_operators_that_change_alike_stand_together(capsys, pair):
    assert main(["profile", "diff", *pair]) == 0
    assert (
        capsys.readouterr().out
        == """\
- first  First
+ second  Second

the profiles
  numerics.overflow: inf_nan -> saturate

abs, add
  self, other:  - bfloat16

neg
  api: Neg -> Minus
  rules: rank {self: ..4} -> rank {self: 1..4}

3 operators differ, 1 do not
"""
    )


def test_json_has_every_change(capsys, pair):
    assert main(["profile", "diff", *pair, "--format", "json"]) == 0
    changes = json.loads(capsys.readouterr().out)
    assert [change["operator"] for change in changes] == ["", "abs", "add", "add", "neg", "neg"]
    assert changes[1] == {
        "operator": "abs", "part": "self", "before": ["bfloat16"], "after": [], "when": "", "is_list": True,
    }  # fmt: skip


def test_the_two_ascends_differ_in_what_is_known_of_them(capsys):
    assert main(["profile", "diff", "ascend910b", "ascend310p"]) == 0
    out = capsys.readouterr().out
    assert "numerics.overflow: inf_nan -> saturate" in out
    assert "operators differ" in out
    assert out.count("\n") <= 120


def test_a_profile_that_is_not_there_is_a_usage_error(capsys):
    assert main(["profile", "diff", "ascend910b", "ascend911b"]) == 2
    assert "unknown profile 'ascend911b'" in capsys.readouterr().err


RUN = """\
{"operator": "abs", "operands": {"self": ["bfloat16[2]"]}, "site": {"file": "model.py", "line": 7}}
{"operator": "abs", "operands": {"self": ["bfloat16[2]"]}, "site": {"file": "model.py", "line": 7}}
{"operator": "exp", "operands": {"self": ["float16[2]"]}, "site": null}
"""


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "calls.jsonl"
    path.write_text(RUN, encoding="utf-8")
    return str(path)


def test_the_calls_of_a_run_that_change_are_shown_with_their_place(capsys, pair, run):
    assert main(["profile", "diff", *pair, "--calls", run]) == 0
    assert (
        capsys.readouterr().out
        == """\
- first  First
+ second  Second

2  accepted -> rejected
1  accepted by both

model.py:7: accepted -> rejected, 2 times
  abs self=bfloat16[2]
  + self does not take bfloat16; it takes float16

2 of 3 calls change
"""
    )


def test_json_has_every_call_that_changes(capsys, pair, run):
    assert main(["profile", "diff", *pair, "--calls", run, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["counts"][0] == {"before": "accepted", "after": "rejected", "calls": 2}
    (changed,) = found["changed"]
    assert (changed["count"], changed["before"]["status"], changed["after"]["status"]) == (2, "accepted", "rejected")
    assert changed["call"]["operands"] == {"self": ["bfloat16[2]"]}


def test_a_file_that_holds_no_calls_is_a_usage_error(capsys, pair, tmp_path):
    path = tmp_path / "calls.jsonl"
    path.write_text("{", encoding="utf-8")
    assert main(["profile", "diff", *pair, "--calls", str(path)]) == 2
    assert f"{path}:1:2: not JSON" in capsys.readouterr().err
