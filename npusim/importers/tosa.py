"""Import the machine-readable TOSA specification, tosa.xml: one operator of the profile for each of TOSA's."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from npusim.dtypes import dtype
from npusim.importers.markup import Element, parse
from npusim.importers.reading import read, shown
from npusim.importers.tosa_arguments import Argument, level_rules, read_arguments, shape_rules
from npusim.importers.tosa_rows import Extensions, rows_of
from npusim.importers.writing import Imported, Remarks

_FIRST_VERSION = (1, 0)
_PREFIX = "tosa_"
"""Stands before every operator's name, so that none is taken for one of npusim's own."""
_UNLIMITED = "none"
_FORM = "the specification's tosa.xml, version 1.0 or later"
_NUMBERS = ("in_t", "in_out_t", "out_t")

_ATTRIBUTE_TYPES: Mapping[str, str] = {
    "i8_t": "int",
    "i32_t": "int",
    "bool_t": "bool",
    "String": "str",
    "acc_type_t": "dtype",
    "var_t": "dtype",
    "shape_t": "ints",
    **dict.fromkeys(_NUMBERS, "number"),
}
"""Types of TOSA's attributes -> npusim's; an enumeration is a str, a list of numbers by its elements."""

_DTYPE_WORDS = {"BOOLEAN": "bool"}
"""Words of TOSA's enumerations of dtypes that npusim spells otherwise."""


def import_tosa(path: Path, identity: str = "") -> Imported:
    """Return the profile of a tosa.xml; its id is `tosa-` and the version if none is given.

    Raises ImportFormatError, with file:line:column, for a file that is not the specification's.
    """
    root = parse(read(path))
    if root.tag != "tosa":
        root.fail(f"expected <tosa>, found <{root.tag}>; this reads {_FORM}")
    return _Specification(root, path.name).profile(identity)


