"""Put a profile on trial: every operator is to accept some call, and every check to be broken by one."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from npusim.call import Call
from npusim.profiles.model import Entry, Profile
from npusim.profiles.samples import Negative, accepted, breaking


@dataclass(frozen=True, slots=True)
class Trial:
    """What the samples of one operator showed; every call in it has been judged and got the verdict it stands for."""

    operator: str
    entry: Entry
    positives: tuple[Call, ...]
    negatives: tuple[Negative, ...]

    @property
    def is_offered(self) -> bool:
        """Whether the profile means any call to be accepted."""
        return not any(check.rule.key == "not_offered" and check.when is None for check in self.entry.checks)

    @property
    def accepts_nothing(self) -> bool:
        """Whether the operator is offered, with facts on its inputs, and yet no call was found that is accepted."""
        inputs = {port.name for port in self.entry.operator.inputs}
        has_facts = bool(self.entry.checks) and not inputs <= self.entry.unknown_ports
        return self.is_offered and has_facts and not self.positives

    @property
    def unbroken(self) -> tuple[Negative, ...]:
        """Checks on ports for which no call was found; one that a variant shares counts once, broken in either."""
        broken = {_place(negative) for negative in self.negatives if negative.call is not None}
        missed = {_place(negative): negative for negative in self.negatives if negative.call is None}
        return tuple(negative for place, negative in missed.items() if place not in broken)

    @property
    def passes(self) -> bool:
        """Whether nothing is amiss."""
        return not self.accepts_nothing and not self.unbroken


def trials(profile: Profile, positives: int | None = None) -> Iterator[Trial]:
    """Yield the trial of every operator on which the profile has facts, with at most so many accepted calls each."""
    for operator, entry in profile.operators.items():
        if not entry.unknown:
            calls = islice(accepted(profile, operator), positives)
            yield Trial(operator, entry, tuple(calls), tuple(breaking(profile, operator)))


def _place(negative: Negative) -> tuple[str, str, str]:
    return str(negative.check.mark), negative.check.rule.key, negative.port
