"""`npusim profiles`: the profiles that come with npusim, and how much each of them knows."""

import argparse
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from npusim.cli.command import FORMAT, Command, Exit
from npusim.cli.terminal import Style, as_json, columns, painted
from npusim.operators import OPERATORS
from npusim.profiles import Profile, available, load
from npusim.profiles.grade import own_checks


@dataclass(frozen=True, slots=True)
class Row:
    """One profile: the operators and rules that it states, and the operators on which it has no facts."""

    id: str
    name: str
    stack: str
    operators: int
    rules: int
    unknown: tuple[str, ...]


def summary(profile: Profile) -> Row:
    """Return what a profile states and what it leaves unknown of npusim's operators."""
    known = {name: entry for name, entry in profile.operators.items() if not entry.unknown}
    stack = f"{profile.stack.name} {profile.stack.version}".strip()
    rules = sum(1 for entry in known.values() for _ in own_checks(entry))
    unknown = tuple(name for name in OPERATORS if name not in known)
    return Row(profile.id, profile.name, stack, len(known), rules, unknown)


def _run(arguments: argparse.Namespace) -> int:
    rows = [summary(load(name)) for name in available()]
    if arguments.format == "json":
        print(as_json([asdict(row) for row in rows]))
        return Exit.ACCEPTED
    heading, *lines = columns([("id", "name", "stack", "operators", "rules", "unknown"), *map(_cells, rows)])
    print(painted(heading, Style.HEADING), *lines, *_footnote(rows), sep="\n")
    return Exit.ACCEPTED


def _cells(row: Row) -> tuple[str, ...]:
    return row.id, row.name, row.stack, str(row.operators), str(row.rules), str(len(row.unknown))


def _footnote(rows: list[Row]) -> Iterator[str]:
    if any(row.unknown for row in rows):
        yield "\nunknown: operators on which a profile has no facts; `--format json` names them"


COMMAND = Command(
    name="profiles",
    summary="list the profiles and how much each of them knows",
    description="List the profiles that come with npusim: the operators and rules that each one states, and the number "
    "of\nnpusim's operators on which it has no facts. A call on those is judged unknown, never accepted.",
    examples="  npusim profiles\n  npusim profiles --format json",
    run=_run,
    arguments=(FORMAT,),
)
