"""Lint: what is wrong, or at least odd, in a profile that the loader cannot or need not refuse."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from npusim.dtypes import DType
from npusim.errors import ProfileError
from npusim.profiles import gates
from npusim.profiles.building import read_profile
from npusim.profiles.dialects import version_key
from npusim.profiles.document import Mark, Node
from npusim.profiles.flattening import flatten
from npusim.profiles.grade import Grade, grade, own_checks
from npusim.profiles.inheritance import layers
from npusim.profiles.model import Check, Entry, Profile
from npusim.profiles.rules.dtypes import Dtype, ForbidDtype
from npusim.profiles.rules.rows import Rows
from npusim.profiles.trials import Known, Trial, trials


class Severity(StrEnum):
    """Whether a finding must be mended, or looked at."""

    ERROR = "error"
    WARNING = "warning"


class Kind(StrEnum):
    """What lint looks for."""

    UNREADABLE = "unreadable"
    NO_SOURCE = "no-source"
    NO_CONFIDENCE = "no-confidence"
    ACCEPTS_NOTHING = "accepts-nothing"
    NEVER_BROKEN = "never-broken"
    CONTAINED_ROW = "contained-row"
    DUPLICATE_CHECK = "duplicate-check"
    IDLE_FORBID = "idle-forbid"
    DUPLICATE_NAME = "duplicate-name"
    UNUSED_FEATURE = "unused-feature"
    UNSORTED = "unsorted"


SEVERITIES: Mapping[Kind, Severity] = MappingProxyType(
    {
        Kind.UNREADABLE: Severity.ERROR,
        Kind.NO_SOURCE: Severity.ERROR,
        Kind.NO_CONFIDENCE: Severity.ERROR,
        Kind.ACCEPTS_NOTHING: Severity.WARNING,  # here and below: the search for a call is good, not a proof
        Kind.NEVER_BROKEN: Severity.WARNING,
        Kind.CONTAINED_ROW: Severity.WARNING,
        Kind.DUPLICATE_CHECK: Severity.WARNING,
        Kind.IDLE_FORBID: Severity.WARNING,
        Kind.DUPLICATE_NAME: Severity.WARNING,
        Kind.UNUSED_FEATURE: Severity.WARNING,
        Kind.UNSORTED: Severity.ERROR,
    }
)
"""How bad each kind of finding is."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that lint found, and where."""

    mark: Mark
    kind: Kind
    message: str

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return SEVERITIES[self.kind]

    def __str__(self) -> str:
        return f"{self.mark}: {self.severity}: {self.message}"


