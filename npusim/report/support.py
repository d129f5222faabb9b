"""The support pages: what each chip takes, operator by operator and dtype by dtype, and an overview of the chips."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from npusim.dtypes import DTYPES, DType
from npusim.operators.vocabulary import TOPICS
from npusim.profiles import load
from npusim.profiles.flat import plain
from npusim.profiles.flattening import Flat, flatten
from npusim.profiles.grade import own_checks
from npusim.profiles.index import Summary, summary
from npusim.profiles.model import Entry, Profile
from npusim.profiles.rules.usage import NOT_MODELLED, NotModelled
from npusim.profiles.schema import NUMERICS, OPENCL, UNKNOWN, Keys
from npusim.profiles.words import Placement
from npusim.report.taken import Table, Taken, data_ports, is_refused, named, taken

LEGEND = """\
A column is a dtype that a list or row of the chip names. `●` every data port takes it; `◐` some of them do, or only in
some calls, as attributes, shapes and other dtypes decide; `○` only with a feature that is off; empty: no list names it,
or it is refused; `?` no list speaks of the operator's dtypes. Data ports are all that may be given and of which a list
speaks; where the first of them that takes more than bools takes floats, those that do not (indices, masks) are not
counted. `rules` counts the checks."""

_GRADES = """\
What comes with npusim, counted from the profiles. `unknown` are entries without facts; `others` is what becomes of an
operator without an entry; the grade is the share of the rules that are documented or measured, of those that are
inferred, and of those of which nobody says how sure they are."""

_FEW = 6
"""How many operators are named where several share something; of more, their number is."""


def chip_page(profile: Profile) -> Iterator[str]:
    """Yield the lines of the page of one chip."""
    parts = [load(profile.file, frontend=name) for name in profile.frontends] or [profile]
    yield from (f"# {profile.name}", "", GENERATED, "")
    yield from _header(profile)
    yield from _declared("Numerics", flatten(Path(profile.file)), "numerics", NUMERICS)
    yield from _declared("OpenCL limits", flatten(Path(profile.file)), "opencl", OPENCL)
    for part in parts:
        through = f" through {part.stack.frontend}" if len(parts) > 1 else ""
        yield from _operators(part, through)
        yield from _not_modelled(part, through)
        yield from _unknown(part, through)


GENERATED = "<!-- Written by `npusim profile docs` from the profiles; edit those instead. -->"


def overview(summaries: Iterable[Summary]) -> Iterator[str]:
    """Yield the lines of the page that lists the chips."""
    yield from ("# Chips", "", GENERATED, "")
    yield _GRADES
    heads = ("chip", "stack", "enforcement", "operators", "unknown", "others", "rows", "rules", "sources", "grade")
    yield from ("", *_table(heads, map(_overview_cells, summaries)))


def _overview_cells(found: Summary) -> tuple[str, ...]:
    ways = found.frontends.items()
    enforcement = ", ".join(f"{name}: {way}" if len(ways) > 1 else way for name, way in ways)
    counts = (found.operators, found.unknown, found.others, found.rows, found.rules, found.sources)
    shown = found.grade.shares or "no rules"
    return (f"[{found.id}]({found.id}.md): {found.name}", found.stack, enforcement, *map(str, counts), shown)


def _header(profile: Profile) -> Iterator[str]:
    found = summary(profile)
    rows = [
        ("id", f"`{profile.id}`"),
        ("stack", found.stack or UNKNOWN),
        ("on a rejection", ", ".join(f"{name}: {way}".removeprefix(": ") for name, way in found.frontends.items())),
        ("operators without an entry", found.others),
        ("grade", str(found.grade)),
    ]
    if profile.narrows:
        rows.append(("narrowed silently", _pairs({str(key): str(value) for key, value in profile.narrows.items()})))
    yield from _table(("", ""), rows)
    if profile.features:
        yield from ("", "Features that can be switched, `npusim.device(..., features={...})`, and how they stand:", "")
        yield ", ".join(f"`{name}` {'on' if is_on else 'off'}" for name, is_on in profile.features.items()) + "."


def _declared(title: str, flat: Flat, section: str, keys: Keys) -> Iterator[str]:
    """Yield a section of the profile as it is declared, with what is unknown in it."""
    node = flat.document.mapping().get(section)
    found = plain(node) if node is not None else UNKNOWN
    yield from ("", f"## {title}", "")
    if not isinstance(found, dict):
        yield f"{found}." if isinstance(found, str) else f"{UNKNOWN}."
        return
    rows = ((key.name.replace("_", " "), _value(found.get(key.name, UNKNOWN))) for key in keys if key.name != "source")
    yield from _table(("", ""), rows)


def _value(value: Any) -> str:
    match value:
        case dict():
            return _pairs(value)
        case list():
            return ", ".join(map(str, value)) or "none"
        case _:
            return str(value)


def _pairs(value: Mapping[str, str]) -> str:
    """A mapping with the keys that share a value together."""
    by_value: defaultdict[str, list[str]] = defaultdict(list)
    for key, found in value.items():
        by_value[str(found)].append(key)
    return "; ".join(f"{', '.join(keys)} in {found}" for found, keys in by_value.items())


@dataclass(frozen=True, slots=True)
class _Line:
    """One operator of the table."""

    name: str
    entry: Entry
    table: Table
    ports: tuple[str, ...]

    @property
    def dtypes(self) -> frozenset[DType]:
        """What any data port takes."""
        return frozenset(row for port in self.ports for row in self.table[port])

    def cell(self, row: DType) -> str:
        """Which of the data ports take a dtype."""
        if not self.ports:
            return "" if is_refused(self.entry) else "?"
        degrees = [self.table[port].get(row, Taken.NEVER) for port in self.ports]
        if max(degrees) >= Taken.SOMETIMES:
            return "●" if min(degrees) is Taken.ALWAYS else "◐"
        return "○" if max(degrees) is Taken.LOCKED else ""


@lru_cache(maxsize=4)
def _lines(profile: Profile) -> tuple[_Line, ...]:
    tables = {name: taken(entry) for name, entry in profile.operators.items()}
    return tuple(
        _Line(name, entry, tables[name], data_ports(entry, tables[name])) for name, entry in profile.operators.items()
    )


_TOPICS: Mapping[str, str] = MappingProxyType(
    {row.name: (topic.__doc__ or "").split(":")[0].rstrip(".") for topic in TOPICS for row in topic.ROWS}
)
_OWN = "Operators of this chip alone"


def _operators(profile: Profile, through: str) -> Iterator[str]:
    yield from ("", f"## Operators{through}", "")
    if not profile.operators:
        yield "The profile speaks of none."
        return
    yield LEGEND
    columns = frozenset(row for entry in profile.operators.values() for row in named(entry))
    by_topic: defaultdict[str, list[_Line]] = defaultdict(list)
    for line in _lines(profile):
        by_topic[_TOPICS.get(line.name, _OWN)].append(line)
    for topic in dict.fromkeys((*_TOPICS.values(), _OWN)):
        if topic in by_topic:
            yield from ("", f"### {topic}", "")
            yield from _topic(by_topic[topic], columns)


def _topic(lines: Sequence[_Line], among: frozenset[DType]) -> Iterator[str]:
    columns = [row for row in DTYPES.values() if row in among and any(row in line.dtypes for line in lines)]
    heads = ("operator", "runs on", *map(short, columns), "rules", "confidence")
    yield from _table(heads, (_operator_cells(line, columns) for line in lines))


def _operator_cells(line: _Line, columns: Sequence[DType]) -> tuple[str, ...]:
    entry = line.entry
    api = f" ({entry.api})" if entry.api and entry.api != line.name else ""
    cells = map(line.cell, columns)
    return f"`{line.name}`{api}", _runs_on(entry), *cells, str(len(list(own_checks(entry)))), _confidence(entry)


def _runs_on(entry: Entry) -> str:
    if entry.unknown:
        return UNKNOWN
    if is_refused(entry):
        return "not offered"
    return "no device: a view" if entry.placement is Placement.METADATA else str(entry.placement.value)


def _confidence(entry: Entry) -> str:
    """How sure the checks are: one word, or how many of each."""
    found = Counter(check.confidence.value for check in own_checks(entry))
    if len(found) < 2:
        return next(iter(found), entry.confidence.value)
    return ", ".join(f"{count} {name}" for name, count in found.most_common())


_SHORTER = (
    (re.compile(r"^bfloat(?=\d)"), "bf"),
    (re.compile(r"^hifloat"), "hif"),
    (re.compile(r"^dlfloat"), "dlf"),
    (re.compile(r"^tfloat"), "tf"),
    (re.compile(r"^float"), "fp"),
    (re.compile(r"complex"), "c"),
    (re.compile(r"^uint"), "u"),
    (re.compile(r"^int"), "i"),
)


def short(row: DType) -> str:
    """Return the name of a dtype as the head of a narrow column."""
    name = row.name
    for pattern, replacement in _SHORTER:
        name = pattern.sub(replacement, name)
    return name


def _not_modelled(profile: Profile, through: str) -> Iterator[str]:
    """Yield what the chip asks for and npusim does not judge, by its kind."""
    said: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, entry in profile.operators.items():
        for check in own_checks(entry):
            if isinstance(check.rule, NotModelled):
                said[check.rule.kind][check.rule.what].append(name)
    if not said:
        return
    yield from ("", f"## Not modelled{through}", "")
    yield "What the chip asks for and no call is refused for; a verdict carries it as a note."
    for kind in NOT_MODELLED:
        if kind in said:
            yield from ("", f"{kind.replace('_', ' ')} ({NOT_MODELLED[kind]}):", "")
            yield from (f"- {what} ({_named(names, profile)})" for what, names in said[kind].items())


def _named(names: Sequence[str], profile: Profile) -> str:
    unique = list(dict.fromkeys(names))
    if len(unique) == len(profile.operators):
        return "all operators"
    return _quoted(unique) if len(unique) <= _FEW else f"{len(unique)} operators"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _unknown(profile: Profile, through: str) -> Iterator[str]:
    """Yield the operators and ports on which the profile has no facts, and what would settle it."""
    yield from ("", f"## Unknown{through}", "")
    known = profile.operators.items()
    whole = [name for name, entry in known if entry.unknown]
    ports = {name: ", ".join(sorted(entry.unknown_ports)) for name, entry in known if entry.unknown_ports}
    silent = [line.name for line in _lines(profile) if not line.table and not line.entry.unknown]
    silent = [name for name in silent if not is_refused(profile.operators[name]) and name not in ports]
    if profile.unlisted is None:
        yield "- every operator without an entry"
    if whole:
        yield f"- operators: {_quoted(whole)}"
    if ports:
        yield f"- dtypes of ports: {'; '.join(f'`{name}` {found}' for name, found in ports.items())}"
    if silent:
        yield f"- dtypes, of which no list speaks: {_quoted(silent)}"
    yield f"- what would settle it: {profile.settled_by or 'not said'}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
