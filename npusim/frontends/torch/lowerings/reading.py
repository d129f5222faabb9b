"""Read the files that describe lowerings, with the place of every mistake in them."""

import inspect
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from npusim.errors import UnknownNameError
from npusim.frontends.torch.lowerings.model import (
    Argument,
    Attribute,
    Condition,
    Described,
    Input,
    Literal,
    OfClass,
    Plain,
    Row,
    SameSize,
    Sizes,
)
from npusim.frontends.torch.lowerings.replacements import REPLACEMENTS
from npusim.profiles.document import Node, parse

_SUFFIX = ".yaml"
_OPERATOR = re.compile(r"\w+\.\w+(\.\w+)?")
_FIELDS = frozenset({"lowering", "id", "name", "extends", "views_run", "overrides", "notes", "sources"})
_KINDS: Mapping[str, frozenset[str]] = {
    "modules": frozenset({"class", "except", "held_as", "owner"}),
    "functions": frozenset({"function", "except", "parameters"}),
    "operators": frozenset({"operator", "except", "within"}),
}
"""The lists of rows in a file, and the fields by which their rows say what they replace; the first is a must."""
_ROW_FIELDS = frozenset({"when", "runs", "arguments", "result", "source"})


class UnknownLoweringError(UnknownNameError):
    """No shipped lowering has this name and no such file exists."""

    what = "lowering"


def names() -> tuple[str, ...]:
    """Return the names of the lowerings that come with npusim."""
    return tuple(sorted(one.name.removesuffix(_SUFFIX) for one in _folder().iterdir() if one.name.endswith(_SUFFIX)))


def read(name: str) -> Described:
    """Return the lowering of a name, or of a path that ends in .yaml.

    Raises UnknownLoweringError if there is none, ProfileError with the position for a mistake in its file.
    """
    if name.endswith(_SUFFIX):
        return _described(_read_text(Path(name), name), name)
    if name not in names():
        raise UnknownLoweringError(name, names())
    return _shipped(name)


@cache
def _shipped(name: str) -> Described:
    file = _folder() / (name + _SUFFIX)
    return _described(file.read_text(encoding="utf-8"), file.name)


def _folder() -> Any:
    return files("npusim.frontends.torch.lowerings") / "data"


def _read_text(path: Path, name: str) -> str:
    if not path.is_file():
        raise UnknownLoweringError(name, names())
    return path.read_text(encoding="utf-8")


def _described(text: str, file: str) -> Described:
    root = parse(text, file)
    entries = root.mapping("a lowering: a mapping that begins with 'lowering: 1'")
    _only(entries, _FIELDS | set(_KINDS))
    sources = _sources(entries.get("sources"))
    kinds = {
        kind: tuple(_row(row, kind, sources) for row in entries[kind].items("a list of rows"))
        if kind in entries
        else ()
        for kind in _KINDS
    }
    return Described(
        name=_must(root, "id").text(),
        title=_must(root, "name").text(),
        extends=_texts(entries.get("extends")),
        views_run=bool(_must(root, "views_run").value),
        overrides=frozenset(_texts(entries.get("overrides"))),
        notes=_texts(entries.get("notes")),
        **kinds,
    )


def _row(node: Node, kind: str, sources: Mapping[str, str]) -> Row:
    entries = node.mapping("a row: a mapping")
    fields = _KINDS[kind]
    subject = next(field for field in ("class", "function", "operator") if field in fields)
    _only(entries, fields | _ROW_FIELDS)
    runs = _must(node, "runs")
    given = _must(node, "arguments").mapping("a mapping from the replacement's arguments")
    arguments = {name: _argument(value) for name, value in given.items()}
    cited = _must(node, "source")
    return Row(
        patterns=_texts(_must(node, subject)),
        runs=runs.text(),
        arguments=arguments,
        demanded=_demanded(runs, given),
        excluded=_texts(entries.get("except")),
        held_as=_texts(entries.get("held_as")),
        owners=_texts(entries.get("owner")),
        within=_texts(entries.get("within")),
        parameters=_texts(entries.get("parameters")),
        when=tuple(
            _condition(one) for one in (entries["when"].items("a list of conditions") if "when" in entries else ())
        ),
        result=entries["result"].integer("the number of a result") if "result" in entries else None,
        source=sources.get(cited.text(), cited.text()),
    )


