"""The pieces of JSON Schema of which the schema of a profile is made."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
TEXTS: Schema = {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}
INTEGER: Schema = {"type": "integer"}
INTEGERS: Schema = {"anyOf": [INTEGER, {"type": "array", "items": INTEGER}]}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
SCALAR: Schema = {"type": ["string", "number", "boolean", "null"]}
SCALARS: Schema = {"anyOf": [SCALAR, {"type": "array", "items": SCALAR}]}


def ref(name: str) -> Schema:
    """A part that is defined once."""
    return {"$ref": f"#/$defs/{name}"}


def list_of(items: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": items}


def mapping_of(values: Schema) -> Schema:
    """A mapping with keys of any name."""
    return {"type": "object", "additionalProperties": values}


def one_of(*names: str) -> Schema:
    """One of some words."""
    return {"enum": list(names)}


def record(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """A mapping with these keys and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def axes_of(values: Schema) -> Schema:
    """A mapping from axes."""
    return {"type": "object", "patternProperties": {r"^-?\d{1,3}$": values}, "additionalProperties": False}


DTYPES = ref("dtypes")
RANGES = ref("ranges")
