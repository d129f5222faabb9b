"""Compare what a probe learnt with what a profile says."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from npusim.dtypes import DTYPES
from npusim.numerics.model import Overflow, Rounding, Subnormals
from npusim.operators import known_outputs
from npusim.probe.cases import shown
from npusim.probe.declared import BEYOND, Claim, Declared, declared
from npusim.probe.numerics import Finding, questions
from npusim.probe.record import Answer, Record, results
from npusim.profiles import Check, Entry, Profile
from npusim.profiles.document import Mark
from npusim.profiles.rules import Finding as Broken
from npusim.profiles.subject import Subject, subject
from npusim.profiles.words import Enforcement
from npusim.simulator import Status, judge


class Kind(StrEnum):
    """What a comparison comes to."""

    AGREES = "agrees"
    CONTRADICTS = "contradicts"
    ANSWERS = "answers"
    UNTRIED = "untried"
    BEYOND = "beyond"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One comparison: what it is about, what the profile says and where, and what was seen."""

    kind: Kind
    about: str
    said: str
    seen: str
    mark: Mark
    operator: str = ""
    is_refusal: bool = False
    """Whether the chip refused a call as the profile says; the check that refuses it stands at the mark."""
    where: str = ""
    evidence: str = ""
    """Of numbers: the operator and dtype that showed it, and the number."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Every comparison of a record with a profile, the values that settle unknown numerics, and what nothing shows."""

    profile: Profile
    record: Record
    outcomes: tuple[Outcome, ...]
    settled: tuple[tuple[Claim, str], ...]
    unseen: tuple[str, ...]

    def of(self, kind: Kind) -> list[Outcome]:
        """Return the outcomes of a kind."""
        return [outcome for outcome in self.outcomes if outcome.kind is kind]

    @property
    def holds(self) -> bool:
        """Whether nothing that was seen contradicts the profile."""
        return not self.of(Kind.CONTRADICTS)

    @property
    def confirmed(self) -> frozenset[str]:
        """The operators of which both an accepted and a refused call agreed, and nothing did not."""
        by_operator = defaultdict(list)
        for outcome in self.outcomes:
            by_operator[outcome.operator].append(outcome)
        return frozenset(name for name, found in by_operator.items() if name and _is_confirmed(found))


def _is_confirmed(outcomes: list[Outcome]) -> bool:
    kinds = {outcome.kind for outcome in outcomes}
    agreeing = {outcome.is_refusal for outcome in outcomes if outcome.kind is Kind.AGREES}
    return agreeing == {True, False} and kinds <= {Kind.AGREES, Kind.ANSWERS}


def confirm(profile: Profile, record: Record, frontend: str = "") -> Confirmation:
    """Return the comparison of a record with its profile."""
    claims = declared(profile, frontend)
    findings = [finding for identity, values in results(record) for finding in questions()[identity].read(values)]
    outcomes = [outcome for answer in record.answers for outcome in _calls(profile, answer)]
    numbers = [_number(claims, finding) for finding in findings]
    seen = {claims.claim(finding).name for finding in findings if finding.field not in BEYOND}
    return Confirmation(
        profile, record, (*outcomes, *numbers), tuple(_settled(claims, findings)), tuple(claims.unseen(seen))
    )


def _calls(profile: Profile, answer: Answer) -> Iterator[Outcome]:
    """Yield what an answer says of the verdict on its call, and of the sentence of a refusal."""
    verdict = judge(profile, answer.call)
    case = _Case(profile, answer)
    outcome = partial(Outcome, about=shown(answer.call), operator=answer.call.operator)
    broken = case.broken
    mark = broken[0].mark if broken else case.entry.mark
    match verdict.status, answer.status:
        case _, "" | "not_callable" | "timed_out" | "killed":
            is_harmless = answer.status == "not_callable"
            reason = _plain(answer.text) or "not reached"
            yield outcome(
                Kind.UNTRIED, said=verdict.status, seen=reason, mark=mark, operator="" if is_harmless else case.name
            )
        case Status.UNKNOWN, status:
            yield outcome(Kind.ANSWERS, said="unknown", seen=_seen(status, answer.text), mark=mark)
        case (Status.ACCEPTED, "accepted") | (Status.REJECTED, "refused"):
            yield outcome(Kind.AGREES, said=verdict.status, seen=answer.status, mark=mark, is_refusal=bool(broken))
            if broken:
                yield from case.sentence(*broken, verdict.violations[0].text)
        case Status.REJECTED, _ if broken and case.is_lenient(broken[0]):
            yield outcome(Kind.UNTRIED, said="rejected", seen="the stack makes up for it", mark=mark, operator="")
        case status, seen:
            yield outcome(Kind.CONTRADICTS, said=str(status), seen=_seen(seen, answer.text), mark=mark)