def _demanded(runs: Node, given: Mapping[str, Node]) -> frozenset[str]:
    """Return the arguments that a replacement needs; of an operator, all that the row gives."""
    name = runs.text("an operator such as npu.npu_rms_norm, or a replacement")
    if _OPERATOR.fullmatch(name):
        return frozenset(given)
    known = inspect.signature(REPLACEMENTS[runs.choice(tuple(REPLACEMENTS), "replacement")]).parameters
    for argument, value in given.items():
        if argument not in known:
            value.fail_at_key(f"{name} has no argument {argument!r}; it has {', '.join(known)}")
    demanded = frozenset(one.name for one in known.values() if one.default is inspect.Parameter.empty)
    missing = demanded - given.keys()
    return demanded if not missing else runs.fail(f"{name} needs {', '.join(sorted(missing))}")


def _argument(node: Node) -> Argument:
    if isinstance(node.value, list):
        return Attribute(tuple(_attribute(one) for one in node.some()))
    value = node.value
    if isinstance(value, dict):
        node.fail("expected input.NAME, module.NAME, a list of module.NAME, or a number, text or true and false")
    if isinstance(value, str) and value.startswith("input."):
        return Input(value.removeprefix("input."))
    if isinstance(value, str) and value.startswith("module."):
        return Attribute((_attribute(node),))
    return Literal(value)


def _attribute(node: Node) -> str:
    text = node.text("module.NAME")
    if not text.startswith("module."):
        node.fail(f"expected module.NAME, found {node.shown}")
    return text.removeprefix("module.")


def _condition(node: Node) -> Condition:
    entries = node.mapping("a condition: a mapping")
    kind = next((name for name in _CONDITIONS if name in entries), None)
    if kind is None:
        node.fail(f"expected a condition with one of {', '.join(_CONDITIONS)}")
    build, fields = _CONDITIONS[kind]
    _only(entries, frozenset({kind, *fields}))
    return build(node, entries[kind])


def _size(node: Node, argument: Node) -> Condition:
    return Sizes(_argument(argument), _axis(node), _range(_must(node, "is")))


def _same_size(node: Node, pair: Node) -> Condition:
    both = pair.items("a list of two arguments")
    if len(both) != 2:
        pair.fail(f"expected two arguments, found {len(both)}")
    return SameSize(_argument(both[0]), _argument(both[1]), _axis(node))


def _of_class(node: Node, argument: Node) -> Condition:
    return OfClass(_argument(argument), _texts(_must(node, "is")))


def _plain(node: Node, argument: Node) -> Condition:
    allowed = _must(node, "is").some()
    for one in allowed:
        if isinstance(one.value, list | dict):
            one.fail(f"expected a number, text, true, false or null, found {one.shown}")
    return Plain(_argument(argument), tuple(one.value for one in allowed if not isinstance(one.value, list | dict)))


def _axis(node: Node) -> int:
    along = _must(node, "along")
    axis = along.integer("an axis")
    return axis if axis < 0 else along.fail(f"an axis is counted from the end: -1 is the last; found {axis}")


def _range(node: Node) -> range:
    if isinstance(node.value, str):
        low, dots, high = node.value.partition("..")
        if dots and low.isdigit() and high.isdigit():
            return range(int(low), int(high) + 1)
    size = node.integer("a size such as 128, or a range such as 65..127")
    return range(size, size + 1)


_CONDITIONS: Mapping[str, tuple[Callable[[Node, Node], Condition], frozenset[str]]] = {
    "size_of": (_size, frozenset({"along", "is"})),
    "same_size": (_same_size, frozenset({"along"})),
    "value_of": (_plain, frozenset({"is"})),
    "class_of": (_of_class, frozenset({"is"})),
}


def _sources(node: Node | None) -> dict[str, str]:
    if node is None:
        return {}
    return {name: one.text("where it is written") for name, one in node.mapping("a mapping of sources").items()}


def _must(node: Node, field: str) -> Node:
    entries = node.mapping()
    return entries[field] if field in entries else node.fail(f"{field!r} is missing")


def _only(entries: Mapping[str, Node], allowed: frozenset[str] | set[str]) -> None:
    for name, value in entries.items():
        if name not in allowed:
            value.fail_at_key(f"unknown field {name!r}; allowed: {', '.join(sorted(allowed))}")


def _texts(node: Node | None) -> tuple[str, ...]:
    return () if node is None else tuple(one.text() for one in node.many())
