"""Rules on the content of operands, which are judged where it is known: constants whose values the call holds."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from npusim.operators import Operator
from npusim.profiles.document import Node, did_you_mean
from npusim.profiles.edits import Edit, Edits, ends
from npusim.profiles.json_parts import NUMBER, RANGES, SCALARS, list_of, mapping_of, record
from npusim.profiles.ranges import Ranges, read_ranges
from npusim.profiles.rules.base import Finding, Rule, by_port
from npusim.profiles.subject import Subject
from npusim.profiles.values import ValueSet, read_values


def _known(seen: Subject, port: str) -> tuple[float, ...] | None:
    """The content of what is on a port, if the call holds it."""
    return seen.operand(port).value if seen.types.get(port) else None


def _unknown(seen: Subject, port: str, what: str) -> Iterator[str]:
    """Yield a note for a port that is given without its content."""
    if seen.types.get(port) and _known(seen, port) is None:
        yield f"not judged, since the content of {port} is not known: {what}"


def _filled(seen: Subject, port: str, value: float) -> Edits:
    """The port as a constant that holds one value everywhere."""
    found = seen.type(port)
    count = 1 if found is None else min(math.prod(found.shape), 16)
    return (Edit(port, constant=True, value=(value,) * count),)


@dataclass(frozen=True, slots=True)
class Value(Rule):
    """Every element of a constant is one of some values."""

    key: ClassVar[str] = "value"
    code: ClassVar[str] = "NPU404"
    example: ClassVar[str] = "value: {exponent: [0, 1, 2, 3, 0.5, -0.5]}"
    sentences: ClassVar[Mapping[str, str]] = {"value": "{name} holds {found}; allowed: {allowed}"}
    schema: ClassVar[Mapping[str, Any]] = mapping_of(SCALARS)

    values: tuple[tuple[str, ValueSet], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Value":
        return cls(by_port(node, operator, read_values))

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.values)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, allowed in self.values:
            wrong = next((one for one in _known(seen, port) or () if one not in allowed), None)
            if wrong is not None:
                choices = (*allowed.singles, *allowed.ranges)
                yield Finding(port, wrong, tuple(map(str, choices)), f"use one of these values for {port}")

    def notes(self, seen: Subject) -> Iterator[str]:
        for port, allowed in self.values:
            yield from _unknown(seen, port, f"it holds only {allowed}")

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        for value in (value for port, allowed in self.values if port == finding.port for value in allowed.samples()):
            yield _filled(seen, finding.port, value)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        for value in (value for port, allowed in self.values if port == target for value in allowed.others()):
            yield _filled(seen, target, value)


def _bits(values: tuple[float, ...]) -> float:
    """The width of the narrowest two's complement integer that holds all values; none holds NaN or infinity."""
    if not all(map(math.isfinite, values)):
        return math.inf
    whole = map(math.floor, values)
    return max(((number if number >= 0 else ~number).bit_length() for number in whole), default=0) + 1


MEASURES: Mapping[str, tuple[str, Callable[[tuple[float, ...]], float]]] = MappingProxyType(
    {
        "sum_abs": ("the sum of the absolute values", lambda values: math.fsum(map(abs, values))),
        "bits": ("the width in bits", _bits),
        "least": ("the least element", lambda values: min(values, default=0)),
        "greatest": ("the greatest element", lambda values: max(values, default=0)),
        "all": ("the only value", lambda values: values[0] if len(set(values)) == 1 else math.nan),
    }
)
"""What can be measured of a constant -> in words, and how."""
_PROBES = (0.0, 1.0, -1.0, 127.0, 2.0**20, 2.0**39, -(2.0**40), 2.0**62)


