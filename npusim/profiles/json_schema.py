"""The JSON Schema of a profile, made from the schema's tables, so that editors complete and check what is typed."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from npusim.dtypes import DTYPES
from npusim.numerics.model import Overflow, Rounding, Subnormals
from npusim.operators import OPERATORS
from npusim.profiles.dialects import SPELLINGS
from npusim.profiles.model import Confidence, Enforcement, Placement
from npusim.profiles.rules import KINDS
from npusim.profiles.schema import SECTIONS, UNKNOWN, Key

Schema = Mapping[str, Any]

_SEVERAL = "^[^,]+(, [^,]+)+$"
"""A key that names several entries at once."""
_GATE = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_TEXT = {"type": "string"}
_TEXTS = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
_INTEGER = {"type": "integer"}
_SCALAR = {"type": ["string", "number", "boolean", "null"]}
_SCALARS = {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _mapping(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def _one_of(*names: str) -> Schema:
    return {"enum": list(names)}


_AXES = {"type": "object", "patternProperties": {r"^-?\d{1,3}$": _ref("ranges")}, "additionalProperties": False}
_FACTORS = {"type": "object", "patternProperties": {r"^-?\d{1,3}$": _INTEGER}, "additionalProperties": False}
_DTYPE_MAP = _mapping(_ref("dtype"))
_ROWS = _list({"type": "object", "properties": {"if": _GATE, "unless": _GATE}, "additionalProperties": _ref("dtypes")})

VALUES: Mapping[tuple[str, str], Schema] = MappingProxyType(
    {
        ("profile", "npusim"): {"const": 1},
        ("profile", "stack"): _ref("stack"),
        ("profile", "features"): _mapping({"type": "boolean"}),
        ("profile", "enforcement"): _one_of(*Enforcement),
        ("profile", "narrows"): _DTYPE_MAP,
        ("profile", "numerics"): _ref("numerics"),
        ("profile", "dialects"): _list(_ref("dialect")),
        ("profile", "opencl"): _ref("opencl"),
        ("profile", "operators"): _ref("operators"),
        ("numerics", "compute"): _DTYPE_MAP,
        ("numerics", "rounding"): _one_of(*Rounding),
        ("numerics", "accumulate"): _DTYPE_MAP,
        ("numerics", "matmul"): _DTYPE_MAP,
        ("numerics", "subnormals"): _one_of(*Subnormals),
        ("numerics", "overflow"): _one_of(*Overflow),
        ("numerics", "source"): _ref("origin"),
        ("dialect", "spelling"): _one_of(*SPELLINGS),
        ("dialect", "sentences"): {
            "type": "object",
            "properties": {key: _TEXT for kind in KINDS.values() for key in kind.sentences},
            "patternProperties": {_SEVERAL: _TEXT},
            "additionalProperties": False,
        },
        ("opencl", "max_work_group_size"): _INTEGER,
        ("opencl", "max_work_item_sizes"): _list(_INTEGER),
        ("opencl", "local_mem_size_bytes"): _INTEGER,
        ("opencl", "sub_group_sizes"): {"anyOf": [_INTEGER, _list(_INTEGER)]},
        ("opencl", "extensions"): _TEXTS,
        ("operator", "aliases"): _TEXTS,
        ("operator", "frameworks"): _mapping(_TEXTS),
        ("operator", "ports"): _mapping({"anyOf": [_ref("dtypes"), _ref("port")]}),
        ("operator", "rows"): _ROWS,
        ("operator", "guards"): _list(_ref("rule")),
        ("operator", "rules"): _list(_ref("rule")),
        ("operator", "notes"): _list(_ref("note")),
        ("operator", "variants"): _list(_ref("variant")),
        ("operator", "placement"): _one_of(*(place for place in Placement if place is not Placement.NOWHERE)),
        ("operator", "source"): _ref("origin"),
        ("operator", "confidence"): _one_of(*Confidence),
        ("port", "dtypes"): _ref("dtypes"),
        ("rule", "dtype"): _mapping(_ref("dtypes")),
        ("rule", "rows"): _ROWS,
        ("rule", "same_dtype"): _TEXTS,
        ("rule", "forbid_dtype"): _mapping(_ref("dtypes")),
        ("rule", "promoted"): {
            "type": "object",
            "properties": {"ports": _TEXTS, "to": _ref("dtypes")},
            "required": ["ports", "to"],
            "additionalProperties": False,
        },
        ("rule", "dtype_bits"): _mapping(_ref("ranges")),
        ("rule", "rank"): _mapping(_ref("ranges")),
        ("rule", "same_shape"): _TEXTS,
        ("rule", "dim"): _mapping(_AXES),
        ("rule", "multiple_of"): _mapping(_FACTORS),
        ("rule", "numel"): _mapping(
            {
                "anyOf": [
                    _ref("ranges"),
                    {
                        "type": "object",
                        "properties": {"size": _ref("ranges"), "axes": {"anyOf": [_INTEGER, _list(_INTEGER)]}},
                        "required": ["size"],
                        "additionalProperties": False,
                    },
                ]
            }
        ),
        ("rule", "attribute"): _mapping(_SCALARS),
        ("rule", "constant"): _TEXTS,
        ("rule", "absent"): _TEXTS,
        ("rule", "arity"): _mapping(_ref("ranges")),
        ("rule", "when"): _ref("condition"),
        ("rule", "source"): _ref("origin"),
        ("rule", "confidence"): _one_of(*Confidence),
        ("note", "when"): _ref("condition"),
    }
)
"""Section and key -> what its value looks like, for every key that is not simply text."""

_IN_LISTS = frozenset({"dialect", "rule", "note", "variant"})
"""Sections that stand in lists, and so may be gated by features."""
_LAYERED = frozenset({"stack", "source", "port"})
"""Sections of which a profile may say a part, and what it extends the rest."""


def json_schema() -> dict[str, Any]:
    """Return the schema of a profile's file, draft 2020-12."""
    sections = {name: _section(name, keys) for name, (_, keys) in SECTIONS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "npusim profile",
        "description": "What one chip with one software stack accepts and how it computes.",
        "$ref": "#/$defs/profile",
        "anyOf": [{"required": ["id"]}, {"required": ["family"]}],
        "$defs": {**sections, "variant": _variant(), **_PARTS},
    }


