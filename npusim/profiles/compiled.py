"""Profiles compiled: the flat document of each, kept in the cache as plain data, of which only what is needed is read.

A compiled profile is used only while every file it was made from has the content that it had, no file has appeared
that would take the place of one of them, and npusim's own code is the same. Its entries were all read once, without an
error, before it was kept; later each is read when it is asked for.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import npusim
from npusim.cache import cache_folder, read_sealed, write_sealed
from npusim.profiles.building import read_profile
from npusim.profiles.document import Mark, Node
from npusim.profiles.flattening import Flat, flatten
from npusim.profiles.inheritance import digest, layers, rivals
from npusim.profiles.schema import UNKNOWN

_OURS = Path(npusim.__file__).parent
_CODE = ("profiles", "operators", "numerics")
"""The parts of npusim on which a compiled profile depends."""


def compiled(path: Path, frontend: str | None, features: Mapping[str, bool]) -> Flat:
    """Return the flat document of a file, from the cache if it still holds; the same object while nothing changes.

    Raises what `flatten` and `read_profile` raise.
    """
    place = _place(path, frontend, features)
    kept = read_sealed(place)
    flat = _restored(kept) if kept is not None and _holds(kept) else None
    if flat is None:
        flat = flatten(path, frontend=frontend, features=features)
        names = read_profile(flat, path).names
        kept = "\n".join(_lines(path, flat, names)).encode()
        write_sealed(place, kept)
        flat = _restored(kept)
    return flat


def _place(path: Path, frontend: str | None, features: Mapping[str, bool]) -> Path:
    """The file that holds the compiled form of a profile, with a front end and switched features."""
    asked = json.dumps([str(path), frontend, sorted(features.items())])
    return cache_folder("profiles") / f"{path.stem}-{hashlib.sha256(asked.encode()).hexdigest()[:24]}.profile"


@lru_cache(maxsize=1)
def _made_by() -> str:
    """What tells one state of npusim's code from another."""
    files = sorted(file for part in _CODE for file in (_OURS / part).rglob("*.py"))
    stats = ((str(file.relative_to(_OURS)), file.stat()) for file in (*files, _OURS / "dtypes.py", _OURS / "call.py"))
    told = [npusim.__version__, *((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _holds(kept: bytes) -> bool:
    """Whether nothing has changed since a profile was compiled."""
    head = json.loads(kept.partition(b"\n")[0])
    return (
        head["made_by"] == _made_by()
        and all(digest(Path(file)) == known for file, known in head["files"].items())
        and not any(Path(file).exists() for file in head["rivals"])
    )


def _lines(path: Path, flat: Flat, names: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a compiled profile: what it depends on, its document, then one line an operator."""
    files = [str(file) for _, file in layers(path)]
    yield json.dumps(
        {
            "made_by": _made_by(),
            "files": {file: digest(Path(file)) for file in files},
            "rivals": [str(file) for file in rivals(path)],
        }
    )
    entries = dict(flat.document.mapping())
    is_told = "operators" in entries and entries["operators"].value != UNKNOWN
    operators = entries.pop("operators") if is_told else None
    found = operators.mapping("a mapping from operators") if operators is not None else {}
    told = {
        "flat": [flat.ancestors, dict(flat.features), flat.frontends, flat.frontend],
        "names": dict(names),
        "document": _encoded(Node(entries, flat.document.mark), files),
        "operators": None if operators is None else _encoded(Node({}, operators.mark, operators.key), files),
        "entries": list(found),
    }
    yield json.dumps(told)
    yield from (json.dumps(_encoded(entry, files)) for entry in found.values())


@lru_cache(maxsize=64)
def _restored(kept: bytes) -> Flat:
    """Return what `_lines` wrote."""
    head, told, *lines = kept.decode().split("\n")
    files = list(json.loads(head)["files"])
    found = json.loads(told)
    document = _decoded(found["document"], files)
    if found["operators"] is not None:
        entries = _Lines(dict(zip(found["entries"], lines, strict=True)), files)
        operators = _decoded(found["operators"], files)
        document.mapping()["operators"] = Node(entries, operators.mark, operators.key)
    ancestors, features, frontends, frontend = found["flat"]
    return Flat(document, tuple(ancestors), features, tuple(frontends), frontend, found["names"])


class _Lines(dict[str, Any]):
    """The entries of operators by name: lines, each decoded when it is asked for."""

    def __init__(self, lines: Mapping[str, str], files: list[str]) -> None:
        super().__init__(lines)
        self._files = files

    def __getitem__(self, name: str) -> Node:
        return _decoded(json.loads(super().__getitem__(name)), self._files)

    def values(self) -> Any:
        return map(self.__getitem__, self)

    def items(self) -> Any:
        return ((name, self[name]) for name in self)


def _encoded(node: Node, files: list[str]) -> list[Any]:
    """A node as plain data: its value, its place and its key's, each as the number of a file, a line and a column."""
    match node.value:
        case dict(entries):
            value: Any = {name: _encoded(child, files) for name, child in entries.items()}
        case list(items):
            value = [_encoded(item, files) for item in items]
        case value:
            pass
    return [value, *(None if mark is None else _spot(mark, files) for mark in (node.mark, node.key))]


def _spot(mark: Mark, files: list[str]) -> tuple[int, int, int]:
    return files.index(mark.file), mark.line, mark.column


def _decoded(data: list[Any], files: list[str]) -> Node:
    value, mark, key = data
    match value:
        case dict():
            value = {name: _decoded(child, files) for name, child in value.items()}
        case list():
            value = [_decoded(item, files) for item in value]
    return Node(value, _mark(mark, files), None if key is None else _mark(key, files))


def _mark(spot: list[int], files: list[str]) -> Mark:
    file, line, column = spot
    return Mark(files[file], line, column)
