"""Compiled profiles: as what they were made from, never stale, and rebuilt where they are broken."""

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from npusim.errors import ProfileError
from npusim.profiles import available, compiled, load
from npusim.profiles.compiled import compiled as flat_of
from npusim.profiles.flat import plain
from npusim.profiles.flattening import flatten
from npusim.profiles.inheritance import find

PARENT = """\
npusim: 1
family: base
operators:
  neg:
    ports: {self: float16}
    source: a
    confidence: documented
"""
CHILD = "npusim: 1\nid: chip\nextends: base\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NPUSIM_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "base.yaml").write_text(PARENT)
    (tmp_path / "chip.yaml").write_text(CHILD)
    return tmp_path


def dtypes(folder: Path) -> tuple[str, ...]:
    """The dtypes that the chip's `neg` takes."""
    (check,) = load(folder / "chip.yaml").operators["neg"].checks
    ((_, found),) = check.rule.lists
    return tuple(map(str, found))


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "cache").glob("*.profile"))


@pytest.mark.parametrize("name", available())
def test_it_is_what_the_files_say(name: str):
    path = find(name)
    found, wanted = flat_of(path, None, {}), flatten(path)
    assert (found.ancestors, dict(found.features), found.frontends) == (
        wanted.ancestors,
        dict(wanted.features),
        wanted.frontends,
    )
    theirs = wanted.document.mapping().get("operators")
    for operator, node in theirs.mapping().items() if theirs is not None else ():
        ours = found.document.mapping()["operators"].mapping()[operator]
        assert ours == node, operator
    rest = {key: plain(node) for key, node in wanted.document.mapping().items() if key != "operators"}
    assert {key: plain(node) for key, node in found.document.mapping().items() if key != "operators"} == rest


def test_the_second_time_no_yaml_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch):
    assert dtypes(folder) == ("float16",)
    monkeypatch.setattr(compiled, "flatten", None)
    assert dtypes(folder) == ("float16",)


@pytest.mark.parametrize("file", ["base.yaml", "chip.yaml"])
def test_a_change_of_content_is_seen_although_size_and_time_stay(folder: Path, file: str):
    before = dtypes(folder)
    path = folder / file
    stat = path.stat()
    changed = {"base.yaml": PARENT.replace("float16", "float32"), "chip.yaml": CHILD.replace("1\n", "1 ", 1)}[file]
    assert len(changed) == stat.st_size
    path.write_text(changed if file == "base.yaml" else CHILD.replace("id: chip", "id: chop"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    if file == "base.yaml":
        assert dtypes(folder) == ("float32",) != before
    else:
        with pytest.raises(ProfileError, match="must be the file's name"):
            dtypes(folder)


def test_a_parent_that_appears_nearer_takes_the_place_of_the_one_that_was_there(folder: Path):
    (folder / "families").mkdir()
    (folder / "base.yaml").rename(folder / "families" / "base.yaml")
    assert dtypes(folder) == ("float16",)
    (folder / "base.yaml").write_text(PARENT.replace("float16", "int8"))
    assert dtypes(folder) == ("int8",)


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_broken_one_is_rebuilt(folder: Path, damage: bytes | None):
    dtypes(folder)
    (path,) = kept(folder)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    compiled._restored.cache_clear()
    assert dtypes(folder) == ("float16",)
    assert path.read_bytes() == whole


def test_what_cannot_be_read_is_not_kept(folder: Path):
    (folder / "base.yaml").write_text(PARENT.replace("float16", "flout16"))
    with pytest.raises(ProfileError, match=r"base\.yaml:5"):
        dtypes(folder)
    assert kept(folder) == []


def test_other_code_makes_another_one(folder: Path, monkeypatch: pytest.MonkeyPatch):
    dtypes(folder)
    (path,) = kept(folder)
    before = path.read_bytes()
    monkeypatch.setattr(compiled, "_made_by", lambda: "another state")
    assert dtypes(folder) == ("float16",)
    assert path.read_bytes() != before


def test_a_folder_that_cannot_be_written_is_no_error(folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "file").write_text("")
    monkeypatch.setenv("NPUSIM_CACHE_DIR", str(folder / "file" / "cache"))
    assert dtypes(folder) == ("float16",)


def _load(path: Path) -> tuple[str, ...]:
    return dtypes(path)


def test_processes_share_it(folder: Path):
    with ProcessPoolExecutor(2) as pool:
        assert list(pool.map(_load, [folder] * 8)) == [("float16",)] * 8
    assert len(kept(folder)) == 1


def test_features_and_front_ends_have_their_own(folder: Path):
    (folder / "chip.yaml").write_text(CHILD + "features: {a: false}\nfrontends: {one: {}, two: {name: b}}\n")
    load(folder / "chip.yaml")
    load(folder / "chip.yaml", features={"a": True})
    assert load(folder / "chip.yaml", frontend="two").name == "b"
    assert len(kept(folder)) == 3
