"""Rules on where and how tensors lie, and on which unit computes; what a call does not say is not judged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from npusim.dtypes import DType
from npusim.operators import Operator
from npusim.profiles.axes import Axes, read_by_axis, shape_of
from npusim.profiles.document import Node, did_you_mean
from npusim.profiles.edits import Edit, Edits, SetAttribute, ends, resized
from npusim.profiles.json_parts import RANGES, TEXT, TEXTS, axes_of, list_of, mapping_of, record
from npusim.profiles.ranges import read_ranges, within
from npusim.profiles.rules.base import Finding, Rule, by_port
from npusim.profiles.subject import Subject
from npusim.profiles.values import read_dtype

_ELSEWHERE = "ELSEWHERE"
"""A layout or memory that no chip has, for samples."""


def _names(node: Node) -> tuple[str, ...]:
    return tuple(item.text("a name") for item in node.some())


@dataclass(frozen=True, slots=True)
class Layout(Rule):
    """A port has one of some layouts, which may depend on its dtype."""

    key: ClassVar[str] = "layout"
    code: ClassVar[str] = "NPU701"
    example: ClassVar[str] = "layout: {self: {bfloat8_b: [TILE], default: [TILE, ROW_MAJOR]}}"
    sentences: ClassVar[Mapping[str, str]] = {"layout": "{name} of {dtype} has the layout {found}; allowed: {allowed}"}
    fields: ClassVar[frozenset[str]] = frozenset({"dtype"})
    schema: ClassVar[Mapping[str, Any]] = mapping_of({"anyOf": [TEXTS, mapping_of(TEXTS)]})

    layouts: tuple[tuple[str, tuple[tuple[DType | None, tuple[str, ...]], ...]], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Layout":
        return cls(by_port(node, operator, cls._by_dtype))

    @staticmethod
    def _by_dtype(node: Node) -> tuple[tuple[DType | None, tuple[str, ...]], ...]:
        if not isinstance(node.value, dict):
            return ((None, _names(node)),)
        return tuple(
            (None if name == "default" else read_dtype(Node(name, value.mark)), _names(value))
            for name, value in node.value.items()
        )

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.layouts)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, by_dtype in self.layouts:
            for index, operand in enumerate(seen.operands.get(port, ())):
                allowed = _of_dtype(by_dtype, operand.type.dtype)
                if operand.layout and allowed is not None and operand.layout not in allowed:
                    fields = {"dtype": operand.type.dtype}
                    hint = f"convert {port} to {allowed[0]}"
                    yield Finding(port, operand.layout, allowed, hint, index=index, fields=fields)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield from ((Edit(finding.port, layout=str(name)),) for name in finding.allowed)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        for port, by_dtype in self.layouts:
            for dtype, _ in by_dtype if port == target else ():
                names = dict.fromkeys((*(name for _, found in by_dtype for name in found), _ELSEWHERE))
                yield from ((Edit(port, dtype=dtype, layout=name),) for name in names)


def _of_dtype(by_dtype: tuple[tuple[DType | None, tuple[str, ...]], ...], found: DType) -> tuple[str, ...] | None:
    table = dict(by_dtype)
    return table.get(found, table.get(None))


@dataclass(frozen=True, slots=True)
class Memory(Rule):
    """A port lies in one of some memories."""

    key: ClassVar[str] = "memory"
    code: ClassVar[str] = "NPU702"
    example: ClassVar[str] = "memory: {stationary: [SBUF], dst: [PSUM]}"
    sentences: ClassVar[Mapping[str, str]] = {"memory": "{name} lies in {found}; allowed: {allowed}"}
    schema: ClassVar[Mapping[str, Any]] = mapping_of(TEXTS)

    memories: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Memory":
        return cls(by_port(node, operator, _names))

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.memories)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, allowed in self.memories:
            for index, operand in enumerate(seen.operands.get(port, ())):
                if operand.memory and operand.memory not in allowed:
                    yield Finding(port, operand.memory, allowed, f"copy {port} to {allowed[0]} first", index=index)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield from ((Edit(finding.port, memory=str(name)),) for name in finding.allowed)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        yield (Edit(target, memory=_ELSEWHERE),)


@dataclass(frozen=True, slots=True)
class MemoryRows(Rule):
    """Only these combinations of the memories in which ports lie are taken."""

    key: ClassVar[str] = "memory_rows"
    code: ClassVar[str] = "NPU703"
    example: ClassVar[str] = "memory_rows: [{self: L1, mat2: DRAM}, {self: DRAM, mat2: DRAM}]"
    sentences: ClassVar[Mapping[str, str]] = {"memory_rows": "the memories {found} are not one of {allowed}"}
    schema: ClassVar[Mapping[str, Any]] = list_of(mapping_of(TEXTS))

    rows: tuple[tuple[tuple[str, tuple[str, ...]], ...], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "MemoryRows":
        return cls(tuple(by_port(row, operator, _names) for row in node.some()))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        ports = dict.fromkeys(port for row in self.rows for port, _ in row)
        given = {port: seen.operand(port).memory for port in ports if seen.types.get(port)}
        if not any(all(not given.get(port) or given[port] in names for port, names in row) for row in self.rows):
            found = ", ".join(f"{port}: {memory}" for port, memory in given.items() if memory)
            allowed = tuple(", ".join(f"{port}: {'|'.join(names)}" for port, names in row) for row in self.rows)
            yield Finding(next(iter(given)), found, allowed, "copy the operands as one of the rows says")

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        for row in self.rows:
            yield tuple(Edit(port, memory=names[0]) for port, names in row if seen.types.get(port))

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        ports = dict.fromkeys(port for row in self.rows for port, _ in row)
        yield from ((Edit(port, memory=_ELSEWHERE),) for port in ports)


@dataclass(frozen=True, slots=True)
class Engine(Rule):
    """A call fits the unit that its attribute `engine` names, or one of them if it names none."""

    key: ClassVar[str] = "engine"
    code: ClassVar[str] = "NPU704"
    example: ClassVar[str] = "engine: [{engine: tensor, dim: {data: {0: ..128}}}, {engine: vector}]"
    sentences: ClassVar[Mapping[str, str]] = {"engine": "{found} fits none of {allowed}"}
    schema: ClassVar[Mapping[str, Any]] = list_of(record({"engine": TEXT}, {"dim": mapping_of(axes_of(RANGES))}))

    engines: tuple[tuple[str, tuple[tuple[str, Axes], ...]], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Engine":
        return cls(tuple(cls._engine(item, operator) for item in node.some()))

    @staticmethod
    def _engine(node: Node, operator: Operator) -> tuple[str, tuple[tuple[str, Axes], ...]]:
        entries = node.mapping("a mapping with engine and dim")
        for key, value in entries.items():
            if key not in ("engine", "dim"):
                value.fail_at_key(f"unknown key {key!r} in an engine{did_you_mean(key, ['engine', 'dim'])}")
        if "engine" not in entries:
            node.fail("an item of engine names its engine")
        sizes = entries.get("dim")
        limits = () if sizes is None else by_port(sizes, operator, lambda axes: read_by_axis(axes, read_ranges))
        return entries["engine"].text("the name of an engine"), limits

    def findings(self, seen: Subject) -> Iterator[Finding]:
        wanted = seen.attributes.get("engine")
        candidates = [(name, limits) for name, limits in self.engines if not wanted or wanted == name]
        if any(self._fits(seen, limits) for _, limits in candidates):
            return
        shapes = ", ".join(
            f"{port}: {found}"
            for port in dict.fromkeys(port for _, limits in self.engines for port, _ in limits)
            if (found := seen.type(port)) is not None
        )
        shown = f"engine {wanted} with {shapes}" if wanted else shapes
        allowed = tuple(f"{name} ({_limits(limits)})" if limits else name for name, limits in self.engines)
        yield Finding("", shown, allowed, "split the tensors, or choose another engine")

    @staticmethod
    def _fits(seen: Subject, limits: tuple[tuple[str, Axes], ...]) -> bool:
        return all(
            within(t.shape[axis], ranges)
            for port, axes in limits
            for t in seen.types.get(port, ())
            for axis, ranges in axes
            if -t.rank <= axis < t.rank
        )

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        for name, limits in self.engines:
            yield (SetAttribute("engine", name), *self._sized(seen, limits, outside=False))

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        yield (SetAttribute("engine", _ELSEWHERE),)
        for name, limits in self.engines:
            yield (SetAttribute("engine", name), *self._sized(seen, limits, outside=True))
        yield tuple(edit for _, limits in self.engines for edit in self._sized(seen, limits, outside=True))

    @staticmethod
    def _sized(seen: Subject, limits: tuple[tuple[str, Axes], ...], *, outside: bool) -> Iterator[Edit]:
        for port, axes in limits:
            shape = shape_of(seen, port)
            for axis, ranges in axes:
                if -len(shape) <= axis < len(shape):
                    shape = resized(shape, axis, max(ends(ranges, outside=outside), default=1))
            yield Edit(port, shape=shape)


def _limits(limits: tuple[tuple[str, Axes], ...]) -> str:
    return ", ".join(
        f"axis {axis} of {port} {' or '.join(map(str, ranges))}" for port, axes in limits for axis, ranges in axes
    )