def _section(name: str, keys: tuple[Key, ...]) -> Schema:
    found: dict[str, Any] = {
        "type": "object",
        "properties": {key.name: _value(name, key) for key in keys},
        "patternProperties": {_SEVERAL: {}},
        "additionalProperties": False,
    }
    if name in _IN_LISTS:
        found["properties"] |= {"if": _GATE, "unless": _GATE}
    required = [key.name for key in keys if key.required]
    if required and name not in _LAYERED:
        found["required"] = required
    if name == "rule":
        found["oneOf"] = [{"required": [kind]} for kind in KINDS]
    return found


def _variant() -> Schema:
    """An operator's entry with a condition, and without variants of its own."""
    properties = {key.name: _value("operator", key) for key in SECTIONS["operator"][1] if key.name != "variants"}
    return {
        "type": "object",
        "properties": {**properties, "when": _ref("condition"), "if": _GATE, "unless": _GATE},
        "required": ["when"],
        "additionalProperties": False,
    }


def _value(section: str, key: Key) -> Schema:
    """What a key's value looks like; `unknown` is legal for every one that is not required."""
    plain = VALUES.get((section, key.name), _TEXT)
    said = plain if key.required or plain is _TEXT else {"anyOf": [plain, {"const": UNKNOWN}]}
    return {"description": f"{key.doc}; for example {key.example}", **said}


_RANGE = {"anyOf": [_INTEGER, {"type": "string", "pattern": r"^((-?\d+)?\.\.(-?\d+)?|-?\d+)( (if|unless) \S+)?$"}]}
_SPELLED = [spelling for row in DTYPES.values() for spelling in (row.name, *row.spellings, row.cann) if spelling]
_OPERATOR = {"anyOf": [_ref("operator"), {"const": UNKNOWN}]}
_PARTS: Mapping[str, Schema] = MappingProxyType(
    {
        "dtype": _one_of(*dict.fromkeys(_SPELLED)),
        "dtypes": {
            "anyOf": [
                _ref("dtype"),
                _list({"anyOf": [_ref("dtype"), {"type": "string", "pattern": r"^\S+ (if|unless) \S+$"}]}),
                {"const": UNKNOWN},
            ]
        },
        "ranges": {"anyOf": [_RANGE, _list(_RANGE), {"const": UNKNOWN}]},
        "origin": {"anyOf": [_TEXT, _ref("source")]},
        "condition": _mapping(
            {
                "anyOf": [
                    _SCALARS,
                    {
                        "type": "object",
                        "properties": {
                            "dtype": _ref("dtypes"),
                            "rank": _ref("ranges"),
                            "present": {"type": "boolean"},
                            "constant": {"type": "boolean"},
                        },
                        "additionalProperties": False,
                    },
                ]
            }
        ),
        "operators": {
            "type": "object",
            "properties": dict.fromkeys(OPERATORS, _OPERATOR),
            "patternProperties": {_SEVERAL: _OPERATOR},
            "additionalProperties": False,
        },
    }
)
"""What several sections share."""