class _Specification:
    """The specification as a whole: its version, extensions, enumerations, and what is said of it."""

    def __init__(self, root: Element, file: str) -> None:
        self._root, self._file = root, file
        version = root.one("version")
        numbers = [version.integer(part) for part in ("major", "minor", "patch")]
        self.version = ".".join(map(str, numbers))
        self._is_draft = version.attributes.get("draft") == "true"
        if tuple(numbers[:2]) < _FIRST_VERSION:
            version.fail(f"expected {_FORM}, found {self.version}")
        profiles = [one.get("name") for one in root.one("profiles").all("profile")]
        more = [one for part in root.all("profile_extensions") for one in part.all("profile_extension")]
        self.extensions = Extensions(profiles, [one.get("name") for one in more])
        self._enums = {enum.get("name"): enum.all("enumval") for enum in root.all("enum")}
        self._limits = _limits(root.one("levels"))
        self._remarks = Remarks()

    def profile(self, identity: str) -> Imported:
        """Return the whole profile."""
        operators: dict[str, Any] = {}
        places: dict[str, tuple[str]] = {}
        for node in (node for group in self._root.one("operators").all("operatorgroup") for node in group.children):
            vendor = self._name(node)
            name = _PREFIX + vendor.lower()
            if name in operators:
                node.fail(f"a second operator {vendor}; the first is in {places[name][0]}")
            operators[name] = self._operator(node, vendor, name)
            places[name] = (f"{self._file}:{node.mark.line}",)
        if not operators:
            self._root.fail(f"no operators were found; this reads {_FORM}")
        levels = self._levels()
        release = f"{self.version}{' (draft)' if self._is_draft else ''}"
        document = {
            "npusim": 1,
            "id": identity or f"tosa-{self.version.rsplit('.', 1)[0]}",
            "name": f"TOSA {release}",
            "stack": {"name": "TOSA", "version": self.version},
            "features": {**self._level_features(), **self.extensions.features()},
            "limits": levels,
            "operators": operators,
        }
        heading = (
            f"Imported from {self._file}, TOSA {release}. Operators have {_PREFIX} before their name. Every row says "
            "the profiles and extensions that it needs; switch the features to describe a target."
        )
        return Imported(document, heading, places, self._remarks)

    def _name(self, node: Element) -> str:
        if node.tag != "operator":
            node.fail(f"expected <operator> in <operatorgroup>, found <{node.tag}>")
        name = node.one("name").text.strip()
        if not re.fullmatch(r"\w+", name, re.ASCII):
            node.one("name").fail(f"expected the name of an operator, such as CONV2D, found {shown(name)}")
        return name

    def _operator(self, node: Element, vendor: str, name: str) -> dict[str, Any]:
        arguments = read_arguments(node.one("arguments"), self._limits)
        kinds = {one.name: self._attribute(one, name) for one in arguments if not one.is_port}
        arguments = [one for one in arguments if one.is_port or kinds[one.name]]
        rows, guards = rows_of(node, arguments, self.extensions, lambda remark: self._remarks.add(name, remark))
        fixed = {one.name: one.dtype for one in arguments if one.is_port and one.dtype}
        rules = [
            *guards,
            *shape_rules(arguments, self.extensions),
            *self._word_rules(arguments),
            *level_rules(arguments, lambda remark: self._remarks.add(name, remark)),
        ]
        found = {
            "signature": f"{name}{_signature(arguments, kinds)}",
            "api": vendor,
            "ports": fixed,
            "rows": rows,
            "rules": rules,
        }
        facts = {key: value for key, value in found.items() if value}
        return facts | {"source": f"TOSA {self.version}, {self._file}, {vendor}", "confidence": "documented"}

    def _attribute(self, argument: Argument, operator: str) -> str:
        """Return npusim's type of an attribute, or "" with a remark for one that is none, such as a graph."""
        kind = _ATTRIBUTE_TYPES.get(argument.type, "")
        if argument.type in self._enums and not kind:
            kind = "str"
        if argument.type == "tensor_t" and argument.shape.startswith("["):
            kind = "floats" if argument.element in _NUMBERS else "ints"
        if not kind:
            self._remarks.add(operator, f"the attribute {argument.name}, a {argument.type} of shape {argument.shape}")
        return kind

    def _word_rules(self, arguments: list[Argument]) -> Iterator[dict[str, Any]]:
        """Yield what the enumerations allow as attributes."""
        for argument in arguments:
            words = self._enums.get(argument.type, ())
            if argument.is_port or not words or argument.type == "acc_type_t":  # which the rows name
                continue
            is_dtype = _ATTRIBUTE_TYPES.get(argument.type) == "dtype"
            gated = [one for one in words if "extension" in one.attributes and "or_extension" not in one.attributes]
            allowed = []
            for one in words:
                word = one.get("name")
                word = dtype(_DTYPE_WORDS.get(word, word)).name if is_dtype else word
                free = one not in gated or len(gated) == len(words)  # all or none: the operator's rows say it
                allowed.append(word if free else f"{word} if {self.extensions.feature(one, 'extension')}")
            yield {"attribute": {argument.name: allowed}}

    def _levels(self) -> list[dict[str, Any]]:
        """Return the limits of the levels: those of no level, and over them those of each that is on."""
        levels = self._root.one("levels").all("level")
        ordered = sorted(levels, key=lambda level: level.get("name") != _UNLIMITED)
        return [self._level(level, first=index == 0) for index, level in enumerate(ordered)]

    def _level(self, level: Element, *, first: bool) -> dict[str, Any]:
        limits = {name.upper(): level.integer(name) for name in level.attributes if name.startswith("max_")}
        return limits if first else {**limits, "if": _level_feature(level)}

    def _level_features(self) -> dict[str, bool]:
        levels = self._root.one("levels").all("level")
        return {_level_feature(level): True for level in levels if level.get("name") != _UNLIMITED}


def _limits(levels: Element) -> list[str]:
    """Return the names of the limits that every level has."""
    found = [[name.upper() for name in level.attributes if name.startswith("max_")] for level in levels.all("level")]
    return [name for name in (found[0] if found else ()) if all(name in names for names in found)]


def _level_feature(level: Element) -> str:
    return f"level_{level.get('name').lower()}"


def _signature(arguments: list[Argument], kinds: Mapping[str, str]) -> str:
    inputs = ", ".join(one.port for one in arguments if one.category == "input")
    outputs = ", ".join(one.port for one in arguments if one.category == "output") or "nothing?"
    attributes = ", ".join(
        f"{one.name}: {kinds[one.name]}{_default(one, kinds[one.name])}" for one in arguments if not one.is_port
    )
    return f"({inputs}{f'; {attributes}' if attributes else ''}) -> {outputs}"


def _default(argument: Argument, kind: str) -> str:
    if argument.default and kind == "str":
        return f" = {argument.default!r}"
    return " = None" if argument.optional else ""
