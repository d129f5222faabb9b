"""Write what was imported: the text of a profile, with what could not be said in it as comments."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from textwrap import indent, wrap
from typing import Any

import yaml

from npusim.errors import UsageError
from npusim.files import write_text
from npusim.profiles.inheritance import SUFFIX, is_id

_WIDTH = 116
_WRAP = 100
"""Where a line of YAML is broken after the word that passes it."""


@dataclass(slots=True)
class Remarks:
    """What was found and could not be said in the profile, by operator; "" for the file as a whole."""

    found: dict[str, list[str]] = field(default_factory=dict)

    def add(self, operator: str, remark: str) -> None:
        """Keep a remark, once."""
        said = self.found.setdefault(operator, [])
        if remark not in said:
            said.append(remark)

    def lines(self) -> Iterator[str]:
        """Yield one line a remark."""
        for operator, said in self.found.items():
            yield from (f"{operator}: {remark}" if operator else remark for remark in said)


@dataclass(frozen=True, slots=True)
class Imported:
    """A profile as plain data, what stands in the file above it and above each operator, and the remarks."""

    document: Mapping[str, Any]
    heading: str
    comments: Mapping[str, Sequence[str]]
    remarks: Remarks

    @property
    def text(self) -> str:
        """The profile as YAML."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield from _comment(self.heading)
        for remark in self.remarks.found.get("", ()):
            yield from _comment(f"not imported: {remark}")
        for key, value in self.document.items():
            if key != "operators":
                yield _yaml({key: value}, blocks=2 if key == "features" else 1)
        yield "\noperators:"
        for name, entry in self.document["operators"].items():
            comments = (*self.comments[name], *(f"not imported: {one}" for one in self.remarks.found.get(name, ())))
            yield from (f"  {line}" for comment in comments for line in _comment(comment))
            yield indent(_yaml({name: entry}, blocks=2), "  ") + "\n"


def _comment(text: str) -> list[str]:
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return wrap(printable, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False)


def _yaml(value: Mapping[str, Any], blocks: int) -> str:
    """Return plain data as YAML; that many of its outer levels are written one item a line."""
    stream = StringIO()
    dumper = _Dumper(stream, sort_keys=False, width=_WRAP, allow_unicode=True)
    dumper.open()
    node = dumper.represent_data(value)
    _spread(node, blocks)
    dumper.serialize(node)
    dumper.close()
    dumper.dispose()
    return stream.getvalue().rstrip("\n")


def _spread(node: yaml.Node, levels: int) -> None:
    if levels and isinstance(node, yaml.MappingNode):
        node.flow_style = False
        for _, value in node.value:
            _spread(value, levels - 1)


class _Dumper(yaml.SafeDumper):
    """Writes lists of words, and mappings of words and such lists, on one line; lists are indented in mappings."""

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
        node = super().represent_sequence(tag, sequence, flow_style)
        node.flow_style = _is_line(sequence)
        return node

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        node = super().represent_mapping(tag, mapping, flow_style)
        node.flow_style = all(not isinstance(value, list) or _is_line(value) for value in mapping.values())
        return node

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - as YAML is read
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - a profile has none
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Long text is folded; text with apostrophes, such as a signature with words in it, is quoted the other way."""
    quoted = '"' if "'" in text and not set('"\\') & set(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=">" if len(text) > _WRAP - 12 else quoted)


_Dumper.add_representer(str, _text)


def _is_line(sequence: Any) -> bool:
    return not any(isinstance(item, dict | list) for item in sequence)


def identity(out: Path | None, fallback: str) -> str:
    """Return the id of a profile that will be written to a file: the file's name; raises UsageError for no id."""
    if out is None:
        return fallback
    if out.suffix != SUFFIX or not is_id(out.stem):
        raise UsageError(
            f"the file of a profile is named ID{SUFFIX}, its id of lower case letters, digits, _ . and -: {out.name!r}"
        )
    return out.stem


def write(imported: Imported, out: Path, *, force: bool) -> None:
    """Write the profile to a file; raises UsageError if one is there and `force` does not say to replace it."""
    try:
        write_text(out, [imported.text], overwrite=force)
    except FileExistsError:
        raise UsageError(f"{out} is there already, and is not overwritten; --force replaces it") from None
