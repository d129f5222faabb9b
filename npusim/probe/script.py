"""Assemble the script that a probe is: the template, with a profile's cases in it."""

import json
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from npusim.probe.cases import Case, Plain, cases_of, defaults_of
from npusim.probe.numerics import questions
from npusim.profiles import Entry, Profile
from npusim.simulator import Status, judge

TEMPLATE = Path(__file__).with_name("template.py")
_PLACE = 'DATA = ""  # '


def script(profile: Profile, operators: Sequence[str], told: Callable[[str, int], None] = lambda *_: None) -> str:
    """Return the script that probes these operators of a profile; `told` hears of each operator and its cases."""
    cases = list(_cases(profile, operators, told))
    about = {
        "profile": profile.id,
        "frontend": profile.stack.frontend if profile.stack.frontend in profile.frontends else "",
        "digest": digest(cases),
        "operators": {name: _row(profile.operators[name]) for name in operators},
    }
    data = "\n".join(_line(one) for one in (about, *cases))
    before, _, after = TEMPLATE.read_text(encoding="utf-8").partition(_PLACE)
    return f'{before}DATA = r"""\n{data}\n"""  # {after}'


def digest(cases: Sequence[Plain]) -> str:
    """Return what tells one list of cases from every other."""
    return sha256("\n".join(map(_line, cases)).encode()).hexdigest()


def _line(record: Plain) -> str:
    return json.dumps(record, sort_keys=True, allow_nan=False)


def _row(entry: Entry) -> Plain:
    """What a backend has to know of an operator."""
    operator = entry.operator
    return {
        "torch": list(entry.frameworks.get("torch", ())),
        "variadic": [port.name for port in operator.ports if port.variadic],
        "defaults": defaults_of(operator),
    }


def _cases(profile: Profile, operators: Sequence[str], told: Callable[[str, int], None]) -> Iterator[Plain]:
    for operator in operators:
        found = [case.plain() for case in (*cases_of(profile, operator), *_questions(profile, operator))]
        told(operator, len(found))
        yield from found


def _questions(profile: Profile, operator: str) -> Iterator[Case]:
    """Yield the cases that ask for numbers; none that the profile says would be refused."""
    for question in questions().values():
        if question.operator == operator and judge(profile, question.case.call).status is not Status.REJECTED:
            yield question.case
