"""Rules on which ports are given and how, on whether the operator is there, and on what cannot be judged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from npusim.operators import Operator
from npusim.profiles.document import Node
from npusim.profiles.edits import Edit, Edits, ends
from npusim.profiles.json_parts import RANGES, TEXT, TEXTS, mapping_of, one_of, record
from npusim.profiles.ranges import Ranges, read_ranges, within
from npusim.profiles.rules.base import Finding, Rule, by_port, read_parts, read_ports
from npusim.profiles.subject import Subject


@dataclass(frozen=True, slots=True)
class Constant(Rule):
    """A port takes only a value that is fixed when the program is built, such as a weight."""

    key: ClassVar[str] = "constant"
    code: ClassVar[str] = "NPU401"
    example: ClassVar[str] = "constant: [weight, bias]"
    schema: ClassVar[Mapping[str, Any]] = TEXTS
    sentences: ClassVar[Mapping[str, str]] = {"constant": "{name} must be a constant"}

    ports: tuple[str, ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Constant":
        return cls(read_ports(node, operator))

    @property
    def targets(self) -> tuple[str, ...]:
        return self.ports

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield (Edit(finding.port, constant=True),)
        yield tuple(Edit(port, constant=True) for port in self.ports if seen.types.get(port))

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        yield (Edit(target, constant=False),) if seen.types.get(target) else (Edit(target, count=1, constant=False),)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port in self.ports:
            if seen.types.get(port) and port not in seen.constants:
                yield Finding(port, "computed at run time", ("constant",), f"make {port} a constant of the program")


@dataclass(frozen=True, slots=True)
class Absent(Rule):
    """An optional port may not be given."""

    key: ClassVar[str] = "absent"
    code: ClassVar[str] = "NPU402"
    example: ClassVar[str] = "absent: [x3]"
    schema: ClassVar[Mapping[str, Any]] = TEXTS
    sentences: ClassVar[Mapping[str, str]] = {"absent": "{name} must not be given"}

    ports: tuple[str, ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Absent":
        return cls(read_ports(node, operator))

    @property
    def targets(self) -> tuple[str, ...]:
        return self.ports

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield (Edit(finding.port, count=0),)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        yield (Edit(target, count=1),)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port in self.ports:
            if seen.types.get(port):
                yield Finding(port, "given", ("absent",), f"leave {port} out")


@dataclass(frozen=True, slots=True)
class Arity(Rule):
    """A variadic port takes a number of operands in a range."""

    key: ClassVar[str] = "arity"
    code: ClassVar[str] = "NPU403"
    example: ClassVar[str] = "arity: {tensors: 1..16}"
    schema: ClassVar[Mapping[str, Any]] = mapping_of(RANGES)
    sentences: ClassVar[Mapping[str, str]] = {"arity": "{name} has {found} operands; allowed: {allowed}"}

    counts: tuple[tuple[str, Ranges], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Arity":
        return cls(by_port(node, operator, read_ranges))

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.counts)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        for port, ranges in self.counts:
            yield from ((Edit(port, count=count),) for count in ends(ranges) if port == finding.port)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        for port, ranges in self.counts:
            yield from ((Edit(port, count=count),) for count in ends(ranges, outside=True) if port == target)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, allowed in self.counts:
            count = len(seen.types.get(port, ()))
            if not within(count, allowed):
                yield Finding(port, count, allowed, f"give {port} in several calls")


@dataclass(frozen=True, slots=True)
class NotOffered(Rule):
    """The chip or its stack does not offer the operator at all; the value is the reason."""

    key: ClassVar[str] = "not_offered"
    code: ClassVar[str] = "NPU501"
    example: ClassVar[str] = "not_offered: no kernel is registered for this chip"
    sentences: ClassVar[Mapping[str, str]] = {"not_offered": "{operator} is not offered: {reason}"}
    fields: ClassVar[frozenset[str]] = frozenset({"reason"})

    schema: ClassVar[Mapping[str, Any]] = TEXT

    reason: str

    @property
    def refuses_all(self) -> bool:
        return True

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "NotOffered":  # noqa: ARG003 - every kind reads alike
        return cls(node.text("the reason"))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        yield Finding("", "any call", (), "use another operator or chip", fields={"reason": self.reason})

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        yield ()


NOT_MODELLED: Mapping[str, str] = MappingProxyType(
    {
        "capacity": "the size of a memory that many operators share",
        "state": "what earlier calls have left behind",
        "graph_context": "the neighbours of the call in its graph",
        "runtime_data": "values that are known only at run time",
        "memory": "where tensors lie and how they are spread",
        "order": "what must run before or after",
        "numerics": "how the chip computes, beyond what numerics can say",
    }
)
"""What cannot be judged call by call -> what it is."""


@dataclass(frozen=True, slots=True)
class NotModelled(Rule):
    """Something that the chip asks for and that cannot be judged call by call: it rejects nothing, and is reported."""

    key: ClassVar[str] = "not_modelled"
    code: ClassVar[str] = "NPU801"
    example: ClassVar[str] = "not_modelled: {kind: capacity, what: the parameters fit the cache of 8 MB}"
    schema: ClassVar[Mapping[str, Any]] = record({"kind": one_of(*NOT_MODELLED), "what": TEXT})

    kind: str
    what: str

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "NotModelled":  # noqa: ARG003 - every kind reads alike
        parts = read_parts(node, "kind", "what")
        return cls(parts["kind"].choice(list(NOT_MODELLED), "kind"), parts["what"].text("what the chip asks for"))

    @property
    def targets(self) -> tuple[str, ...]:
        return ()

    def notes(self, seen: Subject) -> Iterator[str]:
        yield f"not modelled ({self.kind.replace('_', ' ')}): {self.what}"
