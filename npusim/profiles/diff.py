"""What differs between two profiles: how they compute and speak, and operator by operator what they take."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from npusim.dtypes import DType
from npusim.profiles.conditions import Condition
from npusim.profiles.model import Check, Entry, Profile
from npusim.profiles.ranges import Range
from npusim.profiles.rules import Rule
from npusim.profiles.rules.attributes import AttributeValue
from npusim.profiles.rules.dtypes import Dtype
from npusim.profiles.rules.joint_dtypes import Promoted
from npusim.profiles.rules.rows import Cell, Row, Rows
from npusim.profiles.values import ValueSet


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that two profiles say differently: what only the first one says, and what only the second one says.

    `operator` is "" for the profile as a whole; `part` names a section, a port, rules or another key of the entry;
    `when` is the condition of the variant that it is about; `is_list` says that the values are dtypes on a port.
    """

    operator: str
    part: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    when: str = ""
    is_list: bool = False


_SECTIONS = ("stack", "numerics", "enforcement", "narrows", "opencl", "dialect", "features")
_ENTRY = ("api", "aliases", "frameworks", "labels", "placement")


def diff(first: Profile, second: Profile) -> tuple[Change, ...]:
    """Return every change from the first profile to the second: the whole first, then operators as they stand."""
    whole = [change for section in _SECTIONS for change in _section(section, first, second)]
    operators = dict.fromkeys((*first.operators, *second.operators))
    each = [
        change
        for name in operators
        for change in _operator(name, first.operators.get(name), second.operators.get(name))
    ]
    return (*whole, *each)


def _section(section: str, first: Profile, second: Profile) -> Iterator[Change]:
    before, after = dict(_parts(section, getattr(first, section))), dict(_parts(section, getattr(second, section)))
    for part in dict.fromkeys((*before, *after)):
        yield from _changed("", part, before.get(part, ()), after.get(part, ()))


def _parts(name: str, value: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the parts of a section that have a value, each by its path."""
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _parts(f"{name}.{key}", inner)
    elif value not in {None, ""}:
        yield name, (spelled(value),)


def _operator(name: str, before: Entry | None, after: Entry | None) -> Iterator[Change]:
    states = [_state(entry) for entry in (before, after)]
    if before is None or after is None or before.unknown or after.unknown:
        yield from _changed(name, "operator", (states[0],), (states[1],))
        return
    own = tuple(entry_changes(name, before, after))
    yield from own
    cases = [{spelled(when): entry for when, entry in one.variants} for one in (before, after)]
    for when in dict.fromkeys((*cases[0], *cases[1])):
        one, other = (found.get(when) for found in cases)
        if one is None or other is None:
            yield Change(name, "variants", (when,) if one else (), (when,) if other else ())
        else:  # a variant shares what it does not say itself
            yield from (replace(c, when=when) for c in entry_changes(name, one, other) if c not in own)


def _state(entry: Entry | None) -> str:
    if entry is None:
        return "absent"
    return "unknown" if entry.unknown else "known"


def entry_changes(name: str, before: Entry, after: Entry) -> Iterator[Change]:
    """Yield the changes between two entries of one operator, without their variants."""
    for part in _ENTRY:
        yield from _changed(name, part, *_without_shared(_listed(getattr(before, part)), _listed(getattr(after, part))))
    one, other = (dict(_lists(entry)) for entry in (before, after))
    for port in dict.fromkeys((*one, *other)):
        gone, come = _without_shared(one.get(port, ("any",)), other.get(port, ("any",)))
        if gone or come:
            yield Change(name, port, gone, come, is_list=True)
    for part, said in (("sentences", _sentences), ("rules", _checks), ("notes", _notes)):
        yield from _changed(name, part, *_without_shared(tuple(said(before)), tuple(said(after))))


def _lists(entry: Entry) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield ports, and what else has one list of dtypes for every call."""
    for check in entry.checks:
        for name, listed in _listing(check):
            yield name, tuple(map(str, listed))
    yield from ((port, ("unknown",)) for port in sorted(entry.unknown_ports))


def _listing(check: Check) -> tuple[tuple[str, tuple[DType, ...]], ...]:
    match check.rule:
        case Dtype(lists) if check.when is None:
            return lists
        case Promoted(ports, allowed) if check.when is None:
            return ((f"what {' and '.join(ports)} promote to", allowed),)
        case AttributeValue(((name, values),)) if check.when is None and isinstance(
            next(iter(values.singles), 0), DType
        ):
            return ((name, values.singles),)
        case _:
            return ()


def _sentences(entry: Entry) -> Iterator[str]:
    for check in entry.checks:
        yield from (f'{name}: "{check.text}"' for name, _ in _listing(check) if check.text)


def _notes(entry: Entry) -> Iterator[str]:
    yield from (_with_when(note.text, note.when) for note in entry.notes)


def _checks(entry: Entry) -> Iterator[str]:
    """Yield the rules in words, each row by itself, without the lists."""
    for check in entry.checks:
        match check.rule:
            case _ if _listing(check):
                pass
            case Rows(rows):
                yield from (_with_when(f"row {_row(row)}", check.when) for row in rows)
            case rule:
                yield _with_when(_rule(rule, check), check.when)


def _rule(rule: Rule, check: Check) -> str:
    values = [getattr(rule, field.name) for field in fields(rule)]  # type: ignore[arg-type]  # every kind is one
    said = f' "{check.text}"' if check.text else ""
    return f"{rule.key} {', '.join(map(spelled, values))}{said}"


def _row(row: Row) -> str:
    return spelled(row.cells) + (f" requires {spelled(row.requires)}" if row.requires else "")


def _with_when(text: str, when: Condition | None) -> str:
    return text if when is None else f"{text} when {spelled(when)}"


def _changed(name: str, part: str, before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[Change]:
    if before != after:
        yield Change(name, part, before, after)


def _without_shared(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what only the one and only the other has."""
    return tuple(item for item in before if item not in after), tuple(item for item in after if item not in before)


def _listed(value: Any) -> tuple[str, ...]:
    match value:
        case Mapping():
            return tuple(f"{key}: {spelled(inner)}" for key, inner in value.items())
        case tuple() | frozenset():
            return tuple(sorted(map(spelled, value)))
        case _:
            return (spelled(value),) if value else ()


def spelled(value: Any) -> str:
    """Return a part of a rule, a condition or a section as a profile would write it."""
    match value:
        case Condition(parts):
            return "{" + ", ".join(map(spelled, parts)) + "}"
        case bool():
            return str(value).lower()
        case DType() | Range() | ValueSet() | Cell():
            return str(value)
        case Mapping():
            return "{" + ", ".join(f"{key}: {spelled(inner)}" for key, inner in value.items()) + "}"
        case tuple() if value and all(isinstance(item, tuple) and len(item) == 2 for item in value):
            return "{" + ", ".join(f"{key}: {spelled(inner)}" for key, inner in value) + "}"
        case (single,) if not isinstance(single, tuple):
            return spelled(single)
        case tuple():
            return "[" + ", ".join(map(spelled, value)) + "]"
        case _ if is_dataclass(value) and not isinstance(value, type):
            return _named(value)
        case _:
            return str(value)


def _named(value: Any) -> str:
    """Return a part of a condition: the port or attribute that its first field names, then what is asked of it."""
    first, *rest = fields(value)
    given = {field.name.removesuffix("s"): getattr(value, field.name) for field in rest}
    asked = {name: inner for name, inner in given.items() if inner is not None}
    only = asked.get("value")
    return f"{getattr(value, first.name)}: {spelled(asked if only is None else only)}"