@dataclass(frozen=True, slots=True)
class Report:
    """What lint says about one file: findings in the order of the file, and the grade if it could be read."""

    file: str
    id: str
    findings: tuple[Finding, ...]
    grade: Grade | None

    @property
    def has_errors(self) -> bool:
        """Whether any finding must be mended."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)


def lint(path: Path, known: Known | None = None) -> Report:
    """Return what is to be said about the file of a profile or a family, through every front end.

    What the loader refuses is the only finding. A family is not put on trial: what it accepts depends on the features
    of those who extend it. `known` holds what trials of one run share.
    """
    try:
        chain = [document for document, _ in layers(path)]
        is_family = "id" not in chain[0].mapping() and "family" in chain[0].mapping()
        first = flatten(path)
        flats = [first, *(flatten(path, frontend=name) for name in first.frontends[1:])]
        profiles = [read_profile(flat, path, is_family=is_family) for flat in flats]
    except ProfileError as error:
        return Report(str(path), path.stem, (_unreadable(error, path),), None)
    found: list[Finding] = []
    for flat, profile in zip(flats, profiles, strict=True):
        found += in_document(flat.document)
        found += in_model(profile, flat.document, _locked(chain))
        found += unused_features(flat.document, chain)
        found += unsorted_dialects(flat.document)
        if not is_family:
            found += (finding for trial in trials(profile, 1, known) for finding in in_trial(trial))
    findings = sorted(dict.fromkeys(found), key=lambda f: (f.mark.file, f.mark.line, f.mark.column))
    return Report(str(path), profiles[0].id, tuple(findings), grade(profiles[0]))


_PLACED = re.compile(r"(?P<file>.*?):(?P<line>\d+):(?P<column>\d+): (?P<message>.*)", re.DOTALL)


def _unreadable(error: ProfileError, path: Path) -> Finding:
    placed = _PLACED.fullmatch(str(error))
    if placed is None:
        return Finding(Mark(str(path), 1, 1), Kind.UNREADABLE, str(error))
    mark = Mark(placed["file"], int(placed["line"]), int(placed["column"]))
    return Finding(mark, Kind.UNREADABLE, placed["message"])


def in_document(document: Node) -> Iterator[Finding]:
    """Yield entries of operators that state facts without saying who says so and how sure that is."""
    for name, entry in _operators(document).items():
        if isinstance(entry.value, dict):
            place = entry.key or entry.mark
            if "source" not in entry.value:
                yield Finding(place, Kind.NO_SOURCE, f"{name} names no source")
            if "confidence" not in entry.value:
                message = f"{name} has no confidence: documented, measured, inferred or unknown"
                yield Finding(place, Kind.NO_CONFIDENCE, message)


def _operators(document: Node) -> Mapping[str, Node]:
    operators = document.mapping().get("operators")
    return operators.mapping() if operators is not None and isinstance(operators.value, dict) else {}


def unused_features(document: Node, chain: list[Node]) -> Iterator[Finding]:
    """Yield features that are declared, and gate nothing in a profile nor in anything that it extends."""
    used = {name for layer in chain for name in gates.used(layer)}
    features = document.mapping().get("features")
    for name, node in features.mapping().items() if features is not None else ():
        if name not in used:
            yield Finding(node.key or node.mark, Kind.UNUSED_FEATURE, f"feature {name!r} gates nothing")


def unsorted_dialects(document: Node) -> Iterator[Finding]:
    """Yield dialects that stand after one that speaks in later versions, and so are never chosen."""
    dialects = document.mapping().get("dialects")
    items = dialects.items() if dialects is not None and isinstance(dialects.value, list) else []
    latest: tuple[tuple[int, int | str], ...] | None = ()
    for item in items:
        until = item.mapping().get("until")
        version = None if until is None else version_key(until.text())
        if latest is None or (version is not None and version <= latest):
            yield Finding(item.mark, Kind.UNSORTED, "an earlier dialect speaks in these versions already; oldest first")
        latest = version


def in_model(profile: Profile, document: Node, locked: frozenset[Mark]) -> Iterator[Finding]:
    """Yield checks that say nothing new, and names that several operators claim; rows at `locked` need features."""
    for name, entry in profile.operators.items():
        for one in (entry, *(variant for _, variant in entry.variants)):
            yield from duplicate_checks(one)
            yield from idle_forbids(one)
        for check in own_checks(entry):
            if isinstance(check.rule, Rows):
                marks = _row_marks(_operators(document)[name], check)
                found = contained_rows(check.rule, marks)
                yield from () if not locked.isdisjoint(marks) else found
    yield from duplicate_names(profile)


def _locked(layers: list[Node]) -> frozenset[Mark]:
    """The places of rows that need features; what they contain of each other depends on those."""
    nodes = (node for layer in layers for node in _walk(layer))
    return frozenset(node.mark for node in nodes if isinstance(node.value, dict) and "requires" in node.value)


def duplicate_checks(entry: Entry) -> Iterator[Finding]:
    """Yield checks that an earlier one, in force whenever they are, has made already."""
    for index, check in enumerate(entry.checks):
        for earlier in entry.checks[:index]:
            if earlier.rule == check.rule and earlier.when in {None, check.when}:
                message = f"this {check.rule.key} says again what line {earlier.mark.line} says"
                yield Finding(check.mark, Kind.DUPLICATE_CHECK, message)
                break


def idle_forbids(entry: Entry) -> Iterator[Finding]:
    """Yield dtypes forbidden on a port after a list of dtypes, in force for every call, that does not hold them."""
    taken: dict[str, tuple[DType, ...]] = {}
    for check in entry.checks:
        match check.rule:
            case Dtype(lists) if check.when is None:
                taken.update(lists)
            case ForbidDtype(lists):
                for port, refused in lists:
                    idle = [row.name for row in refused if port in taken and row not in taken[port]]
                    if idle:
                        message = f"{', '.join(idle)} forbidden on {port}, whose list does not take it"
                        yield Finding(check.mark, Kind.IDLE_FORBID, message)


def contained_rows(rule: Rows, marks: list[Mark]) -> Iterator[Finding]:
    """Yield rows that an earlier row contains."""
    for index, row in enumerate(rule.rows):
        for number, earlier in enumerate(rule.rows[:index], 1):
            if earlier.contains(row):
                yield Finding(marks[index], Kind.CONTAINED_ROW, f"row {index + 1} is contained in row {number}")
                break


def _row_marks(entry: Node, check: Check) -> list[Mark]:
    """Where the rows of a check stand: a check's mark is that of its list, or of the rule that holds the list."""
    (node, *_) = (node for node in _walk(entry) if node.mark == check.mark and _rows(node) is not None)
    return [row.mark for row in _rows(node) or ()]


def _rows(node: Node) -> list[Node] | None:
    rows = node.value.get("rows", node) if isinstance(node.value, dict) else node
    return rows.value if isinstance(rows.value, list) else None


def _walk(node: Node) -> Iterator[Node]:
    yield node
    match node.value:
        case dict(entries):
            children = list(entries.values())
        case list(children):
            pass
        case _:
            return
    for child in children:
        yield from _walk(child)


def duplicate_names(profile: Profile) -> Iterator[Finding]:
    """Yield operators with an alias that is another operator's name as well.

    Two operators may have one `api`, which the stack prints for both, and a variant's names yield to anybody's.
    """
    claims: defaultdict[str, list[str]] = defaultdict(list)
    for name, entry in profile.operators.items():
        for spelled in dict.fromkeys(spelled.lower() for spelled in (entry.api, *entry.aliases) if spelled):
            claims[spelled].append(name)
    for name, entry in profile.operators.items():
        for alias in entry.aliases:
            others = [other for other in claims[alias.lower()] if other != name]
            if others:
                message = f"{name} has the alias {alias}, which is a name of {', '.join(others)} as well"
                yield Finding(entry.mark, Kind.DUPLICATE_NAME, message)


def in_trial(trial: Trial) -> Iterator[Finding]:
    """Yield what the samples showed: an operator that takes no call, and checks that no call breaks."""
    if trial.accepts_nothing:
        message = f"no call of {trial.operator} was found that is accepted; do its checks contradict each other?"
        yield Finding(trial.entry.mark, Kind.ACCEPTS_NOTHING, message)
    for negative in trial.unbroken:
        on = f" on {negative.port}" if negative.port else ""
        message = f"no call of {trial.operator} was found that breaks this {negative.check.rule.key}{on}"
        yield Finding(negative.check.mark, Kind.NEVER_BROKEN, message)
