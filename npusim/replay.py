"""Judge the calls of a recorded run by two profiles, and say which verdicts change."""

from collections.abc import Iterable
from dataclasses import dataclass

from npusim.call import Call
from npusim.errors import CallError, UnknownOperatorError
from npusim.operators import Operator, bind
from npusim.profiles import Profile, find_operator
from npusim.simulator import Status, judge

NO_SUCH_CALL = "no such call"
"""What a profile says to a call of an operator that it does not know, or that takes other ports there."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a profile says to a call: the status of its verdict, and why."""

    status: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """A call to which two profiles say different things, and how often the run made it at that place."""

    call: Call
    before: Word
    after: Word
    count: int = 1


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of a run: how many calls for each pair of statuses, and the calls that change, as they came first."""

    counts: dict[tuple[str, str], int]
    changed: tuple[Changed, ...]


def operator_of_either(first: Profile, second: Profile, name: str) -> Operator:
    """Return the operator that a name means to the first profile, else to the second."""
    try:
        return find_operator(first, name)
    except UnknownOperatorError:
        return find_operator(second, name)


def replay(first: Profile, second: Profile, calls: Iterable[Call]) -> Replay:
    """Judge every call by both profiles."""
    counts: dict[tuple[str, str], int] = {}
    changed: dict[str, Changed] = {}
    for call in calls:
        before, after = word(first, call), word(second, call)
        pair = before.status, after.status
        counts[pair] = counts.get(pair, 0) + 1
        if before.status != after.status:
            key = repr(call)
            times = changed[key].count + 1 if key in changed else 1
            changed[key] = Changed(call, before, after, times)
    return Replay(counts, tuple(changed.values()))


def word(profile: Profile, call: Call) -> Word:
    """Return what a profile says to a call that was made for another."""
    try:
        operator = find_operator(profile, call.operator)
        verdict = judge(profile, _rebound(operator, call))
    except (UnknownOperatorError, CallError) as error:
        return Word(NO_SUCH_CALL, str(error))
    if verdict.status is Status.REJECTED:
        return Word(verdict.status.value, verdict.violations[0].text)
    return Word(verdict.status.value, "; ".join(verdict.notes))


def _rebound(operator: Operator, call: Call) -> Call:
    """Return the call with the ports and attributes of an operator that may be declared otherwise."""
    given = {port: operands for port, operands in (*call.operands.items(), *call.outputs.items()) if operands}
    variadic = {port.name for port in operator.ports if port.variadic}
    named = {port: some if port in variadic or len(some) > 1 else some[0] for port, some in given.items()}
    return bind(operator, (), {**call.attributes, **named}, call.site)
