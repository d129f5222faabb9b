"""Rules on the dtype of a port, each port by itself."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from npusim.dtypes import DTYPES, DType, Kind
from npusim.operators import Operator
from npusim.profiles.document import Node
from npusim.profiles.edits import Edit, Edits
from npusim.profiles.json_parts import DTYPES as DTYPES_SCHEMA
from npusim.profiles.json_parts import RANGES, list_of, mapping_of, one_of
from npusim.profiles.ranges import Ranges, read_ranges, within
from npusim.profiles.rules.base import Finding, Rule, by_port, nearest_dtype
from npusim.profiles.subject import Subject
from npusim.profiles.values import read_dtypes

_USUAL = ("float32", "float16", "bfloat16", "int32", "int8", "float64", "bool", "complex64")
LIKELY: tuple[DType, ...] = tuple(DTYPES[name] for name in dict.fromkeys((*_USUAL, *DTYPES)))
"""Every dtype, in the order in which one tries them."""


def outside(taken: Iterable[DType]) -> Iterator[DType]:
    """Yield the dtypes that are not among some, likely ones first."""
    refused = frozenset(taken)
    return (row for row in LIKELY if row not in refused)


def closest(found: DType, allowed: Iterable[DType]) -> Iterator[DType]:
    """Yield the dtypes of a list: the one closest to `found`, then the others in order."""
    listed = tuple(allowed)
    return iter(dict.fromkeys((nearest_dtype(found, listed), *listed) if listed else ()))


def typed(seen: Subject, *ports: str) -> list[tuple[str, int, DType]]:
    """Return the port, index and dtype of every operand on some ports."""
    return [(port, index, found.dtype) for port in ports for index, found in enumerate(seen.types.get(port, ()))]


@dataclass(frozen=True, slots=True)
class Dtype(Rule):
    """A port takes only the dtypes of a list, in the order in which the stack prints it."""

    key: ClassVar[str] = "dtype"
    code: ClassVar[str] = "NPU101"
    example: ClassVar[str] = "dtype: {x1: [float16, bfloat16]}"
    schema: ClassVar[Mapping[str, Any]] = mapping_of(DTYPES_SCHEMA)
    sentences: ClassVar[Mapping[str, str]] = {"dtype": "{name} does not take {found}; it takes {allowed}"}

    lists: tuple[tuple[str, tuple[DType, ...]], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Dtype":
        return cls(by_port(node, operator, read_dtypes))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, allowed in self.lists:
            for _, index, found in typed(seen, port):
                if found not in allowed:
                    target = _like_others(found, allowed, port, seen)
                    yield Finding(port, found, allowed, f"cast {port} to {target}", index=index)

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.lists)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        likely = _like_others(finding.found, finding.allowed, finding.port, seen)
        for row in dict.fromkeys((likely, *closest(finding.found, finding.allowed))):
            yield (Edit(finding.port, dtype=row),)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        yield from _changed(target, outside(self._allowed(target)))

    def _allowed(self, port: str) -> Iterator[DType]:
        return (row for name, allowed in self.lists if name == port for row in allowed)


def _like_others(found: DType, allowed: tuple[DType, ...], port: str, seen: Subject) -> DType:
    """The dtype to repair with: what the other operands have, else the closest in kind and width."""
    others = [t.dtype for name, types in seen.types.items() if name != port for t in types]
    candidates = [d for d in others if d in allowed and d.kind is found.kind]
    return candidates[0] if candidates else nearest_dtype(found, allowed)


def _changed(port: str, dtypes: Iterable[DType]) -> Iterator[Edits]:
    """Yield the port with each of some dtypes, then its last operand alone with the first of them."""
    rows = tuple(dtypes)
    yield from ((Edit(port, dtype=row),) for row in rows)
    yield from ((Edit(port, index=-1, dtype=row),) for row in rows[:1])


@dataclass(frozen=True, slots=True)
class ForbidDtype(Rule):
    """A port refuses some dtypes, whatever the list that the stack prints says."""

    key: ClassVar[str] = "forbid_dtype"
    code: ClassVar[str] = "NPU104"
    example: ClassVar[str] = "forbid_dtype: {self: bfloat16}"
    schema: ClassVar[Mapping[str, Any]] = mapping_of(DTYPES_SCHEMA)
    sentences: ClassVar[Mapping[str, str]] = {"forbid_dtype": "{name} does not take {found} on this chip"}

    lists: tuple[tuple[str, tuple[DType, ...]], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "ForbidDtype":
        return cls(by_port(node, operator, read_dtypes))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, refused in self.lists:
            for _, index, found in typed(seen, port):
                if found in refused:
                    other = "float16 or float32" if found.name == "bfloat16" else "another dtype"
                    yield Finding(port, found, _anything_but(refused), f"cast {port} to {other}", index=index)

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.lists)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        refused = [row for port, listed in self.lists if port == finding.port for row in listed]
        yield from ((Edit(finding.port, dtype=row),) for row in closest(finding.found, outside(refused)))

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        yield from _changed(target, (row for port, refused in self.lists if port == target for row in refused))


def _anything_but(refused: tuple[DType, ...]) -> tuple[str]:
    return (f"anything but {', '.join(map(str, refused))}",)


@dataclass(frozen=True, slots=True)
class DtypeBits(Rule):
    """A port takes any dtype of a width (or several), whichever it is."""

    key: ClassVar[str] = "dtype_bits"
    code: ClassVar[str] = "NPU106"
    example: ClassVar[str] = "dtype_bits: {x: 16}"
    schema: ClassVar[Mapping[str, Any]] = mapping_of(RANGES)
    sentences: ClassVar[Mapping[str, str]] = {"dtype_bits": "{name} is {found} bits wide; allowed: {allowed}"}

    widths: tuple[tuple[str, Ranges], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "DtypeBits":
        return cls(by_port(node, operator, read_ranges))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, widths in self.widths:
            for _, index, found in typed(seen, port):
                if not within(found.bits, widths):
                    hint = f"cast {port} to a dtype of such a width"
                    yield Finding(port, found.bits, widths, hint, index=index)

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.widths)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        found = seen.types[finding.port][finding.index].dtype
        fitting = (row for row in LIKELY if within(row.bits, finding.allowed))
        yield from ((Edit(finding.port, dtype=row),) for row in closest(found, fitting))

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        widths = tuple(width for port, listed in self.widths if port == target for width in listed)
        yield from _changed(target, (row for row in LIKELY if not within(row.bits, widths)))


CLASSES: Mapping[str, Callable[[DType], bool]] = MappingProxyType(
    {
        "bool": lambda row: row.kind is Kind.BOOL,
        "integer": lambda row: row.is_integer,
        "signed": lambda row: row.is_integer and not row.name.startswith("u"),
        "unsigned": lambda row: row.is_integer and row.name.startswith("u"),
        "floating": lambda row: row.is_floating,
        "complex": lambda row: row.kind is Kind.COMPLEX,
    }
)
"""The classes of dtypes that `dtype_class` may name; signed and unsigned are integers."""


def _read_classes(node: Node) -> tuple[str, ...]:
    return tuple(item.choice(list(CLASSES), "class of dtypes") for item in node.some())


def _in_classes(row: DType, classes: Iterable[str]) -> bool:
    return any(CLASSES[name](row) for name in classes)


@dataclass(frozen=True, slots=True)
class DtypeClass(Rule):
    """A port takes every dtype of a class: bool, integer, signed or unsigned (integers), floating, complex."""

    key: ClassVar[str] = "dtype_class"
    code: ClassVar[str] = "NPU111"
    example: ClassVar[str] = "dtype_class: {self: [integer, bool]}"
    schema: ClassVar[Mapping[str, Any]] = mapping_of({"anyOf": [one_of(*CLASSES), list_of(one_of(*CLASSES))]})
    sentences: ClassVar[Mapping[str, str]] = {
        "dtype_class": "{name} does not take {found}; it takes dtypes that are {allowed}"
    }

    classes: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "DtypeClass":
        return cls(by_port(node, operator, _read_classes))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, classes in self.classes:
            for _, index, found in typed(seen, port):
                if not _in_classes(found, classes):
                    target = next(self._fitting(found, classes))
                    yield Finding(port, found, classes, f"cast {port} to {target}", index=index)

    @staticmethod
    def _fitting(found: DType, classes: tuple[str, ...]) -> Iterator[DType]:
        return closest(found, (row for row in LIKELY if _in_classes(row, classes)))

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.classes)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield from ((Edit(finding.port, dtype=row),) for row in self._fitting(finding.found, finding.allowed))

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        classes = [name for port, listed in self.classes if port == target for name in listed]
        yield from _changed(target, (row for row in LIKELY if not _in_classes(row, classes)))


@dataclass(frozen=True, slots=True)
class OutputOnly(Rule):
    """Some dtypes only come out of operators: the host cannot make them, so no constant input has one."""

    key: ClassVar[str] = "output_only"
    code: ClassVar[str] = "NPU114"
    example: ClassVar[str] = "output_only: [float8_e4m3]"
    schema: ClassVar[Mapping[str, Any]] = DTYPES_SCHEMA
    sentences: ClassVar[Mapping[str, str]] = {
        "output_only": "{name} is a constant of {found}, which only an operator can produce"
    }

    refused: tuple[DType, ...]
    ports: tuple[str, ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "OutputOnly":
        return cls(read_dtypes(node), tuple(port.name for port in operator.inputs))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port in self.ports:
            for index, operand in enumerate(seen.operands.get(port, ())):
                found = operand.type.dtype
                if operand.constant and found in self.refused:
                    target = nearest_dtype(found, [DTYPES[name] for name in _USUAL])
                    hint = f"give {port} as {target} and let the device cast it"
                    yield Finding(port, found, _anything_but(self.refused), hint, index=index)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield (Edit(finding.port, constant=False),)
        yield from ((Edit(finding.port, dtype=row),) for row in closest(finding.found, outside(self.refused)))

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        yield from ((Edit(port, dtype=row, constant=True),) for port in self.ports for row in self.refused)
