"""Write a profile as it remains after `extends` and features: YAML that loads again to the same profile."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import indent
from typing import Any

import yaml

from npusim.profiles.document import Mark, Node
from npusim.profiles.flattening import flatten
from npusim.profiles.inheritance import layers
from npusim.profiles.schema import PROFILE

_LEFT_OUT = ("extends", "family")
"""Keys that have done their work."""
_WIDTH = 116
_SHORT = 90


def flat_document(path: Path, frontend: str | None = None) -> dict[str, Any]:
    """Return what remains of a profile's file for a front end as plain data, in the order of the schema."""
    document = flatten(path, frontend=frontend).document.mapping()
    names = [key.name for key in PROFILE if key.name in document and key.name not in _LEFT_OUT]
    return {name: plain(document[name]) for name in names}


def plain(node: Node) -> Any:
    """Return a node as plain data; a key that is a number, such as an axis, is one."""
    match node.value:
        case dict(entries):
            return {_key(key): plain(value) for key, value in entries.items()}
        case list(items):
            return [plain(item) for item in items]
        case scalar:
            return scalar


def _key(name: str) -> str | int:
    return int(name) if name.removeprefix("-").isdecimal() and str(int(name)) == name else name


def origins(path: Path, frontend: str | None = None) -> Mapping[str, tuple[Mark, ...]]:
    """Return for every operator the places of the entries that its own is made of, the farthest ancestor's first."""
    found: dict[str, tuple[Mark, ...]] = {}
    chosen = flatten(path, frontend=frontend).frontend
    documents = [document.mapping() for document, _ in reversed(layers(path))]
    parts = [entries["frontends"].mapping()[chosen].mapping() for entries in documents if _speaks_of(entries, chosen)]
    for part in (*documents, *parts):
        operators = part.get("operators")
        for name, node in operators.mapping().items() if operators is not None else ():
            kept = found.get(name, ()) if isinstance(node.value, dict) else ()  # a scalar replaces all that was there
            found[name] = (*kept, node.key or node.mark)
    return found


def _speaks_of(entries: Mapping[str, Node], frontend: str) -> bool:
    """Whether a layer says something of a front end."""
    return bool(frontend) and "frontends" in entries and frontend in entries["frontends"].mapping()


def flat_text(document: Mapping[str, Any], comments: Mapping[str, str]) -> str:
    """Return a flat document as YAML, with a comment above each operator's entry."""
    return "\n".join(_lines(document, comments)) + "\n"


def _lines(document: Mapping[str, Any], comments: Mapping[str, str]) -> Iterator[str]:
    yield _yaml({key: value for key, value in document.items() if key != "operators"})
    operators = document.get("operators")
    if isinstance(operators, dict) and operators:
        yield "\noperators:"
        for name, entry in operators.items():
            yield f"  # {comments[name]}"
            yield indent(_yaml({name: entry}), "  ") + "\n"


def _yaml(value: Mapping[str, Any]) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=_WIDTH, allow_unicode=True)
    return text.rstrip("\n")


class _Dumper(yaml.SafeDumper):
    """Writes what is short on one line, lists of names in as many as they need, and texts of several lines as such."""

    def represent(self, data: Any) -> None:
        node = self.represent_data(data)
        if isinstance(node, yaml.CollectionNode):
            node.flow_style = False
        self.serialize(node)

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
        node = super().represent_sequence(tag, sequence, flow_style)
        node.flow_style = _is_plain(sequence)
        for item, inner in zip(node.value, sequence, strict=True):
            if isinstance(inner, dict) and not all(map(_is_scalar, inner.values())):
                item.flow_style = False
        return node

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        node = super().represent_mapping(tag, mapping, flow_style)
        node.flow_style = _is_short(mapping)
        return node

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - a profile has none
        return True


def _is_short(mapping: Any) -> bool:
    """Whether a mapping fits on a line: it holds no list of mappings, which stand one a line."""
    return len(json.dumps(mapping)) <= _SHORT and all(map(_is_inline, mapping.values()))


def _is_inline(value: Any) -> bool:
    return _is_short(value) if isinstance(value, dict) else not isinstance(value, list) or _is_plain(value)


def _is_plain(sequence: Any) -> bool:
    return all(map(_is_scalar, sequence))


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
