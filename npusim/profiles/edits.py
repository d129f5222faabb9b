"""Small changes to a call, by which rules and conditions say how they could be met or broken."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from npusim.call import Operand, Quantisation
from npusim.dtypes import DType
from npusim.profiles.ranges import Range


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of what is on a port; None leaves a thing as it is.

    `index` picks one operand of a variadic port, `count` is how many operands the port has then, 0 leaving it absent.
    """

    port: str
    index: int | None = None
    count: int | None = None
    dtype: DType | None = None
    shape: tuple[int, ...] | None = None
    constant: bool | None = None
    layout: str | None = None
    memory: str | None = None
    quant: Quantisation | None = None
    value: tuple[float, ...] | None = None
    dynamic: frozenset[int] | None = None

    def of_operand(self) -> dict[str, Any]:
        """The fields of an Operand that change, apart from its type."""
        return {name: getattr(self, name) for name in _OF_OPERAND if getattr(self, name) is not None}


@dataclass(frozen=True, slots=True)
class SetAttribute:
    """A change of an attribute."""

    name: str
    value: Any


_OF_OPERAND = tuple(field.name for field in fields(Operand) if field.name in Edit.__slots__)

Change = Edit | SetAttribute
Edits = tuple[Change, ...]
"""Changes that are made together."""


def ends(ranges: Iterable[Range], *, outside: bool = False, floor: int | None = 0) -> Iterator[int]:
    """Yield the numbers at both ends of ranges, or next to them outside; none below `floor`, none twice."""
    seen = set()
    for r in ranges:
        for end, step in ((r.low, -1), (r.high, 1)):
            number = None if end is None else end + step * outside
            if number is not None and number not in seen and (floor is None or number >= floor):
                seen.add(number)
                yield number


def resized(shape: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    """Return a shape with another size along one axis, which it must have."""
    changed = list(shape)
    changed[axis] = size
    return tuple(changed)


def reranked(shape: tuple[int, ...], rank: int) -> tuple[int, ...]:
    """Return a shape with as many dimensions: outer ones are cut off, or added with two elements each."""
    return shape[len(shape) - rank :] if rank <= len(shape) else (2,) * (rank - len(shape)) + shape
