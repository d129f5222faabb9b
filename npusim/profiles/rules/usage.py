"""Rules on attributes, on which ports are given and how, and on whether the operator is there at all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from npusim.dtypes import DType, dtype
from npusim.operators import Operator
from npusim.profiles.document import Node, did_you_mean
from npusim.profiles.ranges import Ranges, read_ranges, within
from npusim.profiles.rules.base import Finding, by_port, nearest_dtype, read_ports
from npusim.profiles.subject import Subject
from npusim.profiles.values import ValueSet, read_dtypes, read_values


@dataclass(frozen=True, slots=True)
class AttributeValue:
    """An attribute has one of some values: single ones, ranges of numbers, or dtypes."""

    key: ClassVar[str] = "attribute"
    code: ClassVar[str] = "NPU301"
    example: ClassVar[str] = "attribute: {dim: [-1, 1..3]}"
    sentences: ClassVar[Mapping[str, str]] = {"attribute": "attribute {name} is {found}; allowed: {allowed}"}
    fields: ClassVar[frozenset[str]] = frozenset()

    values: tuple[tuple[str, ValueSet], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "AttributeValue":
        known = {attribute.name: attribute for attribute in operator.attributes}
        found = []
        for name, value in node.mapping("a mapping from attributes").items():
            if name not in known:
                value.fail_at_key(f"{operator.name} has no attribute {name!r}{did_you_mean(name, list(known))}")
            is_dtype = known[name].type == "dtype"
            found.append((name, ValueSet(read_dtypes(value)) if is_dtype else read_values(value)))
        return cls(tuple(found))

    def findings(self, subject: Subject) -> Iterator[Finding]:
        for name, allowed in self.values:
            value = subject.attributes[name]
            if value is not None and isinstance(next(iter(allowed.singles), None), DType):
                value = dtype(value)
            if value is not None and value not in allowed:
                choices = (*allowed.singles, *allowed.ranges)
                near = nearest_dtype(value, allowed.singles) if isinstance(value, DType) else allowed
                yield Finding(name, value, choices, f"set {name} to {near}")


@dataclass(frozen=True, slots=True)
class Constant:
    """A port takes only a value that is fixed when the program is built, such as a weight."""

    key: ClassVar[str] = "constant"
    code: ClassVar[str] = "NPU401"
    example: ClassVar[str] = "constant: [weight, bias]"
    sentences: ClassVar[Mapping[str, str]] = {"constant": "{name} must be a constant"}
    fields: ClassVar[frozenset[str]] = frozenset()

    ports: tuple[str, ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Constant":
        return cls(read_ports(node, operator))

    def findings(self, subject: Subject) -> Iterator[Finding]:
        for port in self.ports:
            if subject.types.get(port) and port not in subject.constants:
                yield Finding(port, "computed at run time", ("constant",), f"make {port} a constant of the program")


@dataclass(frozen=True, slots=True)
class Absent:
    """An optional port may not be given."""

    key: ClassVar[str] = "absent"
    code: ClassVar[str] = "NPU402"
    example: ClassVar[str] = "absent: [x3]"
    sentences: ClassVar[Mapping[str, str]] = {"absent": "{name} must not be given"}
    fields: ClassVar[frozenset[str]] = frozenset()

    ports: tuple[str, ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Absent":
        return cls(read_ports(node, operator))

    def findings(self, subject: Subject) -> Iterator[Finding]:
        for port in self.ports:
            if subject.types.get(port):
                yield Finding(port, "given", ("absent",), f"leave {port} out")


@dataclass(frozen=True, slots=True)
class Arity:
    """A variadic port takes a number of operands in a range."""

    key: ClassVar[str] = "arity"
    code: ClassVar[str] = "NPU403"
    example: ClassVar[str] = "arity: {tensors: 1..16}"
    sentences: ClassVar[Mapping[str, str]] = {"arity": "{name} has {found} operands; allowed: {allowed}"}
    fields: ClassVar[frozenset[str]] = frozenset()

    counts: tuple[tuple[str, Ranges], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Arity":
        return cls(by_port(node, operator, read_ranges))

    def findings(self, subject: Subject) -> Iterator[Finding]:
        for port, allowed in self.counts:
            count = len(subject.types.get(port, ()))
            if not within(count, allowed):
                yield Finding(port, count, allowed, f"give {port} in several calls")


@dataclass(frozen=True, slots=True)
class NotOffered:
    """The chip or its stack does not offer the operator at all; the value is the reason."""

    key: ClassVar[str] = "not_offered"
    code: ClassVar[str] = "NPU501"
    example: ClassVar[str] = "not_offered: no kernel is registered for this chip"
    sentences: ClassVar[Mapping[str, str]] = {"not_offered": "{operator} is not offered: {reason}"}
    fields: ClassVar[frozenset[str]] = frozenset({"reason"})

    reason: str

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "NotOffered":  # noqa: ARG003 - every kind reads alike
        return cls(node.text("the reason"))

    def findings(self, subject: Subject) -> Iterator[Finding]:  # noqa: ARG002 - no call is taken
        yield Finding("", "any call", (), "use another operator or chip", fields={"reason": self.reason})
