"""Read YAML into a tree in which everything knows its file, line and column, and nothing can be executed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import yaml

from npusim.errors import ProfileError

Scalar = str | int | float | bool | None

MAX_BYTES = 4 * 1024 * 1024
MAX_NODES = 400_000
MAX_DEPTH = 40
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Node:
    """A scalar, list or mapping with the place where it stands, and where its key does if it is a mapping's value."""

    value: "Scalar | list[Node] | dict[str, Node]"
    mark: Mark
    key: Mark | None = None

    def fail(self, message: str) -> NoReturn:
        """Raise ProfileError at this place."""
        raise ProfileError(f"{self.mark}: {message}")

    def fail_at_key(self, message: str) -> NoReturn:
        """Raise ProfileError at the key whose value this is."""
        raise ProfileError(f"{self.key or self.mark}: {message}")

    @property
    def shown(self) -> str:
        """The value as a message shows it, cut to a readable length."""
        match self.value:
            case dict():
                return "a mapping"
            case list():
                return "a list"
            case value:
                text = repr(value)
                return text if len(text) <= 60 else text[:57] + "..."

    def mapping(self, what: str = "a mapping") -> "dict[str, Node]":
        """Return the entries, or fail."""
        if not isinstance(self.value, dict):
            self.fail(f"expected {what}, found {self.shown}")
        return self.value

    def items(self, what: str = "a list") -> "list[Node]":
        """Return the items, or fail."""
        if not isinstance(self.value, list):
            self.fail(f"expected {what}, found {self.shown}")
        return self.value

    def many(self) -> "list[Node]":
        """Return the items of a list, or this single scalar as a list of one."""
        return self.value if isinstance(self.value, list) else [self]

    def some(self) -> "list[Node]":
        """As `many`, at least one."""
        return self.many() or self.fail("expected at least one item, found an empty list")

    def text(self, what: str = "text") -> str:
        """Return the string, or fail; a number that YAML read from an unquoted version is given back as written."""
        if isinstance(self.value, str):
            return self.value
        return self.fail(f"expected {what}, found {self.shown}" + ("; put it in quotes" if self.is_number else ""))

    def integer(self, what: str = "a whole number") -> int:
        """Return the int, or fail (bool is none)."""
        if isinstance(self.value, int) and not isinstance(self.value, bool):
            return self.value
        return self.fail(f"expected {what}, found {self.shown}")

    def choice(self, allowed: "Iterator[str] | list[str] | tuple[str, ...]", what: str) -> str:
        """Return a string that is one of `allowed`, or fail with the nearest ones."""
        names = list(allowed)
        found = self.text(what)
        if found not in names:
            self.fail(f"unknown {what} {found!r}{did_you_mean(found, names)}")
        return found

    @property
    def is_number(self) -> bool:
        """Whether the value is an int or a float."""
        return isinstance(self.value, int | float) and not isinstance(self.value, bool)


def did_you_mean(found: str, allowed: list[str]) -> str:
    """Return the end of a message: the nearest names, or all where they are few."""
    near = get_close_matches(found, allowed, n=2)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f"; allowed: {', '.join(sorted(allowed))}" if len(allowed) <= 40 else ""


def read(path: Path) -> Node:
    """Return the one document in a file.

    Raises ProfileError with the position for text that is not YAML, a duplicate key, a tag, an anchor or alias, more
    than one document, and for files over 4 MiB, 400,000 nodes or 40 levels.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ProfileError(f"{path}:1:1: the file has {size} bytes; a profile has at most {MAX_BYTES}")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ProfileError(f"{path}:1:1: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ProfileError(f"{path}:{line}:1: not UTF-8 text") from None
    return parse(text, str(path))


def parse(text: str, file: str) -> Node:
    """As `read`, for text that is already there."""
    try:
        return _Builder(file, _Loader(text)).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Mark(file, mark.line + 1, mark.column + 1) if mark else Mark(file, 1, 1)
        raise ProfileError(f"{place}: not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise ProfileError(f"{Mark(file, 1, 1)}: not YAML: {error}") from None
    except RecursionError:
        raise ProfileError(f"{Mark(file, 1, 1)}: nested deeper than {MAX_DEPTH} levels") from None


class _Builder:
    """Turns PyYAML's events into nodes, refusing what a profile never needs, before it can cost anything."""

    def __init__(self, file: str, loader: Any) -> None:
        self.file, self.loader, self.nodes = file, loader, 0

    def document(self) -> Node:
        self.loader.get_event()  # stream start
        if self.loader.check_event(yaml.StreamEndEvent):
            raise ProfileError(f"{Mark(self.file, 1, 1)}: the file is empty")
        self.loader.get_event()  # document start
        root = self.node(0)
        self.loader.get_event()  # document end
        if not self.loader.check_event(yaml.StreamEndEvent):
            raise ProfileError(f"{self.mark(self.loader.peek_event())}: a second document; a profile is one")
        return root

    def mark(self, event: Any) -> Mark:
        return Mark(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def node(self, depth: int) -> Node:
        event = self.loader.get_event()
        mark = self.mark(event)
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise ProfileError(f"{mark}: more than {MAX_NODES} values; that is no profile")
        if depth > MAX_DEPTH:
            raise ProfileError(f"{mark}: nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ProfileError(
                f"{mark}: anchors and aliases are not allowed; name several keys at once: 'self, other: ...'"
            )
        if getattr(event, "tag", None):
            raise ProfileError(f"{mark}: tags such as {event.tag!r} are not allowed")
        match event:
            case yaml.MappingStartEvent():
                return Node(self.entries(depth), mark)
            case yaml.SequenceStartEvent():
                return Node(self.sequence(depth), mark)
            case _:
                return Node(self.scalar(event), mark)

    def sequence(self, depth: int) -> list[Node]:
        found = []
        while not self.loader.check_event(yaml.SequenceEndEvent):
            found.append(self.node(depth + 1))
        self.loader.get_event()
        return found

    def entries(self, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        while not self.loader.check_event(yaml.MappingEndEvent):
            event = self.loader.peek_event()
            key = self.node(depth + 1)
            if not isinstance(event, yaml.ScalarEvent):
                key.fail("a key must be text")
            value = self.node(depth + 1)
            for name in event.value.split(", "):
                if name in found:
                    first = found[name].key or found[name].mark
                    key.fail(f"duplicate key {name!r}; the first is at line {first.line}")
                found[name] = replace(value, key=key.mark)
        self.loader.get_event()
        return found

    def scalar(self, event: Any) -> Scalar:
        if event.style:
            return str(event.value)
        tag = self.loader.resolve(yaml.ScalarNode, event.value, (True, False))
        convert: Callable[[str], Scalar] = _SCALARS.get(tag, str)
        return convert(event.value)


def _integer(text: str) -> int | str:
    try:
        return int(text.replace("_", ""), 0)
    except ValueError:
        return text


def _float(text: str) -> float | str:
    try:
        return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return text


_SCALARS: Mapping[str, Callable[[str], Scalar]] = {
    "tag:yaml.org,2002:int": _integer,
    "tag:yaml.org,2002:float": _float,
    "tag:yaml.org,2002:bool": lambda text: text.lower() in {"true", "yes", "on"},
    "tag:yaml.org,2002:null": lambda _: None,
}
