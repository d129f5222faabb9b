"""Rules on the rank, shape and size of ports."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from npusim.call import TensorType
from npusim.operators import Operator
from npusim.profiles.axes import MAX_SAMPLE_RANK, Axes, read_by_axis, read_positive, shape_of, with_sizes
from npusim.profiles.document import Node
from npusim.profiles.edits import Edit, Edits, ends, reranked, resized
from npusim.profiles.json_parts import INTEGER, INTEGERS, RANGES, axes_of, mapping_of, record
from npusim.profiles.ranges import Ranges, passed, read_ranges, within
from npusim.profiles.rules.base import Finding, Rule, by_port
from npusim.profiles.subject import Subject


@dataclass(frozen=True, slots=True)
class Rank(Rule):
    """A port has one of some numbers of dimensions."""

    key: ClassVar[str] = "rank"
    code: ClassVar[str] = "NPU201"
    example: ClassVar[str] = "rank: {x1: 2..3, x2: 2}"
    sentences: ClassVar[Mapping[str, str]] = {
        "rank_above": "{name} has {found} dimensions; at most {limit} are allowed",
        "rank_below": "{name} has {found} dimensions; at least {limit} are needed",
        "rank_not": "{name} of shape {shape} has {found} dimensions; allowed: {allowed}",
    }
    fields: ClassVar[frozenset[str]] = frozenset({"limit", "shape"})

    schema: ClassVar[Mapping[str, Any]] = mapping_of(RANGES)

    ranks: tuple[tuple[str, Ranges], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Rank":
        return cls(by_port(node, operator, read_ranges))

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.ranks)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield from _reshaped(
            seen, finding.port, [rank for port, r in self.ranks if port == finding.port for rank in ends(r)]
        )

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        ranks = [rank for port, r in self.ranks if port == target for rank in ends(r, outside=True)]
        yield from _reshaped(seen, target, ranks)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, ranks in self.ranks:
            for index, found in enumerate(seen.types.get(port, ())):
                if not within(found.rank, ranks):
                    sentence, limit = _rank_sentence(found.rank, ranks)
                    fields = {"limit": limit, "shape": found.shape}
                    hint = f"reshape {port} to {_either(ranks)} dimensions"
                    yield Finding(port, found.rank, ranks, hint, sentence, index, fields)


def _reshaped(seen: Subject, port: str, ranks: Iterable[int]) -> Iterator[Edits]:
    """Yield the port with other ranks, its innermost sizes kept."""
    shape = shape_of(seen, port)
    yield from ((Edit(port, shape=reranked(shape, rank)),) for rank in ranks if rank <= MAX_SAMPLE_RANK)


def _rank_sentence(rank: int, ranks: Ranges) -> tuple[str, int | None]:
    only = ranks[0]
    if len(ranks) > 1 or only.low == only.high:
        return "rank_not", only.low
    if only.high is not None and rank > only.high:
        return "rank_above", only.high
    return "rank_below", only.low


def _either(ranges: Ranges) -> str:
    return " or ".join(each.words for each in ranges)


def _sizes(seen: Subject, port: str, axes: Axes) -> Iterator[tuple[int, TensorType, int, Any]]:
    for index, found in enumerate(seen.types.get(port, ())):
        for axis, wanted in axes:
            if -found.rank <= axis < found.rank:
                yield index, found, axis, wanted


@dataclass(frozen=True, slots=True)
class Dim(Rule):
    """An axis of a port has a size in a range; an axis the tensor lacks breaks nothing."""

    key: ClassVar[str] = "dim"
    code: ClassVar[str] = "NPU203"
    example: ClassVar[str] = "dim: {x: {0: ..128, -1: 1..8192}}"
    sentences: ClassVar[Mapping[str, str]] = {"dim": "size {found} of axis {axis} of {name} is not in {allowed}"}
    fields: ClassVar[frozenset[str]] = frozenset({"axis", "limit", "shape"})
    schema: ClassVar[Mapping[str, Any]] = mapping_of(axes_of(RANGES))

    sizes: tuple[tuple[str, Axes], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Dim":
        return cls(by_port(node, operator, lambda axes: read_by_axis(axes, read_ranges)))

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.sizes)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield from with_sizes(seen, finding.port, {a: ends(r, floor=1) for a, r in self._axes(finding.port)})

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        yield from with_sizes(seen, target, {a: ends(r, outside=True) for a, r in self._axes(target)})
        yield from with_sizes(seen, target, {a: [2 * r.high for r in rs if r.high] for a, rs in self._axes(target)})

    def _axes(self, target: str) -> Iterator[tuple[int, Ranges]]:
        yield from (axis for port, axes in self.sizes if port == target for axis in axes)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, axes in self.sizes:
            for index, found, axis, allowed in _sizes(seen, port, axes):
                size = found.shape[axis]
                if not within(size, allowed):
                    hint = f"split or pad axis {axis} of {port}"
                    fields = {"axis": axis, "limit": passed(size, allowed), "shape": found.shape}
                    yield Finding(port, size, allowed, hint, index=index, fields=fields)


@dataclass(frozen=True, slots=True)
class MultipleOf(Rule):
    """An axis of a port has a size that is a multiple of a number."""

    key: ClassVar[str] = "multiple_of"
    code: ClassVar[str] = "NPU204"
    example: ClassVar[str] = "multiple_of: {x: {-1: 32}}"
    sentences: ClassVar[Mapping[str, str]] = {
        "multiple_of": "size {found} of axis {axis} of {name} is not a multiple of {limit}"
    }
    fields: ClassVar[frozenset[str]] = frozenset({"axis", "limit", "shape"})
    schema: ClassVar[Mapping[str, Any]] = mapping_of(axes_of(INTEGER))

    factors: tuple[tuple[str, Axes], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "MultipleOf":
        return cls(by_port(node, operator, lambda axes: read_by_axis(axes, read_positive)))

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.factors)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield from with_sizes(seen, finding.port, {a: (f, 2 * f) for a, f in self._axes(finding.port)})

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        yield from with_sizes(seen, target, {a: (f + 1, f - 1) for a, f in self._axes(target)})

    def _axes(self, target: str) -> Iterator[tuple[int, int]]:
        yield from (axis for port, axes in self.factors if port == target for axis in axes)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, axes in self.factors:
            for index, found, axis, factor in _sizes(seen, port, axes):
                size = found.shape[axis]
                if size % factor:
                    fields = {"axis": axis, "shape": found.shape, "limit": factor}
                    hint = f"pad axis {axis} of {port} from {size} to {-(-size // factor) * factor}"
                    yield Finding(port, size, (f"a multiple of {factor}",), hint, index=index, fields=fields)


@dataclass(frozen=True, slots=True)
class Numel(Rule):
    """A port has a number of elements in a range; `axes` narrows it to the product of some axes."""

    key: ClassVar[str] = "numel"
    code: ClassVar[str] = "NPU205"
    example: ClassVar[str] = "numel: {x: {size: ..65536, axes: [-2, -1]}}"
    sentences: ClassVar[Mapping[str, str]] = {
        "numel": "{name} of shape {shape} has {found} elements; allowed: {allowed}"
    }
    fields: ClassVar[frozenset[str]] = frozenset({"limit", "shape"})

    schema: ClassVar[Mapping[str, Any]] = mapping_of({"anyOf": [RANGES, record({"size": RANGES}, {"axes": INTEGERS})]})

    sizes: tuple[tuple[str, tuple[Ranges, tuple[int, ...] | None]], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Numel":
        return cls(by_port(node, operator, cls._limits))

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.sizes)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield from self._resized(seen, finding.port, outside=False)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        yield from self._resized(seen, target, outside=True)

    def _resized(self, seen: Subject, target: str, *, outside: bool) -> Iterator[Edits]:
        """Yield the port with one of the chosen axes at a limit, and the others of one element."""
        shape = shape_of(seen, target)
        for port, (ranges, axes) in self.sizes:
            chosen = [axis % len(shape) for axis in axes or range(len(shape)) if -len(shape) <= axis < len(shape)]
            for number in ends(ranges, outside=outside) if port == target and chosen else ():
                flat = tuple(1 if axis in chosen else size for axis, size in enumerate(shape))
                yield (Edit(target, shape=resized(flat, chosen[-1], number)),)

    @staticmethod
    def _limits(node: Node) -> tuple[Ranges, tuple[int, ...] | None]:
        if not isinstance(node.value, dict):
            return read_ranges(node), None
        unknown = set(node.value) - {"size", "axes"}
        if unknown or "size" not in node.value:
            node.fail(f"numel takes size and, if wanted, axes; found {', '.join(node.value)}")
        axes = tuple(item.integer("an axis") for item in node.value["axes"].many()) if "axes" in node.value else None
        return read_ranges(node.value["size"]), axes

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, (allowed, axes) in self.sizes:
            for index, found in enumerate(seen.types.get(port, ())):
                chosen = (
                    found.shape if axes is None else [found.shape[a] for a in axes if -found.rank <= a < found.rank]
                )
                if not within(prod(chosen), allowed):
                    fields = {"limit": passed(prod(chosen), allowed), "shape": found.shape}
                    yield Finding(port, prod(chosen), allowed, f"split {port}", index=index, fields=fields)


@dataclass(frozen=True, slots=True)
class LeadingOnes(Rule):
    """All but some innermost axes of a port have one element."""

    key: ClassVar[str] = "leading_ones"
    code: ClassVar[str] = "NPU211"
    example: ClassVar[str] = "leading_ones: {self: 3}"
    sentences: ClassVar[Mapping[str, str]] = {
        "leading_ones": "{name} of shape {found} has more than one element outside of its {limit} innermost dimensions"
    }
    fields: ClassVar[frozenset[str]] = frozenset({"limit"})
    schema: ClassVar[Mapping[str, Any]] = mapping_of(INTEGER)

    inner: tuple[tuple[str, int], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "LeadingOnes":
        return cls(by_port(node, operator, read_positive))

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.inner)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, inner in self.inner:
            for index, found in enumerate(seen.types.get(port, ())):
                if any(size != 1 for size in found.shape[:-inner]):
                    allowed = (f"ones outside of the {inner} innermost dimensions",)
                    hint = f"merge or loop over the outer dimensions of {port}"
                    yield Finding(port, found.shape, allowed, hint, index=index, fields={"limit": inner})

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        for port, inner in self.inner:
            shape = shape_of(seen, port)
            if port == finding.port:
                yield (Edit(port, shape=(1,) * max(len(shape) - inner, 0) + shape[-inner:]),)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        for port, inner in self.inner:
            if port == target:
                yield (Edit(port, shape=(2,) * (inner + 1)),)


@dataclass(frozen=True, slots=True)
class Static(Rule):
    """Some axes of a port, or all, have a size that is fixed when the program is built."""

    key: ClassVar[str] = "static"
    code: ClassVar[str] = "NPU212"
    example: ClassVar[str] = "static: {self: [1, 2]}"
    sentences: ClassVar[Mapping[str, str]] = {"static": "{name} has dynamic axes {found}"}
    schema: ClassVar[Mapping[str, Any]] = mapping_of({"anyOf": [{"const": "all"}, INTEGERS]})

    axes: tuple[tuple[str, tuple[int, ...] | None], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Static":
        return cls(by_port(node, operator, cls._axes))

    @staticmethod
    def _axes(node: Node) -> tuple[int, ...] | None:
        return None if node.value == "all" else tuple(item.integer("an axis, or all") for item in node.many())

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.axes)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, axes in self.axes:
            for index, operand in enumerate(seen.operands.get(port, ())):
                rank = operand.type.rank
                fixed = range(rank) if axes is None else [axis % rank for axis in axes if -rank <= axis < rank]
                dynamic = tuple(sorted(axis for axis in operand.dynamic if axis in fixed))
                if dynamic:
                    allowed = ("no dynamic axis",) if axes is None else tuple(f"axis {axis} fixed" for axis in axes)
                    hint = f"fix the shape of {port} when the program is built"
                    yield Finding(port, dynamic, allowed, hint, index=index)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield (Edit(finding.port, dynamic=frozenset()),)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        for port, axes in self.axes:
            rank = len(shape_of(seen, port))
            if port == target:
                fixed = [axis % rank for axis in axes or range(rank) if -rank <= axis < rank]
                yield (Edit(port, dynamic=frozenset(fixed)),)
                yield Edit(port, shape=(2,) * 4), Edit(port, dynamic=frozenset(axis % 4 for axis in axes or range(4)))
