"""Short pieces of a profile's YAML, as loaded: what stands where a check was read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from npusim.profiles.document import Mark, Node
from npusim.profiles.flat import plain
from npusim.profiles.flattening import flatten
from npusim.profiles.inheritance import layers
from npusim.profiles.model import Check, Profile
from npusim.profiles.rules import KINDS

_LONGEST = 150
_ITEMS = 2
_CUT = "..."


def of_check(profile: Profile, operator: str, check: Check) -> str:
    """Return a check of an operator as the profile writes it: its kind and its condition."""
    document = _flat(profile).mapping()
    places = (document["operators"].mapping()[operator], document.get("rules"))
    (found, *_) = (path for place in places if place is not None for path in _paths(place, check.mark, ()))
    return _shown(_check(found, check))


def of_section(profile: Profile, key: str) -> Iterator[str]:
    """Yield what stands under a key of the profile, if it is there and no single word."""
    for document, _ in layers(Path(profile.file)):
        node = document.mapping().get(key)
        if node is not None and not isinstance(node.value, str):
            yield _shown({key: _without_unknown(plain(node))})


def of_gates(profile: Profile) -> Iterator[tuple[str, str]]:
    """Yield every operator with an item that is there only if, or unless, the chip has a feature, and the item."""
    for document, _ in layers(Path(profile.file)):
        operators = document.mapping().get("operators")
        for name, entry in operators.mapping().items() if operators is not None else ():
            yield from ((name, _shown(_rule(item))) for item in _gated(entry))


@lru_cache(maxsize=8)
def _flat(profile: Profile) -> Node:
    frontend = profile.stack.frontend if profile.frontends else None
    return flatten(Path(profile.file), frontend=frontend, features=profile.features).document


def _children(node: Node) -> Iterator[tuple[str, Node]]:
    match node.value:
        case dict(entries):
            yield from entries.items()
        case list(items):
            yield from (("", item) for item in items)


def _paths(node: Node, mark: Mark, above: tuple[tuple[str, Node], ...]) -> Iterator[tuple[tuple[str, Node], ...]]:
    """Yield the way to every node at a place: keys and nodes, the outermost first."""
    for key, child in _children(node):
        way = (*above, (key, child))
        if child.mark == mark:
            yield way
        yield from _paths(child, mark, way)


def _check(way: Sequence[tuple[str, Node]], check: Check) -> Any:
    """What a check was read from: an item of rules, or the operator's rows, or a port."""
    key, node = way[-1]
    if isinstance(node.value, dict) and check.rule.key in node.value:
        return _rule(node)
    if key == "rows":
        return {key: plain(node)}
    return {"ports": {key: plain(node)}}


def _rule(node: Node) -> Mapping[str, Any]:
    """A rule without its text and its source."""
    told = (*KINDS, "only", "except", "when", "if", "unless")
    return {key: plain(value) for key, value in node.mapping().items() if key in told}


def _gated(node: Node) -> Iterator[Node]:
    for _, child in _children(node):
        if isinstance(child.value, dict) and {"if", "unless"} & set(child.value) and set(KINDS) & set(child.value):
            yield child
        yield from _gated(child)


def _without_unknown(value: Any) -> Any:
    return {key: found for key, found in value.items() if found != "unknown"} if isinstance(value, dict) else value


def _shown(value: Any) -> str:
    text: str = yaml.safe_dump(_short(value), default_flow_style=True, sort_keys=False, width=10_000).strip()
    text = text.removeprefix("{").removesuffix("}").replace(json.dumps(_CUT).replace('"', "'"), _CUT)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - len(_CUT)]}{_CUT}"


def _short(value: Any) -> Any:
    """The value with the two of any long list of mappings that say most."""
    match value:
        case dict():
            return {key: _short(found) for key, found in value.items()}
        case list() if len(value) > _ITEMS and isinstance(value[0], dict):
            return [*sorted(value, key=lambda item: len(str(item)), reverse=True)[:_ITEMS], _CUT]
        case _:
            return value
