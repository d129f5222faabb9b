"""Read the small things that rules and conditions are made of: dtypes, sets of attribute values."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from npusim.dtypes import DTYPES, DType, dtype
from npusim.errors import UnknownDtypeError
from npusim.profiles.document import Node
from npusim.profiles.edits import ends
from npusim.profiles.ranges import Range, Ranges, read_range, within


@dataclass(frozen=True, slots=True)
class ValueSet:
    """The values an attribute may have: single ones and ranges of numbers."""

    singles: tuple[Any, ...]
    ranges: Ranges = ()

    def __contains__(self, value: Any) -> bool:
        if isinstance(value, bool) or value is None or isinstance(value, str):
            return any(value is single or value == single for single in self.singles if type(single) is type(value))
        if isinstance(value, int | float):
            listed = any(value == single for single in self.singles if not isinstance(single, bool | str))
            return listed or (math.isfinite(value) and value == int(value) and within(int(value), self.ranges))
        return value in self.singles

    def __str__(self) -> str:
        return ", ".join([*map(str, self.singles), *map(str, self.ranges)])

    @property
    def of_dtypes(self) -> bool:
        """Whether the values are dtypes."""
        return isinstance(next(iter(self.singles), None), DType)

    def samples(self) -> Iterator[Any]:
        """Yield some of the values: the single ones as an attribute holds them, and the ends of the ranges."""
        yield from (one.name if isinstance(one, DType) else one for one in self.singles)
        yield from ends(self.ranges, floor=None)

    def others(self) -> Iterator[Any]:
        """Yield values that are like those of the set and not in it."""
        first = next(iter(self.singles), 0)
        if isinstance(first, DType):
            yield from (row.name for row in DTYPES.values() if row not in self.singles)
            return
        numbers = [one for one in self.singles if isinstance(one, int | float) and not isinstance(one, bool)]
        near = (*ends(self.ranges, outside=True, floor=None), *(n + step for n in numbers for step in (1, -1)), 0, 1, 7)
        words = ("?", *(DTYPES if first in DTYPES else ()))
        pool = {bool: (True, False), str: words, tuple: ((),)}.get(type(first), near)
        yield from (value for value in pool if value not in self)


def like(value: Any, present: Any) -> Any:
    """Return a value in the form of the one that is there: several numbers where there were several."""
    return (value,) * max(len(present), 1) if isinstance(present, tuple) and not isinstance(value, tuple) else value


def read_dtype(node: Node) -> DType:
    """Return the dtype of a canonical name or vendor spelling, or fail with the nearest names."""
    try:
        return dtype(node.text("a dtype"))
    except UnknownDtypeError as error:
        node.fail(str(error) + ("" if error.near else f"; known: {', '.join(DTYPES)}"))


def read_dtypes(node: Node) -> tuple[DType, ...]:
    """Return one or more dtypes, in order, or fail; a dtype listed twice is a mistake."""
    found: list[DType] = []
    for item in node.some():
        row = read_dtype(item)
        if row in found:
            item.fail(f"{row} is listed twice")
        found.append(row)
    return tuple(found)


def read_values(node: Node) -> ValueSet:
    """Return a set of attribute values: scalars, ranges such as 1..7, or a list of both."""
    singles: list[Any] = []
    ranges: list[Range] = []
    for item in node.some():
        if isinstance(item.value, dict | list):
            item.fail(f"expected a value or a range, found {item.shown}")
        if isinstance(item.value, str) and ".." in item.value:
            ranges.append(read_range(item))
        else:
            singles.append(item.value)
    return ValueSet(tuple(singles), tuple(ranges))
