"""Conditions on a call, as `when:` writes them: which dtypes, ranks and attribute values it has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from npusim.dtypes import DType
from npusim.operators import Attribute, Operator
from npusim.profiles.document import Node, did_you_mean
from npusim.profiles.ranges import Ranges, read_ranges, within
from npusim.profiles.subject import Subject
from npusim.profiles.values import ValueSet, read_dtypes, read_values


@dataclass(frozen=True, slots=True)
class PortCondition:
    """Holds if the port is as said; a port that is absent meets only `present: false`."""

    port: str
    dtypes: tuple[DType, ...] | None = None
    rank: Ranges | None = None
    present: bool | None = None
    constant: bool | None = None

    def holds(self, subject: Subject) -> bool:
        """Whether the call is so."""
        types = subject.types.get(self.port, ())
        if self.present is not None and self.present is not bool(types):
            return False
        if not types:
            return self.present is False
        return (
            (self.dtypes is None or all(t.dtype in self.dtypes for t in types))
            and (self.rank is None or all(within(t.rank, self.rank) for t in types))
            and (self.constant is None or self.constant is (self.port in subject.constants))
        )


@dataclass(frozen=True, slots=True)
class AttributeCondition:
    """Holds if the attribute has one of the values."""

    attribute: str
    values: ValueSet

    def holds(self, subject: Subject) -> bool:
        """Whether the call is so."""
        return subject.attributes.get(self.attribute) in self.values


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds if all its parts do."""

    parts: tuple[PortCondition | AttributeCondition, ...]

    def holds(self, subject: Subject) -> bool:
        """Whether the call is so."""
        return all(part.holds(subject) for part in self.parts)


def read_condition(node: Node, operator: Operator) -> Condition:
    """Return the condition, or fail naming an unknown port, attribute or key with its nearest neighbours."""
    ports = [port.name for port in operator.ports]
    attributes = {attribute.name: attribute for attribute in operator.attributes}
    parts: list[PortCondition | AttributeCondition] = []
    for name, value in node.mapping("a condition such as {self: {dtype: float32}}").items():
        if name in ports:
            parts.append(_read_port(name, value))
        elif name in attributes:
            parts.append(AttributeCondition(name, _read_attribute(attributes[name], value)))
        else:
            near = did_you_mean(name, [*ports, *attributes])
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


_KEYS: Mapping[str, tuple[str, Callable[[Node], Any]]] = MappingProxyType(
    {
        "dtype": ("dtypes", read_dtypes),
        "rank": ("rank", read_ranges),
        "present": ("present", _flag),
        "constant": ("constant", _flag),
    }
)


def _read_port(port: str, node: Node) -> PortCondition:
    found = {}
    for key, value in node.mapping("a mapping such as {dtype: float32, rank: 2..3}").items():
        if key not in _KEYS:
            value.fail_at_key(f"unknown key {key!r} in a condition{did_you_mean(key, list(_KEYS))}")
        field, read = _KEYS[key]
        found[field] = read(value)
    return PortCondition(port, **found)
