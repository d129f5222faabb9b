"""The index of the profiles: what it counts, and that it never speaks for files that have changed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from npusim.profiles import Profile, available, load
from npusim.profiles import index as module
from npusim.profiles.index import FILE, index, summaries, summary

CHIP = "npusim: 1\nid: chip\nextends: base\nname: A chip\n"
BASE = "npusim: 1\nfamily: base\noperators: {neg: {ports: {self: int8}, source: a manual, confidence: documented}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one profile, its family and their index."""
    (tmp_path / "families").mkdir()
    (tmp_path / "chip.yaml").write_text(CHIP, encoding="utf-8")
    (tmp_path / "families/base.yaml").write_text(BASE, encoding="utf-8")
    monkeypatch.setattr(module, "shipped", lambda: iter([tmp_path / "chip.yaml"]))
    (tmp_path / FILE).write_text(json.dumps(index()), encoding="utf-8")
    return tmp_path


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The profiles that were read from then on."""
    read: list[str] = []

    def noted(path: Path, **options: str) -> Profile:
        read.append(Path(path).stem)
        return load(path, **options)

    monkeypatch.setattr("npusim.profiles.loading.load", noted)
    return read


def test_unchanged_files_are_not_read(folder: Path, loaded: list[str]) -> None:
    (found,) = summaries(folder)
    assert (loaded, found) == ([], summary(load(folder / "chip.yaml")))


def test_the_index_knows_every_file(folder: Path) -> None:
    assert set(index()["chip"]["files"]) == {"chip.yaml", "families/base.yaml"}


def _touched(folder: Path) -> None:
    (folder / "families/base.yaml").write_text(BASE.replace("int8", "int4"), encoding="utf-8")


def _hidden(folder: Path) -> None:
    (folder / "base.yaml").write_text(BASE.replace("family", "id"), encoding="utf-8")


def _without(folder: Path) -> None:
    (folder / FILE).unlink()


def _replaced(text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / FILE).write_text(text, encoding="utf-8")

    return change


@pytest.mark.parametrize(
    "change", [_touched, _hidden, _without, *map(_replaced, ("", "[]", '{"chip": 1}', '{"chip": {"files": {}}}'))]
)
def test_what_the_index_does_not_know_is_read(folder: Path, loaded: list[str], change: Callable[[Path], None]) -> None:
    change(folder)
    found = {row.id: row for row in summaries(folder)}
    assert "chip" in loaded
    assert found["chip"] == summary(load(folder / "chip.yaml"))


def test_a_file_that_is_gone_is_said_to_be(folder: Path) -> None:
    (folder / "families/base.yaml").unlink()
    with pytest.raises(ValueError, match="no profile 'base' to extend"):
        list(summaries(folder))


BODY = """\
stack: {name: ACME, version: "2", frontend: onnx}
unlisted: {not_offered: not in the list}
operators:
  mul: unknown
  add:
    rows: [{self: int8}, {self: int16}]
    rules:
      - {rank: {self: ..4}, source: "a manual:12"}
      - {rank: {other: ..4}, source: "a manual:20-31", confidence: inferred}
    source: another manual
    confidence: documented
"""


def test_what_is_counted(make_profile: Callable[..., Profile]) -> None:
    found = summary(make_profile(BODY))
    assert (found.id, found.stack, dict(found.frontends)) == ("chip", "ACME 2", {"onnx": "error"})
    assert (found.operators, found.unknown, found.rules, found.rows, found.sources) == (2, 1, 3, 2, 2)
    assert (found.others, found.grade.shares) == ("refused", "67% / 33% / 0%")


def test_every_front_end_is_there(make_profile: Callable[..., Profile]) -> None:
    found = summary(make_profile("frontends: {one: {enforcement: narrow}, two: {}}\n"))
    assert dict(found.frontends) == {"one": "narrow", "two": "error"}


def test_the_shipped_profiles_are_all_there() -> None:
    assert tuple(row.id for row in summaries()) == available()
