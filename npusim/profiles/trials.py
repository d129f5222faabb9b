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
    def accepts_nothing(self) -> bool:
        """Whether the operator is offered, with facts on its inputs, and yet no call was found that is accepted."""
        inputs = {port.name for port in self.entry.operator.inputs}
        has_facts = bool(self.entry.checks) and not inputs <= self.entry.unknown_ports
        return self.entry.is_offered and has_facts and not self.positives

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


Known = dict[str, Trial]
"""Trials that were made, by all that an entry says and where it stands: chips of a family share most of theirs."""


def trials(profile: Profile, positives: int | None = None, known: Known | None = None) -> Iterator[Trial]:
    """Yield the trial of every operator on which the profile has facts, with at most so many accepted calls each.

    What is `known` is not tried again, and what is tried is added to it.
    """
    made = {} if known is None else known
    for operator, entry in profile.operators.items():
        if not entry.unknown:
            key = repr(entry)
            if key not in made:
                calls = islice(accepted(profile, operator), positives)
                made[key] = Trial(operator, entry, tuple(calls), tuple(breaking(profile, operator)))
            yield made[key]


def _place(negative: Negative) -> tuple[str, str, str]:
    return str(negative.check.mark), negative.check.rule.key, negative.port
