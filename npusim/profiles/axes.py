"""What rules and conditions on shapes have in common: mappings from axes, and shapes that differ along some."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from npusim.profiles.document import Node
from npusim.profiles.edits import Edit, Edits, reranked, resized
from npusim.profiles.subject import Subject

Axes = tuple[tuple[int, Any], ...]
_AXIS = re.compile(r"-?\d{1,3}")


def read_by_axis(node: Node, read: Callable[[Node], Any]) -> Axes:
    """Return what a mapping from axes holds, each value read by `read`."""
    found = []
    for name, value in node.mapping("a mapping from axes, such as {-1: 1..8192}").items():
        if not _AXIS.fullmatch(name):
            value.fail_at_key(f"an axis is a whole number, negative ones counted from the last, not {name!r}")
        found.append((int(name), read(value)))
    return tuple(found)


def read_positive(node: Node) -> int:
    """Return a whole number above zero, or fail."""
    number = node.integer()
    if number <= 0:
        node.fail(f"expected a positive number, found {number}")
    return number


MAX_SAMPLE_RANK = 40
"""A rank beyond which no sample goes."""


def shape_of(seen: Subject, port: str) -> tuple[int, ...]:
    """The shape on a port from which samples start: the first one's, or a plain one where the port is absent."""
    found = seen.type(port)
    return (2, 2) if found is None else found.shape


def different(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield shapes that differ a little from one: in the last size, in rank."""
    if shape:
        yield resized(shape, -1, shape[-1] + 1)
        yield resized(shape, -1, 1)
    yield (2, *shape)
    yield shape[1:]


def with_sizes(seen: Subject, port: str, sizes: Mapping[int, Iterable[int]]) -> Iterator[Edits]:
    """Yield the port with one axis of another size, then with every axis at its first size, then with more axes."""
    shape = shape_of(seen, port)
    wanted = {axis: tuple(dict.fromkeys(found)) for axis, found in sizes.items()}
    there = {axis: found for axis, found in wanted.items() if found and -len(shape) <= axis < len(shape)}
    yield from ((Edit(port, shape=resized(shape, axis, size)),) for axis, found in there.items() for size in found)
    whole = shape
    for axis, found in there.items():
        whole = resized(whole, axis, found[0])
    yield (Edit(port, shape=whole),)
    for axis, found in wanted.items():
        if axis not in there and found and axis < MAX_SAMPLE_RANK:
            longer = reranked(shape, axis + 1 if axis >= 0 else -axis)
            yield (Edit(port, shape=resized(longer, axis, found[0])),)
