"""Sample calls of a profile's operators: ones that it accepts, and for every check one that breaks it."""

from collections.abc import Iterator
from dataclasses import dataclass

from npusim.call import Call
from npusim.profiles.model import Check, Profile
from npusim.profiles.samples.search import Search


@dataclass(frozen=True, slots=True)
class Negative:
    """A check, the port on which it is to be broken ("" if any will do), and a call that does; None if none was found.

    Whatever else the call breaks, the check is in force for it and its code and port are among the violations.
    """

    check: Check
    port: str
    call: Call | None


def accepted(profile: Profile, operator: str) -> Iterator[Call]:
    """Yield different calls that the profile accepts, ordinary ones first; none if it has no facts on the operator."""
    entry = profile.operators.get(operator)
    if entry is not None and not entry.unknown:
        search = Search(profile, entry)
        for _, one in search.entries:
            for draft in search.accepted(one):
                yield draft.call()


def breaking(profile: Profile, operator: str, code: str = "") -> Iterator[Negative]:
    """Yield, for every check of the operator's entry and of its variants, and for every port it names, a negative.

    With a `code` only for the checks that have it.
    """
    search = Search(profile, profile.operators[operator])
    for place, (condition, one) in enumerate(search.entries):
        absent = condition.absent if condition is not None else ()
        for check in (check for check in one.checks if code in {"", check.rule.code}):
            for target in dict.fromkeys(check.rule.targets):
                if target not in absent:
                    yield Negative(check, target, search.negative(place, check, target))
