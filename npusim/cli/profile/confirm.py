"""`npusim profile confirm`: a profile before what a probe of the real chip learnt."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from npusim.cli.command import FORMAT, Command, Exit, argument
from npusim.cli.terminal import Style, as_json, painted
from npusim.probe.confirm import Confirmation, Kind, confirm
from npusim.probe.marking import Place, places, raise_confidence
from npusim.probe.record import frontend_of, read_record
from npusim.probe.report import counts, headline, plain, sections
from npusim.profiles import Profile, load
from npusim.report.place import show_file, show_mark

_STYLES = {Kind.CONTRADICTS: Style.BAD, Kind.ANSWERS: Style.GOOD}


def _run(arguments: argparse.Namespace) -> int:
    path = Path(arguments.result)
    frontend = frontend_of(path)
    profile = load(arguments.profile, stack=arguments.stack, frontend=frontend or None)
    found = confirm(profile, read_record(path, profile, _soc(profile)), frontend)
    chosen = places(found, frontend) if arguments.write else []
    own = [one for one in chosen if arguments.inherited or _is_own(profile, one)]
    raise_confidence(own)
    if arguments.format == "json":
        print(as_json({**plain(found), "raised": [name for one in own for name in one.operators]}))
    else:
        print(*_lines(found), *_raised(own, [one for one in chosen if one not in own]), sep="\n")
    return Exit.ACCEPTED if found.holds else Exit.REJECTED


def _soc(profile: Profile) -> str:
    """How the profile calls the chip, "" if it only has its id."""
    return "" if profile.soc == profile.id.upper() else profile.soc


def _is_own(profile: Profile, place: Place) -> bool:
    return Path(place.mark.file).resolve() == Path(profile.file).resolve()


def _lines(found: Confirmation) -> Iterator[str]:
    yield headline(found)
    yield painted(counts(found), Style.GOOD if found.holds else Style.BAD)
    for heading, lines in sections(found):
        yield ""
        yield painted(heading, Style.HEADING)
        yield from (f"  {line}" for line in lines)


def _raised(own: Sequence[Place], kept: Sequence[Place]) -> Iterator[str]:
    """Yield what was written, and what was left because it is said of other chips, too."""
    if own or kept:
        yield ""
    for place in own:
        yield f"{show_mark(place.mark)}: measured, of {', '.join(place.operators)}"
    if kept:
        files = ", ".join(dict.fromkeys(show_file(place.mark.file) for place in kept))
        yield f"{len(kept)} entries agree as well, but stand in {files}, which speaks of other chips, too; --inherited"


COMMAND = Command(
    name="confirm",
    summary="compare a profile with what a probe learnt",
    description="""\
Compare a profile with what the script of `npusim profile probe` wrote: every verdict, every sentence of a refusal, and
how the chip computes. Exit code: 0 nothing contradicts, 1 something does, 2 usage error.""",
    examples="""\
  npusim profile confirm ascend910b probe_ascend910b.json
  npusim profile confirm ./mychip.yaml probe_mychip.json --write""",
    run=_run,
    arguments=(
        argument("profile", metavar="PROFILE", help="the id of a profile or the path of a YAML file"),
        argument("result", metavar="FILE", help="what the script wrote"),
        FORMAT,
        argument("--stack", metavar="VERSION", help="the version of the software stack that was probed"),
        argument(
            "--write", action="store_true", help="raise the confidence of entries that agree to measured, in the YAML"
        ),
        argument("--inherited", action="store_true", help="with --write: also in files that the profile extends"),
    ),
)
