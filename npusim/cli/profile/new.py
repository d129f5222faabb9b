"""`npusim profile new`: the file that a new profile starts from."""

import argparse
from pathlib import Path

from npusim.cli.command import Command, Exit, argument
from npusim.errors import UsageError
from npusim.profiles.inheritance import SUFFIX, find, is_id
from npusim.profiles.skeleton import extending, from_scratch


def _run(arguments: argparse.Namespace) -> int:
    name, parent = arguments.id, arguments.extends
    if not is_id(name):
        raise UsageError(
            f"an id has lower case letters, digits, _ . and -, and begins with one of the former: {name!r}"
        )
    if parent is None:
        text = from_scratch(name)
    elif parent == name:
        raise UsageError(f"a profile cannot extend itself: {name!r}")
    else:
        text = extending(name, parent, _parent(parent))
    path = Path(f"{name}{SUFFIX}")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already, and is not overwritten") from None
    print(f"{path} written; next: npusim profile lint ./{path}")
    return Exit.ACCEPTED


def _parent(name: str) -> Path:
    """The file that `extends` will mean: one in this folder, else one that comes with npusim."""
    if not is_id(name):
        raise UsageError(f"--extends takes the id of a profile, not {name!r}")
    beside = Path(f"{name}{SUFFIX}")
    return beside if beside.is_file() else find(name, or_family=True)


COMMAND = Command(
    name="new",
    summary="write the file that a new profile starts from",
    description="""\
Write ID.yaml into the current folder: a profile that loads as it is, with comments on what to fill in. With --extends
it is laid over another profile or a family, and says only what differs. A file that is there is never overwritten.""",
    examples="""\
  npusim profile new mychip
  npusim profile new ascend310x --extends ascend""",
    run=_run,
    arguments=(
        argument("id", metavar="ID", help="the new profile's id: lower case letters, digits, _ . -"),
        argument("--extends", metavar="ID", help="the id of the profile or family to lay it over"),
    ),
)
