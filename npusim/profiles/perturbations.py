"""Changes of a call that may change the value of an expression over it."""

from collections.abc import Iterator, Mapping
from itertools import combinations, permutations, product
from typing import Any

from npusim.dtypes import DTYPES
from npusim.profiles.edits import Edit, Edits, SetAttribute, reranked, resized
from npusim.profiles.expressions import Expression, nearby
from npusim.profiles.subject import Subject

_MANY = 1 << 40
"""Samples have no more elements than this along an axis."""
_PERMUTED = 4
"""How many axes are permuted in every way."""
_PAIRED = 8
"""How many values of an attribute are tried together with those of another."""


def perturbations(expression: Expression, seen: Subject) -> Iterator[Edits]:
    """Yield changes of one thing that the expression mentions, likely ones first, then of two attributes at once.

    Attributes that are shorter than the expression needs are lengthened with every change.
    """
    present = {name: _long_enough(expression, name, seen.attributes[name]) for name in sorted(expression.attributes)}
    longer = tuple(SetAttribute(name, value) for name, value in present.items() if value != seen.attributes[name])
    yield from ((*longer, *edits) for edits in _changes(expression, seen, present))


def _long_enough(expression: Expression, name: str, present: Any) -> Any:
    if not isinstance(present, tuple):
        return present
    return present + (present[-1:] or (1,)) * (expression.lengths.get(name, 0) - len(present))


def _changes(expression: Expression, seen: Subject, present: Mapping[str, Any]) -> Iterator[Edits]:
    values = {name: tuple(_values(expression, value)) for name, value in present.items()}
    yield from ((SetAttribute(name, value),) for name, several in values.items() for value in several)
    for one, other in combinations(values, 2):
        pairs = product(values[one][:_PAIRED], values[other][:_PAIRED])
        yield from ((SetAttribute(one, first), SetAttribute(other, second)) for first, second in pairs)
    for port in sorted(expression.ports):
        yield from _of_port(expression, seen, port)


def _values(expression: Expression, present: Any) -> Iterator[Any]:
    match present:
        case bool():
            yield not present
        case str():
            yield from (*expression.words, "", "?")
        case tuple():
            yield from expression.tuples
            if sorted(present) == list(range(len(present))) and len(present) <= _PERMUTED:
                yield from permutations(present)
            yield from ((number,) * max(len(present), 1) for number in nearby(expression))
            yield from (
                resized(present, index, number) for number in nearby(expression) for index in range(len(present))
            )
            yield from ((*present, 1), present[1:])
        case None:
            yield from (*expression.tuples, *nearby(expression), *expression.words, True)
        case _:
            yield from (*nearby(expression), None)
            yield from ((number,) for number in nearby(expression))


def _of_port(expression: Expression, seen: Subject, port: str) -> Iterator[Edits]:
    found = seen.type(port)
    if found is None:
        yield (Edit(port, count=1),)
        return
    sizes = [number for number in nearby(expression) if 0 <= number <= _MANY]
    for axis in reversed(range(found.rank)):
        yield from ((Edit(port, shape=resized(found.shape, axis, size)),) for size in sizes)
    yield from ((Edit(port, shape=reranked(found.shape, rank)),) for rank in (4, 3, 2, 1, 0, 5) if rank != found.rank)
    yield from ((Edit(port, dtype=DTYPES[word]),) for word in expression.words if word in DTYPES)
    yield from ((Edit(port, dtype=row),) for row in DTYPES.values())
    yield from ((Edit(port, layout=word),) for word in (*expression.words, "?"))
    yield from ((Edit(port, memory=word),) for word in (*expression.words, "?"))
    yield from ((Edit(port, constant=flag),) for flag in (True, False))
    for number, index in product(nearby(expression), range(expression.lengths.get(port, 0))):
        value = resized((1,) * expression.lengths[port], index, number)
        yield (Edit(port, constant=True, value=value),)
    yield (Edit(port, count=0),)
