"""`npusim profile test`: calls made from a profile's own rules, put to the simulator."""

import argparse
from collections.abc import Iterator, Sequence

from npusim.cli.command import FORMAT, Command, Exit, argument
from npusim.cli.terminal import Style, as_json, columns, painted
from npusim.profiles import Profile, load
from npusim.profiles.samples import Negative
from npusim.profiles.trials import Trial, trials
from npusim.report.place import show_mark


def _run(arguments: argparse.Namespace) -> int:
    first = load(arguments.profile)
    profiles = [first, *(load(arguments.profile, frontend=name) for name in first.frontends[1:])]
    found = {_title(profile): list(trials(profile)) for profile in profiles}
    every = [trial for each in found.values() for trial in each]
    if arguments.format == "json":
        print(as_json({"profile": first.id, "operators": [_record(trial) for trial in every]}))
    else:
        print(*(line for title, each in found.items() for line in _lines(title, each)), sep="\n")
    return Exit.ACCEPTED if all(trial.passes for trial in every) else Exit.REJECTED


def _title(profile: Profile) -> str:
    return f"{profile.id} through {profile.stack.frontend}" if len(profile.frontends) > 1 else profile.id


def _lines(name: str, found: Sequence[Trial]) -> Iterator[str]:
    heading, *rows = columns([("operator", "accepted", "rejected"), *map(_cells, found)])
    yield painted(heading, Style.HEADING)
    yield from rows
    for complaint in (line for trial in found for line in _complaints(trial)):
        yield painted(complaint, Style.BAD)
    yield f"{name}: {len(found)} operators, {_count(found)}; {'all pass' if all(t.passes for t in found) else 'failed'}"


def _count(found: Sequence[Trial]) -> str:
    accepted = sum(len(trial.positives) for trial in found)
    rejected = sum(len(_broken(trial)) for trial in found)
    return f"{accepted} calls accepted, {rejected} rejected"


def _cells(trial: Trial) -> tuple[str, ...]:
    return trial.operator, str(len(trial.positives)), str(len(_broken(trial)))


def _broken(trial: Trial) -> list[Negative]:
    return [negative for negative in trial.negatives if negative.call is not None]


def _complaints(trial: Trial) -> Iterator[str]:
    if trial.accepts_nothing:
        yield f"{show_mark(trial.entry.mark)}: no call of {trial.operator} was found that is accepted"
    for negative in trial.unbroken:
        on = f" on {negative.port}" if negative.port else ""
        place = show_mark(negative.check.mark)
        yield f"{place}: no call of {trial.operator} was found that breaks this {negative.check.rule.key}{on}"


def _record(trial: Trial) -> dict[str, object]:
    counts = {"accepted": len(trial.positives), "rejected": len(_broken(trial))}
    return {"operator": trial.operator, **counts, "passes": trial.passes, "complaints": list(_complaints(trial))}


COMMAND = Command(
    name="test",
    summary="try a profile with calls made from its own rules",
    description="""\
Make calls from a profile's own rules and put them to the simulator: for every operator calls that it accepts, for every
check and port a call that breaks it. Exit code: 0 all were found, 1 an operator takes no call or a check breaks on
none, 2 usage error.""",
    examples="""\
  npusim profile test ./mychip.yaml
  npusim profile test ascend910b --format json""",
    run=_run,
    arguments=(argument("profile", metavar="PROFILE", help="the id of a profile or the path of a YAML file"), FORMAT),
)