def _seen(status: str, text: str) -> str:
    return f'refused: "{_plain(text)}"' if status == "refused" else status


def _plain(text: str) -> str:
    """A sentence without line breaks, by which frameworks wrap what they print."""
    return " ".join(text.split())


@dataclass(frozen=True, slots=True)
class _Case:
    """One call before the part of a profile that speaks about it."""

    profile: Profile
    answer: Answer

    @property
    def name(self) -> str:
        return self.answer.call.operator

    @property
    def _seen(self) -> Subject:
        operator, call = self.profile.operators[self.name].operator, self.answer.call
        return subject(operator, call, known_outputs(operator, call))

    @property
    def entry(self) -> Entry:
        """The entry, or its variant, that is in force."""
        return self.profile.operators[self.name].variant(self._seen)

    @property
    def broken(self) -> tuple[Check, Broken] | None:
        """The check that refuses the call first, and how: one on inputs, if there is any."""
        seen = self._seen
        outputs = {port.name for port in self.entry.operator.outputs}
        found = [(c, f) for c in self.entry.checks if c.applies(seen) for f in c.rule.findings(seen)]
        return next((one for one in found if one[1].port not in outputs), next(iter(found), None))

    def is_lenient(self, check: Check) -> bool:
        """Whether the stack runs a call that breaks the check, elsewhere or in another dtype."""
        return (check.enforcement or self.profile.enforcement) is not Enforcement.ERROR

    def sentence(self, check: Check, broken: Broken, said: str) -> Iterator[Outcome]:
        """Yield whether the chip refused in the profile's words, or in which if it has none."""
        text, key = self.answer.text, broken.sentence or check.rule.key
        about = f"the sentence of {key}" + (f" on {broken.port}" if broken.port else "")
        outcome = partial(Outcome, about=f"{self.name}: {about}", mark=check.mark, operator=self.name, is_refusal=True)
        if not check.text and key not in self.profile.dialect.sentences:
            yield outcome(Kind.ANSWERS, said="unknown", seen=f'"{_plain(text)}"')
        elif _plain(said) in _plain(text):
            yield outcome(Kind.AGREES, said=said, seen=text)
        else:
            yield outcome(Kind.CONTRADICTS, said=f'"{said}"', seen=f'"{_plain(text)}"')


def _number(claims: Declared, finding: Finding) -> Outcome:
    outcome = partial(
        Outcome,
        seen=" or ".join(finding.values),
        where=f"{finding.operator} of {finding.dtype}",
        evidence=finding.seen,
    )
    if finding.field in BEYOND:
        return outcome(Kind.BEYOND, finding.field.replace("_", " "), said="", mark=claims.mark)
    claim = claims.claim(finding)
    if not claim.value:
        return outcome(Kind.ANSWERS, claim.name, said="unknown", mark=claim.mark)
    kind = Kind.AGREES if claim.value in finding.values else Kind.CONTRADICTS
    said = claim.value if claim.is_stated else f"{claim.value} (by saying nothing)"
    return outcome(kind, claim.name, said=said, mark=claim.mark)


def _settled(claims: Declared, findings: list[Finding]) -> Iterator[tuple[Claim, str]]:
    """Yield each unknown field with the value that fits everything that was seen of it, if one does."""
    seen: dict[Claim, list[tuple[str, ...]]] = defaultdict(list)
    for finding in findings:
        if finding.field not in BEYOND and not (claim := claims.claim(finding)).value:
            seen[claim].append(finding.values)
    for claim, choices in seen.items():
        common = [value for value in choices[0] if all(value in values for values in choices)]
        if common and common[0] in _SAYABLE:
            yield claim, common[0]


_SAYABLE = frozenset({*DTYPES, *Rounding, *Subnormals, *Overflow})
"""The values that a profile's numerics can have."""
