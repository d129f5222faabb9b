"""Features: parts of a family's profile that hold only for chips that have, or lack, something."""

import re
from collections.abc import Mapping

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
    `if: bf16` or `unless: bf16` stays where that holds. Fails at a feature that the profile does not declare.
    """
    match node.value:
        case dict(entries):
            kept = {key: apply(value, features) for key, value in entries.items() if key not in {"if", "unless"}}
            return Node(kept, node.mark)
        case list(items):
            return Node([apply(_bare(item), features) for item in items if _holds(item, features)], node.mark)
        case _:
            return node


def _bare(node: Node) -> Node:
    match = _ITEM.fullmatch(node.value) if isinstance(node.value, str) else None
    return Node(match["item"], node.mark) if match else node


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
