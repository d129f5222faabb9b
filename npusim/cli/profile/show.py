"""`npusim profile show`: what remains of a profile after `extends` and features, and where it came from."""

import argparse
from collections.abc import Sequence

from npusim.cli.command import FORMAT, Command, Exit, argument
from npusim.cli.terminal import as_json
from npusim.profiles import find_operator, load
from npusim.profiles.document import Mark
from npusim.profiles.flat import flat_document, flat_text, origins
from npusim.profiles.inheritance import find
from npusim.report.place import show_file


def _run(arguments: argparse.Namespace) -> int:
    profile = load(arguments.profile, frontend=arguments.frontend)
    path = find(arguments.profile)
    document = flat_document(path, arguments.frontend)
    if arguments.operator is not None:
        name = find_operator(profile, arguments.operator).name
        document["operators"] = {name: document.get("operators", {}).get(name, "unknown")}
    if arguments.format == "json":
        print(as_json(document))
    else:
        found = origins(path, arguments.frontend)
        print(
            flat_text(document, {name: _places(found.get(name, ())) for name in document.get("operators", ())}), end=""
        )
    return Exit.ACCEPTED


def _places(marks: Sequence[Mark]) -> str:
    return ", ".join(f"{show_file(mark.file)}:{mark.line}" for mark in marks) or "in no file"


COMMAND = Command(
    name="show",
    summary="print what remains of a profile after extends and features",
    description="""\
Print a profile as one whole file: laid over what it extends, without what its features rule out. Above every operator
stand the places that its entry came from. The output is a profile, too, and means the same.""",
    examples="""\
  npusim profile show ascend310p
  npusim profile show ascend310p matmul_all_reduce
  npusim profile show ascend310p aclnnMm --format json""",
    run=_run,
    arguments=(
        argument("profile", metavar="PROFILE", help="the id of a profile or the path of a YAML file"),
        argument(
            "operator", metavar="OPERATOR", nargs="?", help="only this operator, by npusim's or the vendor's name"
        ),
        argument("--frontend", metavar="NAME", help="one of the profile's front ends; the first without it"),
        FORMAT,
    ),
)
