"""What differs between two profiles at a glance: which operators they offer, which dtypes, and where to look closer."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from textwrap import wrap

from npusim.dtypes import DTYPES
from npusim.profiles.diff import Change
from npusim.profiles.model import Entry, Profile
from npusim.report.taken import Taken, is_refused, taken

_WIDTH = 116
_SHOWN = 45
"""How many operators of a group are named."""

Paragraph = tuple[str, list[str]]
"""A heading and its lines."""


def overview(first: Profile, second: Profile, changes: Iterable[Change]) -> Iterator[Paragraph]:
    """Yield what differs, operator by operator where it is few words: offers, dtypes, and the names of the rest."""
    names = dict.fromkeys(change.operator for change in changes if change.operator)
    offers = {name: tuple(_offer(one.operators.get(name)) for one in (first, second)) for name in names}
    for state in dict.fromkeys(offers.values()):
        if state[0] != state[1]:
            alike = [name for name in names if offers[name] == state]
            yield f"{state[0]} -> {state[1]}: {_count(alike)}", _names(alike)
    both = [name for name in names if offers[name] == ("offered", "offered")]
    groups: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in both:
        groups[tuple(_dtypes(first.operators[name], second.operators[name]))].append(name)
    rest = groups.pop((), [])
    for signs, alike in sorted(groups.items(), key=lambda item: -len(item[1])):
        yield f"dtypes {'  '.join(signs)}: {_count(alike)}", _names(alike)
    if rest:
        yield f"other rules, sentences or names, the same dtypes: {_count(rest)}", _names(rest)


def _offer(entry: Entry | None) -> str:
    if entry is None:
        return "no entry"
    if entry.unknown:
        return "unknown"
    return "not offered" if is_refused(entry) else "offered"


def _dtypes(before: Entry, after: Entry) -> Iterator[str]:
    """Yield the dtypes that some port takes on one side only, each with its sign."""
    one, other = _taken(before), _taken(after)
    yield from (f"- {name}" for name in DTYPES if name in one and name not in other)
    yield from (f"+ {name}" for name in DTYPES if name in other and name not in one)


def _taken(entry: Entry) -> frozenset[str]:
    """The dtypes that the entry takes on some port of whose dtypes it speaks."""
    degrees = (item for table in taken(entry).values() for item in table.items())
    return frozenset(row.name for row, degree in degrees if degree > Taken.LOCKED)


def _count(names: list[str]) -> str:
    return f"{len(names)} operator{'s' * (len(names) != 1)}"


def _names(names: list[str]) -> list[str]:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return wrap(", ".join(names[:_SHOWN]) + more, _WIDTH, initial_indent="  ", subsequent_indent="  ")
