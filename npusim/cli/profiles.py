"""`npusim profiles`: the profiles that come with npusim, and how much each of them knows."""

import argparse

from npusim.cli.command import FORMAT, Command, Exit
from npusim.cli.terminal import Style, as_json, columns, painted
from npusim.profiles.index import Summary, summaries

_HEADING = ("id", "name", "stack", "frontends", "operators", "unknown", "others", "rules", "grade")
_FOOTNOTE = """
unknown: entries without facts; others: what becomes of operators without an entry; grade: the share of the rules that
are documented or measured, of those that are inferred, and of those of which nobody says how sure they are"""


def _run(arguments: argparse.Namespace) -> int:
    rows = list(summaries())
    if arguments.format == "json":
        print(as_json([row.record() for row in rows]))
        return Exit.ACCEPTED
    heading, *lines = columns([_HEADING, *map(_cells, rows)])
    print(painted(heading, Style.HEADING), *lines, _FOOTNOTE, sep="\n")
    return Exit.ACCEPTED


def _cells(row: Summary) -> tuple[str, ...]:
    counts = (str(row.operators), str(row.unknown), row.others, str(row.rules))
    return row.id, row.name, row.stack, ", ".join(row.frontends), *counts, row.grade.shares


COMMAND = Command(
    name="profiles",
    summary="list the profiles and how much each of them knows",
    description="List the profiles that come with npusim: front ends, operators, rules, and how sure the rules are. A "
    "call on\nan operator that is unknown is judged unknown, never accepted. `npusim profile docs ID` says all of one.",
    examples="  npusim profiles\n  npusim profiles --format json",
    run=_run,
    arguments=(FORMAT,),
)
