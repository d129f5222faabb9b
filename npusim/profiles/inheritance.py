"""Find profile files by id and lay a profile over what it extends."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache
from itertools import takewhile
from pathlib import Path

from npusim.errors import UnknownProfileError
from npusim.profiles.document import MAX_BYTES, Node, did_you_mean, read
from npusim.resources import folder

SUFFIX = ".yaml"
_ID = re.compile(r"[a-z0-9][a-z0-9_.-]*")


FAMILIES = "families"
"""The folder, beside the profiles, of those that only exist to be extended."""


def shipped() -> Iterator[Path]:
    """Yield the files of the profiles that come with npusim, sorted by name, without the families they extend."""
    return iter(sorted(folder("device_profiles").glob(f"*{SUFFIX}")))


def families() -> Iterator[Path]:
    """Yield the files of the families that come with npusim, sorted by name."""
    return iter(sorted((folder("device_profiles") / FAMILIES).glob(f"*{SUFFIX}")))


def find(name_or_path: str | Path, *, or_family: bool = False) -> Path:
    """Return the file of a shipped profile's id, or the path itself if it ends in .yaml or names a file.

    With `or_family` the name may be a shipped family's. Raises UnknownProfileError with the nearest ids.
    """
    text = str(name_or_path)
    path = Path(text)
    if _is_file(path):
        return path
    if text.endswith((SUFFIX, ".yml")) or "/" in text:
        raise UnknownProfileError(text, (), "(there is no such file)")
    files = {path.stem: path for path in ([*families(), *shipped()] if or_family else shipped())}
    if text not in files:
        near = get_close_matches(text, files, n=3)
        raise UnknownProfileError(text, tuple(near), "" if near else "(`npusim profiles` lists them)")
    return files[text]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for the file system, or a folder that may not be read
        return False


def layers(path: Path) -> list[tuple[Node, Path]]:
    """Return a profile's document and file, then those of all that it extends, whatever is laid over another before it.

    Of a file that several extend there is one. Raises ProfileError, at the `extends` that is wrong, for a cycle, a name
    that is not a plain id, or a parent that is not there.
    """
    found: dict[Path, tuple[Node, Path]] = {}
    _gather(path, path.parent, (), found)
    return list(reversed(found.values()))


def _gather(file: Path, beside: Path, below: tuple[Path, ...], found: dict[Path, tuple[Node, Path]]) -> None:
    """Add a file after all that it extends."""
    document = _read(file, digest(file))
    parents = document.mapping("a profile (a mapping)").get("extends")
    chain = (*below, file)
    for parent in parents.many() if parents is not None else ():
        above = _parent(parent, beside)
        if any(above.samefile(one) for one in chain):
            parent.fail(f"a cycle in extends: {' -> '.join(one.stem for one in (*chain, above))}")
        if above.resolve() not in found:
            _gather(above, beside, chain, found)
    found[file.resolve()] = document, file


@lru_cache(maxsize=64)
def _read(path: Path, _digest: str) -> Node:
    return read(path)


def digest(file: Path) -> str:
    """Return what tells one content of a file from another; "" for a file that cannot be read, or is no profile's."""
    try:
        return "" if file.stat().st_size > MAX_BYTES else hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def resolve(path: Path) -> tuple[Node, tuple[str, ...]]:
    """Return a profile's document laid over all that it extends, and the ids of those, the farthest first.

    Mappings merge key by key; lists and scalars replace. Raises ProfileError as `layers` does.
    """
    (merged, farthest), *nearer = reversed(layers(path))
    for layer, _ in nearer:
        merged = overlay(merged, layer)
    return merged, tuple(file.stem for file in (farthest, *(file for _, file in nearer)))[:-1]


def is_id(name: str) -> bool:
    """Whether a name can be a profile's id, and so a part of a file's name."""
    return _ID.fullmatch(name) is not None


def _parent(node: Node, beside: Path) -> Path:
    name = node.text("the id of a profile")
    if not is_id(name):
        node.fail(f"extends takes the id of a profile (lower case letters, digits, _ . -), not {name!r}")
    file = next((file for file in _candidates(name, beside) if file.is_file()), None)
    if file is not None:
        return file
    ours = folder("device_profiles")
    known = [file.stem for place in (ours, ours / FAMILIES) for file in place.glob(f"*{SUFFIX}")]
    return node.fail(f"no profile {name!r} to extend, beside this file or shipped{did_you_mean(name, known)}")


def _candidates(name: str, beside: Path) -> Iterator[Path]:
    """Yield the files that may be meant by the id of a parent, the nearest first."""
    ours = folder("device_profiles")
    for place in (beside, beside / FAMILIES, ours, ours / FAMILIES):
        yield place / f"{name}{SUFFIX}"


def rivals(path: Path) -> tuple[Path, ...]:
    """Return the files that, if they appeared, would take the place of one of those that a profile extends."""
    chain = [file for _, file in layers(path)]
    nearer = (takewhile(lambda file: file not in chain, _candidates(one.stem, path.parent)) for one in chain[1:])
    return tuple(file for files in nearer for file in files)


def overlay(base: Node, layer: Node) -> Node:
    """Return `layer` over `base`: mappings merge key by key, everything else of `layer` replaces."""
    if not isinstance(base.value, dict) or not isinstance(layer.value, dict):
        return layer
    merged = dict(base.value)
    for key, node in layer.value.items():
        merged[key] = overlay(merged[key], node) if key in merged else node
    return replace(layer, value=merged)
