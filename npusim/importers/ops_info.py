"""Read CANN's installed table of kernels, aic-<soc>-ops-info.json."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from npusim.errors import UsageError
from npusim.importers.cann_operator import Attribute, OperatorInfo, Port, Value, literal
from npusim.importers.reading import Source, shown

MAX_DEPTH = 16
_FILE = re.compile(r"aic-(?P<soc>\w+)-ops-info\.json", re.ASCII)
_PORT = re.compile(r"(?P<side>input|output)(?P<place>\d{1,4})", re.ASCII)
_ATTRIBUTE = "attr_"
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
_KINDS = ("required", "optional", "dynamic")
_FORM = "an aic-<soc>-ops-info.json of an installed CANN: operator -> input0, output0, attr_..."


def operators_of(source: Source, soc: str = "") -> tuple[str, list[OperatorInfo]]:
    """Return the chip that a table speaks of, by its name or as `soc` says, and the operators in it."""
    table = _Table(source)
    named = _FILE.fullmatch(re.split(r"[\\/]", source.file)[-1])
    if named and soc and soc.lower() != named["soc"].lower():
        raise UsageError(f"{source.file} speaks of {named['soc']}, not of {soc}")
    chip = soc or (named["soc"] if named else "")
    if not chip:
        raise UsageError(f"the name of {source.file} does not say its chip: give it with --soc, such as ascend910b")
    return chip.lower(), list(table.operators())


class _Table:
    """The table as plain data, with the places of its keys."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._demand_shallow()
        try:
            found = json.loads(source.text, object_pairs_hook=self._without_doubles, parse_constant=self._no_constant)
        except json.JSONDecodeError as error:
            source.fail(error.pos, f"not JSON: {error.msg}; expected {_FORM}")
        if not isinstance(found, dict) or not found:
            source.fail(0, f"expected {_FORM}; found {shown(found)}")
        self._operators: dict[str, Any] = found

    def operators(self) -> Iterator[OperatorInfo]:
        """Yield the operators as they stand in the table."""
        for name, entry in self._operators.items():
            parts = self._mapping(entry, name)
            numbered = [(match, key) for key in parts if (match := _PORT.fullmatch(key))]
            ordered = sorted(numbered, key=lambda found: (found[0]["side"] == "output", int(found[0]["place"])))
            yield OperatorInfo(
                name,
                tuple(self._port(parts, name, key) for _, key in ordered),
                tuple(self._attribute(parts, name, key) for key in parts if key.startswith(_ATTRIBUTE)),
                self._offset(name),
            )

    def _port(self, parts: Mapping[str, Any], operator: str, key: str) -> Port:
        port = self._mapping(parts[key], operator, key)
        name, kind = self._text(port, "name", operator, key), self._text(port, "paramType", operator, key)
        if kind not in _KINDS:
            self._fail(f"expected {', '.join(_KINDS)} as 'paramType', found {shown(kind)}", operator, key, "paramType")
        dtypes, formats = (self._list(port, word, operator, key) for word in ("dtype", "format"))
        return Port(name, key.startswith("input"), kind, dtypes, formats)

    def _attribute(self, parts: Mapping[str, Any], operator: str, key: str) -> Attribute:
        entry = self._mapping(parts[key], operator, key)
        kind = self._text(entry, "type", operator, key)
        default: Value = self._text(entry, "defaultValue", operator, key) if entry.get("defaultValue") else None
        if isinstance(default, str) and kind != "str":
            default = literal(default)
        if kind.startswith("list") and isinstance(default, int | float):
            default = (default,)
        required = self._text(entry, "paramType", operator, key) == "required"
        return Attribute(key.removeprefix(_ATTRIBUTE), kind, required, default)

    def _list(self, port: Mapping[str, Any], word: str, operator: str, key: str) -> tuple[str, ...]:
        if word not in port:
            return ()
        return tuple(part.strip() for part in self._text(port, word, operator, key).split(","))

    def _mapping(self, value: object, *keys: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._fail(f"expected an object of {keys[-1]!r}, found {shown(value)}", *keys)
        return value

    def _text(self, entry: Mapping[str, Any], word: str, *keys: str) -> str:
        if word not in entry:
            self._fail(f"{keys[-1]!r} of {keys[0]} lacks {word!r}; it has {', '.join(entry) or 'nothing'}", *keys)
        if not isinstance(entry[word], str) or not entry[word].strip():
            self._fail(f"expected text as {word!r} of {keys[-1]!r}, found {shown(entry[word])}", *keys, word)
        return str(entry[word]).strip()

    def _fail(self, message: str, *keys: str) -> NoReturn:
        self._source.fail(self._offset(*keys), message)

    def _offset(self, *keys: str) -> int:
        """The place of a key in keys: the first time that each of them stands after the one before."""
        offset, after = 0, 0
        for key in keys:
            match = re.compile(f"{re.escape(json.dumps(key))}\\s*:").search(self._source.text, after)
            offset, after = match.span() if match else (offset, after)
        return offset

    def _demand_shallow(self) -> None:
        """Fail at what is nested too deeply, before anything is built from it."""
        depth = 0
        for token in _TOKEN.finditer(self._source.text):
            depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token[0], 0)
            if depth > MAX_DEPTH:
                self._source.fail(token.start(), f"nested deeper than {MAX_DEPTH} levels; expected {_FORM}")

    def _without_doubles(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            double = next(name for name in names if names.count(name) > 1)
            self._source.fail(self._offset(double, double), f"the key {double!r} stands twice")
        return found

    def _no_constant(self, word: str) -> Any:
        offset = self._source.text.find(word)
        self._source.fail(offset, f"{word} is no number of JSON")
