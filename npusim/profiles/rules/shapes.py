"""Rules on the rank, shape and size of ports."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

from npusim.call import TensorType
from npusim.operators import Operator
from npusim.profiles.document import Node
from npusim.profiles.ranges import Ranges, read_ranges, within
from npusim.profiles.rules.base import Finding, by_port, read_ports
from npusim.profiles.subject import Subject


@dataclass(frozen=True, slots=True)
class Rank:
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

    ranks: tuple[tuple[str, Ranges], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Rank":
        return cls(by_port(node, operator, read_ranges))

    def findings(self, subject: Subject) -> Iterator[Finding]:
        for port, ranks in self.ranks:
            for index, found in enumerate(subject.types.get(port, ())):
                if not within(found.rank, ranks):
                    sentence, limit = _rank_sentence(found.rank, ranks)
                    fields = {"limit": limit, "shape": found.shape}
                    hint = f"reshape {port} to {_either(ranks)} dimensions"
                    yield Finding(port, found.rank, ranks, hint, sentence, index, fields)


def _rank_sentence(rank: int, ranks: Ranges) -> tuple[str, int | None]:
    only = ranks[0]
    if len(ranks) > 1 or only.low == only.high:
        return "rank_not", only.low
    if only.high is not None and rank > only.high:
        return "rank_above", only.high
    return "rank_below", only.low


def _either(ranges: Ranges) -> str:
    return " or ".join(each.words for each in ranges)


@dataclass(frozen=True, slots=True)
class SameShape:
    """The named ports, where present, have one shape; nothing is broadcast."""

    key: ClassVar[str] = "same_shape"
    code: ClassVar[str] = "NPU202"
    example: ClassVar[str] = "same_shape: [self, other]"
    sentences: ClassVar[Mapping[str, str]] = {"same_shape": "{name} has shape {found}, {first} has {first_shape}"}
    fields: ClassVar[frozenset[str]] = frozenset({"first", "first_shape"})

    ports: tuple[str, ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "SameShape":
        return cls(read_ports(node, operator))

    def findings(self, subject: Subject) -> Iterator[Finding]:
        shaped = [(port, i, t.shape) for port in self.ports for i, t in enumerate(subject.types.get(port, ()))]
        for port, index, found in shaped[1:]:
            first, _, wanted = shaped[0]
            if found != wanted:
                hint = f"expand {port} to the shape of {first}"
                fields = {"first": first, "first_shape": wanted}
                yield Finding(port, found, (wanted,), hint, index=index, fields=fields)


Axes = tuple[tuple[int, Any], ...]
_AXIS = re.compile(r"-?\d{1,3}")


def _by_axis(node: Node, read: Callable[[Node], Any]) -> Axes:
    found = []
    for name, value in node.mapping("a mapping from axes, such as {-1: 1..8192}").items():
        if not _AXIS.fullmatch(name):
            value.fail_at_key(f"an axis is a whole number, negative ones counted from the last, not {name!r}")
        found.append((int(name), read(value)))
    return tuple(found)


def _sizes(subject: Subject, port: str, axes: Axes) -> Iterator[tuple[int, TensorType, int, Any]]:
    for index, found in enumerate(subject.types.get(port, ())):
        for axis, wanted in axes:
            if -found.rank <= axis < found.rank:
                yield index, found, axis, wanted


@dataclass(frozen=True, slots=True)
class Dim:
    """An axis of a port has a size in a range; an axis the tensor lacks breaks nothing."""

    key: ClassVar[str] = "dim"
    code: ClassVar[str] = "NPU203"
    example: ClassVar[str] = "dim: {x: {0: ..128, -1: 1..8192}}"
    sentences: ClassVar[Mapping[str, str]] = {"dim": "size {found} of axis {axis} of {name} is not in {allowed}"}
    fields: ClassVar[frozenset[str]] = frozenset({"axis", "shape"})

    sizes: tuple[tuple[str, Axes], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Dim":
        return cls(by_port(node, operator, lambda axes: _by_axis(axes, read_ranges)))

    def findings(self, subject: Subject) -> Iterator[Finding]:
        for port, axes in self.sizes:
            for index, found, axis, allowed in _sizes(subject, port, axes):
                size = found.shape[axis]
                if not within(size, allowed):
                    hint = f"split or pad axis {axis} of {port}"
                    fields = {"axis": axis, "shape": found.shape}
                    yield Finding(port, size, allowed, hint, index=index, fields=fields)


@dataclass(frozen=True, slots=True)
class MultipleOf:
    """An axis of a port has a size that is a multiple of a number."""

    key: ClassVar[str] = "multiple_of"
    code: ClassVar[str] = "NPU204"
    example: ClassVar[str] = "multiple_of: {x: {-1: 32}}"
    sentences: ClassVar[Mapping[str, str]] = {
        "multiple_of": "size {found} of axis {axis} of {name} is not a multiple of {limit}"
    }
    fields: ClassVar[frozenset[str]] = frozenset({"axis", "limit", "shape"})

    factors: tuple[tuple[str, Axes], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "MultipleOf":
        return cls(by_port(node, operator, lambda axes: _by_axis(axes, _positive)))

    def findings(self, subject: Subject) -> Iterator[Finding]:
        for port, axes in self.factors:
            for index, found, axis, factor in _sizes(subject, port, axes):
                size = found.shape[axis]
                if size % factor:
                    fields = {"axis": axis, "shape": found.shape, "limit": factor}
                    hint = f"pad axis {axis} of {port} from {size} to {-(-size // factor) * factor}"
                    yield Finding(port, size, (f"a multiple of {factor}",), hint, index=index, fields=fields)


def _positive(node: Node) -> int:
    number = node.integer()
    if number <= 0:
        node.fail(f"expected a positive number, found {number}")
    return number


@dataclass(frozen=True, slots=True)
class Numel:
    """A port has a number of elements in a range; `axes` narrows it to the product of some axes."""

    key: ClassVar[str] = "numel"
    code: ClassVar[str] = "NPU205"
    example: ClassVar[str] = "numel: {x: {size: ..65536, axes: [-2, -1]}}"
    sentences: ClassVar[Mapping[str, str]] = {
        "numel": "{name} of shape {shape} has {found} elements; allowed: {allowed}"
    }
    fields: ClassVar[frozenset[str]] = frozenset({"shape"})

    sizes: tuple[tuple[str, tuple[Ranges, tuple[int, ...] | None]], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Numel":
        return cls(by_port(node, operator, cls._limits))

    @staticmethod
    def _limits(node: Node) -> tuple[Ranges, tuple[int, ...] | None]:
        if not isinstance(node.value, dict):
            return read_ranges(node), None
        unknown = set(node.value) - {"size", "axes"}
        if unknown or "size" not in node.value:
            node.fail(f"numel takes size and, if wanted, axes; found {', '.join(node.value)}")
        axes = tuple(item.integer("an axis") for item in node.value["axes"].many()) if "axes" in node.value else None
        return read_ranges(node.value["size"]), axes

    def findings(self, subject: Subject) -> Iterator[Finding]:
        for port, (allowed, axes) in self.sizes:
            for index, found in enumerate(subject.types.get(port, ())):
                chosen = (
                    found.shape if axes is None else [found.shape[a] for a in axes if -found.rank <= a < found.rank]
                )
                if not within(prod(chosen), allowed):
                    fields = {"shape": found.shape}
                    yield Finding(port, prod(chosen), allowed, f"split {port}", index=index, fields=fields)
