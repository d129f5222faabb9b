"""Judge a call against a profile: a pure function from both to a verdict with every violation."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from npusim.call import Call, Site
from npusim.operators import OPERATORS, known_outputs
from npusim.profiles import Profile
from npusim.profiles.dialects import NEUTRAL, fill
from npusim.profiles.document import Mark
from npusim.profiles.expressions import Expression, UndecidableError
from npusim.profiles.model import Check, Entry
from npusim.profiles.rules import Finding
from npusim.profiles.subject import Subject, subject
from npusim.profiles.words import Confidence, Enforcement, Placement


class Status(StrEnum):
    """What the chip says to a call."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that a call breaks. `text` is the vendor's sentence, `api` the vendor's name of the operator."""

    code: str
    profile: str
    operator: str
    api: str
    port: str
    found: str
    allowed: tuple[str, ...]
    text: str
    hint: str
    source: str
    confidence: str
    site: Site | None = None
    origin: Site | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a profile says to one call, with every violation in the order in which the stack would find them."""

    status: Status
    call: Call
    violations: tuple[Violation, ...] = ()
    placement: Placement = Placement.DEVICE
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.status is Status.ACCEPTED

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as plain data for JSON."""
        return {
            "status": self.status.value,
            "call": {
                "operator": self.call.operator,
                "operands": {port: [str(o.type) for o in found] for port, found in self.call.operands.items() if found},
                "attributes": dict(self.call.attributes),
                "site": _plain(self.call.site),
            },
            "violations": [
                {**asdict(v), "allowed": list(v.allowed), "site": _plain(v.site), "origin": _plain(v.origin)}
                for v in self.violations
            ],
            "placement": self.placement.value,
            "notes": list(self.notes),
        }


def _plain(site: Site | None) -> dict[str, Any] | None:
    return asdict(site) if site is not None else None


def judge(profile: Profile, call: Call) -> Verdict:
    """Return the verdict of `profile` on a bound call.

    Accepted if no rule is broken, rejected with every violation otherwise, unknown if the profile has no facts that
    touch the call. Outputs are judged only where the inputs pass: what would come out of an illegal call means nothing.
    Raises CallError if the operator itself cannot take the operands, on any chip.
    """
    case = _case(profile, call)
    if case.entry.unknown:
        return Verdict(Status.UNKNOWN, call, notes=(_no_facts(profile, case.entry),))
    broken = tuple(case.broken())
    if broken:
        violations = tuple(case.violation(check, finding) for check, finding in broken)
        return Verdict(Status.REJECTED, call, violations, case.refuge(broken[0][0]))
    status = Status.ACCEPTED if case.has_facts else Status.UNKNOWN
    return Verdict(status, call, placement=case.entry.placement, notes=tuple(case.notes()))


def wrapping(profile: Profile, verdict: Verdict) -> str:
    """Return what the framework prints around the first sentence of a rejected verdict of this profile."""
    check, _ = next(_case(profile, verdict.call).broken())
    return profile.dialect.around(check.returns)


def _case(profile: Profile, call: Call) -> "_Case":
    entry = profile.operators.get(call.operator) or _unlisted(profile, call.operator)
    seen = subject(entry.operator, call, known_outputs(entry.operator, call))
    return _Case(profile, entry.variant(seen), seen, call)


def _shown(expression: Expression, seen: Subject) -> str:
    """The value of an expression in a sentence: numbers in short, several with commas between; ? where it has none."""
    try:
        value = expression.value(seen)
    except UndecidableError:
        return "?"
    several = value if isinstance(value, tuple) else (value,)
    return ", ".join(f"{one:g}" if isinstance(one, float) else str(one) for one in several)


def _unlisted(profile: Profile, operator: str) -> Entry:
    """What a profile says to an operator of which it has no entry."""
    rule = profile.unlisted
    checks = () if rule is None else (rule,)
    source, confidence = ("", Confidence.UNKNOWN) if rule is None else (rule.source, rule.confidence)
    mark = Mark(profile.file, 1, 1)
    return Entry(OPERATORS[operator], source, confidence, mark, api=operator, checks=checks, unknown=rule is None)


