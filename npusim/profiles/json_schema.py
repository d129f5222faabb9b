"""The JSON Schema of a profile, made from the schema's tables, so that editors complete and check what is typed."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from npusim.dtypes import DTYPES
from npusim.numerics.model import Overflow, Rounding, Subnormals
from npusim.operators import OPERATORS
from npusim.profiles.dialects import SPELLINGS
from npusim.profiles.json_parts import (
    FLAG,
    INTEGER,
    SCALARS,
    TEXT,
    TEXTS,
    Schema,
    axes_of,
    list_of,
    mapping_of,
    one_of,
    ref,
)
from npusim.profiles.rules import KINDS
from npusim.profiles.schema import SECTIONS, UNKNOWN, Key
from npusim.profiles.words import Confidence, Enforcement, Placement

_SEVERAL = "^[^,]+(, [^,]+)+$"
"""A key that names several entries at once."""
_GATE = TEXTS
_DTYPE_MAP = mapping_of(ref("dtype"))
_LIMITS = {"type": "object", "patternProperties": {"^[A-Z][A-Z0-9_]*$": INTEGER}}

VALUES: Mapping[tuple[str, str], Schema] = MappingProxyType(
    {
        ("profile", "npusim"): {"const": 1},
        ("profile", "stack"): ref("stack"),
        ("profile", "extends"): TEXTS,
        ("profile", "limits"): {"anyOf": [_LIMITS, list_of(_LIMITS)]},
        ("profile", "frontends"): mapping_of(ref("frontend")),
        ("profile", "rules"): list_of(ref("generic")),
        ("profile", "unlisted"): ref("rule"),
        ("profile", "features"): mapping_of({"type": "boolean"}),
        ("profile", "enforcement"): one_of(*Enforcement),
        ("profile", "narrows"): _DTYPE_MAP,
        ("profile", "numerics"): ref("numerics"),
        ("profile", "dialects"): list_of(ref("dialect")),
        ("profile", "opencl"): ref("opencl"),
        ("profile", "operators"): ref("operators"),
        ("numerics", "compute"): _DTYPE_MAP,
        ("numerics", "rounding"): one_of(*Rounding),
        ("numerics", "accumulate"): _DTYPE_MAP,
        ("numerics", "matmul"): _DTYPE_MAP,
        ("numerics", "subnormals"): one_of(*Subnormals),
        ("numerics", "overflow"): one_of(*Overflow),
        ("numerics", "source"): ref("origin"),
        ("dialect", "spelling"): {"anyOf": [one_of(*SPELLINGS), mapping_of(TEXT)]},
        ("dialect", "returns"): INTEGER,
        ("dialect", "wrappings"): mapping_of(TEXT),
        ("dialect", "sentences"): {
            "type": "object",
            "properties": {key: TEXT for kind in KINDS.values() for key in kind.sentences},
            "patternProperties": {_SEVERAL: TEXT},
            "additionalProperties": False,
        },
        ("opencl", "max_work_group_size"): INTEGER,
        ("opencl", "max_work_item_sizes"): list_of(INTEGER),
        ("opencl", "local_mem_size_bytes"): INTEGER,
        ("opencl", "sub_group_sizes"): {"anyOf": [INTEGER, list_of(INTEGER)]},
        ("opencl", "preferred_work_group_size_multiple"): INTEGER,
        ("opencl", "max_constant_buffer_size_bytes"): INTEGER,
        ("opencl", "max_parameter_size_bytes"): INTEGER,
        **{("opencl", f"{width}_fp_config"): TEXTS for width in ("half", "single", "double")},
        ("opencl", "extensions"): TEXTS,
        ("opencl", "lacks_extensions"): TEXTS,
        ("operator", "aliases"): TEXTS,
        ("operator", "frameworks"): mapping_of(TEXTS),
        ("operator", "ports"): mapping_of({"anyOf": [ref("dtypes"), ref("port")]}),
        ("operator", "rows"): KINDS["rows"].schema,
        ("operator", "guards"): list_of(ref("rule")),
        ("operator", "rules"): list_of(ref("rule")),
        ("operator", "notes"): list_of(ref("note")),
        ("operator", "variants"): list_of(ref("variant")),
        ("operator", "placement"): one_of(*(place for place in Placement if place is not Placement.NOWHERE)),
        ("operator", "source"): ref("origin"),
        ("operator", "confidence"): one_of(*Confidence),
        ("port", "dtypes"): ref("dtypes"),
        **{("rule", kind.key): kind.schema for kind in KINDS.values()},
        ("rule", "when"): ref("condition"),
        ("rule", "source"): ref("origin"),
        ("rule", "confidence"): one_of(*Confidence),
        ("rule", "enforcement"): one_of(*Enforcement),
        ("rule", "returns"): INTEGER,
        ("generic", "only"): TEXTS,
        ("generic", "except"): TEXTS,
        ("note", "when"): ref("condition"),
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
        "$defs": {**sections, "variant": _variant(), "generic": _generic(), "frontend": _frontend(), **_PARTS},
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
        "properties": {**properties, "when": ref("condition"), "if": _GATE, "unless": _GATE},
        "required": ["when"],
        "additionalProperties": False,
    }


def _generic() -> Schema:
    """A rule for many operators: what a rule may say, and of which operators."""
    rule, more = (_section(name, SECTIONS[name][1]) for name in ("rule", "generic"))
    return {**rule, "properties": {**rule["properties"], **more["properties"]}}


def _frontend() -> Schema:
    """A part of a profile that lies over it: whatever a profile says but its identity and further front ends."""
    left_out = {"npusim", "id", "family", "extends", "frontends"}
    keys = tuple(key for key in SECTIONS["profile"][1] if key.name not in left_out)
    return _section("profile", keys)


def _value(section: str, key: Key) -> Schema:
    """What a key's value looks like; `unknown` is legal for every one that is not required."""
    plain = VALUES.get((section, key.name), TEXT)
    said = plain if key.required or plain is TEXT else {"anyOf": [plain, {"const": UNKNOWN}]}
    return {"description": f"{key.doc}; for example {key.example}", **said}


