"""`npusim profile lint`: what is wrong or odd in profiles, and the grade that they deserve."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from npusim.cli.command import FORMAT, Command, Exit, argument
from npusim.cli.terminal import Style, as_json, painted
from npusim.profiles.inheritance import families, find, shipped
from npusim.profiles.lint import Finding, Report, Severity, lint
from npusim.profiles.trials import Known
from npusim.report.place import show_mark

_STYLES = {Severity.ERROR: Style.BAD, Severity.WARNING: Style.DOUBT}


def _run(arguments: argparse.Namespace) -> int:
    known: Known = {}
    reports = [lint(path, known) for path in _paths(arguments.profiles)]
    if arguments.format == "json":
        print(as_json([_record(report) for report in reports]))
    else:
        for line in (line for report in reports for line in _lines(report)):
            print(line)
    return Exit.REJECTED if any(report.has_errors for report in reports) else Exit.ACCEPTED


def _paths(names: Sequence[str]) -> list[Path]:
    """The files to lint: all that come with npusim where none is named."""
    return [find(name, or_family=True) for name in names] or [*families(), *shipped()]


def _lines(report: Report) -> Iterator[str]:
    yield from map(_line, report.findings)
    if report.grade is not None:
        yield f"{report.id}: {report.grade}"


def _line(finding: Finding) -> str:
    severity = painted(f"{finding.severity}:", _STYLES[finding.severity])
    return f"{show_mark(finding.mark)}: {severity} {finding.message}"


def _record(report: Report) -> dict[str, object]:
    return {
        "id": report.id,
        "file": report.file,
        "findings": [
            asdict(finding.mark) | {"severity": finding.severity, "kind": finding.kind, "message": finding.message}
            for finding in report.findings
        ],
        "grade": report.grade and asdict(report.grade),
    }


COMMAND = Command(
    name="lint",
    summary="find what is wrong or odd in profiles, and grade them",
    description="""\
Check profiles: whatever the loader refuses, entries without source or confidence, operators that take no call, checks
that no call can break, rows and checks said twice, names claimed twice, features that gate nothing. Then the grade: how
many checks are documented or measured, inferred, unknown. Without arguments: all profiles that come with npusim, and
their families. Exit code: 0 no errors (there may be warnings), 1 errors, 2 usage error.""",
    examples="""\
  npusim profile lint
  npusim profile lint ./mychip.yaml ascend910b
  npusim profile lint ascend --format json""",
    run=_run,
    arguments=(
        argument(
            "profiles", metavar="PROFILE", nargs="*", default=(), help="ids of profiles or families, or paths of files"
        ),
        FORMAT,
    ),
)
