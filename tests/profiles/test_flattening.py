"""Flattening: front ends, features, limits, entries that are the same, and parents that are several."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from npusim.errors import ProfileError, UsageError
from npusim.profiles import load
from npusim.profiles.flat import plain
from npusim.profiles.flattening import flatten

Write = Callable[..., Path]
FRONTENDS = """
enforcement: error
operators: {add: {api: A}, neg: {api: N}}
frontends:
  tflite: {operators: {add: {api: TfAdd}}, enforcement: fallback}
  tosa: {operators: {add: unknown}}
"""


def whole(path: Path, **how: Any) -> dict[str, Any]:
    found: dict[str, Any] = plain(flatten(path, **how).document)
    return found


def test_the_first_front_end_is_the_default(write_profile: Write):
    path = write_profile(FRONTENDS)
    for how in ({}, {"frontend": "tflite"}):
        profile = load(path, **how)
        assert (profile.frontends, profile.stack.frontend) == (("tflite", "tosa"), "tflite")
        assert (profile.operators["add"].api, profile.enforcement) == ("TfAdd", "fallback")
    other = load(path, frontend="tosa")
    assert (other.stack.frontend, other.operators["add"].unknown, other.enforcement) == ("tosa", True, "error")
    assert other.operators["neg"].api == "N"


def test_a_front_end_that_is_not_there_is_a_usage_error(write_profile: Write):
    path = write_profile(FRONTENDS)
    with pytest.raises(UsageError, match=r"chip has no front end 'tflit'; did you mean tflite\? \(tflite, tosa\)"):
        load(path, frontend="tflit")
    with pytest.raises(UsageError, match=r"plain has no front end 'x'.*\(it has none\)"):
        load(write_profile(name="plain"), frontend="x")


@pytest.mark.parametrize(("switched", "ports"), [({}, ["int8"]), ({"big": True}, ["int8", "int16"])])
def test_a_feature_can_be_switched(switched: dict[str, bool], ports: list[str], write_profile: Write):
    path = write_profile("features: {big: false}\noperators: {abs: {ports: {self: [int8, int16 if big]}}}\n")
    assert whole(path, features=switched)["operators"]["abs"]["ports"]["self"] == ports
    assert load(path, features=switched).features == {"big": bool(switched)}


def test_a_feature_that_is_not_declared_is_a_usage_error(write_profile: Write):
    path = write_profile("features: {big: false}\n")
    with pytest.raises(UsageError, match=r"chip has no feature 'bgi'.*\(big\)"):
        load(path, features={"bgi": True})


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("..MAX", "..8"),
        ("1..MAX", "1..8"),
        ("MAX", 8),
        ("MAX..", "8.."),
        ("MAX..TOP", "8..16"),
        ("..MAX-1", "..7"),
        ("..MAX - 1", "..7"),
        ("MAX+1..TOP+2", "9..18"),
        ("-1..MAX", "-1..8"),
        ("MAXIMUM", "MAXIMUM"),
        ("..OTHER", "..OTHER"),
        ("up to MAX", "up to MAX"),
    ],
)
def test_a_limit_stands_for_its_number_in_ranges(written: str, value: Any, write_profile: Write):
    path = write_profile(
        f"limits: {{MAX: 8, TOP: 16}}\noperators: {{abs: {{rules: [{{rank: {{self: '{written}'}}}}]}}}}\n"
    )
    assert whole(path)["operators"]["abs"]["rules"] == [{"rank": {"self": value}}]


def test_a_limit_stands_for_its_number_in_expressions_of_rules_and_conditions(write_profile: Write):
    rule = '{expr: "self.rank <= MAX and MAXI", when: {expr: "self.numel > MAX"}}'
    path = write_profile(f"limits: {{MAX: 8}}\noperators: {{abs: {{rules: [{rule}]}}}}\n")
    (found,) = whole(path)["operators"]["abs"]["rules"]
    assert found == {"expr": "self.rank <= 8 and MAXI", "when": {"expr": "self.numel > 8"}}


def test_a_limit_may_depend_on_a_feature(write_profile: Write):
    path = write_profile(
        "features: {big: false}\nlimits: [{MAX: 6, unless: big}, {MAX: 32, if: big}]\n"
        "operators: {abs: {rules: [{rank: {self: ..MAX}}]}}\n"
    )
    rules = [whole(path, features={"big": big})["operators"]["abs"]["rules"] for big in (True, False)]
    assert rules == [[{"rank": {"self": "..32"}}], [{"rank": {"self": "..6"}}]]


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ("{max: 8}", "a limit has a name in capitals, such as MAX_RANK, not 'max'"),
        ("{MAX: many}", "expected a whole number, found 'many'"),
        ("8", "expected a mapping from names in capitals to whole numbers, found 8"),
    ],
)
def test_a_wrong_limit_is_an_error_at_its_place(limits: str, message: str, write_profile: Write):
    path = write_profile(f"limits: {limits}\n")
    with pytest.raises(ProfileError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:4:")
    assert message in str(caught.value)


def test_a_limit_that_is_not_there_names_the_nearest(write_profile: Write):
    path = write_profile("limits: {MAX: 8}\noperators: {abs: {rules: [{rank: {self: MAX..MAXX}}]}}\n")
    with pytest.raises(ProfileError, match=r":5:\d+: unknown limit MAXX; did you mean MAX\?"):
        load(path)


SAME = """operators:
  abs: {api: Abs, aliases: [AbsV2], rules: [{rank: {self: ..4}}], source: a}
  neg: {same_as: abs, api: Neg, source: b}
  exp: {same_as: neg, rules: [{rank: {self: 1}}]}
