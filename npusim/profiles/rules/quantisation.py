"""Rules on quantisation: how integers stand for real numbers, and what scales go with them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, ClassVar

from npusim.call import Quantisation
from npusim.dtypes import DTYPES, DType
from npusim.operators import Operator
from npusim.profiles.document import Node
from npusim.profiles.edits import Edit, Edits, ends
from npusim.profiles.json_parts import INTEGERS, RANGES, TEXTS, list_of, mapping_of, one_of
from npusim.profiles.ranges import Ranges, read_ranges, within
from npusim.profiles.rules.base import Finding, Rule, by_port, read_ports
from npusim.profiles.subject import Subject
from npusim.profiles.values import read_dtype

PER_TENSOR, PER_CHANNEL, PER_GROUP = GRANULARITIES = ("per_tensor", "per_channel", "per_group")
_PLAIN = Quantisation(scales=(1.0,), zero_points=(0,))
_GROUP = 32


def quantised_operands(seen: Subject, port: str) -> Iterator[tuple[int, Quantisation]]:
    """Yield the operands on a port whose quantisation the call gives, with their index."""
    for index, operand in enumerate(seen.operands.get(port, ())):
        if operand.quant is not None:
            yield index, operand.quant


def quantised_as(
    seen: Subject,
    port: str,
    *,
    granularity: str | None = None,
    axis: int = 0,
    group_size: int = _GROUP,
    scheme: str | None = None,
) -> Quantisation:
    """Return the quantisation of a port, or a plain one, with another granularity or scheme.

    It has as many scales as it needs then, all alike.
    """
    before = next((quant for _, quant in quantised_operands(seen, port)), _PLAIN)
    found = replace(before, scheme=before.scheme if scheme is None else scheme)
    wanted = granularity or (PER_CHANNEL if PER_CHANNEL in found.scheme else found.granularity)
    if wanted == found.granularity and granularity is None:
        return found
    here = seen.type(port)
    shape = here.shape if here is not None else ()
    size = shape[axis] if -len(shape) <= axis < len(shape) else 1
    count = {PER_TENSOR: 1, PER_CHANNEL: size, PER_GROUP: -(-size // group_size)}[wanted]
    return replace(
        found,
        scales=(before.scales or _PLAIN.scales)[:1] * count,
        zero_points=(before.zero_points or _PLAIN.zero_points)[:1] * count,
        axis=None if wanted == PER_TENSOR else axis,
        group_size=group_size if wanted == PER_GROUP else None,
    )


def with_quants(port: str, quants: Iterable[Quantisation], index: int | None = None) -> Iterator[Edits]:
    """Yield the port, or one of its operands, with each of some quantisations."""
    yield from ((Edit(port, index=index, quant=quant),) for quant in quants)


def on_port(port: str, listed: Iterable[tuple[str, Any]]) -> Any:
    """What a rule says of a port."""
    return next(found for name, found in listed if name == port)


def _read_granularities(node: Node) -> tuple[str, ...]:
    return tuple(item.choice(GRANULARITIES, "granularity") for item in node.some())


@dataclass(frozen=True, slots=True)
class Granularity(Rule):
    """A quantised port has its scales per tensor, per channel or per group."""

    key: ClassVar[str] = "granularity"
    code: ClassVar[str] = "NPU601"
    example: ClassVar[str] = "granularity: {weight: [per_tensor, per_channel]}"
    schema: ClassVar[Mapping[str, Any]] = mapping_of(
        {"anyOf": [one_of(*GRANULARITIES), list_of(one_of(*GRANULARITIES))]}
    )
    sentences: ClassVar[Mapping[str, str]] = {"granularity": "{name} is quantised {found}; allowed: {allowed}"}

    granularities: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Granularity":
        return cls(by_port(node, operator, _read_granularities))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, allowed in self.granularities:
            for index, quant in quantised_operands(seen, port):
                if quant.granularity not in allowed:
                    hint = f"quantise {port} {' or '.join(allowed)}"
                    yield Finding(port, quant.granularity, allowed, hint, index=index)

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.granularities)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield from with_quants(finding.port, (quantised_as(seen, finding.port, granularity=g) for g in finding.allowed))

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        others = (g for g in GRANULARITIES if g not in on_port(target, self.granularities))
        yield from with_quants(target, (quantised_as(seen, target, granularity=g) for g in others))


def _read_axes(node: Node) -> tuple[int, ...]:
    return tuple(item.integer("an axis") for item in node.some())


@dataclass(frozen=True, slots=True)
class ChannelAxis(Rule):
    """A port that is quantised per channel or per group has its scales along one of some axes."""

    key: ClassVar[str] = "channel_axis"
    code: ClassVar[str] = "NPU602"
    example: ClassVar[str] = "channel_axis: {weight: 0}"
    schema: ClassVar[Mapping[str, Any]] = mapping_of(INTEGERS)
    sentences: ClassVar[Mapping[str, str]] = {
        "channel_axis": "{name} is quantised along axis {found}; allowed: {allowed}"
    }

    axes: tuple[tuple[str, tuple[int, ...]], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "ChannelAxis":
        return cls(by_port(node, operator, _read_axes))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, axes in self.axes:
            for index, quant in quantised_operands(seen, port):
                if quant.axis is not None and not self._allows(seen, port, index, quant.axis):
                    hint = f"quantise {port} along axis {axes[0]}"
                    yield Finding(port, quant.axis, tuple(map(str, axes)), hint, index=index)

    def _allows(self, seen: Subject, port: str, index: int, axis: int) -> bool:
        rank = max(1, seen.operands[port][index].type.rank)
        return axis % rank in {allowed % rank for allowed in on_port(port, self.axes) if -rank <= allowed < rank}

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.axes)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        for axis in on_port(finding.port, self.axes):
            yield from with_quants(finding.port, [quantised_as(seen, finding.port, granularity=PER_CHANNEL, axis=axis)])
        yield from with_quants(finding.port, [quantised_as(seen, finding.port, granularity=PER_TENSOR)])

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        rank = max((found.rank for found in seen.types.get(target, ())), default=1)
        for axis in range(rank):
            yield from with_quants(target, [quantised_as(seen, target, granularity=PER_CHANNEL, axis=axis)])


@dataclass(frozen=True, slots=True)
class SameQuant(Rule):
    """The named ports, where quantised, have the same scales and zero points, along the same axis."""

    key: ClassVar[str] = "same_quant"
    code: ClassVar[str] = "NPU603"
    example: ClassVar[str] = "same_quant: [self, out]"
    schema: ClassVar[Mapping[str, Any]] = TEXTS
    sentences: ClassVar[Mapping[str, str]] = {
        "same_quant": "{first} has {allowed} and {name} has {found}; they must be the same"
    }
    fields: ClassVar[frozenset[str]] = frozenset({"first"})

    ports: tuple[str, ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "SameQuant":
        return cls(read_ports(node, operator))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        found = [(port, i, quant) for port in self.ports for i, quant in quantised_operands(seen, port)]
        for port, index, quant in found[1:]:
            first, _, wanted = found[0]
            if not _is_alike(quant, wanted):
                hint = f"requantise {port} with {_shown(wanted)}"
                yield Finding(port, _shown(quant), (_shown(wanted),), hint, index=index, fields={"first": first})

    @property
    def targets(self) -> tuple[str, ...]:
        return self.ports[1:] or self.ports

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        found = dict.fromkeys(quant for port in self.ports for _, quant in quantised_operands(seen, port))
        yield from with_quants(finding.port, found)
        for quant in found:
            yield tuple(Edit(port, quant=quant) for port in self.ports if seen.types.get(port))

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        quant = quantised_as(seen, self.ports[0])
        doubled = replace(quant, scales=tuple(2 * scale for scale in quant.scales or (1.0,)))
        yield from with_quants(target, [doubled])
        yield from with_quants(target, [doubled], index=-1)
        yield (Edit(self.ports[0], quant=quant), Edit(target, quant=doubled))


def _is_alike(one: Quantisation, other: Quantisation) -> bool:
    """Whether two quantisations agree in what both of them say."""
    return (one.axis, one.group_size) == (other.axis, other.group_size) and all(
        not this or not that or this == that
        for this, that in ((one.scales, other.scales), (one.zero_points, other.zero_points))
    )


def _shown(quant: Quantisation) -> str:
    parts = [
        _several("scale", quant.scales),
        _several("zero point", quant.zero_points),
        "" if quant.axis is None else f"along axis {quant.axis}",
        "" if quant.group_size is None else f"in groups of {quant.group_size}",
    ]
    return ", ".join(filter(None, parts)) or "no scale"


def _several(what: str, numbers: tuple[float, ...]) -> str:
    """As `scale 0.5`, or for many `scales 0.5, 0.25, ... (64)`."""
    if not numbers:
        return ""
    if len(set(numbers)) == 1:
        return f"{what} {numbers[0]:g}"
    shown = ", ".join(f"{number:g}" for number in numbers[:3])
    return f"{what}s {shown}" + (f", ... ({len(numbers)})" if len(numbers) > 3 else "")


DEFAULT = "default"
"""Stands for the dtypes that a mapping from dtypes does not name."""


def _read_by_dtype(node: Node) -> tuple[tuple[DType | None, Ranges], ...]:
    """Return ranges for each dtype, None for the rest; ranges alone hold for every dtype."""
    if not isinstance(node.value, dict):
        return ((None, read_ranges(node)),)
    return tuple(
        (None if name == DEFAULT else read_dtype(Node(name, value.key or value.mark)), read_ranges(value))
        for name, value in node.mapping().items()
    ) or node.fail("expected ranges for at least one dtype, found an empty mapping")


@dataclass(frozen=True, slots=True)
class ZeroPoint(Rule):
    """The zero points of a port are in a range, which may depend on its dtype."""

    key: ClassVar[str] = "zero_point"
    code: ClassVar[str] = "NPU604"
    example: ClassVar[str] = "zero_point: {self: {uint8: 0..255, uint16: [0, 32768], default: 0}}"
    schema: ClassVar[Mapping[str, Any]] = mapping_of({"anyOf": [RANGES, mapping_of(RANGES)]})
    sentences: ClassVar[Mapping[str, str]] = {
        "zero_point": "{name} of {dtype} has the zero point {found}; allowed: {allowed}"
    }
    fields: ClassVar[frozenset[str]] = frozenset({"dtype"})

    ranges: tuple[tuple[str, tuple[tuple[DType | None, Ranges], ...]], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "ZeroPoint":
        return cls(by_port(node, operator, _read_by_dtype))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, _ in self.ranges:
            for index, quant in quantised_operands(seen, port):
                row = seen.operands[port][index].type.dtype
                allowed = self._allowed(port, row)
                wrong = next((zero for zero in quant.zero_points if allowed and not within(zero, allowed)), None)
                if wrong is not None:
                    hint = f"quantise {port} with the zero point {next(ends(allowed, floor=None), 0)}"
                    yield Finding(port, wrong, allowed, hint, index=index, fields={"dtype": row})

    def _allowed(self, port: str, row: DType | None) -> Ranges:
        """The zero points that a dtype may have; empty if nothing is said of it."""
        said: dict[DType | None, Ranges] = dict(on_port(port, self.ranges))
        return next((said[key] for key in (row, None) if key in said), ())

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.ranges)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        for zero in ends(finding.allowed, floor=None):
            yield from with_quants(finding.port, [_with_zero(seen, finding.port, zero)])

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        here = self._allowed(target, seen.dtype(target))
        yield from with_quants(
            target, (_with_zero(seen, target, zero) for zero in ends(here, outside=True, floor=None))
        )
        for row, ranges in on_port(target, self.ranges):
            for zero in ends(ranges, outside=True, floor=None) if row is not None else ():
                yield (Edit(target, dtype=row, quant=_with_zero(seen, target, zero)),)


def _with_zero(seen: Subject, port: str, zero: int) -> Quantisation:
    quant = quantised_as(seen, port)
    return replace(quant, zero_points=(zero,) * max(1, len(quant.zero_points)))


@dataclass(frozen=True, slots=True)
class Quantised(Rule):
    """The integer operands on the named ports carry scales, each of them positive and finite."""

    key: ClassVar[str] = "quantised"
    code: ClassVar[str] = "NPU605"
    example: ClassVar[str] = "quantised: [inputs, outputs]"
    schema: ClassVar[Mapping[str, Any]] = TEXTS
    sentences: ClassVar[Mapping[str, str]] = {
        "quantised": "{name} of {dtype} has no scale",
        "scale_not_positive": "{name} of {dtype} has the scale {found}; a scale is positive and finite",
    }
    fields: ClassVar[frozenset[str]] = frozenset({"dtype"})

    ports: tuple[str, ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Quantised":
        return cls(read_ports(node, operator))

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port in self.ports:
            for index, operand in enumerate(seen.operands.get(port, ())):
                row = operand.type.dtype
                scales = operand.quant.scales if operand.quant is not None else ()
                wrong = next((scale for scale in scales if not (scale > 0 and isfinite(scale))), None)
                if row.is_integer and (not scales or wrong is not None):
                    found, sentence = ("no scale", "quantised") if wrong is None else (wrong, "scale_not_positive")
                    hint = f"give {port} a positive scale"
                    allowed = ("a positive, finite scale",)
                    yield Finding(port, found, allowed, hint, sentence, index, {"dtype": row})

    @property
    def targets(self) -> tuple[str, ...]:
        return self.ports

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        quant = quantised_as(seen, finding.port)
        yield from with_quants(finding.port, [replace(quant, scales=(1.0,) * max(1, len(quant.scales)))])
        yield (Edit(finding.port, dtype=DTYPES["float32"]),)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        wrong = Quantisation(), replace(quantised_as(seen, target), scales=(0.0,))
        yield from with_quants(target, wrong)
        yield from ((Edit(target, dtype=DTYPES["int8"], quant=quant),) for quant in wrong)
