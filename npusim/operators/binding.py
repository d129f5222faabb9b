"""Bind what a caller wrote to an operator's ports and attributes, or say exactly what does not fit."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from operator import index
from types import MappingProxyType
from typing import Any

from npusim.call import Call, Operand, Site, TensorType
from npusim.dtypes import dtype
from npusim.errors import CallError, NoResultDtypeError, UsageError
from npusim.operators.model import REQUIRED, Attribute, Operator, Port

Given = Operand | Sequence[Operand] | None


def bind(
    operator: Operator,
    positional: Sequence[Given],
    named: Mapping[str, Any],
    site: Site | None = None,
) -> Call:
    """Return the call of `operator` with operands on ports, positional first, and all attributes filled in.

    A name in `named` is a port or an attribute; operands on output ports say what the results are to be. None on an
    optional port leaves it absent. Raises CallError for too many operands, a missing or doubled port, an unknown name
    (with the nearest valid ones) or an attribute of the wrong type.
    """
    operands = _place(operator, positional)
    attributes = {}
    for name, value in named.items():
        port = next((p for p in operator.ports if p.name == name), None)
        attribute = next((a for a in operator.attributes if a.name == name), None)
        if port is not None:
            if name in operands:
                raise CallError(f"{operator.name} got two operands for port {name!r}")
            operands[name] = _operands(operator, port, value)
        elif attribute is not None:
            attributes[name] = _convert(operator, attribute, value)
        else:
            raise CallError(_unknown(operator, name))
    _demand(operator, operands, attributes)
    ordered = {p.name: operands.get(p.name, ()) for p in operator.inputs}
    filled = {a.name: attributes.get(a.name, a.default) for a in operator.attributes}
    results = {p.name: operands[p.name] for p in operator.outputs if operands.get(p.name)}
    return Call(
        operator.name, MappingProxyType(ordered), MappingProxyType(filled), site, outputs=MappingProxyType(results)
    )


def infer(operator: Operator, call: Call) -> tuple[TensorType, ...]:
    """Return the type of every output of a bound call; none if the operator is only judged.

    Raises CallError for shapes and dtypes that cannot be.
    """
    if operator.infer is None:
        return ()
    return operator.infer(*(_types(p, call.operands[p.name]) for p in operator.inputs), **call.attributes)


def known_outputs(operator: Operator, call: Call) -> tuple[TensorType, ...]:
    """As `infer`, and none where only a chip can say what comes out: of dtypes without a common one, for example."""
    try:
        return infer(operator, call)
    except NoResultDtypeError:
        return ()


def _types(port: Port, operands: tuple[Operand, ...]) -> Any:
    types = tuple(operand.type for operand in operands)
    if port.variadic:
        return types
    return types[0] if types else None


def _place(operator: Operator, positional: Sequence[Given]) -> dict[str, tuple[Operand, ...]]:
    ports = operator.inputs
    if len(ports) == 1 and ports[0].variadic and all(isinstance(given, Operand) for given in positional):
        return {ports[0].name: tuple(g for g in positional if isinstance(g, Operand))} if positional else {}
    if len(positional) > len(ports):
        raise CallError(f"{operator.signature} takes {len(ports)} operands, not {len(positional)}")
    return {p.name: _operands(operator, p, given) for p, given in zip(ports, positional, strict=False)}


def _operands(operator: Operator, port: Port, given: Any) -> tuple[Operand, ...]:
    if given is None:
        return ()
    if isinstance(given, Operand):
        return (given,)
    if port.variadic and isinstance(given, Sequence) and all(isinstance(item, Operand) for item in given):
        return tuple(given)
    raise CallError(f"{operator.name}: port {port.name!r} takes a tensor, not {given!r}")


def _demand(operator: Operator, operands: Mapping[str, Any], attributes: Mapping[str, Any]) -> None:
    missing = [p.name for p in operator.inputs if not p.optional and not operands.get(p.name)]
    missing += [a.name for a in operator.attributes if a.default is REQUIRED and a.name not in attributes]
    if missing:
        raise CallError(f"{operator.name} lacks {', '.join(missing)}; it is {operator.signature}")


def _unknown(operator: Operator, name: str) -> str:
    known = [p.name for p in operator.inputs] + [a.name for a in operator.attributes]
    near = get_close_matches(name, known, n=2)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"{operator.name} has no port or attribute {name!r}{hint} (it has {', '.join(known)})"


def _is_int(value: Any) -> bool:
    try:
        index(value)
    except TypeError:
        return False
    return not isinstance(value, bool)


def _ints(value: Any) -> tuple[int, ...]:
    values = (value,) if _is_int(value) else tuple(value)
    if not all(map(_is_int, values)):
        raise TypeError
    return tuple(int(v) for v in values)


def _strictly(kind: type) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if not isinstance(value, kind):
            raise TypeError
        return value

    return convert


def _int(value: Any) -> int:
    if not _is_int(value):
        raise TypeError
    return int(value)


def _number(value: Any) -> float:
    if _is_int(value):
        return int(value)
    if isinstance(value, bool):
        raise TypeError
    return float(value)


ATTRIBUTE_TYPES: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "bool": _strictly(bool),
        "int": _int,
        "float": lambda value: float(_number(value)),
        "number": _number,
        "str": _strictly(str),
        "ints": _ints,
        "sizes": lambda value: _int(value) if _is_int(value) else _ints(value),
        "floats": lambda value: tuple(float(_number(item)) for item in value),
        "dtype": lambda value: dtype(value).name,
    }
)
"""What turns a caller's value into an attribute's, or raises TypeError."""


def _convert(operator: Operator, attribute: Attribute, value: Any) -> Any:
    if value is None and attribute.default is None:
        return None
    try:
        return ATTRIBUTE_TYPES[attribute.type](value)
    except UsageError:
        raise
    except (TypeError, ValueError):
        raise CallError(
            f"{operator.name}: attribute {attribute.name!r} is of type {attribute.type}, not {value!r}"
        ) from None
