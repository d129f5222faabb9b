"""Conditions on a call, as `when:` writes them: which dtypes, shapes and attribute values it has."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Any

from npusim.call import Operand
from npusim.dtypes import DTYPES, DType
from npusim.operators import Attribute, Operator
from npusim.profiles.axes import Axes, read_by_axis, shape_of, with_sizes
from npusim.profiles.document import Node, did_you_mean
from npusim.profiles.edits import Edit, Edits, SetAttribute, ends, reranked, resized
from npusim.profiles.expressions import Expression, UndecidableError, read_expression
from npusim.profiles.perturbations import perturbations
from npusim.profiles.ranges import Ranges, read_ranges, within
from npusim.profiles.subject import Subject
from npusim.profiles.values import ValueSet, like, read_dtypes, read_values


@dataclass(frozen=True, slots=True)
class PortCondition:
    """Holds if the port is as said; a port that is absent meets only `present: false`."""

    port: str
    dtypes: tuple[DType, ...] | None = None
    rank: Ranges | None = None
    present: bool | None = None
    constant: bool | None = None
    dim: Axes | None = None
    numel: Ranges | None = None
    layout: tuple[str, ...] | None = None
    memory: tuple[str, ...] | None = None
    dynamic: bool | None = None

    def holds(self, seen: Subject) -> bool:
        """Whether the call is so."""
        types = seen.types.get(self.port, ())
        if self.present is not None and self.present is not bool(types):
            return False
        if not types:
            return self.present is False
        operands = seen.operands.get(self.port) or tuple(map(Operand, types))
        return (
            (self.dtypes is None or all(t.dtype in self.dtypes for t in types))
            and (self.rank is None or all(within(t.rank, self.rank) for t in types))
            and (self.constant is None or self.constant is (self.port in seen.constants))
            and (self.dim is None or all(_has_sizes(t.shape, self.dim) for t in types))
            and (self.numel is None or all(within(prod(t.shape), self.numel) for t in types))
            and (self.layout is None or all(o.layout in self.layout for o in operands))
            and (self.memory is None or all(o.memory in self.memory for o in operands))
            and (self.dynamic is None or self.dynamic is any(o.dynamic for o in operands))
        )

    def mends(self, seen: Subject) -> Iterator[Edits]:
        """Yield changes by which it may come to hold."""
        if self.present is not None and self.present is not bool(seen.types.get(self.port)):
            yield (Edit(self.port, count=int(self.present)),)
        if self.present is False:
            return
        shape = shape_of(seen, self.port)
        yield from ((Edit(self.port, dtype=row),) for row in self.dtypes or ())
        yield from ((Edit(self.port, shape=reranked(shape, rank)),) for rank in ends(self.rank or ()))
        yield from with_sizes(seen, self.port, {axis: ends(r) for axis, r in self.dim or ()})
        yield from ((Edit(self.port, shape=self._of_numel(shape, number)),) for number in ends(self.numel or ()))
        yield from ((Edit(self.port, layout=name),) for name in self.layout or ())
        yield from ((Edit(self.port, memory=name),) for name in self.memory or ())
        if self.constant is not None:
            yield (Edit(self.port, constant=self.constant),)
        if self.dynamic is not None:
            yield (Edit(self.port, dynamic=frozenset({0}) if self.dynamic else frozenset()),)

    def breaks(self, seen: Subject) -> Iterator[Edits]:
        """Yield changes by which it may come to hold no longer."""
        shape = shape_of(seen, self.port)
        if self.present is not None:
            yield (Edit(self.port, count=int(not self.present)),)
        if self.dtypes is not None:
            yield from ((Edit(self.port, dtype=row),) for row in DTYPES.values() if row not in self.dtypes)
        yield from ((Edit(self.port, shape=reranked(shape, rank)),) for rank in ends(self.rank or (), outside=True))
        yield from with_sizes(seen, self.port, {axis: ends(r, outside=True) for axis, r in self.dim or ()})
        numbers = ends(self.numel or (), outside=True)
        yield from ((Edit(self.port, shape=self._of_numel(shape, number)),) for number in numbers)
        if self.constant is not None:
            yield (Edit(self.port, constant=not self.constant),)
        if self.layout is not None:
            yield (Edit(self.port, layout=""),)
        if self.memory is not None:
            yield (Edit(self.port, memory=""),)
        if self.dynamic is not None:
            yield (Edit(self.port, dynamic=frozenset() if self.dynamic else frozenset({0})),)

    @staticmethod
    def _of_numel(shape: tuple[int, ...], number: int) -> tuple[int, ...]:
        return resized((1,) * max(len(shape), 1), -1, number)


def _has_sizes(shape: tuple[int, ...], axes: Axes) -> bool:
    return all(-len(shape) <= axis < len(shape) and within(shape[axis], ranges) for axis, ranges in axes)


@dataclass(frozen=True, slots=True)
class AttributeCondition:
    """Holds if the attribute has one of the values; one of several numbers, if every one of them is."""

    attribute: str
    values: ValueSet

    def holds(self, seen: Subject) -> bool:
        """Whether the call is so."""
        value = seen.attributes.get(self.attribute)
        return all(one in self.values for one in value) if isinstance(value, tuple) else value in self.values

    def mends(self, seen: Subject) -> Iterator[Edits]:
        """Yield changes by which it may come to hold."""
        present = seen.attributes.get(self.attribute)
        yield from ((SetAttribute(self.attribute, like(value, present)),) for value in self.values.samples())

    def breaks(self, seen: Subject) -> Iterator[Edits]:
        """Yield changes by which it may come to hold no longer."""
        present = seen.attributes.get(self.attribute)
        yield from ((SetAttribute(self.attribute, like(value, present)),) for value in self.values.others())


@dataclass(frozen=True, slots=True)
class ExprCondition:
    """Holds if an expression does; one that has no value for the call does not hold."""

    expression: Expression

    def holds(self, seen: Subject) -> bool:
        """Whether the call is so."""
        try:
            return bool(self.expression.value(seen))
        except UndecidableError:
            return False

    def mends(self, seen: Subject) -> Iterator[Edits]:
        """Yield changes by which it may come to hold."""
        yield from perturbations(self.expression, seen)

    breaks = mends


Part = PortCondition | AttributeCondition | ExprCondition


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds if all its parts do."""

    parts: tuple[Part, ...]

    def holds(self, seen: Subject) -> bool:
        """Whether the call is so."""
        return all(part.holds(seen) for part in self.parts)

    @property
    def absent(self) -> tuple[str, ...]:
        """The ports that must not be given for it to hold."""
        ports = (part for part in self.parts if isinstance(part, PortCondition))
        return tuple(part.port for part in ports if part.present is False)

    def mends(self, seen: Subject) -> Iterator[Edits]:
        """Yield changes by which it may come to hold: all that its parts ask for at once, then one by one."""
        missing = [part for part in self.parts if not part.holds(seen)]
        first = [edits for part in missing for edits in (next(part.mends(seen), None),) if edits is not None]
        yield tuple(edit for edits in first for edit in edits)
        for part in missing:
            yield from part.mends(seen)

    def breaks(self, seen: Subject) -> Iterator[Edits]:
        """Yield changes by which it may come to hold no longer."""
        for part in self.parts:
            yield from part.breaks(seen)


