"""`npusim explain`: what a rule code means, how a profile writes it, and a call that breaks it."""

import argparse
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from inspect import cleandoc

from npusim.cli.command import Command, Exit, argument
from npusim.cli.terminal import Style, columns, painted
from npusim.errors import UnknownNameError
from npusim.profiles import Entry, Profile, available, load
from npusim.profiles.rules import KINDS, Rule
from npusim.profiles.samples import breaking
from npusim.report.command import judge_command
from npusim.report.text import rejection
from npusim.simulator import Verdict, judge

_CODES = {kind.code: kind for kind in KINDS.values()}
_SHOWN = 6
"""The most wordings of single operators that are listed."""


class UnknownRuleError(UnknownNameError):
    """No kind of rule has this code or key."""

    what = "rule code"


def find_kind(name: str) -> type[Rule]:
    """Return the kind of rule with a code, or the key that a profile writes, in any case."""
    kind = _CODES.get(name.upper()) or KINDS.get(name.lower())
    if kind is None:
        near = get_close_matches(name.upper(), _CODES, n=3) or get_close_matches(name.lower(), KINDS, n=3)
        raise UnknownRuleError(name, near, "" if near else "(`npusim explain` lists them)")
    return kind


def _run(arguments: argparse.Namespace) -> int:
    lines = _overview() if arguments.code is None else _explanation(find_kind(arguments.code))
    print(*lines, sep="\n")
    return Exit.ACCEPTED


def _overview() -> Iterator[str]:
    rows = [(kind.code, kind.key, _meaning(kind).splitlines()[0]) for _, kind in sorted(_CODES.items())]
    yield from columns(rows)
    yield "\n`npusim explain CODE` says more."


def _meaning(kind: type[Rule]) -> str:
    return cleandoc(kind.__doc__ or "")


def _explanation(kind: type[Rule]) -> Iterator[str]:
    profiles = [load(name) for name in available()]
    yield painted(f"{kind.code}  {kind.key}", Style.HEADING)
    yield from _meaning(kind).splitlines()
    yield from _section("in a profile", [f"  - {kind.example}"])
    yield from _section("in the words of", [line for profile in profiles for line in _sentences(kind, profile)])
    yield from _section("in npusim's own words", [f"  {sentence}" for sentence in kind.sentences.values()])
    yield from _section("for example", list(_example(counterexample(profiles, kind.code), kind, profiles)))


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield painted(title, Style.HEADING)
        yield from lines


def _sentences(kind: type[Rule], profile: Profile) -> Iterator[str]:
    """Yield what a profile's stack says: the sentences of its dialect, then those of single operators."""
    dialect = [profile.dialect.sentences[key] for key in kind.sentences if key in profile.dialect.sentences]
    single = list(dict.fromkeys(f"{name}: {text}" for name, text in _single_sentences(kind, profile)))
    if dialect or single:
        yield f"  {profile.id}, {profile.stack.name} {profile.stack.version}"
        yield from (f"    {sentence}" for sentence in (*dialect, *single[:_SHOWN]))
    if len(single) > _SHOWN:
        yield f"    and {len(single) - _SHOWN} more for single operators"


def _single_sentences(kind: type[Rule], profile: Profile) -> Iterator[tuple[str, str]]:
    for entry in profile.operators.values():
        for one in (entry, *(variant for _, variant in entry.variants)):
            yield from (
                (one.api or one.operator.name, c.text) for c in one.checks if c.text and c.rule.code == kind.code
            )


def _example(found: Verdict | None, kind: type[Rule], profiles: list[Profile]) -> Iterator[str]:
    if found is not None:
        (profile,) = (one for one in profiles if one.id == found.violations[0].profile)
        operator = profile.operators[found.call.operator].operator
        yield f"  $ {judge_command(profile.id, operator, found.call)}"
        yield from (f"  {line}" for line in rejection(found).splitlines())
    elif not kind.sentences:
        yield "  no call breaks it: what it says is noted on every call"
    elif any(_uses(profile, kind) for profile in profiles):
        yield "  a profile that comes with npusim has such a rule, but no simple call was found that breaks it"
    else:
        yield "  no profile that comes with npusim has such a rule yet"


def _uses(profile: Profile, kind: type[Rule]) -> bool:
    return any(_has(entry, kind.code) for entry in profile.operators.values())


def _has(entry: Entry, code: str) -> bool:
    entries = (entry, *(variant for _, variant in entry.variants))
    return any(check.rule.code == code for one in entries for check in one.checks)


def counterexample(profiles: Sequence[Profile], code: str) -> Verdict | None:
    """Return the verdict on a call that breaks a rule of this code, as its first violation if one such is found."""
    second_best: Verdict | None = None
    for verdict in _rejections(profiles, code):
        if verdict.violations[0].code == code:
            return verdict
        second_best = verdict if second_best is None else second_best
    return second_best


def _rejections(profiles: Sequence[Profile], code: str) -> Iterator[Verdict]:
    for profile in sorted(profiles, key=lambda one: len(one.operators)):
        for operator in (name for name, entry in profile.operators.items() if _has(entry, code)):
            found = (negative.call for negative in breaking(profile, operator, code))
            yield from (judge(profile, call) for call in found if call is not None)


COMMAND = Command(
    name="explain",
    summary="say what a rule code such as NPU101 means, with a call that breaks the rule",
    description="Explain a rule code: what the rule demands, how a profile writes it, how the vendors' stacks word it, "
    "and a\ncall that a profile which comes with npusim rejects for it. Without a code: list them all.",
    examples="  npusim explain NPU101\n  npusim explain same_dtype\n  npusim explain",
    run=_run,
    arguments=(
        argument("code", metavar="CODE", nargs="?", help="a rule code, or the key that a profile writes, in any case"),
    ),
)
