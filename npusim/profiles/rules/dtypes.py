"""Rules on the dtypes of ports."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from npusim.dtypes import DType, promote
from npusim.operators import Operator
from npusim.profiles.document import Node
from npusim.profiles.ranges import Ranges, read_ranges, within
from npusim.profiles.rules.base import Finding, by_port, nearest_dtype, read_ports
from npusim.profiles.subject import Subject
from npusim.profiles.values import read_dtypes


@dataclass(frozen=True, slots=True)
class Dtype:
    """A port takes only the dtypes of a list, in the order in which the stack prints it."""

    key: ClassVar[str] = "dtype"
    code: ClassVar[str] = "NPU101"
    example: ClassVar[str] = "dtype: {x1: [float16, bfloat16]}"
    sentences: ClassVar[Mapping[str, str]] = {"dtype": "{name} does not take {found}; it takes {allowed}"}
    fields: ClassVar[frozenset[str]] = frozenset()

    lists: tuple[tuple[str, tuple[DType, ...]], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Dtype":
        return cls(by_port(node, operator, read_dtypes))

    def findings(self, subject: Subject) -> Iterator[Finding]:
        for port, allowed in self.lists:
            for index, found in enumerate(subject.types.get(port, ())):
                if found.dtype not in allowed:
                    target = _nearest(found.dtype, allowed, port, subject)
                    yield Finding(port, found.dtype, allowed, f"cast {port} to {target}", index=index)


def _nearest(found: DType, allowed: tuple[DType, ...], port: str, subject: Subject) -> DType:
    """The dtype to repair with: what the other operands have, else the closest in kind and width."""
    others = [t.dtype for name, types in subject.types.items() if name != port for t in types]
    candidates = [d for d in others if d in allowed and d.kind is found.kind]
    return candidates[0] if candidates else nearest_dtype(found, allowed)


@dataclass(frozen=True, slots=True)
class Rows:
    """Only these joint signatures are taken: in each row every named port has one of its dtypes."""

    key: ClassVar[str] = "rows"
    code: ClassVar[str] = "NPU102"
    example: ClassVar[str] = "rows: [{self: float16, out: float16}, {self: float16, out: float32}]"
    sentences: ClassVar[Mapping[str, str]] = {"rows": "no row takes {found}; the rows are {allowed}"}
    fields: ClassVar[frozenset[str]] = frozenset()

    rows: tuple[Mapping[str, tuple[DType, ...]], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Rows":
        rows = tuple(
            MappingProxyType(dict(by_port(row, operator, read_dtypes))) for row in node.items("a list of rows")
        )
        if not rows:
            node.fail("rows: at least one row; an operator that is not offered says `not_offered`")
        return cls(rows)

    def findings(self, subject: Subject) -> Iterator[Finding]:
        if any(self._takes(row, subject) for row in self.rows):
            return
        named = [port for port in subject.types if any(port in row for row in self.rows)]
        found = {port: subject.types[port][0].dtype for port in named if subject.types[port]}
        best = max(self.rows, key=lambda row: sum(found.get(port) in dtypes for port, dtypes in row.items()))
        wrong = [port for port in found if port in best and found[port] not in best[port]]
        port = next(iter(wrong), named[0] if named else "")
        hint = ", ".join(f"cast {port} to {best[port][0]}" for port in wrong)
        allowed = tuple(", ".join(f"{p}: {'|'.join(map(str, ds))}" for p, ds in row.items()) for row in self.rows)
        shown = ", ".join(f"{p}: {d}" for p, d in found.items())
        yield Finding(port, shown, allowed, hint)

    @staticmethod
    def _takes(row: Mapping[str, tuple[DType, ...]], subject: Subject) -> bool:
        return all(t.dtype in dtypes for port, dtypes in row.items() for t in subject.types.get(port, ()))


@dataclass(frozen=True, slots=True)
class SameDtype:
    """The named ports, where present, have one dtype."""

    key: ClassVar[str] = "same_dtype"
    code: ClassVar[str] = "NPU103"
    example: ClassVar[str] = "same_dtype: [x1, x2, bias]"
    sentences: ClassVar[Mapping[str, str]] = {
        "same_dtype": "{first} has dtype {first_dtype} and {name} has {found}; they must be the same"
    }
    fields: ClassVar[frozenset[str]] = frozenset({"first", "first_dtype"})

    ports: tuple[str, ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "SameDtype":
        return cls(read_ports(node, operator))

    def findings(self, subject: Subject) -> Iterator[Finding]:
        typed = [(port, i, t.dtype) for port in self.ports for i, t in enumerate(subject.types.get(port, ()))]
        for port, index, found in typed[1:]:
            first, _, wanted = typed[0]
            if found is not wanted:
                hint = f"cast {port} or {first} so that they agree"
                fields = {"first": first, "first_dtype": wanted}
                yield Finding(port, found, (wanted,), hint, index=index, fields=fields)


@dataclass(frozen=True, slots=True)
class ForbidDtype:
    """A port refuses some dtypes, whatever the list that the stack prints says."""

    key: ClassVar[str] = "forbid_dtype"
    code: ClassVar[str] = "NPU104"
    example: ClassVar[str] = "forbid_dtype: {self: bfloat16}"
    sentences: ClassVar[Mapping[str, str]] = {"forbid_dtype": "{name} does not take {found} on this chip"}
    fields: ClassVar[frozenset[str]] = frozenset()

    lists: tuple[tuple[str, tuple[DType, ...]], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "ForbidDtype":
        return cls(by_port(node, operator, read_dtypes))

    def findings(self, subject: Subject) -> Iterator[Finding]:
        for port, refused in self.lists:
            for index, found in enumerate(subject.types.get(port, ())):
                if found.dtype in refused:
                    other = "float16 or float32" if found.dtype.name == "bfloat16" else "another dtype"
                    allowed = (f"anything but {', '.join(map(str, refused))}",)
                    yield Finding(port, found.dtype, allowed, f"cast {port} to {other}", index=index)


@dataclass(frozen=True, slots=True)
class Promoted:
    """The dtype to which the named ports promote is one of a list."""

    key: ClassVar[str] = "promoted"
    code: ClassVar[str] = "NPU105"
    example: ClassVar[str] = "promoted: {ports: [self, other], to: [float32, float16]}"
    sentences: ClassVar[Mapping[str, str]] = {"promoted": "{ports} promote to {found}, which is not one of {allowed}"}
    fields: ClassVar[frozenset[str]] = frozenset({"ports"})

    ports: tuple[str, ...]
    allowed: tuple[DType, ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Promoted":
        entries = node.mapping("a mapping with ports and to")
        if set(entries) != {"ports", "to"}:
            node.fail(f"promoted takes the keys ports and to, not {', '.join(entries)}")
        return cls(read_ports(entries["ports"], operator), read_dtypes(entries["to"]))

    def findings(self, subject: Subject) -> Iterator[Finding]:
        dtypes = [t.dtype for port in self.ports for t in subject.types.get(port, ())]
        joined: DType | None = dtypes[0] if dtypes else None
        for other in dtypes[1:]:
            joined = promote(joined, other) if joined else None
        if dtypes and joined not in self.allowed:
            fields = {port: subject.dtype(port) for port in self.ports} | {"ports": " and ".join(self.ports)}
            hint = f"cast {' and '.join(self.ports)} to one of the allowed dtypes first"
            yield Finding(self.ports[0], joined or "nothing", self.allowed, hint, fields=fields)


@dataclass(frozen=True, slots=True)
class DtypeBits:
    """A port takes any dtype of a width (or several), whichever it is."""

    key: ClassVar[str] = "dtype_bits"
    code: ClassVar[str] = "NPU106"
    example: ClassVar[str] = "dtype_bits: {x: 16}"
    sentences: ClassVar[Mapping[str, str]] = {"dtype_bits": "{name} is {found} bits wide; allowed: {allowed}"}
    fields: ClassVar[frozenset[str]] = frozenset()

    widths: tuple[tuple[str, Ranges], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "DtypeBits":
        return cls(by_port(node, operator, read_ranges))

    def findings(self, subject: Subject) -> Iterator[Finding]:
        for port, widths in self.widths:
            for index, found in enumerate(subject.types.get(port, ())):
                if not within(found.dtype.bits, widths):
                    hint = f"cast {port} to a dtype of such a width"
                    yield Finding(port, found.dtype.bits, widths, hint, index=index)
