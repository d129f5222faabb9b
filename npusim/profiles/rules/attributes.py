"""Rules on attributes: their values, and what axes and permutations mean for a port."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from npusim.call import TensorType
from npusim.dtypes import DType, dtype
from npusim.operators import REQUIRED, Operator
from npusim.profiles.axes import Axes, read_by_axis, shape_of
from npusim.profiles.document import Node, did_you_mean
from npusim.profiles.edits import Edit, Edits, SetAttribute, ends, reranked, resized
from npusim.profiles.json_parts import (
    DTYPES,
    INTEGER,
    INTEGERS,
    RANGES,
    SCALARS,
    TEXT,
    TEXTS,
    axes_of,
    list_of,
    mapping_of,
    record,
)
from npusim.profiles.ranges import passed, read_ranges, within
from npusim.profiles.rules.base import Finding, Rule, named_ports, nearest_dtype, read_parts
from npusim.profiles.subject import Subject
from npusim.profiles.values import ValueSet, like, read_dtypes, read_values


@dataclass(frozen=True, slots=True)
class AttributeValue(Rule):
    """An attribute, every number of it if it has several, has one of some values: single ones, ranges, or dtypes."""

    key: ClassVar[str] = "attribute"
    code: ClassVar[str] = "NPU301"
    example: ClassVar[str] = "attribute: {dim: [-1, 1..3]}"
    sentences: ClassVar[Mapping[str, str]] = {"attribute": "attribute {name} is {found}; allowed: {allowed}"}
    fields: ClassVar[frozenset[str]] = frozenset({"limit"})
    schema: ClassVar[Mapping[str, Any]] = mapping_of(SCALARS)

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

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.values)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        for value in (value for name, allowed in self.values if name == finding.port for value in allowed.samples()):
            yield (SetAttribute(finding.port, value),)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        for value in (value for name, allowed in self.values if name == target for value in allowed.others()):
            yield (SetAttribute(target, like(value, seen.attributes.get(target))),)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for name, allowed in self.values:
            given = seen.attributes[name]
            for value in given if isinstance(given, tuple) else (given,):
                found = dtype(value) if allowed.of_dtypes and value is not None else value
                if found is not None and found not in allowed:
                    choices = (*allowed.singles, *allowed.ranges)
                    near = nearest_dtype(found, allowed.singles) if isinstance(found, DType) else allowed
                    limit = passed(found, allowed.ranges) if isinstance(found, int | float) else None
                    yield Finding(name, found, choices, f"set {name} to {near}", fields={"limit": limit})
                    break


def _read_attribute(node: Node, name: str, operator: Operator) -> str:
    """Return the name of one of the operator's attributes, or fail with the nearest ones."""
    known = [attribute.name for attribute in operator.attributes]
    if name not in known:
        node.fail_at_key(f"{operator.name} has no attribute {name!r}{did_you_mean(name, known)}")
    return name


@dataclass(frozen=True, slots=True)
class AttributeAbsent(Rule):
    """An attribute is left at its default."""

    key: ClassVar[str] = "attribute_absent"
    code: ClassVar[str] = "NPU302"
    example: ClassVar[str] = "attribute_absent: [clip]"
    sentences: ClassVar[Mapping[str, str]] = {"attribute_absent": "attribute {name} must not be given, found {found}"}
    schema: ClassVar[Mapping[str, Any]] = TEXTS

    defaults: tuple[tuple[str, Any], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "AttributeAbsent":
        defaults = {attribute.name: attribute.default for attribute in operator.attributes}
        names = [_read_attribute(item, item.text("an attribute"), operator) for item in node.some()]
        if any(defaults[name] is REQUIRED for name in names):
            node.fail("an attribute without a default cannot be left out")
        return cls(tuple((name, defaults[name]) for name in names))

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.defaults)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for name, default in self.defaults:
            if seen.attributes[name] != default:
                yield Finding(name, seen.attributes[name], (f"{default} (the default)",), f"leave {name} out")

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield from ((SetAttribute(name, default),) for name, default in self.defaults if name == finding.port)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        values = (True, False, 1, 2, 3.5, "?", (1,), (3, 3))
        yield from ((SetAttribute(target, value),) for value in values)


