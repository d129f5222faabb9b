"""Operands as people type them: float32[16,1280], const:int8[3,3]{scale=0.1,axis=0}."""

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from npusim.call import Operand, Quantisation, TensorType
from npusim.dtypes import dtype
from npusim.errors import CallError

_OPERAND = re.compile(r"(?P<constant>const:)?(?P<type>[^{}]*)(\{(?P<details>[^{}]*)\})?", re.ASCII)
_TYPE = re.compile(r"(?P<dtype>\w+)(\[(?P<shape> *(\d{1,18} *(, *\d{1,18} *)*,? *)?)\])?", re.ASCII)

CONSTANT = "const:"
"""What stands before an operand whose value is fixed when the program is built."""


def _several(read: Callable[[str], Any]) -> Callable[[str], tuple[Any, ...]]:
    return lambda text: tuple(map(read, text.split(";")))


def _number(text: str) -> float:
    return int(text) if re.fullmatch(r"-?\d+", text) else float(text)


_QUANT: Mapping[str, tuple[str, Callable[[str], Any]]] = MappingProxyType(
    {
        "scale": ("scales", _several(float)),
        "zero": ("zero_points", _several(int)),
        "axis": ("axis", int),
        "group": ("group_size", int),
        "scheme": ("scheme", str),
    }
)
_DETAILS: Mapping[str, tuple[str, Callable[[str], Any]]] = MappingProxyType(
    {
        "layout": ("layout", str),
        "memory": ("memory", str),
        "value": ("value", _several(_number)),
        "dynamic": ("dynamic", lambda text: frozenset(map(int, text.split(";")))),
    }
)
"""What may stand in braces -> the field of the quantisation or of the operand, and how it is read; `;` separates."""


def parse_operand(text: str) -> Operand:
    """Return the operand of `dtype[size,...]`, a constant one of `const:dtype[size,...]`, with details in braces.

    The details are scale, zero, axis, group, scheme, layout, memory, value and dynamic; several numbers are separated
    by `;`, as in `int8[3,3]{scale=0.1;0.2;0.1,axis=0}`. Raises CallError for a detail that is none, and what
    parse_tensor_type raises.
    """
    match = _OPERAND.fullmatch(text.strip())
    if match is None:
        raise CallError(f"expected an operand such as const:int8[3,3]{{scale=0.1}}, found {text!r}")
    details = dict(_detail(part, text) for part in (match["details"] or "").split(",") if part.strip())
    quant = {field: details.pop(field) for field, _ in _QUANT.values() if field in details}
    return Operand(
        parse_tensor_type(match["type"]),
        constant=match["constant"] is not None,
        quant=Quantisation(**quant) if quant else None,
        **details,
    )


def _detail(part: str, text: str) -> tuple[str, Any]:
    name, _, value = (word.strip() for word in part.partition("="))
    known = {**_QUANT, **_DETAILS}
    if name not in known:
        raise CallError(f"unknown detail {name!r} of an operand in {text!r}; it may have {', '.join(known)}")
    field, read = known[name]
    try:
        return field, read(value)
    except ValueError:
        raise CallError(f"{name}={value!r} of an operand is not what a {name} looks like, in {text!r}") from None


def spell_operand(operand: Operand) -> str:
    """Return the text that parse_operand reads as this operand; its origin is lost."""
    details = [*_spelled(operand.quant, _QUANT), *_spelled(operand, _DETAILS)]
    braces = f"{{{','.join(details)}}}" if details else ""
    return f"{CONSTANT * operand.constant}{operand.type}{braces}"


def _spelled(thing: Any, known: Mapping[str, tuple[str, Any]]) -> Iterator[str]:
    for name, (field, _) in known.items():
        value = getattr(thing, field, None)
        if value is not None and value not in ("", (), frozenset()):
            several = sorted(value) if isinstance(value, frozenset) else value
            yield f"{name}={';'.join(map(str, several)) if isinstance(several, tuple | list) else several}"


def parse_tensor_type(text: str) -> TensorType:
    """Return the type of `dtype[size,size,...]`; no brackets, or empty ones, mean a 0-d tensor.

    Raises CallError for other text and UnknownDtypeError, with the nearest names, for a dtype nobody has.
    """
    match = _TYPE.fullmatch(text.strip())
    if match is None:
        raise CallError(f"expected a dtype and a shape such as float32[16,1280], found {text!r}")
    return TensorType(dtype(match["dtype"]), tuple(map(int, re.findall(r"\d+", match["shape"] or ""))))