@dataclass(frozen=True, slots=True)
class Content(Rule):
    """Something measured of a constant's content as a whole is in a range."""

    key: ClassVar[str] = "content"
    code: ClassVar[str] = "NPU405"
    example: ClassVar[str] = "content: {weight: {sum_abs: ..8323072}, bias: {bits: ..40}}"
    sentences: ClassVar[Mapping[str, str]] = {"content": "{measure} of {name} is {found}; allowed: {allowed}"}
    fields: ClassVar[frozenset[str]] = frozenset({"measure"})
    schema: ClassVar[Mapping[str, Any]] = mapping_of(record({}, dict.fromkeys(MEASURES, RANGES)))

    limits: tuple[tuple[str, tuple[tuple[str, Ranges], ...]], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Content":
        return cls(by_port(node, operator, cls._measures))

    @staticmethod
    def _measures(node: Node) -> tuple[tuple[str, Ranges], ...]:
        entries = node.mapping("a mapping such as {sum_abs: ..8323072}")
        for name, value in entries.items():
            if name not in MEASURES:
                value.fail_at_key(f"unknown measure {name!r}{did_you_mean(name, list(MEASURES))}")
        return tuple((name, read_ranges(value)) for name, value in entries.items())

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.limits)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, measures in self.limits:
            values = _known(seen, port)
            for name, ranges in measures:
                words, measure = MEASURES[name]
                found = None if values is None else measure(values)
                if found is not None and not any(_between(found, r.low, r.high) for r in ranges):
                    yield Finding(port, found, ranges, f"scale {port} down", fields={"measure": words})

    def notes(self, seen: Subject) -> Iterator[str]:
        for port, measures in self.limits:
            what = ", ".join(f"{MEASURES[name][0]} is {' or '.join(map(str, ranges))}" for name, ranges in measures)
            yield from _unknown(seen, port, what)

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield from (_filled(seen, finding.port, value) for value in (*self._limits(finding.port), *_PROBES))

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        beyond = (value * 2 + 1 for value in self._limits(target))
        yield from (_filled(seen, target, value) for value in (*beyond, *_PROBES))

    def _limits(self, target: str) -> Iterator[float]:
        for port, measures in self.limits:
            for _, ranges in measures if port == target else ():
                yield from map(float, ends(ranges, floor=None))


def _between(number: float, low: float | None, high: float | None) -> bool:
    return (low is None or number >= low) and (high is None or number <= high)


@dataclass(frozen=True, slots=True)
class Domain(Rule):
    """Outside of an interval of values the result is wrong; the stack does not look, but a known constant is judged."""

    key: ClassVar[str] = "domain"
    code: ClassVar[str] = "NPU406"
    example: ClassVar[str] = "domain: {self: [-3.14159265, 3.14159265]}"
    sentences: ClassVar[Mapping[str, str]] = {
        "domain": "{name} holds {found}, outside of {allowed}: the result is wrong"
    }
    schema: ClassVar[Mapping[str, Any]] = mapping_of(list_of(NUMBER))

    intervals: tuple[tuple[str, tuple[float, float]], ...]

    @classmethod
    def read(cls, node: Node, operator: Operator) -> "Domain":
        return cls(by_port(node, operator, cls._interval))

    @staticmethod
    def _interval(node: Node) -> tuple[float, float]:
        found = [item.value for item in node.items("two numbers: the least and the greatest")]
        numbers = [float(one) for one in found if isinstance(one, int | float) and not isinstance(one, bool)]
        if len(found) != 2 or len(numbers) != 2 or not numbers[0] < numbers[1]:
            node.fail(f"expected two numbers, the least first, found {', '.join(map(str, found))}")
        return numbers[0], numbers[1]

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(port for port, _ in self.intervals)

    def findings(self, seen: Subject) -> Iterator[Finding]:
        for port, (low, high) in self.intervals:
            wrong = next((value for value in _known(seen, port) or () if not low <= value <= high), None)
            if wrong is not None:
                yield Finding(port, wrong, (f"{low} to {high}",), f"bring {port} into the interval first")

    def notes(self, seen: Subject) -> Iterator[str]:
        for port, (low, high) in self.intervals:
            yield from _unknown(seen, port, f"outside of {low} to {high} the result is wrong, without an error")

    def mends(self, seen: Subject, finding: Finding) -> Iterator[Edits]:
        yield from (_filled(seen, port, low) for port, (low, _) in self.intervals if port == finding.port)

    def breaks(self, seen: Subject, target: str) -> Iterator[Edits]:
        yield from (_filled(seen, port, 2 * abs(high) + 1) for port, (_, high) in self.intervals if port == target)
