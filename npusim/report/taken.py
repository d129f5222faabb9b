"""Which dtypes the ports of an operator take, asked of the checks of a profile's entry."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

from npusim.dtypes import DTYPES, DType, Kind, promote
from npusim.profiles.conditions import Condition, PortCondition
from npusim.profiles.grade import own_checks
from npusim.profiles.model import Check, Entry
from npusim.profiles.ranges import within
from npusim.profiles.rules import Rule
from npusim.profiles.rules.dtypes import CLASSES, Dtype, DtypeBits, DtypeClass, ForbidDtype
from npusim.profiles.rules.joint_dtypes import DerivedDtype, Promoted, SameDtype, TypeVariable
from npusim.profiles.rules.rows import Rows
from npusim.profiles.rules.usage import Absent, NotOffered

Dtypes = frozenset[DType]
ANY: Dtypes = frozenset(DTYPES.values())
"""What a port takes of which nothing is said."""


class Taken(IntEnum):
    """Whether a port takes a dtype, from never to always."""

    NEVER = 0
    LOCKED = 1
    SOMETIMES = 2
    ALWAYS = 3


Table = Mapping[str, Mapping[DType, Taken]]
"""Port -> the dtypes it takes, at least sometimes or with a feature; a port of which no list speaks is not there."""


def taken(entry: Entry) -> Table:
    """Return what each port takes, over the entry and its variants.

    A dtype that only some calls may have, as their attributes, shapes or other dtypes decide, is taken sometimes; one
    that needs features which are off is locked.
    """
    if entry.unknown or is_refused(entry):
        return {}
    tables = [_table(one) for one in (entry, *(variant for _, variant in entry.variants)) if not is_refused(one)]
    ports = dict.fromkeys(port for table in tables for port in table)
    return {port: _joined([table[port] for table in tables if port in table]) for port in ports}


def named(entry: Entry) -> Dtypes:
    """Return the dtypes that the lists and rows of an entry and its variants name one by one."""
    rules = (check.rule for check in own_checks(entry))
    return frozenset(row for rule in rules for row in _named(rule))


def _named(rule: Rule) -> Iterator[DType]:
    match rule:
        case Promoted(_, dtypes):
            yield from dtypes
        case Dtype() | Rows() | TypeVariable() | DerivedDtype():
            yield from (row for _, left in _left(rule, None, locked=True) for row in left)
        case _:
            pass


def is_refused(entry: Entry) -> bool:
    """Whether the profile says that the operator is not offered at all."""
    return any(isinstance(check.rule, NotOffered) and check.when is None for check in entry.checks)


def data_ports(entry: Entry, table: Table) -> tuple[str, ...]:
    """Return the ports that carry data: all that may be given and of which something is said.

    Where the first of them that takes more than bools takes floats, those that do not are indices, masks or the like.
    """
    absent = {p for c in entry.checks if isinstance(c.rule, Absent) and c.when is None for p in c.rule.ports}
    known = [port.name for port in entry.operator.ports if port.name in table and port.name not in absent]
    lead = next((port for port in known if any(found.kind is not Kind.BOOL for found in table[port])), None)
    if lead is None or not _takes_floats(table[lead]):
        return tuple(known)
    return tuple(port for port in known if _takes_floats(table[port]))


def _takes_floats(row: Mapping[DType, Taken]) -> bool:
    return any(found.kind in {Kind.FLOAT, Kind.COMPLEX} for found in row)


def _joined(rows: list[Mapping[DType, Taken]]) -> Mapping[DType, Taken]:
    """What a port takes over several variants: always if all of them do."""
    found = dict.fromkeys(row for one in rows for row in one)
    return {row: _over([one.get(row, Taken.NEVER) for one in rows]) for row in found}


def _over(degrees: list[Taken]) -> Taken:
    lowest, highest = min(degrees), max(degrees)
    return lowest if lowest is highest else min(highest, Taken.SOMETIMES)


def _table(entry: Entry) -> Table:
    open_, all_ = _bounds(entry, locked=False), _bounds(entry, locked=True)
    found = {}
    for port in (port.name for port in entry.operator.ports):
        now, ever = _Port.of(open_, port), _Port.of(all_, port)
        if ever is not None:
            row = {one: _degree(one, now, ever) for one in DTYPES.values()}
            found[port] = {one: degree for one, degree in row.items() if degree is not Taken.NEVER}
    return found


@dataclass(frozen=True, slots=True)
class _Bound:
    """What a check leaves of all dtypes on a port; whether it lists them, and whether it is in force for every call."""

    port: str
    dtypes: Dtypes
    is_list: bool
    is_fixed: bool


@dataclass(frozen=True, slots=True)
class _Port:
    """What a port takes in every call, and in some."""

    always: Dtypes
    sometimes: Dtypes

    @classmethod
    def of(cls, bounds: Iterable[_Bound], port: str) -> "_Port | None":
        """Return what the bounds leave on a port, if any of them lists it: of lists for some calls, what any names."""
        mine = [bound for bound in bounds if bound.port == port]
        lists = [bound for bound in mine if bound.is_list]
        if not lists:
            return None
        some = ANY.intersection(*(bound.dtypes for bound in mine if bound.is_fixed))
        if not any(bound.is_fixed for bound in lists):
            some &= frozenset().union(*(bound.dtypes for bound in lists))
        return cls(some.intersection(*(bound.dtypes for bound in mine)), some)


def _degree(row: DType, now: _Port | None, ever: _Port) -> Taken:
    if now is not None and row in now.sometimes:
        return Taken.ALWAYS if row in now.always else Taken.SOMETIMES
    return Taken.LOCKED if row in ever.sometimes else Taken.NEVER


def _bounds(entry: Entry, *, locked: bool) -> list[_Bound]:
    """Return the bounds of an entry, with or without the rows that need features which are off."""
    told = [
        (check, port, left) for check in entry.checks for port, left in _left(check.rule, check.when, locked=locked)
    ]
    found = [
        _Bound(port, left, not isinstance(check.rule, ForbidDtype | NotOffered), _is_fixed(check, port))
        for check, port, left in told
    ]
    found += _either_way(told)
    for check in entry.checks:
        if isinstance(check.rule, SameDtype) and check.when is None:
            found += _aligned(found, check.rule.ports)
    return found


def _aligned(bounds: Iterable[_Bound], ports: tuple[str, ...]) -> list[_Bound]:
    """The bounds of ports that have one dtype: each takes what all take that are listed."""
    told = [port for port in (_Port.of(bounds, name) for name in ports) if port is not None]
    shared = ANY.intersection(*(port.sometimes for port in told))
    return [_Bound(port, shared, is_list=True, is_fixed=True) for port in ports if told]


def _is_fixed(check: Check, port: str) -> bool:
    """Whether a check is in force whenever the port is given."""
    return check.when is None or isinstance(check.rule, NotOffered) or _presence(check.when) == (port, True)


def _presence(when: Condition | None) -> tuple[str, bool] | None:
    """The port that must, or must not, be given for a condition to hold, if it asks for nothing else."""
    match when:
        case Condition((PortCondition(port=port, present=bool(present)) as part,)):
            return (port, present) if part == PortCondition(port, present=present) else None
        case _:
            return None


def _either_way(told: Iterable[tuple[Check, str, Dtypes]]) -> Iterator[_Bound]:
    """Yield what is left of a port that one check lists where another port is given, and another where it is not."""
    found: dict[tuple[str, str], dict[bool, Dtypes]] = {}
    for check, port, left in told:
        presence = _presence(check.when)
        if presence is not None:
            ways = found.setdefault((port, presence[0]), {})
            ways[presence[1]] = ways.get(presence[1], ANY) & left
    for (port, _), ways in found.items():
        if len(ways) == 2:
            yield _Bound(port, ways[True] | ways[False], is_list=True, is_fixed=True)


def _left(rule: Rule, when: Condition | None, *, locked: bool) -> Iterator[tuple[str, Dtypes]]:
    """Yield the ports of whose dtypes a rule speaks, and what it leaves of them."""
    if isinstance(rule, Rows):
        yield from _of_rows(rule, locked=locked)
    elif isinstance(rule, NotOffered):
        yield from _of_refusal(when)
    elif type(rule) in _READERS:
        yield from _READERS[type(rule)](rule)


def _of_rows(rule: Rows, *, locked: bool) -> Iterator[tuple[str, Dtypes]]:
    rows = rule.rows if locked else rule.open_rows
    for name in rule.columns:
        if all(name in row.cells for row in rows):
            yield name, frozenset(c.value for row in rows for c in row.cells[name] if isinstance(c.value, DType))


def _of_refusal(when: Condition | None) -> Iterator[tuple[str, Dtypes]]:
    """Yield what is left where all calls with some dtypes on a port are refused."""
    match when:
        case Condition((PortCondition(port, tuple(dtypes)) as part,)) if part == PortCondition(port, dtypes):
            yield port, ANY - frozenset(dtypes)


def _of_promotion(rule: Promoted) -> Iterator[tuple[str, Dtypes]]:
    fitting = frozenset(row for row in ANY if any(promote(row, to) in rule.allowed for to in rule.allowed))
    yield from ((port, fitting) for port in rule.ports)


_READERS: Mapping[type[Rule], Callable[..., Iterator[tuple[str, Dtypes]]]] = MappingProxyType(
    {
        Dtype: lambda rule: ((port, frozenset(listed)) for port, listed in rule.lists),
        ForbidDtype: lambda rule: ((port, ANY - frozenset(listed)) for port, listed in rule.lists),
        DtypeBits: lambda rule: (
            (port, frozenset(row for row in ANY if within(row.bits, widths))) for port, widths in rule.widths
        ),
        DtypeClass: lambda rule: (
            (port, frozenset(row for row in ANY if any(CLASSES[name](row) for name in names)))
            for port, names in rule.classes
        ),
        TypeVariable: lambda rule: ((port, frozenset(rule.dtypes)) for port in rule.ports),
        DerivedDtype: lambda rule: (
            (port, frozenset(row for _, result in follows for row in result)) for port, (_, follows) in rule.derivations
        ),
        Promoted: _of_promotion,
    }
)
"""The kinds of rule on dtypes, and what each leaves on which ports."""