def read_condition(node: Node, operator: Operator) -> Condition:
    """Return the condition, or fail naming an unknown port, attribute or key with its nearest neighbours."""
    ports = [port.name for port in operator.ports]
    attributes = {attribute.name: attribute for attribute in operator.attributes}
    parts: list[Part] = []
    for name, value in node.mapping("a condition such as {self: {dtype: float32}}").items():
        if name in ports:
            parts.append(_read_port(name, value))
        elif name in attributes:
            parts.append(AttributeCondition(name, _read_attribute(attributes[name], value)))
        elif name == "expr":
            parts.append(ExprCondition(read_expression(value, operator)))
        else:
            near = did_you_mean(name, [*ports, *attributes, "expr"])
            value.fail_at_key(f"{operator.name} has no port or attribute {name!r}{near}")
    return Condition(tuple(parts))


def _read_attribute(attribute: Attribute, node: Node) -> ValueSet:
    if attribute.type == "dtype":
        return ValueSet(tuple(row.name for row in read_dtypes(node)))
    return read_values(node)


def _flag(node: Node) -> bool:
    if not isinstance(node.value, bool):
        node.fail(f"expected true or false, found {node.shown}")
    return node.value


def _names(node: Node) -> tuple[str, ...]:
    return tuple(item.text() for item in node.some())


def _read_axes(node: Node) -> Axes:
    return read_by_axis(node, read_ranges)


KEYS: Mapping[str, tuple[str, Callable[[Node], Any]]] = MappingProxyType(
    {
        "dtype": ("dtypes", read_dtypes),
        "rank": ("rank", read_ranges),
        "present": ("present", _flag),
        "constant": ("constant", _flag),
        "dim": ("dim", _read_axes),
        "numel": ("numel", read_ranges),
        "layout": ("layout", _names),
        "memory": ("memory", _names),
        "dynamic": ("dynamic", _flag),
    }
)
"""What a condition may say of a port -> the field that holds it, and how it is read."""


def _read_port(port: str, node: Node) -> PortCondition:
    found = {}
    for key, value in node.mapping("a mapping such as {dtype: float32, rank: 2..3}").items():
        if key not in KEYS:
            value.fail_at_key(f"unknown key {key!r} in a condition{did_you_mean(key, list(KEYS))}")
        field, read = KEYS[key]
        found[field] = read(value)
    return PortCondition(port, **found)
