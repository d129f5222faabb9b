"""`npusim profile docs`: the support page of a chip, operator by operator and dtype by dtype."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from npusim.cli.command import Command, Exit, argument
from npusim.profiles import available, load
from npusim.profiles.index import summary
from npusim.report.support import chip_page, overview

_OVERVIEW = "README.md"


def _run(arguments: argparse.Namespace) -> int:
    if arguments.out is None:
        for _, lines in _pages(arguments.profiles) if arguments.profiles else [_overview(available())]:
            print(*lines, sep="\n")
        return Exit.ACCEPTED
    folder = Path(arguments.out)
    folder.mkdir(parents=True, exist_ok=True)
    names = arguments.profiles or available()
    for name, lines in (_overview(names), *_pages(names)):
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"{folder / name} written")
    return Exit.ACCEPTED


def _pages(names: tuple[str, ...]) -> Iterator[tuple[str, Iterator[str]]]:
    for profile in map(load, names):
        yield f"{profile.id}.md", chip_page(profile)


def _overview(names: tuple[str, ...]) -> tuple[str, Iterator[str]]:
    return _OVERVIEW, overview(summary(load(name)) for name in names)


COMMAND = Command(
    name="docs",
    summary="write what a chip takes as a page: operators, dtypes, what is unknown",
    description="""\
Print the support page of each profile, in Markdown: how it refuses and computes, a table of its operators and the
dtypes they take, what is not modelled and what is unknown. Without PROFILE: the table of all chips. With --out the
pages go to a folder, with that table as README.md; without PROFILE, those of all that come with npusim.""",
    examples="""\
  npusim profile docs
  npusim profile docs ./mychip.yaml > mychip.md
  npusim profile docs --out docs/chips""",
    run=_run,
    arguments=(
        argument("profiles", metavar="PROFILE", nargs="*", default=(), help="ids of profiles, or paths of YAML files"),
        argument("--out", metavar="FOLDER", help="the folder for the pages, made if need be; else they are printed"),
    ),
)
