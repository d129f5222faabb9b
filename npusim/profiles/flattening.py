"""Make one plain document of a profile: what it extends, one front end, its features, its limits, what is the same."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from npusim.errors import UsageError
from npusim.profiles import gates
from npusim.profiles.document import Node, did_you_mean
from npusim.profiles.inheritance import overlay, resolve
from npusim.profiles.schema import UNKNOWN


@dataclass(frozen=True, slots=True, eq=False)
class Flat:
    """A profile's document as it remains; its values are not read yet.

    `names` leads from every vendor name to its operator, where that is known before the entries are read.
    """

    document: Node
    ancestors: tuple[str, ...]
    features: Mapping[str, bool]
    frontends: tuple[str, ...]
    frontend: str
    names: Mapping[str, str] | None = None


def flatten(path: Path, *, frontend: str | None = None, features: Mapping[str, bool] | None = None) -> Flat:
    """Return the flat document of a file, for one of its front ends and with some of its features switched.

    The first front end is the default. Raises UsageError for a front end or a feature that the profile does not have,
    ProfileError for a document that cannot be flattened.
    """
    document, ancestors = resolve(path)
    document, frontends, chosen = _with_frontend(document, frontend, path)
    switched = _switched(gates.read_features(document), features or {}, path)
    document = gates.apply(document, switched)
    document = _with_limits(document)
    return Flat(_with_same(document), ancestors, switched, frontends, chosen)


def _with_frontend(document: Node, wanted: str | None, path: Path) -> tuple[Node, tuple[str, ...], str]:
    """Return the document with the part of one front end laid over it."""
    entries = dict(document.mapping())
    part = entries.pop("frontends", None)
    is_told = part is not None and part.value != UNKNOWN
    layers = part.mapping("a mapping from front ends to what each says") if part is not None and is_told else {}
    if wanted is not None and wanted not in layers:
        offered = ", ".join(layers) or "it has none"
        raise UsageError(f"{path.stem} has no front end {wanted!r}{did_you_mean(wanted, list(layers))} ({offered})")
    chosen = wanted or next(iter(layers), "")
    plain = replace(document, value=entries)
    return overlay(plain, layers[chosen]) if chosen else plain, tuple(layers), chosen


def _switched(declared: Mapping[str, bool], wanted: Mapping[str, bool], path: Path) -> Mapping[str, bool]:
    for name in wanted:
        if name not in declared:
            known = ", ".join(declared) or "it has none"
            raise UsageError(f"{path.stem} has no feature {name!r}{did_you_mean(name, list(declared))} ({known})")
    return {**declared, **wanted}


_LIMIT = re.compile(r"[A-Z][A-Z0-9_]*")
_TERM = r"-?\d+|[A-Z][A-Z0-9_]*(?: ?[-+] ?\d+)?"
_BOUNDS = re.compile(rf"(?P<low>{_TERM})?(?P<dots>\.\.)?(?P<high>{_TERM})?")


def _with_limits(document: Node) -> Node:
    """Return the document with the names of its limits replaced by their values, in ranges and in expressions."""
    entries = dict(document.mapping())
    limits = _limits(entries.get("limits"))
    if not limits:
        return document
    return replace(document, value={name: _substituted(node, name, limits) for name, node in entries.items()})


def _limits(node: Node | None) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for part in node.many() if node is not None and node.value != UNKNOWN else ():
        for name, value in part.mapping("a mapping from names in capitals to whole numbers").items():
            if not _LIMIT.fullmatch(name):
                value.fail_at_key(f"a limit has a name in capitals, such as MAX_RANK, not {name!r}")
            found[name] = value.integer()
    return found


def _substituted(node: Node, key: str, limits: Mapping[str, int]) -> Node:
    match node.value:
        case dict(entries):
            return replace(node, value={name: _substituted(value, name, limits) for name, value in entries.items()})
        case list(items):
            return replace(node, value=[_substituted(item, key, limits) for item in items])
        case str(text) if key == "expr":
            return replace(node, value=_LIMIT.sub(lambda m: str(limits.get(m[0], m[0])), text))
        case str(text) if (match := _BOUNDS.fullmatch(text)) and any(name in limits for name in _LIMIT.findall(text)):
            low, high = (_evaluated(node, term, limits) for term in (match["low"], match["high"]))
            return replace(node, value=f"{low}..{high}" if match["dots"] else int(low))
        case _:
            return node


def _evaluated(node: Node, term: str | None, limits: Mapping[str, int]) -> str:
    if not term:
        return ""
    name = _LIMIT.match(term)
    if name is None:
        return term
    if name[0] not in limits:
        node.fail(f"unknown limit {name[0]}{did_you_mean(name[0], list(limits))}")
    return str(limits[name[0]] + int(term[name.end() :].replace(" ", "") or 0))


_OWN = ("api", "aliases", "frameworks", "signature", "same_as")
"""What an operator does not take over from one that it is the same as."""


def _with_same(document: Node) -> Node:
    """Return the document with each entry that is the `same_as` another laid over that one."""
    operators = document.mapping().get("operators")
    if operators is None or not isinstance(operators.value, dict):
        return document
    entries = operators.value
    whole = {name: _same(name, entries, ()) for name in entries}
    return replace(document, value={**document.mapping(), "operators": replace(operators, value=whole)})


def _same(name: str, entries: Mapping[str, Node], below: tuple[str, ...]) -> Node:
    node = entries[name]
    other = node.value.get("same_as") if isinstance(node.value, dict) else None
    if other is None:
        return node
    base = other.text("an operator")
    if base not in entries:
        other.fail(f"no operator {base!r} to be the same as{did_you_mean(base, list(entries))}")
    if base in (*below, name):
        other.fail(f"a cycle in same_as: {' -> '.join((*below, name, base))}")
    under = _same(base, entries, (*below, name))
    return overlay(_without(under, _OWN), _without(node, ("same_as",)))


def _without(node: Node, keys: tuple[str, ...]) -> Node:
    if not isinstance(node.value, dict):
        return node
    return replace(node, value={key: value for key, value in node.value.items() if key not in keys})
