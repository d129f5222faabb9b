"""`npusim profile diff`: what one chip takes and does that another does not."""

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from textwrap import wrap

from npusim.cli.command import FORMAT, Command, Exit, argument
from npusim.cli.terminal import Style, as_json, painted
from npusim.profiles import Profile, load
from npusim.profiles.diff import Change, diff

_WIDTH = 120


def _run(arguments: argparse.Namespace) -> int:
    first, second = load(arguments.first), load(arguments.second)
    changes = diff(first, second)
    if arguments.format == "json":
        print(as_json([asdict(change) for change in changes]))
    else:
        print(*_lines(first, second, changes), sep="\n")
    return Exit.ACCEPTED


def _lines(first: Profile, second: Profile, changes: Sequence[Change]) -> Iterator[str]:
    yield painted(f"- {_title(first)}", Style.BAD)
    yield painted(f"+ {_title(second)}", Style.GOOD)
    whole = [change for change in changes if not change.operator]
    if whole:
        yield ""
        yield painted("the profiles", Style.HEADING)
        for change in whole:
            yield from _change(change)
    for operators, said in _alike(changes):
        yield ""
        yield from (painted(line, Style.HEADING) for line in wrap(", ".join(operators), _WIDTH))
        for change in said:
            yield from _change(change)
    changed = {change.operator for change in changes if change.operator}
    same = len({*first.operators, *second.operators} - changed)
    yield ""
    yield f"{len(changed)} operators differ, {same} do not"


def _title(profile: Profile) -> str:
    return f"{profile.id}  {profile.name}, {profile.stack.name} {profile.stack.version}".rstrip(" ,")


_What = tuple[tuple[str, ...], tuple[str, ...], str, str]
"""What a change says, whatever the port: before, after, the variant's condition, and the part if it is no port."""


def _what(change: Change) -> _What:
    return change.before, change.after, change.when, "" if change.is_list else change.part


def _alike(changes: Sequence[Change]) -> Iterator[tuple[list[str], list[Change]]]:
    """Yield operators that change in the same way, together, and how: each change once, with all ports it is on."""
    by_operator: defaultdict[str, list[Change]] = defaultdict(list)
    for change in changes:
        if change.operator:
            by_operator[change.operator].append(change)
    together: defaultdict[frozenset[_What], list[str]] = defaultdict(list)
    for operator, said in by_operator.items():
        together[frozenset(map(_what, said))].append(operator)
    for operators in together.values():
        yield operators, _merged(change for operator in operators for change in by_operator[operator])


def _merged(changes: Iterable[Change]) -> list[Change]:
    merged: dict[_What, Change] = {}
    for change in changes:
        first = merged.setdefault(_what(change), change)
        if change.part not in first.part.split(", "):
            merged[_what(change)] = replace(first, part=f"{first.part}, {change.part}")
    return list(merged.values())


def _change(change: Change) -> list[str]:
    """Return a change on one line if it fits, else a line for each thing that goes or comes."""
    part = change.part + (f", when {change.when}" if change.when else "")
    pairs = [("-", item, Style.BAD) for item in change.before] + [("+", item, Style.GOOD) for item in change.after]
    if not change.is_list and len(change.before) == len(change.after) == 1:
        short = f"  {part}: {change.before[0]} -> {change.after[0]}"
        if len(short) <= _WIDTH:
            return [short]
    if len(part) + sum(len(item) + 4 for _, item, _ in pairs) <= _WIDTH - 4:
        return [f"  {part}:  " + "  ".join(painted(f"{sign} {item}", style) for sign, item, style in pairs)]
    return [f"  {part}:", *(painted(f"    {sign} {item}", style) for sign, item, style in pairs)]


COMMAND = Command(
    name="diff",
    summary="compare two profiles: what appears, vanishes, changes",
    description="""\
Compare two profiles: how they compute and speak, the operators that appear and vanish, and for each operator what its
ports take, its rules, names and notes. Operators that change alike stand together; `-` is only in A, `+` only in B.""",
    examples="""\
  npusim profile diff ascend910b ascend310p
  npusim profile diff ascend910b ./mychip.yaml --format json""",
    run=_run,
    arguments=(
        argument("first", metavar="A", help="the id of a profile or the path of a YAML file"),
        argument("second", metavar="B", help="another one"),
        FORMAT,
    ),
)
