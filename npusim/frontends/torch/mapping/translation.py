"""Say which call of npusim's vocabulary a torch call is, with its tensors and numbers on ports and attributes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from npusim.frontends.torch.mapping.row import Role, Row, Rule
from npusim.frontends.torch.mapping.rows import ROWS
from npusim.operators import ALIASES, OPERATORS, REQUIRED, Operator
from npusim.profiles import Entry, Profile


@dataclass(frozen=True, slots=True)
class Translation:
    """A torch call in npusim's words.

    operator    a name of `npusim.operators.OPERATORS`; None where nothing runs, or where there is none for it
    operands    what is on each port: a tensor, a Python number, or a list of tensors
    attributes  the rest, as `npusim.operators.bind` takes it
    """

    role: Role
    operator: str | None
    operands: Mapping[str, Any]
    attributes: Mapping[str, Any]


def speaks_for(entry: Entry, func: Any) -> bool:
    """Return whether an entry holds for a torch operator: one that names only a vendor's is not ATen's.

    Where the stack has no kernel for the operator of the same name, the operator's parts are what runs.
    """
    named = entry.frameworks.get("torch", ())
    return not named or func.namespace != "aten" or any(name.startswith("aten.") for name in named)


UNMAPPED = Translation(Role.OPERATOR, None, {}, {})
"""The translation of what npusim has no operator for."""


def translate(
    func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], profile: Profile | None = None
) -> Translation:
    """Return what a call of a torch.ops overload is, `UNMAPPED` if npusim does not know.

    An in-place or out variant is the functional operator, with the tensor that it writes on an output port. A vendor's
    operator without a row is what the entry of `profile` that names it says.
    """
    names, defaults = _signature(func)
    given = {**defaults, **dict(zip(names, args, strict=False)), **kwargs}
    rule = _rule(func, profile)
    row = rule(given) if rule is not None and not isinstance(rule, Row) else rule
    if row is None:
        return UNMAPPED
    if row.operator is None:
        return Translation(row.role, None, {}, {})
    operands, attributes = {}, {}
    for argument, target, convert in _placement(func, row):
        value = given.get(argument)
        if value is None:
            continue
        if not target:
            return UNMAPPED
        if convert is None:
            operands[target] = value
        else:
            attributes[target] = convert(value)
    for name, compute in row.computed.items():
        (attributes if _is_attribute(row.operator, name) else operands)[name] = compute(given)
    return Translation(row.role, row.operator, operands, attributes)


@lru_cache(maxsize=4096)
def _signature(func: Any) -> tuple[tuple[str, ...], Mapping[str, Any]]:
    """The names of the arguments in order, and the defaults of those that have one."""
    arguments = func._schema.arguments
    defaults = {a.name: a.default_value for a in arguments if a.has_default_value()}
    return tuple(a.name for a in arguments), defaults


@lru_cache(maxsize=4096)
def _rule(func: Any, profile: Profile | None) -> Rule | None:
    """The row of the table for the overload, else for its operator; else what the profile says; else by name.

    A row for a whole operator does not hold for an overload whose arguments it cannot place. Where several entries
    claim a name, only a row can say which it is.
    """
    packet = func._schema.name.replace("::", ".")
    overload = f"{packet}.{func._overloadname}"
    base = packet if packet.endswith("__") else packet.removesuffix("_")
    functional = f"{base}.{func._overloadname.removesuffix('out').removesuffix('_') or 'default'}"
    for name in (overload, functional, packet, base):
        rule = ROWS.get(name)
        if rule is not None and (not isinstance(rule, Row) or rule.operator is None or not any(misfits(func, rule))):
            return rule
    claims = {} if profile is None else _claims(profile)
    claimed = claims.get(overload, claims.get(packet, ()))
    row = _named(func, claimed[0]) if len(claimed) == 1 else None
    if row is None and packet.startswith("aten."):
        row = _named(func, base.removeprefix("aten."))
        return None if row is None or _loses(func, row) else row
    return row


def _named(func: Any, name: str) -> Row | None:
    """The row of an operator whose ports and attributes bear the names of the arguments; None if they do not."""
    row = Row(ALIASES.get(name, name))
    return row if row.operator in OPERATORS and not any(misfits(func, row)) else None


@lru_cache(maxsize=64)
def _claims(profile: Profile) -> Mapping[str, Sequence[str]]:
    """The operators whose entries say that a torch operator becomes theirs."""
    found: dict[str, list[str]] = {}
    for name, entry in profile.operators.items():
        for claimed in entry.frameworks.get("torch", ()):
            found.setdefault(claimed, []).append(name)
    return found


@lru_cache(maxsize=4096)
def _placement(func: Any, row: Row) -> tuple[tuple[str, str, Callable[[Any], Any] | None], ...]:
    """Where each argument goes: its name, the port or attribute, and for an attribute what makes its value.

    An optional tensor that has no place goes to "": a call that gives it is not the row's.
    """
    operator = OPERATORS[row.operator or ""]
    attributes = {attribute.name: attribute.type for attribute in operator.attributes}
    ports = {port.name for port in operator.inputs}
    places: list[tuple[str, str, Callable[[Any], Any] | None]] = []
    for argument in _inputs(func):
        for target in _targets(row, argument.name):
            if target in ports:
                places.append((argument.name, target, None))
            elif target in attributes:
                places.append((argument.name, target, _CONVERSIONS.get(attributes[target], _as_is)))
            elif "Tensor" in str(argument.type):
                places.append((argument.name, "", None))
    results = zip(_written(func), operator.outputs, strict=False)
    return (*places, *((name, port.name, None) for name, port in results))


def _inputs(func: Any) -> list[Any]:
    return [argument for argument in func._schema.arguments if not argument.is_out]


def _written(func: Any) -> list[str]:
    """The names of the arguments that hold the results of an out or in-place variant."""
    name, arguments = func._schema.name, func._schema.arguments
    is_in_place = name.endswith("_") and not name.endswith("__")
    return [
        argument.name for argument in (arguments[:1] if is_in_place else arguments) if is_in_place or argument.is_out
    ]


def _targets(row: Row, argument: str) -> tuple[str, ...]:
    if argument in row.drops:
        return ()
    renamed = row.renames.get(argument, argument)
    return (renamed,) if isinstance(renamed, str) else renamed


def misfits(func: Any, row: Row) -> Iterator[str]:
    """Yield what a row cannot place: tensors without a port, ports and attributes without an argument, unfit types."""
    operator: Operator = OPERATORS[row.operator or ""]
    needed = {port.name for port in operator.inputs if not port.optional}
    needed |= {attribute.name for attribute in operator.attributes if attribute.default is REQUIRED}
    kinds = {attribute.name: attribute.type for attribute in operator.attributes}
    kinds |= {port.name: "port" for port in operator.inputs}
    for argument in _inputs(func):
        held = str(argument.type)
        is_optional = held.startswith("Optional[")
        held = held[len("Optional[") : -1] if is_optional else held
        for target in _targets(row, argument.name):
            needed.discard(target)
            if target in kinds and held in _UNFIT.get(kinds[target], ()):
                yield f"{argument.name}: {held} does not fit {kinds[target]} {target}"
            if target not in kinds and "Tensor" in held and not is_optional:
                yield f"{operator.name} has no port for the tensor {argument.name}"
    yield from (f"{operator.name} lacks {name}" for name in sorted(needed - set(row.computed)))
    yield from (f"{operator.name} has no output for {name}" for name in _written(func)[len(operator.outputs) :])


def _loses(func: Any, row: Row) -> bool:
    """Whether an argument that may change the meaning of a call would go nowhere."""
    operator = OPERATORS[row.operator or ""]
    taken = {port.name for port in operator.inputs} | {attribute.name for attribute in operator.attributes}
    return not {argument.name for argument in _inputs(func)} <= taken | _UNSEEN


def _is_attribute(operator: str, name: str) -> bool:
    return any(attribute.name == name for attribute in OPERATORS[operator].attributes)


_UNSEEN = frozenset(
    {"generator", "layout", "device", "pin_memory", "memory_format", "non_blocking", "output_mask", "path"}
    | {"cudnn_enable", "cudnn_enabled", "padding_idx", "scale_grad_by_freq", "sparse", "sparse_grad"}
)
"""Arguments that change neither what is computed nor of what dtype, or only its gradient."""

_TENSORS = ("Tensor", "List[Tensor]", "List[Optional[Tensor]]")
_UNFIT: Mapping[str, tuple[str, ...]] = {
    "port": ("str", "List[int]", "List[float]"),
    **dict.fromkeys(("ints", "sizes", "floats"), (*_TENSORS, "str", "bool")),
    **dict.fromkeys(("int", "float", "number"), (*_TENSORS, "str", "List[int]", "List[float]")),
    **dict.fromkeys(("bool", "dtype"), (*_TENSORS, "str", "List[int]", "List[float]", "float")),
    "str": (*_TENSORS, "int", "float", "number", "bool", "List[int]"),
}
"""The types of schemas that cannot be on a port or an attribute of a type."""


def _as_is(value: Any) -> Any:
    return value


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def _ints(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _dtype(value: Any) -> Any:
    return str(value).removeprefix("torch.") if isinstance(value, torch.dtype) else value


_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "number": _number,
    "float": _number,
    "int": _number,
    "ints": _ints,
    "sizes": _ints,
    "floats": _ints,
    "dtype": _dtype,
}
"""What makes an attribute's value out of a torch argument, by the attribute's type."""
