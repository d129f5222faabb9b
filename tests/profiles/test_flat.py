"""A flat profile means what the layered one means."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from npusim.profiles import available, load
from npusim.profiles.document import Mark
from npusim.profiles.flat import flat_document, flat_text, origins
from npusim.profiles.inheritance import find

LEFT_OUT = {"file", "ancestors", "frontends", "tree"}
"""Where a profile stands, what flattening has chosen already, and the parts of an expression, which its text tells."""


def meaning(value: Any) -> Any:
    """All that a profile holds, but what is left out."""
    if isinstance(value, Mark):
        return None
    if is_dataclass(value) and not isinstance(value, type):
        return type(value), {f.name: meaning(getattr(value, f.name)) for f in fields(value) if f.name not in LEFT_OUT}
    if isinstance(value, tuple | list):
        return [meaning(item) for item in value]
    if hasattr(value, "items"):
        return [(key, meaning(item)) for key, item in value.items()]
    return value if not callable(value) else None


def again(path: Path, folder: Path) -> Path:
    comments = dict.fromkeys(flat_document(path).get("operators", {}), "here")
    copy = folder / path.name
    copy.write_text(flat_text(flat_document(path), comments), encoding="utf-8")
    return copy


@pytest.mark.parametrize("name", available())
def test_every_shipped_profile_comes_back(name: str, tmp_path: Path):
    flat = load(again(find(name), tmp_path))
    assert meaning(flat) == meaning(load(name))
    assert flat.ancestors == ()


@pytest.mark.parametrize(
    "version", ["8.1", "2024-01-01", "1e3", "yes", "null", "~", "a: b", "# x", "it's", "\u00e9 \u4e2d"]
)
def test_text_that_looks_like_something_else_stays_text(
    write_profile: Callable[..., Path], tmp_path: Path, version: str
):
    quoted = version.replace("'", "''")
    path = write_profile(f"stack: {{name: 'X', version: '{quoted}'}}\nsoc: |-\n  two\n  lines: here\n")
    (tmp_path / "again").mkdir()
    flat = load(again(path, tmp_path / "again"))
    assert (flat.stack.version, flat.soc) == (version, "two\nlines: here")


def test_axes_and_scalars_stay_what_they_are(write_profile: Callable[..., Path], tmp_path: Path):
    rules = "[{dim: {self: {-1: ..4, 0: 1}}}, {attribute: {approximate: ['1', none]}}]"
    path = write_profile(f"operators: {{gelu: {{rules: {rules}}}}}\n")
    (tmp_path / "again").mkdir()
    assert meaning(load(again(path, tmp_path / "again"))) == meaning(load(path))


def test_an_entry_that_replaces_all_has_one_origin(write_profile: Callable[..., Path]):
    write_profile("family: clan\noperators: {neg: {api: N}, abs: {api: A}}\n", name="clan", header="npusim: 1\n")
    found = origins(write_profile("extends: clan\noperators: {neg: unknown, abs: {api: B}}\n"))
    assert {name: [mark.line for mark in marks] for name, marks in found.items()} == {"neg": [5], "abs": [3, 5]}
