"""`npusim explain`: every rule code, with a real call that breaks the rule where a profile states one."""

import re
import shlex

import pytest

from npusim.cli import explain, main
from npusim.cli.explain import counterexample
from npusim.profiles import available, load
from npusim.profiles.rules import KINDS

SHIPPED = [load(name) for name in available()]
USED = {check.rule.code for profile in SHIPPED for entry in profile.operators.values() for check in entry.checks}


def explained(capsys, code):
    assert main(["explain", code]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_code_has_its_meaning_and_what_a_profile_writes(capsys, kind):
    out = explained(capsys, kind.code)
    assert out.startswith(f"{kind.code}  {kind.key}\n")
    assert kind.__doc__.strip().splitlines()[0] in out
    assert f"- {kind.example}\n" in out
    assert all(sentence in out for sentence in kind.sentences.values())


@pytest.mark.parametrize("code", sorted(USED - {"NPU801"}))
def test_a_code_in_use_comes_with_a_call_that_breaks_it(capsys, code):
    out = explained(capsys, code)
    command = next(line for line in out.splitlines() if line.startswith("  $ "))
    assert main(shlex.split(command)[2:]) == 1
    shown = capsys.readouterr().out
    assert shown.splitlines()[0] in out
    assert re.search(rf"^ +(rule +)?{code} ", shown, re.MULTILINE)


def test_a_kind_that_rejects_nothing_has_no_such_call(capsys):
    assert "no call breaks it: what it says is noted on every call" in explained(capsys, "NPU801")


def test_every_code_is_in_use():
    assert {kind.code for kind in KINDS.values()} == USED


def test_a_code_not_in_use_says_so(capsys, monkeypatch):
    monkeypatch.setattr(explain, "available", lambda: ("gaudi2",))
    assert "no profile that comes with npusim has such a rule yet" in explained(capsys, "NPU704")


def test_the_vendors_sentences_are_shown(capsys):
    out = explained(capsys, "NPU101")
    assert "{name} not implemented for {found}, should be in dtype support list {allowed}." in out
    assert "more for single operators" in out


@pytest.mark.parametrize("name", ["npu101", "dtype", "DTYPE"])
def test_a_code_in_any_case_or_its_key_will_do(capsys, name):
    assert explained(capsys, name) == explained(capsys, "NPU101")


def test_without_a_code_all_are_listed(capsys):
    assert main(["explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[: len(KINDS)]] == sorted([k.code, k.key] for k in KINDS.values())


@pytest.mark.parametrize(
    ("code", "said"), [("NPU190", "did you mean NPU"), ("rnk", "did you mean rank?"), ("?", "lists them")]
)
def test_an_unknown_code_is_a_usage_error(capsys, code, said):
    assert main(["explain", code]) == 2
    out, err = capsys.readouterr()
    assert (out, said in err) == ("", True)


def test_a_counterexample_is_rejected_by_the_rule_first():
    found = counterexample([load("ascend910b")], "NPU103")
    assert found is not None
    assert found.violations[0].code == "NPU103"


def test_a_rule_that_no_call_breaks_has_none(tmp_path):
    path = tmp_path / "mychip.yaml"
    path.write_text("npusim: 1\nid: mychip\noperators: {neg: {rules: [{rank: {self: 0..}}]}}\n")
    assert counterexample([load(path)], "NPU201") is None
