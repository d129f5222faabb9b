"""Finding profiles by id or path, and laying them over what they extend."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import npusim
from npusim.dtypes import DTYPES
from npusim.errors import ProfileError, UnknownProfileError
from npusim.profiles import Profile, available, load
from npusim.profiles.document import parse
from npusim.profiles.inheritance import find, overlay, resolve, shipped

Write = Callable[..., Path]


def test_shipped_profiles_are_found_by_id_and_families_are_none_of_them():
    assert {"ascend910b", "ascend310p"} <= set(available())
    assert "ascend" not in available()
    assert all(find(path.stem) == path for path in shipped())


def test_a_path_is_taken_as_it_is(write_profile: Write, monkeypatch: pytest.MonkeyPatch):
    path = write_profile()
    assert load(path).id == load(str(path)).id == "chip"
    monkeypatch.chdir(path.parent)
    assert load("chip.yaml").id == load("./chip.yaml").id == "chip"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ascend910", "unknown profile 'ascend910'; did you mean ascend910b"),
        ("nothing-like-it", "unknown profile 'nothing-like-it' (`npusim profiles` lists them)"),
        ("", "unknown profile '' (`npusim profiles` lists them)"),
        ("missing.yaml", "unknown profile 'missing.yaml' (there is no such file)"),
        ("no/such/place", "unknown profile 'no/such/place' (there is no such file)"),
        ("a" * 300, "unknown profile 'aaa"),
        ("a/" * 3000, "unknown profile 'a/a/"),
        ("nul\0byte", "unknown profile 'nul"),
        ("ascend", "unknown profile 'ascend'; did you mean"),
    ],
)
def test_a_profile_that_nobody_has_names_the_nearest(name: str, message: str):
    with pytest.raises(UnknownProfileError) as caught:
        load(name)
    assert str(caught.value).startswith(message)


def test_a_folder_is_no_profile(tmp_path: Path):
    with pytest.raises(UnknownProfileError, match="there is no such file"):
        load(tmp_path)


def test_the_same_unchanged_file_is_the_same_profile(write_profile: Write):
    path = write_profile()
    first = load(path)
    assert load(path) is first
    path.write_text(path.read_text().replace("A chip", "Another"))
    os.utime(path, ns=(1, 1))
    assert load(path).name == "Another"


def test_a_changed_parent_is_read_again(write_profile: Write):
    base = write_profile("soc: ONE\n", name="base")
    path = write_profile("extends: base\n")
    assert load(path).soc == "ONE"
    base.write_text(base.read_text().replace("ONE", "TWO"))
    os.utime(base, ns=(1, 1))
    assert load(path).soc == "TWO"


def test_mappings_merge_and_everything_else_replaces():
    base = parse("a: {x: 1, y: [1, 2], z: {p: 1}}\nb: 1\n", "base")
    layer = parse("a: {y: [3], z: {q: 2}}\nb: {c: 1}\n", "layer")
    merged = overlay(base, layer)
    a = merged.mapping()["a"].mapping()
    assert a["x"].value == 1
    assert [item.value for item in a["y"].items()] == [3]
    assert {key: value.value for key, value in a["z"].mapping().items()} == {"p": 1, "q": 2}
    assert merged.mapping()["b"].mapping()["c"].value == 1
    assert (a["x"].mark.file, a["y"].mark.file, a["z"].mark.file) == ("base", "layer", "layer")


def test_a_profile_is_laid_over_all_that_it_extends(write_profile: Write, make_profile: Callable[..., Profile]):
    write_profile("operators:\n  add:\n    api: A\n    ports: {self: float16, other: float16}\n", name="far")
    write_profile("extends: far\noperators:\n  add:\n    ports: {self: [float16, float32]}\n", name="near")
    profile = make_profile("extends: near\noperators:\n  add: {aliases: [B]}\n  neg: unknown\n")
    entry = profile.operators["add"]
    assert profile.ancestors == ("far", "near")
    assert (entry.api, entry.aliases) == ("A", ("B",))
    lists = [check.rule.lists[0] for check in entry.checks]
    assert lists == [("self", (DTYPES["float16"], DTYPES["float32"])), ("other", (DTYPES["float16"],))]
    assert profile.operators["neg"].unknown


def test_a_parent_is_looked_for_beside_in_its_families_and_among_the_shipped(write_profile: Write, tmp_path: Path):
    (tmp_path / "families").mkdir()
    (tmp_path / "families" / "clan.yaml").write_text("npusim: 1\nfamily: clan\nsoc: CLAN\n")
    assert load(write_profile("extends: clan\n")).soc == "CLAN"
    assert "matmul" in load(write_profile("extends: ascend910b\n", name="mine")).operators


EXTENDS = {
    "unknown parent": (
        "asscend",
        "4:10: no profile 'asscend' to extend, beside this file or shipped; did you mean ascend",
    ),
    "parent that is nothing like": (
        "zzz",
        "4:10: no profile 'zzz' to extend, beside this file or shipped",
    ),
    "itself": ("chip", "4:10: a cycle in extends: chip -> chip"),
    "path upwards": (
        "../chip",
        "4:10: extends takes the id of a profile (lower case letters, digits, _ . -), not '../chip'",
    ),
    "absolute path": ("/etc/passwd", "4:10: extends takes the id of a profile"),
    "file name with a folder": ("families/ascend", "4:10: extends takes the id of a profile"),
    "backslash": ("..\\chip", "4:10: extends takes the id of a profile"),
    "upper case": ("Ascend", "4:10: extends takes the id of a profile"),
    "dots": ("..", "4:10: extends takes the id of a profile"),
    "newline": ('"chip\\n"', "4:10: extends takes the id of a profile"),
    "number": ("910", "4:10: expected the id of a profile, found 910; put it in quotes"),
    "list in a list": ("[[ascend]]", "4:11: expected the id of a profile, found a list"),
    "one of several": ("[ascend, asscend]", "4:19: no profile 'asscend' to extend, beside this file or shipped; did"),
    "nothing": ("", "4:9: expected the id of a profile, found None"),
    "unknown": ("unknown", "4:10: no profile 'unknown' to extend"),
}


@pytest.mark.parametrize("name", EXTENDS)
def test_a_wrong_parent_is_an_error_at_its_place(name: str, write_profile: Write):
    value, message = EXTENDS[name]
    path = write_profile(f"extends: {value}\n")
    with pytest.raises(ProfileError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:{message}")


def test_a_long_cycle_is_drawn(write_profile: Write):
    write_profile("extends: third\n", name="second")
    path = write_profile("extends: chip\n", name="third")
    with pytest.raises(ProfileError) as caught:
        load(write_profile("extends: second\n"))
    assert str(caught.value) == f"{path}:4:10: a cycle in extends: chip -> second -> third -> chip"


def test_a_cycle_through_a_link_is_seen(write_profile: Write, tmp_path: Path):
    path = write_profile("extends: other\n")
    (tmp_path / "other.yaml").symlink_to(path)
    with pytest.raises(ProfileError, match="a cycle in extends: chip -> other"):
        load(path)


def test_a_parent_that_is_no_mapping_is_an_error_in_the_parent(write_profile: Write, tmp_path: Path):
    parent = tmp_path / "base.yaml"
    parent.write_text("- a\n")
    with pytest.raises(ProfileError) as caught:
        load(write_profile("extends: base\n"))
    assert str(caught.value) == f"{parent}:1:1: expected a profile (a mapping), found a list"


def test_a_family_is_no_device():
    path = next(shipped()).parent / "families" / "ascend.yaml"
    with pytest.raises(
        ProfileError, match=r"ascend\.yaml:\d+:1: ascend is a family for others to extend, not a device"
    ):
        load(path)


def test_a_chain_of_many_profiles_resolves(write_profile: Write):
    write_profile(name="p0")
    for i in range(1, 60):
        write_profile(f"extends: p{i - 1}\n", name=f"p{i}")
    _, ancestors = resolve(write_profile("extends: p59\n"))
    assert ancestors == tuple(f"p{i}" for i in range(60))


def test_available_profiles_is_a_public_name():
    assert npusim.available_profiles() == available()