_BOUND = r"(-?\d+|[A-Z][A-Z0-9_]*( ?[-+] ?\d+)?)?"
_RANGE = {"anyOf": [INTEGER, {"type": "string", "pattern": rf"^{_BOUND}(\.\.)?{_BOUND}( (if|unless) \S+)?$"}]}
_SPELLED = [spelling for row in DTYPES.values() for spelling in (row.name, *row.spellings, row.cann) if spelling]
_OPERATOR = {"anyOf": [ref("operator"), {"const": UNKNOWN}]}
_PARTS: Mapping[str, Schema] = MappingProxyType(
    {
        "dtype": one_of(*dict.fromkeys(_SPELLED)),
        "dtypes": {
            "anyOf": [
                ref("dtype"),
                list_of({"anyOf": [ref("dtype"), {"type": "string", "pattern": r"^\S+ (if|unless) \S+$"}]}),
                {"const": UNKNOWN},
            ]
        },
        "ranges": {"anyOf": [_RANGE, list_of(_RANGE), {"const": UNKNOWN}]},
        "origin": {"anyOf": [TEXT, ref("source")]},
        "condition": mapping_of(
            {
                "anyOf": [
                    SCALARS,
                    {
                        "type": "object",
                        "properties": {
                            "dtype": ref("dtypes"),
                            "rank": ref("ranges"),
                            "dim": axes_of(ref("ranges")),
                            "numel": ref("ranges"),
                            "layout": TEXTS,
                            "memory": TEXTS,
                            "present": FLAG,
                            "constant": FLAG,
                            "dynamic": FLAG,
                        },
                        "additionalProperties": False,
                    },
                ]
            }
        ),
        "operators": {
            "type": "object",
            "properties": dict.fromkeys(OPERATORS, _OPERATOR),
            "additionalProperties": {"anyOf": [ref("operator"), {"const": UNKNOWN}]},
        },
    }
)
"""What several sections share."""
