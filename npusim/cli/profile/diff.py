"""`npusim profile diff`: what one chip takes and does that another does not."""

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from textwrap import wrap

from npusim.cli.command import FORMAT, Command, Exit, argument
from npusim.cli.terminal import Style, as_json, painted
from npusim.frontends.recorded import read_calls, to_record
from npusim.profiles import Profile, find_operator, load
from npusim.profiles.diff import Change, diff
from npusim.replay import Changed, Replay, Word, operator_of_either, replay
from npusim.report.difference import overview
from npusim.simulator import Status

_WIDTH = 120
_FEW = 40
"""Up to so many operators that differ are shown in full."""
_CLOSER = "; name some to see all that changes in them, or say --all"


def _run(arguments: argparse.Namespace) -> int:
    first, second = load(arguments.first), load(arguments.second)
    if arguments.calls is None:
        changes = _chosen(diff(first, second), arguments.operators, first)
        record: object = [asdict(change) for change in changes]
        lines = _lines(first, second, changes, whole=arguments.all or bool(arguments.operators))
    else:
        replayed = replay(first, second, read_calls(arguments.calls, partial(operator_of_either, first, second)))
        record, lines = _replay_record(replayed), _replay_lines(first, second, replayed)
    if arguments.format == "json":
        print(as_json(record))
    else:
        print(*lines, sep="\n")
    return Exit.ACCEPTED


def _replay_record(replayed: Replay) -> dict[str, object]:
    return {
        "counts": [
            {"before": before, "after": after, "calls": calls} for (before, after), calls in replayed.counts.items()
        ],
        "changed": [
            {
                "call": to_record(one.call),
                "count": one.count,
                "before": asdict(one.before),
                "after": asdict(one.after),
            }
            for one in replayed.changed
        ],
    }


def _replay_lines(first: Profile, second: Profile, replayed: Replay) -> Iterator[str]:
    yield from _titles(first, second)
    yield ""
    width = max((len(str(calls)) for calls in replayed.counts.values()), default=1)
    for (before, after), calls in replayed.counts.items():
        yield f"{calls:>{width}}  {before} -> {after}" if before != after else f"{calls:>{width}}  {before} by both"
    for one in replayed.changed:
        yield ""
        yield from _changed_call(one)
    changed = sum(one.count for one in replayed.changed)
    yield ""
    yield f"{changed} of {sum(replayed.counts.values())} calls change"


def _changed_call(one: Changed) -> Iterator[str]:
    record = to_record(one.call)
    operands = (f"{port}={text}" for port, texts in record["operands"].items() for text in texts)
    times = f", {one.count} times" if one.count > 1 else ""
    place = f"{one.call.site}" if one.call.site is not None else "an unknown place"
    yield painted(f"{place}: {one.before.status} -> {one.after.status}{times}", Style.HEADING)
    yield f"  {one.call.operator} {' '.join(operands)}".rstrip()
    yield from _said("-", one.before)
    yield from _said("+", one.after)


def _said(sign: str, word: Word) -> Iterator[str]:
    if word.reason:
        style = Style.GOOD if word.status == Status.ACCEPTED else Style.BAD
        yield painted(f"  {sign} {word.reason}", style)


def _titles(first: Profile, second: Profile) -> Iterator[str]:
    yield painted(f"- {_title(first)}", Style.BAD)
    yield painted(f"+ {_title(second)}", Style.GOOD)


def _chosen(changes: Sequence[Change], operators: Sequence[str], profile: Profile) -> Sequence[Change]:
    """The changes of some operators, given by any of their names; all if none is given."""
    names = {find_operator(profile, name).name for name in operators}
    return [change for change in changes if change.operator in names] if names else changes


def _lines(first: Profile, second: Profile, changes: Sequence[Change], *, whole: bool) -> Iterator[str]:
    """Yield what differs: every change, or where many operators differ and not all is asked for, an overview."""
    yield from _titles(first, second)
    changed = {change.operator for change in changes if change.operator}
    is_short = whole or len(changed) <= _FEW
    yield from _of_the_whole(changes)
    yield from _of_operators(changes) if is_short else _at_a_glance(first, second, changes)
    same = len({*first.operators, *second.operators} - changed)
    yield ""
    yield f"{len(changed)} operators differ, {same} do not" + ("" if is_short else _CLOSER)


def _at_a_glance(first: Profile, second: Profile, changes: Sequence[Change]) -> Iterator[str]:
    for heading, names in overview(first, second, changes):
        yield ""
        yield painted(heading, Style.HEADING)
        yield from names


def _of_the_whole(changes: Sequence[Change]) -> Iterator[str]:
    whole = [change for change in changes if not change.operator]
    if whole:
        yield ""
        yield painted("the profiles", Style.HEADING)
        for change in whole:
            yield from _change(change)


def _of_operators(changes: Sequence[Change]) -> Iterator[str]:
    for operators, said in _alike(changes):
        yield ""
        yield from (painted(line, Style.HEADING) for line in wrap(", ".join(operators), _WIDTH))
        for change in said:
            yield from _change(change)


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
ports take, its rules, names and notes. Operators that change alike stand together; `-` is only in A, `+` only in B.
Where more than 40 operators differ, an overview is shown; operators that are named are shown in full, as all are
with --all.
With --calls both judge the calls of a recorded run: how many verdicts change, and each call that changes with its place
and the first reason. A run is recorded with npusim.frontends.recorded.write_calls(verdicts, "calls.jsonl").""",
    examples="""\
  npusim profile diff ascend910b ascend310p
  npusim profile diff ascend910b ascend310p matmul aclnnSoftmax
  npusim profile diff ascend910b ascend310p --calls calls.jsonl
  npusim profile diff ascend910b ./mychip.yaml --format json""",
    run=_run,
    arguments=(
        argument("first", metavar="A", help="the id of a profile or the path of a YAML file"),
        argument("second", metavar="B", help="another one"),
        argument("operators", metavar="OPERATOR", nargs="*", default=(), help="show only these, in full"),
        argument("--all", action="store_true", help="show every change of every operator"),
        argument("--calls", metavar="FILE", help="judge the calls of a run instead, one JSON object a line"),
        FORMAT,
    ),
)
