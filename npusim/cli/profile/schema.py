"""`npusim profile schema`: the JSON Schema of profiles, for editors."""

import argparse

from npusim.cli.command import Command, Exit
from npusim.cli.terminal import as_json
from npusim.profiles.json_schema import json_schema


def _run(_: argparse.Namespace) -> int:
    print(as_json(json_schema()))
    return Exit.ACCEPTED


COMMAND = Command(
    name="schema",
    summary="print the JSON Schema of profiles, for editors",
    description="""\
Print the JSON Schema of profiles. With it beside a profile that begins with
`# yaml-language-server: $schema=profile.schema.json`, an editor completes keys and marks mistakes.""",
    examples="  npusim profile schema > profile.schema.json",
    run=_run,
)
