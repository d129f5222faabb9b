"""Features: parts of a family's profile that hold only for chips that have, or lack, something."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from npusim.profiles.document import Node, did_you_mean

_ITEM = re.compile(r"(?P<item>\S+) (?P<gate>if|unless) (?P<feature>\S+)")


def read_features(document: Node) -> Mapping[str, bool]:
    """Return the feature flags of a profile, or fail at one that is neither true nor false."""
    features = {}
    entries = document.mapping().get("features")
    for name, node in entries.mapping("a mapping from features to true or false").items() if entries else ():
        if not isinstance(node.value, bool):
            node.fail(f"feature {name!r} is true or false, not {node.shown}")
        features[name] = node.value
    return features


def apply(node: Node, features: Mapping[str, bool]) -> Node:
    """Return the tree without what the features rule out, and without the gates themselves.

    A list item `bfloat16 if bf16` stays, as `bfloat16`, where the feature bf16 is true; a mapping in a list with
    `if: bf16` or `unless: bf16` stays where that holds; one with `requires: [bf16]` stays always, and says only which
    of those features are off. Fails at a feature that the profile does not declare.
    """
    match node.value:
        case dict(entries):
            return replace(node, value={key: apply(value, features) for key, value in entries.items()})
        case list(items):
            kept = (_locked(_bare(item), features) for item in items if _holds(item, features))
            return replace(node, value=[apply(item, features) for item in kept])
        case _:
            return node


def used(node: Node) -> Iterator[str]:
    """Yield the features by which a tree is gated, one for each gate."""
    match node.value:
        case dict(entries):
            for value in entries.values():
                yield from used(value)
        case list(items):
            for item in items:
                yield from _gates(item)
                yield from used(item)


def _gates(node: Node) -> Iterator[str]:
    """Yield the features that decide whether an item of a list stays, or is locked."""
    match node.value:
        case str(text):
            match = _ITEM.fullmatch(text)
            yield from (match["feature"],) if match else ()
        case dict(entries):
            yield from (
                str(item.value)
                for gate in ("if", "unless", "requires")
                if gate in entries
                for item in entries[gate].many()
            )


def _bare(node: Node) -> Node:
    """Return a list's item without its gate."""
    match node.value:
        case str(text):
            gated = _ITEM.fullmatch(text)
            return replace(node, value=gated["item"]) if gated else node
        case dict(entries):
            return replace(node, value={key: value for key, value in entries.items() if key not in {"if", "unless"}})
        case _:
            return node


def _locked(node: Node, features: Mapping[str, bool]) -> Node:
    """Return a list's item that requires features with those of them that are off, if any."""
    if not isinstance(node.value, dict) or "requires" not in node.value:
        return node
    entries = dict(node.value)
    requires = entries.pop("requires")
    off = [item for item in requires.many() if not _has(item, item.text("a feature"), features)]
    return replace(node, value={**entries, "requires": replace(requires, value=off)} if off else entries)


def _holds(node: Node, features: Mapping[str, bool]) -> bool:
    match node.value:
        case str(text):
            match = _ITEM.fullmatch(text)
            return match is None or _has(node, match["feature"], features) is (match["gate"] == "if")
        case dict(entries):
            return all(
                _has(item, item.text("a feature"), features) is wanted
                for gate, wanted in (("if", True), ("unless", False))
                if gate in entries
                for item in entries[gate].many()
            )
        case _:
            return True


def _has(node: Node, feature: str, features: Mapping[str, bool]) -> bool:
    if feature not in features:
        node.fail(f"feature {feature!r} is not declared in features:{did_you_mean(feature, list(features))}")
    return features[feature]