"""


def test_an_entry_takes_over_what_another_says_but_its_names(write_profile: Write):
    found = whole(write_profile(SAME))["operators"]
    assert found["neg"] == {"rules": [{"rank": {"self": "..4"}}], "source": "b", "api": "Neg"}
    assert found["exp"] == {"rules": [{"rank": {"self": 1}}], "source": "b"}
    assert found["abs"]["api"] == "Abs"


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ("{abs: {same_as: ngg}, neg: unknown}", "no operator 'ngg' to be the same as; did you mean neg?"),
        ("{abs: {same_as: abs}}", "a cycle in same_as: abs -> abs"),
        ("{abs: {same_as: neg}, neg: {same_as: abs}}", "a cycle in same_as: abs -> neg -> abs"),
        ("{abs: {same_as: 3}}", "expected an operator, found 3"),
    ],
)
def test_an_entry_that_can_be_the_same_as_none_is_an_error_at_its_place(
    entries: str, message: str, write_profile: Write
):
    path = write_profile(f"operators: {entries}\n")
    with pytest.raises(ProfileError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:4:")
    assert message in str(caught.value)


def _family(name: str, body: str, write_profile: Write) -> None:
    write_profile(f"npusim: 1\nfamily: {name}\n{body}", name=name, header="")


def test_a_later_parent_lies_over_an_earlier_and_a_common_one_is_read_once(write_profile: Write):
    _family("root", "soc: ROOT\nfeatures: {a: false, b: false}\n", write_profile)
    _family("left", "extends: root\nsoc: LEFT\nfeatures: {a: true}\n", write_profile)
    _family("right", "extends: root\nfeatures: {b: true}\n", write_profile)
    flat = flatten(write_profile("extends: [left, right]\n"))
    assert plain(flat.document)["soc"] == "LEFT"
    assert flat.features == {"a": True, "b": True}
    assert flat.ancestors.count("root") == 1
    assert flat.ancestors[0] == "root"


@pytest.mark.parametrize("key", ["limits", "frontends", "operators", "rules", "unlisted"])
def test_what_nobody_knows_leaves_the_rest_as_it_is(key: str, write_profile: Write):
    assert load(write_profile(f"{key}: unknown\nsoc: X\n")).soc == "X"