@dataclass(frozen=True, slots=True)
class AxisAttribute(Rule):
    """An attribute names only some axes of a port: those allowed, or all but those forbidden; -1 is the last."""

    key: ClassVar[str] = "axis"
    code: ClassVar[str] = "NPU303"
    example: ClassVar[str] = "axis: {dim: {of: self, allow: [-1]}}"
    sentences: ClassVar[Mapping[str, str]] = {"axis": "attribute {name} names axis {found} of {of}, of rank {rank}"}
    fields: ClassVar[frozenset[str]] = frozenset({"of", "rank"})
    schema: ClassVar[Mapping[str, Any]] = mapping_of(record({"of": TEXT}, {"allow": INTEGERS, "forbid": INTEGERS}))

    axes: tuple[tuple[str, str, tuple[int, ...], bool], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "AxisAttribute":
        entries = node.mapping("a mapping from attributes")
        return cls(
            tuple((_read_attribute(v, name, operator), *cls._limits(v, operator)) for name, v in entries.items())
        )

    @staticmethod
    def _limits(node: Node, operator: Operator) -> tuple[str, tuple[int, ...], bool]:
        entries = node.mapping("a mapping such as {of: self, allow: [-1]}")
        way = "allow" if "allow" in entries else "forbid"
        parts = read_parts(node, "of", way)
        port = named_ports(parts["of"], parts["of"].text("a port"), operator)[0]
        return port, tuple(item.integer("an axis") for item in parts[way].some()), way == "allow"

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(name for name, *_ in self.axes)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for name, port, axes, is_allowed in self.axes:
            found, given = seen.type(port), seen.attributes[name]
            if found is None or given is None or not found.rank:
                continue
            named = {axis % found.rank for axis in axes if -found.rank <= axis < found.rank}
            for axis in given if isinstance(given, tuple) else (given,):
                if (axis % found.rank in named) is not is_allowed:
                    allowed = (f"{'one of' if is_allowed else 'anything but'} {', '.join(map(str, axes))}",)
                    yield Finding(
                        name, axis, allowed, f"transpose {port} first", fields={"of": port, "rank": found.rank}
                    )
                    break

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield from self._set(seen, finding.port)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        yield from self._set(seen, target)
        for name, port, *_ in self.axes:
            for axis in (0, 1, 2, 3) if name == target else ():
                present = seen.attributes[name]
                yield Edit(port, shape=reranked(shape_of(seen, port), 4)), SetAttribute(name, like(axis, present))

    def _set(self, seen: Subject, target: str) -> Iterator[Edits]:
        for name, port, *_ in self.axes:
            rank = len(shape_of(seen, port))
            for axis in (-1, *range(rank)) if name == target else ():
                yield (SetAttribute(name, like(axis, seen.attributes[name])),)


@dataclass(frozen=True, slots=True)
class Permutation(Rule):
    """A permutation of a port's axes is one of a list, some of them only for some dtypes and sizes."""

    key: ClassVar[str] = "permutation"
    code: ClassVar[str] = "NPU304"
    example: ClassVar[str] = (
        "permutation: {attribute: dims, of: self, rows: [{perm: [0, 2, 3, 1], dtypes: [int8], dims: {1: ..512}}]}"
    )
    sentences: ClassVar[Mapping[str, str]] = {"permutation": "{name} {found} is not one that the chip has: {allowed}"}
    schema: ClassVar[Mapping[str, Any]] = record(
        {
            "attribute": TEXT,
            "of": TEXT,
            "rows": list_of(record({"perm": list_of(INTEGER)}, {"dtypes": DTYPES, "dims": axes_of(RANGES)})),
        }
    )

    attribute: str
    port: str
    rows: "tuple[PermutationRow, ...]"

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Permutation":
        parts = read_parts(node, "attribute", "of", "rows")
        attribute = _read_attribute(parts["attribute"], parts["attribute"].text(), operator)
        port = named_ports(parts["of"], parts["of"].text(), operator)[0]
        return cls(attribute, port, tuple(PermutationRow.read(row) for row in parts["rows"].some()))

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.attribute,)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        found, given = seen.type(self.port), seen.attributes[self.attribute]
        if found is None or given is None:
            return
        perm = tuple(axis % max(found.rank, 1) for axis in given)
        if not any(row.takes(perm, found) for row in self.rows):
            allowed = tuple(map(str, self.rows))
            yield Finding(self.attribute, f"{list(perm)} of {found}", allowed, "use another order of axes")

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        for row in self.rows:
            shape = reranked(shape_of(seen, self.port), len(row.perm))
            for axis, ranges in row.dims:
                shape = resized(shape, axis, next(ends(ranges, floor=1)))
            dtype = row.dtypes[0] if row.dtypes else None
            yield Edit(self.port, shape=shape, dtype=dtype), SetAttribute(self.attribute, row.perm)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        perms = [(3, 1, 0, 2), (2, 3, 0, 1), (1, 0, 2, 3), (0, 1, 2, 3), (1, 0), (0, 1), (2, 1, 0), (4, 3, 2, 1, 0)]
        for perm in perms:
            shape = reranked(shape_of(seen, self.port), len(perm))
            yield Edit(self.port, shape=shape), SetAttribute(self.attribute, perm)


@dataclass(frozen=True, slots=True)
class PermutationRow:
    """One permutation, and the dtypes and sizes with which it is taken."""

    perm: tuple[int, ...]
    dtypes: tuple[DType, ...] = ()
    dims: Axes = ()

    @classmethod
    def read(cls, node: Node) -> "PermutationRow":
        """Return a row that a profile wrote, or fail at its place."""
        entries = dict(node.mapping("a row such as {perm: [0, 2, 3, 1]}"))
        known = ("perm", "dtypes", "dims")
        for key, value in entries.items():
            if key not in known:
                value.fail_at_key(f"unknown key {key!r} in a row of permutation{did_you_mean(key, list(known))}")
        if "perm" not in entries:
            node.fail("a row of permutation has a perm")
        return cls(
            tuple(axis.integer("an axis") for axis in entries["perm"].items()),
            read_dtypes(entries["dtypes"]) if "dtypes" in entries else (),
            read_by_axis(entries["dims"], read_ranges) if "dims" in entries else (),
        )

    def takes(self, perm: tuple[int, ...], found: TensorType) -> bool:
        """Whether a permutation of such a tensor is meant."""
        return (
            perm == self.perm
            and (not self.dtypes or found.dtype in self.dtypes)
            and all(-found.rank <= axis < found.rank and within(found.shape[axis], r) for axis, r in self.dims)
        )

    def __str__(self) -> str:
        dtypes = f" of {'|'.join(map(str, self.dtypes))}" if self.dtypes else ""
        sizes = ", ".join(f"axis {axis} {' or '.join(map(str, ranges))}" for axis, ranges in self.dims)
        return f"{list(self.perm)}{dtypes}{f' with {sizes}' if sizes else ''}"