def _no_facts(profile: Profile, entry: Entry) -> str:
    """The note of a call on unknown ground: what is not known, and what would settle it."""
    probe = f"`npusim profile probe {profile.id}` on a machine that has the chip"
    settled_by = entry.settled_by or profile.settled_by or probe
    return f"{profile.id} has no facts on {entry.operator.name}; what would settle it: {settled_by}"


@dataclass(frozen=True, slots=True)
class _Case:
    """A call before the part of a profile that speaks about it."""

    profile: Profile
    entry: Entry
    seen: Subject
    call: Call

    @property
    def unknown_ports(self) -> list[str]:
        """The ports in use on which the profile knows that it knows nothing."""
        return [port for port, types in self.seen.types.items() if types and port in self.entry.unknown_ports]

    @property
    def has_facts(self) -> bool:
        """Whether the profile says anything about this call: an input it knows, or that nothing runs at all."""
        if self.entry.placement is Placement.METADATA:
            return True
        inputs = {port for port, operands in self.call.operands.items() if operands}
        return bool(self.entry.checks) and not (inputs and inputs <= set(self.unknown_ports))

    def notes(self) -> Iterator[str]:
        """Yield what a user should know about the call although nothing forbids it."""
        yield from (note.text for note in self.entry.notes if note.when is None or note.when.holds(self.seen))
        yield from (
            note for check in self.entry.checks if check.applies(self.seen) for note in check.rule.notes(self.seen)
        )
        yield from (f"{self.profile.id} has no facts on the dtypes of {port}" for port in self.unknown_ports)
        if not self.entry.checks and not self.has_facts:
            yield _no_facts(self.profile, self.entry)

    def refuge(self, broken: Check) -> Placement:
        """Where a call runs after all: on the host, if the stack falls back for the first check that it breaks."""
        enforcement = broken.enforcement or self.profile.enforcement
        return Placement.HOST if enforcement is Enforcement.FALLBACK else Placement.NOWHERE

    def broken(self) -> Iterator[tuple[Check, Finding]]:
        """Yield the checks that the call breaks; those on inferred outputs only if the inputs pass."""
        outputs = {port.name for port in self.entry.operator.outputs}
        checks = [check for check in self.entry.checks if check.applies(self.seen)]
        found = [(check, finding) for check in checks for finding in check.rule.findings(self.seen)]
        on_inputs = [one for one in found if one[1].port not in outputs or self.call.outputs.get(one[1].port)]
        yield from on_inputs or found

    def violation(self, check: Check, finding: Finding) -> Violation:
        """Return what is said of a check that the call breaks."""
        operands = self.call.operands.get(finding.port, ())
        operand = next(iter(operands[finding.index : finding.index + 1]), None)
        return Violation(
            code=check.rule.code,
            profile=self.profile.id,
            operator=self.call.operator,
            api=self.entry.api,
            port=finding.port,
            found=str(finding.found),
            allowed=tuple(map(str, finding.allowed)),
            text=self._sentence(check, finding),
            hint=finding.hint,
            source=check.source,
            confidence=check.confidence.value,
            site=self.call.site,
            origin=operand.origin if operand is not None else None,
        )

    def _sentence(self, check: Check, finding: Finding) -> str:
        key = finding.sentence or check.rule.key
        spoken = check.text or self.profile.dialect.sentences.get(key)
        labels: Mapping[str, str] = self.entry.labels
        fields = {
            **{port: types[0].dtype if types else "null" for port, types in self.seen.types.items()},
            **finding.fields,
            **{f"= {text}": _shown(expression, self.seen) for text, expression in check.spoken.items()},
            "name": labels.get(finding.port, finding.port),
            "port": finding.port,
            "found": finding.found,
            "allowed": finding.allowed,
            "index": finding.index,
            "operator": self.entry.operator.name,
            "api": self.entry.api or self.entry.operator.name,
            "soc": self.profile.soc,
            "soc_lower": self.profile.soc.lower(),
            "output": self.entry.operator.outputs[0].name if self.entry.operator.outputs else "",
        }
        if "first" in fields:
            fields["first"] = labels.get(fields["first"], fields["first"])
        return fill(spoken or check.rule.sentences[key], fields, self.profile.dialect if spoken else NEUTRAL)
