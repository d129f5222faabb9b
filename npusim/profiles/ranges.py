"""Ranges of whole numbers as profiles write them: 3, 2..3, 1.., ..8, or a list of such."""

import re
from dataclasses import dataclass

from npusim.profiles.document import Node

_RANGE = re.compile(r"(-?\d{1,18})?\.\.(-?\d{1,18})?")


@dataclass(frozen=True, slots=True)
class Range:
    """The whole numbers from `low` to `high`, both included; None leaves that side open."""

    low: int | None = None
    high: int | None = None

    def __contains__(self, number: int) -> bool:
        return (self.low is None or number >= self.low) and (self.high is None or number <= self.high)

    def __str__(self) -> str:
        if self.low == self.high and self.low is not None:
            return str(self.low)
        return f"{'' if self.low is None else self.low}..{'' if self.high is None else self.high}"

    @property
    def words(self) -> str:
        """The range as a sentence says it."""
        if self.low is None:
            return f"at most {self.high}"
        if self.high is None:
            return f"at least {self.low}"
        return str(self.low) if self.low == self.high else f"{self.low} to {self.high}"


Ranges = tuple[Range, ...]


def within(number: int, ranges: Ranges) -> bool:
    """Whether any of the ranges holds the number."""
    return any(number in r for r in ranges)


def passed(number: float, ranges: Ranges) -> int | None:
    """The bound that a number outside of ranges has passed: the greatest if it is above all, else the least."""
    highs = [r.high for r in ranges]
    above = all(high is not None and number > high for high in highs)
    ends = [r.high if above else r.low for r in ranges]
    known = [end for end in ends if end is not None]
    return (max(known) if above else min(known)) if known else None


def read_ranges(node: Node) -> Ranges:
    """Return one or more ranges, or fail with what a range looks like."""
    return tuple(read_range(item) for item in node.some())


def read_range(node: Node) -> Range:
    """Return one range, or fail with what a range looks like."""
    if isinstance(node.value, int) and not isinstance(node.value, bool):
        return Range(node.value, node.value)
    match = _RANGE.fullmatch(node.value) if isinstance(node.value, str) else None
    if match is None or match[1] is match[2] is None:
        node.fail(f"expected a number or a range such as 2..3, 1.. or ..8, found {node.shown}")
    low, high = (None if side is None else int(side) for side in match.groups())
    if low is not None and high is not None and low > high:
        node.fail(f"the range {node.value} is empty: {low} is above {high}")
    return Range(low, high)
